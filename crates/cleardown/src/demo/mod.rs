//! The demonstration: every line that it prints is what the real daemon, worker and server have answered, and its
//! exit code is 0 only if each answer was the expected one.
//!
//! It is several processes. The outer one makes a temporary folder, starts an inner one for each part (drive, link) with
//! an instance of its own in there (run-time directory, profile, home), and clears up whatever happens. The inner ones
//! play; that of the link starts one more, which dials.

mod link;
mod peer;
mod ping;
mod play;
mod server;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use cleardown_client::{Client, Instance, Start};
use cleardown_core::request::{EndRequest, Verb, Which};
use cleardown_core::{Error, Exit, Result};
use tokio::process::Command;

use crate::interrupt;
use crate::ui::Ui;

/// What an inner process plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Map, write, list, be refused, end.
    Drive,
    /// Dial, ping, kill, list, hang up.
    Link,
    /// Dial, and wait to be killed.
    Caller,
}

/// Plays a part in this folder.
pub(crate) async fn play(part: Part, folder: &Path, ui: &mut Ui) -> Result<u8> {
    match part {
        Part::Drive => play::play(folder, ui).await,
        Part::Link => link::play(folder, ui).await,
        Part::Caller => link::call(ui).await,
    }
}

/// Runs the inner processes and clears up after them.
pub(crate) async fn run(ui: &mut Ui) -> Result<u8> {
    let folder = make_folder()?;
    let mut code = inner("drive", &folder).await;
    if let Ok(0) = code {
        match link::obstacle() {
            Some(why) => ui.data(format!("link    left out: {why}")),
            None => {
                ui.data("");
                code = inner("link", &folder).await;
            }
        }
    }
    let clean = clear_up(&folder, ui);
    match code? {
        0 if !clean => Ok(Exit::Other as u8),
        code => Ok(code),
    }
}

/// Runs one inner process to its end; the result is its exit code.
async fn inner(part: &str, folder: &Path) -> Result<u8> {
    let own = std::env::current_exe().map_err(|e| Error::os("finding our own program", &e))?;
    let mut child = Command::new(own)
        .args(["demo", "--part", part, "--inside"])
        .arg(folder)
        .env("CLEARDOWN_RUNTIME_DIR", folder.join(format!("run-{part}")))
        .env("CLEARDOWN_CONFIG_DIR", folder.join("config"))
        .env("CLEARDOWN_STATE_DIR", folder.join("state"))
        .env("HOME", folder.join("home"))
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("DBUS_SESSION_BUS_ADDRESS")
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Error::os("starting the demonstration", &e))?;
    let code = match interrupt::guard(child.wait()).await? {
        Ok(status) => status.ok().and_then(|s| s.code()).and_then(|c| u8::try_from(c).ok()),
        Err(signal) => {
            // The terminal has told the inner process too; it ends its connection and then itself.
            let _ = child.wait().await;
            Some(signal.exit_code())
        }
    };
    Ok(code.unwrap_or(Exit::Other as u8))
}

fn make_folder() -> Result<PathBuf> {
    let mut random = [0; 4];
    let filled = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
    filled.map_err(|e| Error::os("drawing a random number", &e.into()))?;
    let folder = std::env::temp_dir().join(format!("cleardown-demo-{:08x}", u32::from_ne_bytes(random)));
    let make = |path: &Path| {
        let during = format!("making {}", path.display());
        DirBuilder::new().mode(0o700).create(path).map_err(|e| Error::os(during, &e))
    };
    make(&folder)?;
    ["config", "state", "home", "share", "z"].iter().try_for_each(|name| make(&folder.join(name)))?;
    Ok(folder)
}

/// Removes the folder, unless something is still mounted in it: that is said, and the result is false.
fn clear_up(folder: &Path, ui: &mut Ui) -> bool {
    if is_mounted_below(folder) {
        ui.note(format!("something is still mounted in {}; it is left there", folder.display()));
        return false;
    }
    match std::fs::remove_dir_all(folder) {
        Ok(()) => true,
        Err(error) => {
            ui.note(format!("{} could not be removed: {error}", folder.display()));
            false
        }
    }
}

/// Whether the kernel's mount table has an entry at or below `folder`.
fn is_mounted_below(folder: &Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // The fifth field is the mount point (proc(5)); our folder's name has nothing that is escaped there.
    table.lines().filter_map(|line| line.split(' ').nth(4)).any(|point| Path::new(point).starts_with(folder))
}

/// Plays the scenes of a part, and ends what a failure or a signal has left; the exit code.
async fn to_the_end(scenes: impl Future<Output = Result<()>>) -> Result<u8> {
    let played = interrupt::guard(scenes).await;
    dismiss().await;
    match played? {
        Ok(outcome) => outcome.map(|()| Exit::Done as u8),
        Err(signal) => Ok(signal.exit_code()),
    }
}

/// Ends whatever the inner instance still has, and lets its daemon go.
async fn dismiss() {
    let Ok(client) = Client::connect(Instance::User, Start::Never).await else { return };
    let request = EndRequest { verb: Verb::Force, timeout_ms: Some(5_000), ..EndRequest::of(Which::All) };
    let _ = client.end(&request, |_| {}).await;
    let _ = client.shutdown_daemon().await;
}
