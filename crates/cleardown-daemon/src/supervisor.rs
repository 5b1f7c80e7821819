//! Workers: how they are started, and how the daemon holds on to them.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use cleardown_core::{Error, Result};
use cleardown_kernel::Process;
use cleardown_worker::control::{Client, Event, Listener};
use tokio::sync::mpsc;

/// Starts worker processes.
pub(crate) trait Spawner: Send + Sync {
    /// Starts a worker that serves this listening socket; its process id.
    fn spawn(&self, id: &str, listener: OwnedFd) -> io::Result<u32>;
}

/// A worker that runs and can be talked to.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) process: Process,
    pub(crate) client: Client,
    pub(crate) events: mpsc::Receiver<Event>,
}

/// Starts a worker whose socket is at `path`.
pub(crate) fn start(spawner: &dyn Spawner, id: &str, path: &Path) -> Result<Worker> {
    let during = |what: &'static str| move |e: io::Error| Error::os(what, &e);
    let listener = Listener::bind(path).map_err(during("making the worker's socket"))?;
    let pid = spawner.spawn(id, listener).map_err(during("starting the worker"))?;
    let process = Process::of(pid).map_err(during("watching the worker"))?;
    // The socket listens already: this does not wait for the worker.
    match Client::connect(path) {
        Ok((client, events)) => Ok(Worker { process, client, events }),
        Err(error) => {
            let _ = process.signal(rustix::process::Signal::KILL);
            Err(Error::os("talking to the worker", &error))
        }
    }
}

/// Starts our own executable in its other role.
pub(crate) struct OwnExecutable;

impl Spawner for OwnExecutable {
    fn spawn(&self, id: &str, listener: OwnedFd) -> io::Result<u32> {
        // Not by its path: the file may have been replaced by an upgrade.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("cleardownd").args(["worker", id]).current_dir("/");
        command.stdin(Stdio::from(listener)).stdout(Stdio::null()).stderr(Stdio::inherit());
        // SAFETY: setsid(2) is async-signal-safe, and nothing else happens between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // A session of its own: signals for the daemon's terminal or group do not reach it.
                rustix::process::setsid().map(drop).map_err(io::Error::from)
            });
        }
        // Dropping a child leaves it alone: it outlives us, and as long as we live we reap it by its pidfd.
        command.spawn().map(|child| child.id())
    }
}
