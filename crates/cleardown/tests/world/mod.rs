//! A world for the built program: folders of its own, and a daemon that plays its part on the real socket with the
//! real protocol, without any server or mount.

#![allow(dead_code, reason = "each test program uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod daemon;
mod links;

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

#[allow(unused_imports, reason = "each test program uses its part")]
pub(crate) use daemon::{AWKWARD, Daemon, FINGERPRINT};

/// The folders, and the daemon if there is one.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) daemon: Arc<Daemon>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl World {
    /// Folders and a running daemon without connections.
    pub(crate) fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        std::fs::create_dir(&run).unwrap();
        let daemon = Arc::new(Daemon::new());
        daemon.config.set(folder.path().join("config")).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let service = daemon.clone();
        let guard = runtime.enter();
        let listener = tokio::net::UnixListener::bind(run.join("bus")).unwrap();
        drop(guard);
        runtime.spawn(async move {
            let (clients, _) = tokio::sync::watch::channel(0);
            cleardown_ipc::server::listen(listener, service, clients).await;
        });
        World { folder, daemon, runtime: Some(runtime) }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, with nothing of this process's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cleardown"));
        command.args(args).stdin(Stdio::null()).env_clear();
        for (name, value) in environment(self.folder.path()) {
            command.env(name, value);
        }
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// The same, with this on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        Ran::of(command.stdin(pipe_with(input)).output().unwrap())
    }

    /// The same on a terminal (`script` of util-linux gives one), on which somebody types `input`.
    pub(crate) fn run_on_terminal(&self, args: &[&str], input: &str) -> Ran {
        let quoted = args.iter().map(|arg| format!("'{arg}'")).collect::<Vec<_>>().join(" ");
        let line = format!("{} {quoted}", env!("CARGO_BIN_EXE_cleardown"));
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("TERM", "dumb").env("SHELL", "/bin/sh");
        for (name, value) in environment(self.folder.path()) {
            command.env(name, value);
        }
        Ran::of(command.stdin(pipe_with(input)).output().expect("script (util-linux) is installed"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn environment(world: &Path) -> Vec<(String, PathBuf)> {
    let folders = [("RUNTIME", "run"), ("CONFIG", "config"), ("STATE", "state")];
    let mut all: Vec<(String, PathBuf)> =
        folders.iter().map(|(name, folder)| (format!("CLEARDOWN_{name}_DIR"), world.join(folder))).collect();
    all.push(("HOME".to_owned(), world.join("home")));
    all.push(("CLEARDOWN_DAEMON".to_owned(), world.join("no-such-daemon")));
    all
}

/// A pipe that already holds the text; short texts fit.
fn pipe_with(text: &str) -> OwnedFd {
    use std::io::Write;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    reader.into()
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output) -> Ran {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the exit code, and shows everything if it is another.
    pub(crate) fn expect(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}
