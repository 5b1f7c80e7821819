//! Running programs, loudly.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::{Duration, Instant};

/// A command's outcome; the error is a sentence for the person at the terminal.
pub(crate) type Outcome = Result<(), String>;

pub(crate) fn failed(why: impl Into<String>) -> Outcome {
    Err(why.into())
}

/// The workspace's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// A path in the target folder.
pub(crate) fn target(path: &str) -> PathBuf {
    target_folder().join(path)
}

/// Tests run what is built as an ordinary user too. Where such a user cannot come (root's home is closed on Debian), it is
/// built elsewhere.
fn target_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder.into(),
        None if is_open(root()) => root().join("target"),
        None => {
            let key = fs::metadata(root()).map_or(0, |folder| folder.ino());
            let folder = PathBuf::from(format!("/var/tmp/cleardown-target-{key}"));
            eprintln!(
                "note: ordinary users cannot enter {}: building in {}",
                root().display(),
                folder.display()
            );
            folder
        }
    })
}

/// Whether everybody may pass through all folders down to this one, or whether that does not matter to us.
fn is_open(folder: &Path) -> bool {
    let may_enter = |folder: &Path| fs::metadata(folder).is_ok_and(|folder| folder.mode() & 0o001 != 0);
    !is_root() || folder.ancestors().all(may_enter)
}

pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Says what comes, does it, and says how long it took.
pub(crate) fn step(what: &str, doing: impl FnOnce() -> Outcome) -> Outcome {
    eprintln!("==> {what}");
    let started = Instant::now();
    doing().map_err(|why| format!("{what}: {why}"))?;
    eprintln!("    done in {} s", started.elapsed().as_secs());
    Ok(())
}

pub(crate) fn cargo(args: &[&str]) -> Outcome {
    cargo_with(&[], args)
}

/// Runs cargo with more environment.
pub(crate) fn cargo_with(environment: &[(&str, &str)], args: &[&str]) -> Outcome {
    wait(&mut cargo_command(environment, args))
}

/// As [`cargo_with`], and `read` hears each line of its standard output, which is passed on.
pub(crate) fn cargo_heard(
    environment: &[(&str, &str)],
    args: &[&str],
    mut read: impl FnMut(&str) + Send + 'static,
) -> Outcome {
    let mut command = cargo_command(environment, args);
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo: {error}"))?;
    let said = child.stdout.take().expect("it is piped");
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(said).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            read(&line);
        }
        let _ = done.send(());
    });
    let outcome = ended("cargo", child.wait());
    // What a test has left running may keep the pipe open.
    let _ = is_done.recv_timeout(Duration::from_secs(5));
    outcome
}

fn cargo_command(environment: &[(&str, &str)], args: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root()).envs(environment.iter().copied());
    command.env("CARGO_TARGET_DIR", target_folder());
    // `cargo run` tells us about the package xtask; that is of no concern to what we run, and would rebuild it.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") || name == "CARGO_MANIFEST_DIR" {
            command.env_remove(name);
        }
    }
    command
}

pub(crate) fn program(path: &Path, args: &[&str]) -> Outcome {
    wait(Command::new(path).args(args).current_dir(root()))
}

/// True when the program can be started and says yes.
pub(crate) fn succeeds(program: &str, args: &[&str]) -> bool {
    let quiet = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet.is_ok_and(|status| status.success())
}

fn wait(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    ended(&name, command.status())
}

fn ended(name: &str, status: io::Result<ExitStatus>) -> Outcome {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("{name}: {status}")),
        Err(error) => failed(format!("{name} cannot be started: {error}")),
    }
}
