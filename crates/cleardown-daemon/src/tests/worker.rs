//! Workers that pretend: real processes (that sleep) and the real conversation, with a script in place of a server.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::Error;
use cleardown_core::view::Loss;
use cleardown_worker::control::{
    Failed, FromWorker, Listener, Peer, Phase, Reply, Request, Session, WorkerStatus, read_secret,
    secret_descriptor,
};
use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::supervisor::{How, Spawner};

/// How the workers behave.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// Logging on fails like this.
    pub(super) refuses: Option<Error>,
    /// Logging on is never answered.
    pub(super) silent: bool,
    /// What happens to links.
    pub(super) link: LinkScript,
    /// A file whose data the server does not take.
    pub(super) unflushed: Option<(String, u64)>,
}

/// How the workers behave that carry links.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkScript {
    /// The first dials fail with these numbers.
    pub(super) fails: Vec<u32>,
    /// The peer does not answer when the link is ended.
    pub(super) deaf: bool,
    /// The servers that the link itself goes to.
    pub(super) servers: Vec<std::net::IpAddr>,
    /// Hanging up is never answered, not even at the deadline.
    pub(super) stuck: bool,
}

#[derive(Clone)]
pub(super) struct Pretend(Arc<Shared>);

struct Shared {
    script: Script,
    runtime: Option<Handle>,
    children: Mutex<Vec<u32>>,
    secrets: Mutex<Vec<String>>,
    asked: Mutex<bool>,
    links: super::links::Links,
}

impl Pretend {
    pub(super) fn new(script: Script) -> Self {
        Pretend(Arc::new(Shared {
            script,
            runtime: None,
            children: Mutex::default(),
            secrets: Mutex::default(),
            asked: Mutex::default(),
            links: Default::default(),
        }))
    }

    /// The workers live on a runtime of their own, and so outlive the daemon's.
    pub(super) fn on(script: Script, runtime: Handle) -> Self {
        let mut shared = Arc::into_inner(Pretend::new(script).0).unwrap();
        shared.runtime = Some(runtime);
        Pretend(Arc::new(shared))
    }

    pub(super) fn started(&self) -> usize {
        self.0.children.lock().len()
    }

    pub(super) fn asked_to_connect(&self) -> bool {
        *self.0.asked.lock()
    }

    pub(super) fn secrets(&self) -> Vec<String> {
        self.0.secrets.lock().clone()
    }

    /// What the workers know of links.
    pub(super) fn links(&self) -> &super::links::Links {
        &self.0.links
    }

    pub(super) fn script(&self) -> &Script {
        &self.0.script
    }

    pub(super) fn any_alive(&self) -> bool {
        self.0.children.lock().iter().any(|pid| alive(*pid))
    }

    pub(super) fn kill(&self, pid: u32) {
        assert!(self.0.children.lock().contains(&pid));
        kill(pid);
    }
}

fn alive(pid: u32) -> bool {
    cleardown_kernel::Process::of(pid).is_ok_and(|process| !process.has_ended())
}

fn kill(pid: u32) {
    if let Ok(process) = cleardown_kernel::Process::of(pid) {
        let _ = process.signal(rustix::process::Signal::KILL);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for pid in self.children.lock().iter() {
            kill(*pid);
        }
    }
}

impl Spawner for Pretend {
    fn spawn(&self, _id: &str, listener: OwnedFd, _how: How) -> io::Result<u32> {
        let child: Child = Command::new("sleep").arg("600").spawn()?;
        let pid = child.id();
        self.0.children.lock().push(pid);
        let serve = serve(self.clone(), pid, listener);
        match &self.0.runtime {
            Some(runtime) => runtime.spawn(serve),
            None => tokio::spawn(serve),
        };
        Ok(pid)
    }
}

/// One worker's life: it ends with its process.
async fn serve(pretend: Pretend, pid: u32, listener: OwnedFd) {
    let listener = Listener::new(listener).unwrap();
    let process = cleardown_kernel::Process::of(pid).unwrap();
    let ended = process.ended();
    let mut secret = None;
    let mut phase = Phase::Idle;
    let mut line = super::links::Line::default();
    let work = async {
        loop {
            let peer = listener.accept().await.unwrap();
            converse(&pretend, pid, &peer, &mut secret, &mut phase, &mut line).await;
        }
    };
    tokio::select! {
        _ = ended => {}
        () = work => {}
    }
}

async fn converse(
    pretend: &Pretend,
    pid: u32,
    peer: &Peer,
    secret: &mut Option<Vec<u8>>,
    phase: &mut Phase,
    line: &mut super::links::Line,
) {
    let script = &pretend.0.script;
    loop {
        let incoming = tokio::select! {
            incoming = peer.receive() => incoming,
            () = line.breaks(pretend, peer) => continue,
        };
        let Ok(Some(incoming)) = incoming else { return };
        let Some(incoming) = line.answer(pretend, pid, peer, incoming).await else { continue };
        let reply = match incoming.request {
            Request::Connect(_) => {
                *pretend.0.asked.lock() = true;
                if let Some(fd) = incoming.descriptors.first() {
                    let bytes = read_secret(fd, Duration::from_secs(5)).unwrap().to_vec();
                    pretend.0.secrets.lock().push(String::from_utf8(bytes.clone()).unwrap());
                    *secret = Some(bytes);
                }
                match &script.refuses {
                    _ if script.silent => continue,
                    Some(error) => Reply::Failed { error: error.clone() },
                    None => {
                        *phase = Phase::Connected;
                        Reply::Connected { session: session() }
                    }
                }
            }
            Request::Status => Reply::Status(Box::new(WorkerStatus {
                pid,
                phase: *phase,
                session: Some(session()),
                pending_bytes: script.unflushed.as_ref().map_or(0, |(_, bytes)| *bytes),
                pending: pending(script),
                has_secret: secret.is_some(),
                ..WorkerStatus::default()
            })),
            Request::Drain { .. } => {
                let failed: Vec<Failed> = pending(script)
                    .into_iter()
                    .map(|loss| Failed {
                        path: loss.path,
                        bytes: loss.bytes,
                        reason: Some("disk full".into()),
                    })
                    .collect();
                Reply::Drained { flushed_bytes: 0, acknowledged: failed.is_empty(), failed }
            }
            Request::Close { .. } => Reply::Closed { session_closed: true },
            Request::Secret => {
                let fd = secret.as_ref().map(|secret| secret_descriptor(secret).unwrap());
                let fds: Vec<_> = fd.iter().map(AsFd::as_fd).collect();
                let reply = Reply::Secret { present: fd.is_some() };
                let _ = peer.send(&FromWorker::Reply { id: incoming.id, reply }, &fds).await;
                continue;
            }
            Request::Exit => {
                let _ = peer.reply(incoming.id, Reply::Done).await;
                kill(pid);
                return;
            }
            Request::Descriptors => Reply::Descriptors { present: false },
            _ => Reply::Done,
        };
        if peer.reply(incoming.id, reply).await.is_err() {
            return;
        }
    }
}

fn session() -> Session {
    Session { dialect: "SMB 3.1.1".into(), user: "eve".into(), ..Session::default() }
}

fn pending(script: &Script) -> Vec<Loss> {
    script.unflushed.iter().map(|(path, bytes)| Loss { path: path.clone(), bytes: *bytes }).collect()
}
