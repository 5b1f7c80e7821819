//! A connection as the rest of the daemon sees it: what it is meant to be, how it is, and how to talk to it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::drive::Done;
use cleardown_core::request::Verb;
use cleardown_core::view::{Connection, Loss, Status};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_drive::Arena;
use cleardown_ipc::{ProgressSink, Secret};
use cleardown_kernel::{Files, Mount};
use cleardown_worker::control::{self, Phase, Reply, Request, ServerState, Session};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::spec::Spec;

/// A worker that does not answer a question about its state within this time is shown as it last was.
const ANSWER_AT_ONCE: Duration = Duration::from_millis(50);

/// A connection.
#[derive(Debug)]
pub(crate) struct Handle {
    /// What it is meant to be.
    pub(crate) spec: Spec,
    /// The owner's name.
    owner: String,
    inputs: mpsc::UnboundedSender<Input>,
    shown: Mutex<Shown>,
    secret: Mutex<Option<Secret>>,
}

/// What a connection is told. Each input belongs to a caller or a change of the mount table, so that their
/// number is bounded by the number of clients.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody wants its end.
    End(Wish),
    /// The mount has left the mount table.
    MountGone,
}

/// Somebody who waits for something.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) verb: Verb,
    pub(crate) deadline: Option<Instant>,
    pub(crate) progress: ProgressSink,
    pub(crate) answer: oneshot::Sender<Result<Done>>,
    /// Cancelled when the caller has gone.
    pub(crate) gone: CancellationToken,
}

/// How a connection is, for the list.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) name_is_free: bool,
    pub(crate) connected_at: Option<Instant>,
    pub(crate) session: Option<Session>,
    pub(crate) pending_bytes: u64,
    pub(crate) pending: Vec<Loss>,
    /// Locks that applications hold: the process, and the path on the drive.
    pub(crate) locks: Vec<(u32, String)>,
    pub(crate) worker: Option<(u32, control::Client)>,
    /// Files that programs have open; none while the worker does not say.
    pub(crate) open_files: Option<u64>,
    /// The addresses that its connections go to; while it is being connected anew, those that they went to.
    pub(crate) servers: Vec<IpAddr>,
    pub(crate) mount: Option<Mount>,
    /// Where the data is that the server has not acknowledged.
    pub(crate) arena: Option<Arc<Arena>>,
    pub(crate) references: u32,
    pub(crate) remembered: bool,
}

impl Handle {
    pub(crate) fn new(spec: Spec, remembered: bool) -> (Handle, mpsc::UnboundedReceiver<Input>) {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let shown = Shown {
            status: Status::Opening,
            reason: None,
            name_is_free: false,
            connected_at: None,
            session: None,
            pending_bytes: 0,
            pending: Vec::new(),
            locks: Vec::new(),
            worker: None,
            open_files: None,
            servers: Vec::new(),
            mount: None,
            arena: None,
            references: 1,
            remembered,
        };
        let owner = cleardown_kernel::users::user_name(spec.owner);
        (Handle { spec, owner, inputs, shown: Mutex::new(shown), secret: Mutex::default() }, receiver)
    }

    /// Changes what is shown; true when something that the list shows is different now.
    pub(crate) fn show(&self, change: impl FnOnce(&mut Shown)) -> bool {
        let mut shown = self.shown.lock();
        let before = (shown.status, shown.reason.clone(), shown.remembered, shown.references);
        change(&mut shown);
        before != (shown.status, shown.reason.clone(), shown.remembered, shown.references)
    }

    /// How it is.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.lock().clone()
    }

    /// The password, for a further worker or the profile.
    pub(crate) fn secret(&self) -> Option<Secret> {
        self.secret.lock().clone()
    }

    pub(crate) fn set_secret(&self, secret: Option<Secret>) {
        *self.secret.lock() = secret;
    }

    /// Whether its name may be given to another.
    pub(crate) fn name_is_free(&self) -> bool {
        self.shown.lock().name_is_free
    }

    /// Whether it is past the point of no return.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.shown.lock().status, Status::Ending | Status::Ended | Status::Failed)
    }

    /// Its mount, while it has one.
    pub(crate) fn mount(&self) -> Option<Mount> {
        self.shown.lock().mount.clone()
    }

    /// Whether files on it are open, as the worker told when it was last asked.
    pub(crate) fn files(&self) -> Files {
        if self.shown.lock().open_files == Some(0) { Files::Closed } else { Files::MayBeOpen }
    }

    /// Says that the mount is not in the mount table any more.
    pub(crate) fn mount_is_gone(&self) {
        // An error says that the connection is over already.
        let _ = self.inputs.send(Input::MountGone);
    }

    /// Ends it, and waits for what came of that. Dropping the future takes the wish back.
    pub(crate) async fn end(
        &self,
        verb: Verb,
        deadline: Option<Instant>,
        progress: ProgressSink,
    ) -> Result<Done> {
        let gone = CancellationToken::new();
        let _hang_up = gone.clone().drop_guard();
        let (answer, answered) = oneshot::channel();
        let over = || Error::from(ErrorKind::NotConnected(self.spec.shown_name()));
        let wish = Wish { verb, deadline, progress, answer, gone };
        self.inputs.send(Input::End(wish)).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    /// Asks the worker how it is, and shows that. A worker that does not answer at once is left alone.
    pub(crate) async fn refresh(&self) {
        self.show(|shown| shown.open_files = None);
        let Some((_, worker)) = self.shown.lock().worker.clone() else { return };
        if let Ok((Reply::Status(status), _)) = worker.request(Request::Status, &[], ANSWER_AT_ONCE).await {
            self.show(|shown| {
                shown.open_files = (status.phase == Phase::Serving).then_some(status.open_files);
                shown.pending_bytes = status.pending_bytes;
                shown.pending = status.pending;
                shown.locks = status.locks;
                if !status.servers.is_empty() {
                    shown.servers = status.servers;
                }
                if let ServerState::Reconnecting { reason } = status.server
                    && shown.status == Status::Connected
                {
                    shown.status = Status::Reconnecting;
                    shown.reason = Some(reason);
                }
            });
        }
    }

    /// Its line in the list, without holders.
    pub(crate) fn view(&self) -> Connection {
        let shown = self.shown.lock();
        let session = shown.session.clone().unwrap_or_default();
        let user = Some(session.user).filter(|user| !user.is_empty());
        Connection {
            reason: shown.reason.clone(),
            at: self.spec.at.as_ref().map(|at| at.display().to_string()),
            remote: self.spec.remote.to_string(),
            provider: self.spec.remote.scheme.as_str().to_owned(),
            user: user.or_else(|| self.spec.user.clone()).or_else(|| self.spec.remote.user.clone()),
            owner: self.owner.clone(),
            remembered: shown.remembered,
            read_only: self.spec.read_only,
            pending_bytes: shown.arena.as_ref().map_or(shown.pending_bytes, |arena| arena.pending_bytes()),
            dialect: Some(session.dialect).filter(|dialect| !dialect.is_empty()),
            encryption: session.encryption,
            signing: session.signing,
            references: shown.references,
            up_seconds: shown.connected_at.map_or(0, |since| since.elapsed().as_secs()),
            worker_pid: shown.worker.as_ref().map(|(pid, _)| *pid),
            servers: shown.servers.iter().map(ToString::to_string).collect(),
            ..Connection::new(self.spec.shown_name(), self.spec.kind(), shown.status)
        }
    }
}
