//! Talking with the worker.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::drive::{Event, Round, State};
use cleardown_core::view::Loss;
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_drive::Arena;
use cleardown_worker::control::{self, Connect, Reply, Request, Serve};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Actor, Happening, Work};
use crate::manager::{self, Kept};
use crate::supervisor::{self, Worker};

/// How long one request to a server may take once connected.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// What the worker is given beyond its own deadline before it counts as silent.
const SLACK: Duration = Duration::from_secs(2);
/// Draining is ended by the machine, not by the worker.
const DRAIN: Duration = Duration::from_secs(24 * 3600);

impl Actor {
    /// Takes a worker into service.
    pub(super) fn employ(&mut self, worker: Worker) {
        self.works.push(worker.end().map(|()| Happening::WorkerEnded).boxed());
        self.farewell = None;
        self.worker_is_silent = false;
        self.pending.clear();
        self.handle.show(|shown| shown.pending.clear());
        self.worker = Some(worker);
    }

    /// Has a successor keep what the worker before left: while it logs on, we may die, too.
    pub(super) fn hand_over(&self) -> BoxFuture<'static, ()> {
        let (Some(fuse), Some(arena)) = (&self.fuse, &self.arena) else { return async {}.boxed() };
        let secret =
            self.handle.secret().map(|secret| control::secret_descriptor(secret.expose().as_bytes()));
        let all = [Some(fuse.try_clone()), Some(arena.as_fd().try_clone_to_owned()), secret];
        let handed = match all.into_iter().flatten().collect() {
            Ok(descriptors) => self.request(Request::Keep, descriptors, SLACK),
            Err(error) => std::future::ready(Err(Error::os("handing over descriptors", &error))).boxed(),
        };
        let tell = |error| tracing::warn!(%error, "a worker keeps nothing for the next daemon");
        handed.map(move |handed| drop(handed.map_err(tell))).boxed()
    }

    /// Asks the worker. Its death is no answer: that is told by the process itself.
    pub(super) fn request(
        &self,
        request: Request,
        descriptors: Vec<OwnedFd>,
        patience: Duration,
    ) -> BoxFuture<'static, Result<Reply>> {
        let Some(client) = self.worker.as_ref().map(|worker| worker.client.clone()) else {
            return std::future::pending().boxed();
        };
        async move { supervisor::ask(&client, request, descriptors, patience).await }.boxed()
    }

    pub(super) fn connect(&self) -> Work {
        let spec = &self.record.spec;
        let timeout = Duration::from_millis(spec.timeout_ms);
        let request = Request::Connect(Connect {
            remote: spec.remote.clone(),
            user: spec.user.clone(),
            deviceless: spec.at.is_none(),
            read_only: spec.read_only,
            kerberos: spec.kerberos.clone(),
            previous: self.arena.as_ref().and_then(|arena| arena.session()),
            accept_host_key: spec.accept_host_key.clone(),
            timeout_ms: spec.timeout_ms,
            request_timeout_ms: u64::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(u64::MAX),
        });
        let secret =
            self.handle.secret().map(|secret| control::secret_descriptor(secret.expose().as_bytes()));
        let secret = match secret.transpose() {
            Ok(secret) => secret,
            Err(error) => {
                let failed = Event::LogOnFailed(Error::os("handing over the password", &error));
                return std::future::ready(Happening::Event(failed)).boxed();
            }
        };
        let answer = self.request(request, secret.into_iter().collect(), timeout + SLACK);
        answer
            .map(|answer| match answer {
                Ok(Reply::Connected { session }) => Happening::LoggedOn(session),
                Ok(other) => Happening::Event(Event::LogOnFailed(nonsense(&other))),
                Err(error) => Happening::Event(Event::LogOnFailed(error)),
            })
            .boxed()
    }

    pub(super) fn serve(&mut self, adopt: bool) -> Work {
        let gid = if self.record.spec.owner == rustix::process::geteuid().as_raw() {
            rustix::process::getegid().as_raw()
        } else {
            self.record.spec.owner
        };
        let request = Request::Serve(Serve {
            uid: self.record.spec.owner,
            gid,
            read_only: self.record.spec.read_only,
            allow_other: false,
            adopt,
        });
        let descriptors = self.descriptors_for_worker();
        let descriptors = match descriptors {
            Ok(descriptors) => descriptors,
            Err(error) => {
                let failed = Event::ServeFailed(Error::os("handing over descriptors", &error));
                return std::future::ready(Happening::Event(failed)).boxed();
            }
        };
        self.request(request, descriptors, Duration::from_secs(15))
            .map(|answer| {
                Happening::Event(match answer {
                    Ok(Reply::Serving) => Event::Serving,
                    Ok(other) => Event::ServeFailed(nonsense(&other)),
                    Err(error) => Event::ServeFailed(error),
                })
            })
            .boxed()
    }

    /// Duplicates of the FUSE descriptor and of the arena, which is made here: it must not die with a worker.
    fn descriptors_for_worker(&mut self) -> std::io::Result<Vec<OwnedFd>> {
        let missing = || std::io::Error::from(std::io::ErrorKind::NotConnected);
        let fuse = self.fuse.as_ref().ok_or_else(missing)?.try_clone()?;
        let arena = match &self.arena {
            Some(arena) => arena.clone(),
            None => {
                let arena = Arc::new(Arena::create()?);
                let id = &self.record.spec.id;
                manager::keep(id, Kept::Fuse, fuse.as_fd());
                manager::keep(id, Kept::Arena, arena.as_fd());
                if let Some(secret) = self.handle.secret() {
                    let secret = control::secret_descriptor(secret.expose().as_bytes())?;
                    manager::keep(id, Kept::Secret, secret.as_fd());
                }
                self.arena.insert(arena).clone()
            }
        };
        let arena = arena.as_fd().try_clone_to_owned()?;
        Ok(vec![fuse, arena])
    }

    pub(super) fn drain(&mut self, round: Round) -> Work {
        self.last_drain = Some(round);
        let deadline_ms = u64::try_from(DRAIN.as_millis()).unwrap_or(u64::MAX);
        self.request(Request::Drain { deadline_ms }, Vec::new(), DRAIN + SLACK)
            .map(move |answer| match answer {
                Ok(Reply::Drained { flushed_bytes, acknowledged: true, .. }) => {
                    Happening::Event(Event::Drained(round, flushed_bytes))
                }
                Ok(Reply::Drained { failed, .. }) => {
                    let left = failed.into_iter().map(|f| Loss { path: f.path, bytes: f.bytes });
                    Happening::NotDrained(round, left.collect())
                }
                other => {
                    tracing::error!(?other, "draining");
                    Happening::NotDrained(round, Vec::new())
                }
            })
            .boxed()
    }

    /// Notes what is not on the server, has the worker close, then lets it go.
    pub(super) fn log_off(&self) -> Work {
        let left = self.machine.wake_at().map_or(SLACK, |at| at.saturating_sub(self.now()));
        let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let status = self.request(Request::Status, Vec::new(), SLACK);
        let close = self.request(Request::Close { deadline_ms }, Vec::new(), left + SLACK);
        let client = self.worker.as_ref().map(|worker| worker.client.clone());
        async move {
            let pending = match status.await {
                Ok(Reply::Status(status)) => status.pending,
                _ => Vec::new(),
            };
            let confirmed = matches!(close.await, Ok(Reply::Closed { session_closed: true }));
            if let Some(client) = client {
                // The process's end is the answer that counts; and were this one awaited here, the process might
                // be gone first, and what the server has confirmed would be forgotten with the question.
                tokio::spawn(async move {
                    let _ = client.request(Request::Exit, &[], SLACK).await;
                });
            }
            Happening::LoggedOff(confirmed, pending)
        }
        .boxed()
    }

    /// Asks once more what is pending, and kills.
    pub(super) async fn kill_worker(&mut self) -> Option<Event> {
        self.handle.refresh().await;
        self.note_pending(self.handle.shown().pending);
        let Some(worker) = &self.worker else { return Some(Event::WorkerExited(Vec::new())) };
        if let Err(error) = worker.process.signal(Signal::KILL) {
            tracing::debug!(%error, "the worker has ended already");
        }
        None
    }

    /// What the worker had not brought to the server when it was last heard.
    pub(super) fn note_pending(&mut self, pending: Vec<Loss>) {
        if !pending.is_empty() {
            self.pending = pending;
        }
    }

    /// What the worker says unasked.
    pub(super) fn heard(&mut self, event: Option<control::Event>) -> Happening {
        let Some(event) = event else {
            // It has closed the conversation: it is dying, or it must.
            self.worker_is_silent = true;
            self.worker.iter().for_each(supervisor::kill_silent);
            return Happening::Nothing;
        };
        match event {
            control::Event::Stage { stage } => self.report(&stage, None, &[]),
            control::Event::Progress { bytes_left, rate } => {
                self.handle.show(|shown| shown.pending_bytes = bytes_left);
                self.report("flushing", Some((bytes_left, rate)), &[]);
            }
            control::Event::Disconnected { reason } => {
                let error = Error::from(ErrorKind::ServerGone(self.record.spec.remote.authority()));
                return Happening::Event(Event::ServerLost(error.because(reason)));
            }
            control::Event::Reconnected => return Happening::Event(Event::ServerBack),
            control::Event::KernelGone => return Happening::Event(Event::ServeEnded),
            control::Event::Ended { acknowledged, session_closed, lost } => {
                self.farewell = Some((acknowledged, session_closed));
                self.pending = lost;
            }
            // Another daemon has it now: it is no longer ours to kill.
            control::Event::Replaced => self.worker_is_silent = true,
            control::Event::LinkState { .. }
            | control::Event::LinkAgreed(_)
            | control::Event::LinkIdle
            | control::Event::LinkEnded(_)
            | control::Event::Unknown => tracing::warn!(?event, "a worker"),
        }
        Happening::Nothing
    }

    /// The worker process is gone.
    pub(super) async fn worker_ended(&mut self) {
        self.asked.clear();
        if let Some(mut worker) = self.worker.take() {
            while let Ok(event) = worker.events.try_recv() {
                if let control::Event::Ended { .. } = event {
                    self.heard(Some(event));
                }
            }
        }
        self.worker_is_gone = true;
        self.settle().await;
    }

    /// Tells the machine that the worker is gone. One that ended by itself, because the kernel let go, has done
    /// what the machine would ask for next: then the machine first gets there, and hears that it is done.
    pub(super) async fn settle(&mut self) {
        if !self.worker_is_gone {
            return;
        }
        if let Some((acknowledged, session_closed)) = self.farewell {
            match self.machine.state() {
                State::Unmounting | State::Lingering { flushing: false } => return,
                State::Lingering { flushing: true } if acknowledged => {
                    if let Some(round) = self.last_drain {
                        self.feed(Event::Drained(round, 0)).await;
                    }
                }
                _ => {}
            }
            if self.machine.state() == State::Closing {
                self.feed(Event::LoggedOff(session_closed)).await;
            }
        }
        self.asked.clear();
        self.farewell = None;
        self.worker_is_gone = false;
        let pending = std::mem::take(&mut self.pending);
        let lost = self.arena.as_ref().map_or(pending, |arena| arena.losses());
        self.feed(Event::WorkerExited(lost)).await;
    }

    /// Once the mount is gone, the kernel's end of the connection tells when the last user has left: only then is
    /// it watched, because a watch costs a wake-up per request.
    pub(super) fn watch_kernel(&mut self) {
        let lingering = matches!(self.machine.state(), State::Lingering { flushing: false });
        if !lingering || self.watching_kernel {
            return;
        }
        let Some(fuse) = self.fuse.as_ref().and_then(|fuse| fuse.try_clone().ok()) else { return };
        self.watching_kernel = true;
        self.works.push(kernel_let_go(fuse).boxed());
    }
}

/// Waits until the kernel has closed its side of a FUSE connection.
async fn kernel_let_go(fuse: OwnedFd) -> Happening {
    // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
    match unsafe { AsyncFd::register_with_interest(fuse, Interest::ERROR) } {
        Ok(fuse) => {
            let _ = fuse.ready(Interest::ERROR).await;
        }
        Err(error) => tracing::error!(%error, "watching a FUSE connection"),
    }
    Happening::Event(Event::ServeEnded)
}

fn nonsense(reply: &Reply) -> Error {
    Error::from(ErrorKind::WorkerDied("answering".into()))
        .because(format!("its answer makes no sense: {reply:?}"))
}
