//! Starting the daemon on demand: no bus, no service manager.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};
use cleardown_ipc::{Location, Peer};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep, timeout};

/// Whether to start the daemon when it is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Start it: `cleardownd` beside our own executable, else on PATH; `CLEARDOWN_DAEMON` names another.
    OnDemand,
    /// Do not; a daemon that is not running is an error.
    Never,
}

/// How long the daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, and starts the daemon first if that is wanted, needed and ours to do.
pub(crate) async fn connect(location: &Location, start: Start) -> Result<Peer> {
    let error = match Peer::connect(location).await {
        Ok(peer) => return Ok(peer),
        Err(error) => error,
    };
    let ours = location.uid == rustix::process::geteuid().as_raw();
    if start == Start::Never || !ours {
        return Err(error);
    }
    let end = Instant::now() + PATIENCE;
    let said = launch(location).await?;
    // Another daemon may have been quicker, and be about to listen.
    loop {
        match Peer::connect(location).await {
            Ok(peer) => return Ok(peer),
            Err(error) if Instant::now() >= end => {
                return Err(if said.is_empty() { error } else { error.because(said) });
            }
            Err(error) if said.starts_with("error") => return Err(error.because(said)),
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Starts a daemon and waits until it is ready, which it says by closing its output; gives back what it said.
async fn launch(location: &Location) -> Result<String> {
    let program = daemon_program();
    let during =
        || Error::from(ErrorKind::Daemon(format!("{} cannot be started", program.to_string_lossy())));
    let mut command = std::process::Command::new(&program);
    command.arg("--runtime-dir").arg(&location.dir).current_dir("/").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    keep_descriptors(&mut command);
    let mut child = tokio::process::Command::from(command).spawn().map_err(|e| during().because(e))?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        let mut output = output.take(4096);
        let reading = output.read_to_string(&mut said);
        timeout(PATIENCE, reading)
            .await
            .map_err(|_| during().because("it was not ready in time"))?
            .map_err(|e| during().because(e))?;
    }
    Ok(said.trim().to_owned())
}

/// Whoever calls us may have files open that children inherit, perhaps on a drive: the daemon must not hold them.
fn keep_descriptors(command: &mut std::process::Command) {
    let close = || {
        // SAFETY: a plain system call with numbers. An old kernel lacks it, and then things are as they were.
        unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        Ok(())
    };
    // SAFETY: between fork and exec it does nothing but that system call.
    unsafe { command.pre_exec(close) };
}

static ELSEWHERE: OnceLock<Vec<PathBuf>> = OnceLock::new();

/// Folders to look for the daemon in before PATH: a library knows where it lies, and its callers' programs lie anywhere.
/// The first call counts.
pub fn look_for_daemon_in(folders: Vec<PathBuf>) {
    let _ = ELSEWHERE.set(folders);
}

/// The daemon's program: what `CLEARDOWN_DAEMON` names, else `cleardownd` beside our own executable, in the folders that
/// [`look_for_daemon_in`] was told, or on PATH.
pub fn daemon_program() -> OsString {
    if let Some(named) = std::env::var_os("CLEARDOWN_DAEMON").filter(|v| !v.is_empty()) {
        return named;
    }
    let beside = std::env::current_exe().ok().and_then(|exe| {
        let folder = exe.parent()?.to_owned();
        // Test programs lie one folder deeper than the binaries.
        [folder.join("cleardownd"), folder.join("../cleardownd")].into_iter().find(|path| path.is_file())
    });
    let elsewhere = || {
        let folders = ELSEWHERE.get().into_iter().flatten();
        folders.map(|folder| folder.join("cleardownd")).find(|path| path.is_file())
    };
    beside.or_else(elsewhere).map_or_else(|| OsString::from("cleardownd"), PathBuf::into_os_string)
}
