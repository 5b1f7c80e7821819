//! A worker process and its daemon, for the tests.
#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    reason = "test code; not every test file uses everything"
)]

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cleardown_core::{Error, Result};
use cleardown_kernel::mount::{MountRequest, Mounted};
use cleardown_worker::control::{
    Client, Connect, Event, Listener, Reply, Request, Serve, Session, WorkerStatus, read_secret,
    secret_descriptor,
};
use tokio::sync::mpsc;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A worker process, killed at the end of the test.
pub struct Worker {
    pub child: Running,
    pub socket: PathBuf,
    pub client: Client,
    pub events: mpsc::Receiver<Event>,
    _dir: tempfile::TempDir,
}

impl Worker {
    /// Starts one of the examples.
    pub fn start(example: &str) -> Worker {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("z.sock");
        let listener = Listener::bind(&socket).unwrap();
        let mut command = Command::new(program(example));
        let child = command.arg("z").stdin(Stdio::from(listener)).stdout(Stdio::null()).spawn().unwrap();
        drop(command);
        let (client, events) = Client::connect(&socket).unwrap();
        let child = Running(child);
        Worker { child, socket, client, events, _dir: dir }
    }

    pub async fn ask(&self, request: Request) -> Result<Reply> {
        Ok(self.client.request(request, &[], PATIENCE).await?.0)
    }

    pub async fn connect(&self, remote: &str, user: Option<(&str, &str)>) -> Result<Session> {
        let wish = Connect {
            remote: remote.parse().unwrap(),
            user: user.map(|(name, _)| name.to_owned()),
            deviceless: false,
            read_only: false,
            kerberos: None,
            previous: None,
            accept_host_key: None,
            timeout_ms: 10_000,
            request_timeout_ms: 30_000,
        };
        let secret = user.map(|(_, password)| secret_descriptor(password.as_bytes()).unwrap());
        let beside: Vec<_> = secret.iter().map(AsFd::as_fd).collect();
        match self.client.request(Request::Connect(wish), &beside, PATIENCE).await?.0 {
            Reply::Connected { session } => Ok(session),
            other => panic!("{other:?}"),
        }
    }

    pub async fn serve(&self, kept: &Kept, adopt: bool) -> Result<(), Error> {
        let beside = [kept.fuse.as_fd(), kept.arena.as_fd()];
        let how = Serve { adopt, ..Serve::default() };
        match self.client.request(Request::Serve(how), &beside, PATIENCE).await?.0 {
            Reply::Serving => Ok(()),
            other => panic!("{other:?}"),
        }
    }

    pub async fn status(&self) -> WorkerStatus {
        status(&self.client).await
    }

    pub async fn drain(&self) -> Reply {
        self.ask(Request::Drain { deadline_ms: 30_000 }).await.unwrap()
    }

    pub async fn close(&self) -> bool {
        match self.ask(Request::Close { deadline_ms: 10_000 }).await.unwrap() {
            Reply::Closed { session_closed } => session_closed,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the process's end; whether it went well.
    pub async fn ended(&mut self) -> bool {
        let process = cleardown_kernel::Process::of(self.child.id());
        if let Ok(process) = process {
            tokio::time::timeout(PATIENCE, process.ended()).await.expect("it ends").unwrap();
        }
        self.child.wait().unwrap().success()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes the conversation, as a daemon that dies; the process goes on.
    pub fn without_daemon(self) -> Running {
        self.child
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Memory that is the process's own, in KiB: the pages of an unoptimised program would say nothing.
    pub fn own_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

/// A process, killed when it is dropped.
pub struct Running(Child);

impl std::ops::Deref for Running {
    type Target = Child;
    fn deref(&self) -> &Child {
        &self.0
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.0
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub async fn status(client: &Client) -> WorkerStatus {
    match client.request(Request::Status, &[], PATIENCE).await.unwrap().0 {
        Reply::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

pub async fn secret(client: &Client) -> Option<Vec<u8>> {
    let (_, descriptors) = client.request(Request::Secret, &[], PATIENCE).await.unwrap();
    descriptors.first().map(|fd| read_secret(fd, PATIENCE).unwrap().to_vec())
}

/// What the daemon keeps of a drive: the mount, its descriptor, the arena.
pub struct Kept {
    pub fuse: OwnedFd,
    pub arena: OwnedFd,
    pub mount: cleardown_kernel::Mount,
    _dir: tempfile::TempDir,
}

impl Kept {
    pub fn new() -> Kept {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("z");
        std::fs::create_dir(&at).unwrap();
        let request = MountRequest {
            at,
            source: "//memory/z".into(),
            read_only: false,
            allow_other: true,
            owner: (0, 0),
            max_read: None,
        };
        let Mounted { fuse, mount } = cleardown_kernel::mount::mount(request, PATIENCE).unwrap();
        let arena = cleardown_drive::Arena::create().unwrap().as_fd().try_clone_to_owned().unwrap();
        Kept { fuse, arena, mount, _dir: dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.mount.at.join(name)
    }

    /// Unmounts, from a thread that may block.
    pub async fn unmount(&self) -> Result<cleardown_kernel::mount::Unmounted> {
        let mount = self.mount.clone();
        blocking(move || cleardown_kernel::mount::unmount(&mount, PATIENCE)).await
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = cleardown_kernel::mount::detach(&self.mount, PATIENCE);
        let _ = cleardown_kernel::mount::abort(self.mount.dev, &self.fuse);
    }
}

/// Runs what an application does, which may block.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let work = tokio::task::spawn_blocking(work);
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it comes back").unwrap()
}

/// Tests lie beside the examples that cargo has built for them.
fn program(example: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    own.parent().and_then(Path::parent).unwrap().join("examples").join(example)
}
