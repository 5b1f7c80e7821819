//! What a worker carries: nothing yet, a session with a server, a file system on it, or nothing any more.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::view::Loss;
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_drive::{Arena, Drive, Options, Start};
use cleardown_share::{Capabilities, Share};
use zeroize::Zeroizing;

use crate::control::{Connect, Failed, Phase, Reply, Serve, Session, VERSION, WorkerStatus};
use crate::events::{Events, Health};
use crate::link::Link;
use crate::peers::peers;

/// A session with a server.
pub(crate) struct Linked {
    pub(crate) wish: Connect,
    pub(crate) secret: Option<Zeroizing<String>>,
    pub(crate) share: Arc<dyn Share>,
    pub(crate) health: Health,
    pub(crate) events: Events,
}

impl Linked {
    pub(crate) fn session(&self) -> Session {
        let info = self.share.session();
        Session {
            dialect: info.dialect,
            encryption: info.encryption,
            signing: info.signing,
            user: info.user,
            read_only: self.share.capabilities().contains(Capabilities::READ_ONLY),
        }
    }
}

/// A file system that is served, and the descriptors that the next worker needs.
pub(crate) struct Served {
    pub(crate) drive: Arc<Drive>,
    pub(crate) fuse: OwnedFd,
    pub(crate) arena: OwnedFd,
}

/// What is carried. Cheap to clone, so that no lock is held while anything is waited for.
#[derive(Clone, Default)]
pub(crate) enum Carry {
    #[default]
    Idle,
    Connecting(Box<Connect>),
    Connected(Arc<Linked>),
    Serving(Arc<Linked>, Arc<Served>),
    Link(Arc<Link>),
    Closed,
}

impl Carry {
    pub(crate) fn phase(&self) -> Phase {
        match self {
            Carry::Idle => Phase::Idle,
            Carry::Connecting(_) => Phase::Connecting,
            Carry::Connected(_) => Phase::Connected,
            Carry::Serving(..) => Phase::Serving,
            Carry::Link(link) => link.phase(),
            Carry::Closed => Phase::Closed,
        }
    }

    pub(crate) fn linked(&self) -> Option<&Arc<Linked>> {
        match self {
            Carry::Connected(linked) | Carry::Serving(linked, _) => Some(linked),
            _ => None,
        }
    }

    pub(crate) fn served(&self) -> Option<&Arc<Served>> {
        match self {
            Carry::Serving(_, served) => Some(served),
            _ => None,
        }
    }

    pub(crate) fn secret(&self) -> Option<&Zeroizing<String>> {
        match self {
            Carry::Link(link) => link.secret.as_ref(),
            _ => self.linked()?.secret.as_ref(),
        }
    }

    /// How the worker is; no server is asked.
    pub(crate) fn status(&self) -> WorkerStatus {
        let wish = match self {
            Carry::Connecting(wish) => Some(&**wish),
            _ => self.linked().map(|linked| &linked.wish),
        };
        let mut status = WorkerStatus {
            version: VERSION,
            pid: std::process::id(),
            phase: self.phase(),
            remote: wish.map(|wish| wish.remote.clone()),
            session: self.linked().map(|linked| linked.session()),
            server: self.linked().map(|linked| linked.health.state()).unwrap_or_default(),
            servers: self.linked().map(|_| peers()).unwrap_or_default(),
            has_secret: self.secret().is_some(),
            ..WorkerStatus::default()
        };
        if let Carry::Link(link) = self {
            status.link = Some(Box::new(link.status()));
        }
        if let Some(served) = self.served() {
            let drive = served.drive.status();
            status.pending_bytes = drive.pending_bytes;
            status.pending = drive.pending;
            status.open_files = drive.open_files as u64;
            status.locks = drive.locks.into_iter().map(|(pid, path)| (pid, path.to_string())).collect();
            status.quiesced = drive.quiesced;
        }
        status
    }
}

/// Starts to serve. Blocks until the kernel has said hello.
pub(crate) fn serve(linked: &Linked, how: &Serve, fuse: OwnedFd, arena: OwnedFd) -> Result<Served> {
    let during = |error: std::io::Error| Error::os("starting the file system", &error);
    let options = Options {
        read_only: how.read_only || linked.wish.read_only,
        uid: how.uid,
        gid: how.gid,
        allow_others: how.allow_other,
        request_timeout: Duration::from_millis(linked.wish.request_timeout_ms),
    };
    let start = if how.adopt { Start::Adopt } else { Start::Fresh };
    let kept = Served {
        fuse: fuse.as_fd().try_clone_to_owned().map_err(during)?,
        arena: arena.as_fd().try_clone_to_owned().map_err(during)?,
        drive: {
            let arena = Arena::open(arena).map_err(during)?;
            let (share, events) = (linked.share.clone(), linked.events.take());
            Drive::start(share, events, fuse, arena, options, start).map_err(during)?
        },
    };
    Ok(kept)
}

/// How draining went.
pub(crate) struct Drained {
    pub(crate) flushed_bytes: u64,
    pub(crate) acknowledged: bool,
    pub(crate) failed: Vec<Failed>,
}

impl Drained {
    /// What is lost when it ends like this.
    pub(crate) fn lost(&self) -> Vec<Loss> {
        self.failed.iter().map(|file| Loss { path: file.path.clone(), bytes: file.bytes }).collect()
    }
}

impl From<cleardown_drive::Drained> for Drained {
    fn from(drained: cleardown_drive::Drained) -> Drained {
        let failed = drained.failed.into_iter().map(|file| Failed {
            path: file.path.to_string(),
            bytes: file.bytes,
            reason: Some(file.status).filter(|words| !words.is_empty()),
        });
        Drained {
            flushed_bytes: drained.flushed_bytes,
            acknowledged: drained.acknowledged,
            failed: failed.collect(),
        }
    }
}

impl From<Drained> for Reply {
    fn from(Drained { flushed_bytes, acknowledged, failed }: Drained) -> Reply {
        Reply::Drained { flushed_bytes, acknowledged, failed }
    }
}

/// Writes what is pending; `progress` hears (bytes left, bytes per second).
pub(crate) async fn drain(
    drive: &Drive,
    until: Instant,
    mut progress: impl FnMut(u64, u64) + Send,
) -> Drained {
    drive.drain(until, |pending| progress(pending.bytes_left, pending.rate)).await.into()
}

/// Writes what is pending before the machine sleeps.
pub(crate) async fn sleep(drive: &Drive, until: Instant) -> Drained {
    drive.sleep(until).await.into()
}

/// Logs off; true when the server answered that.
pub(crate) async fn close(carry: &Carry, until: Instant) -> bool {
    match carry {
        Carry::Serving(_, served) => served.drive.close(until).await,
        Carry::Connected(linked) => {
            let left = until.saturating_duration_since(Instant::now());
            matches!(tokio::time::timeout(left, linked.share.close()).await, Ok(Ok(true)))
        }
        _ => false,
    }
}

/// Drops the connection; what is lost.
pub(crate) fn abort(carry: &Carry) -> Vec<Loss> {
    match carry {
        Carry::Serving(_, served) => served.drive.abort(),
        Carry::Connected(linked) => {
            linked.share.abort();
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// A request that does not fit what is carried.
pub(crate) fn out_of_turn(what: &str, carry: &Carry) -> Error {
    ErrorKind::BadParameter(format!("{what} while the worker is {:?}", carry.phase())).into()
}
