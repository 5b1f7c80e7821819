//! Answering the daemon.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cleardown_core::{Error, ErrorKind, Result};
use cleardown_fuse::Ending;
use tokio::sync::{Notify, mpsc, watch};
use zeroize::Zeroizing;

use crate::carry::{self, Carry, Drained, Linked, out_of_turn};
use crate::control::{
    Connect, Event, FromWorker, Incoming, Peer, Phase, Reply, Request, Serve, read_secret, secret_descriptor,
};
use crate::dial;
use crate::events::{Events, Health};
use crate::provider::Provider;

/// Messages that wait to be sent to a daemon.
const OUTBOX: usize = 256;
/// How long a secret in a pipe may take to arrive.
const SECRET_PATIENCE: Duration = Duration::from_secs(5);
/// How long the daemon may take to say what is to be done after the kernel let go of the mount.
const DAEMON_PATIENCE: Duration = Duration::from_secs(20);
/// How long the last writing may take when no daemon sets a deadline.
pub(crate) const LAST_DRAIN: Duration = Duration::from_secs(300);
/// How long the last log-off may take when no daemon sets a deadline.
const LAST_CLOSE: Duration = Duration::from_secs(15);

/// A message and what goes beside it.
type Message = (FromWorker, Vec<OwnedFd>);

/// The worker: what it carries, and whom it talks to.
pub(crate) struct Worker {
    provider: Box<dyn Provider>,
    carry: Mutex<Carry>,
    /// What came with [`Request::Keep`]; nothing while serving.
    kept: Mutex<Vec<OwnedFd>>,
    daemon: Mutex<Option<mpsc::Sender<Message>>>,
    /// The daemon has begun to end it.
    told: AtomicBool,
    /// What is carried has changed, or who listens.
    pub(crate) changes: watch::Sender<()>,
    /// It is time to go.
    pub(crate) leave: Notify,
}

impl Worker {
    pub(crate) fn new(provider: impl Provider) -> Arc<Worker> {
        Arc::new(Worker {
            provider: Box::new(provider),
            carry: Mutex::default(),
            kept: Mutex::default(),
            daemon: Mutex::default(),
            told: AtomicBool::new(false),
            changes: watch::Sender::default(),
            leave: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Carry> {
        self.carry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn carry(&self) -> Carry {
        self.lock().clone()
    }

    /// Carries this from now on.
    pub(crate) fn put(&self, carry: Carry) -> Carry {
        let before = std::mem::replace(&mut *self.lock(), carry);
        self.changes.send_replace(());
        before
    }

    fn daemon(&self) -> MutexGuard<'_, Option<mpsc::Sender<Message>>> {
        self.daemon.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<OwnedFd>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is true; looked at after every change.
    pub(crate) async fn wait_until(&self, is_true: impl Fn(&Self) -> bool) {
        let mut changes = self.changes.subscribe();
        while !is_true(self) && changes.changed().await.is_ok() {}
    }

    /// Tells the daemon, if one listens. Never waits.
    pub(crate) fn tell(&self, event: Event) {
        tracing::debug!(?event, "telling the daemon");
        if let Some(daemon) = &*self.daemon() {
            let _ = daemon.try_send((FromWorker::Event(event), Vec::new()));
        }
    }

    /// Talks with a daemon until it goes. It takes the place of the one before.
    pub(crate) async fn converse(self: Arc<Self>, peer: Peer) {
        let (outbox, mut messages) = mpsc::channel::<Message>(OUTBOX);
        self.tell(Event::Replaced);
        *self.daemon() = Some(outbox.clone());
        self.changes.send_replace(());
        let write = async {
            while let Some((message, descriptors)) = messages.recv().await {
                let beside: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
                if peer.send(&message, &beside).await.is_err()
                    || matches!(message, FromWorker::Event(Event::Replaced))
                {
                    return;
                }
            }
        };
        let read = async {
            loop {
                match peer.receive().await {
                    Ok(Some(incoming)) => {
                        tokio::spawn(Arc::clone(&self).answer(incoming, outbox.clone()));
                    }
                    Ok(None) => return,
                    Err(error) => return tracing::warn!(%error, "the daemon makes no sense"),
                }
            }
        };
        tokio::select! { () = write => {} () = read => {} }
        self.daemon().take_if(|current| current.same_channel(&outbox));
        self.changes.send_replace(());
    }

    pub(crate) fn has_daemon(&self) -> bool {
        self.daemon().is_some()
    }

    /// Nothing is carried or kept, and nobody says what should be.
    pub(crate) fn is_unused(&self) -> bool {
        let phase = self.carry().phase();
        let keeps = phase == Phase::Idle && !self.kept().is_empty();
        !self.has_daemon() && !keeps && matches!(phase, Phase::Idle | Phase::Closed)
    }

    async fn answer(self: Arc<Self>, incoming: Incoming, outbox: mpsc::Sender<Message>) {
        let Incoming { id, request, descriptors } = incoming;
        let last = matches!(request, Request::Exit);
        let (reply, descriptors) = match self.obey(request, descriptors).await {
            Ok(answer) => answer,
            Err(error) => (Reply::Failed { error }, Vec::new()),
        };
        let _ = outbox.send((FromWorker::Reply { id, reply }, descriptors)).await;
        if last {
            // The writer has taken it once there is room for everything.
            let _ = tokio::time::timeout(Duration::from_secs(1), outbox.reserve_many(OUTBOX)).await;
            self.leave.notify_one();
        }
    }

    async fn obey(
        self: &Arc<Self>,
        request: Request,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(Reply, Vec<OwnedFd>)> {
        let reply = match request {
            Request::Connect(wish) => self.connect(wish, descriptors).await?,
            Request::Shares(wish) => {
                let shares = self.provider.shares(&wish, secret_beside(descriptors).await?).await?;
                Reply::Shares { shares }
            }
            Request::Keep => {
                *self.kept() = descriptors;
                Reply::Done
            }
            Request::Serve(how) => self.serve(how, descriptors).await?,
            Request::Status => {
                let carry = self.carry();
                if let Carry::Link(link) = &carry {
                    link.refresh().await;
                }
                Reply::Status(Box::new(carry.status()))
            }
            Request::Quiesce { on } => {
                let carry = self.carry();
                carry.served().ok_or_else(|| out_of_turn("quiesce", &carry))?.drive.quiesce(on);
                Reply::Done
            }
            Request::Drain { deadline_ms } => {
                self.told.store(true, Ordering::Release);
                self.changes.send_replace(());
                self.drain(until(deadline_ms)).await.into()
            }
            Request::Sleep { deadline_ms } => {
                let carry = self.carry();
                let served = carry.served().ok_or_else(|| out_of_turn("sleep", &carry))?;
                carry::sleep(&served.drive, until(deadline_ms)).await.into()
            }
            Request::Wake => {
                self.wake();
                Reply::Done
            }
            Request::Close { deadline_ms } => {
                self.told.store(true, Ordering::Release);
                Reply::Closed { session_closed: self.close(until(deadline_ms)).await }
            }
            Request::Abort => {
                self.told.store(true, Ordering::Release);
                if let Carry::Link(link) = self.carry() {
                    link.hang_up(Instant::now()).await;
                    return Ok((Reply::Aborted { lost: Vec::new() }, Vec::new()));
                }
                let carry = self.put(Carry::Closed);
                Reply::Aborted { lost: blocking(move || carry::abort(&carry)).await? }
            }
            Request::Secret => return self.secret(),
            Request::Descriptors => return self.descriptors(),
            Request::Exit => Reply::Done,
            Request::Dial(wish) => self.dial(*wish, descriptors).await?,
            Request::Interface => self.interface(descriptors)?,
            Request::HangUp { deadline_ms } => self.hang_up(until(deadline_ms)).await?,
            Request::Reset { dial, deadline_ms } => dial::reset(&dial, until(deadline_ms)).await?,
            Request::Unknown => {
                return Err(ErrorKind::NotSupported("this request, by this worker".into()).into());
            }
        };
        Ok((reply, Vec::new()))
    }

    async fn connect(self: &Arc<Self>, wish: Connect, descriptors: Vec<OwnedFd>) -> Result<Reply> {
        {
            let mut carry = self.lock();
            if !matches!(*carry, Carry::Idle) {
                return Err(out_of_turn("connect", &carry));
            }
            *carry = Carry::Connecting(Box::new(wish.clone()));
        }
        self.changes.send_replace(());
        let ended = self.wait_until(|worker| !matches!(worker.carry(), Carry::Connecting(_)));
        let linked = tokio::select! {
            linked = self.log_on(wish, descriptors) => linked,
            () = ended => Err(ErrorKind::Cancelled.into()),
        };
        let answer = self.logged_on(linked);
        self.changes.send_replace(());
        answer
    }

    fn logged_on(&self, linked: Result<Linked>) -> Result<Reply> {
        let mut carry = self.lock();
        if !matches!(*carry, Carry::Connecting(_)) {
            // Aborted meanwhile.
            if let Ok(linked) = linked {
                linked.share.abort();
            }
            return Err(ErrorKind::Cancelled.into());
        }
        match linked {
            Ok(linked) => {
                let session = linked.session();
                *carry = Carry::Connected(Arc::new(linked));
                Ok(Reply::Connected { session })
            }
            Err(error) => {
                *carry = Carry::Idle;
                Err(error)
            }
        }
    }

    async fn log_on(self: &Arc<Self>, wish: Connect, descriptors: Vec<OwnedFd>) -> Result<Linked> {
        let secret = secret_beside(descriptors).await?;
        let stages = {
            let worker = Arc::downgrade(self);
            Arc::new(move |stage: &str| {
                if let Some(worker) = worker.upgrade() {
                    worker.tell(Event::Stage { stage: stage.to_owned() });
                }
            })
        };
        let timeout = Duration::from_millis(wish.timeout_ms);
        let attempt = self.provider.connect(&wish, secret.clone(), stages);
        let late = || ErrorKind::Timeout { server: wish.remote.authority(), during: "connecting".into() };
        let share = tokio::time::timeout(timeout, attempt).await.map_err(|_| Error::from(late()))??;
        let health = Health::default();
        let worker = Arc::downgrade(self);
        let events = Events::of(&*share, health.clone(), move |event| {
            if let Some(worker) = worker.upgrade() {
                worker.tell(event);
            }
        });
        Ok(Linked { wish, secret, share, health, events })
    }

    async fn serve(self: &Arc<Self>, how: Serve, descriptors: Vec<OwnedFd>) -> Result<Reply> {
        let Carry::Connected(linked) = self.carry() else { return Err(out_of_turn("serve", &self.carry())) };
        let mut descriptors = descriptors.into_iter();
        let (Some(fuse), Some(arena)) = (descriptors.next(), descriptors.next()) else {
            return Err(ErrorKind::BadParameter("serve needs two descriptors".into()).into());
        };
        let served = {
            let linked = Arc::clone(&linked);
            Arc::new(blocking(move || carry::serve(&linked, &how, fuse, arena)).await??)
        };
        {
            let mut carry = self.lock();
            if !matches!(*carry, Carry::Connected(_)) {
                return Err(out_of_turn("serve", &carry));
            }
            *carry = Carry::Serving(linked, Arc::clone(&served));
        }
        self.kept().clear();
        self.changes.send_replace(());
        let worker = Arc::clone(self);
        tokio::spawn(async move {
            let ending = served.drive.over().await;
            drop(served);
            match ending {
                // The mount lives: another worker may do better, with all that this one had.
                Ending::Failed(_) => worker.leave.notify_one(),
                Ending::Detached | Ending::Stopped => worker.kernel_gone().await,
            }
        });
        Ok(Reply::Serving)
    }

    pub(crate) async fn drain(&self, until: Instant) -> Drained {
        match self.carry().served() {
            Some(served) => {
                let tell = |bytes_left, rate| self.tell(Event::Progress { bytes_left, rate });
                carry::drain(&served.drive, until, tell).await
            }
            None => Drained { flushed_bytes: 0, acknowledged: true, failed: Vec::new() },
        }
    }

    fn wake(&self) {
        let carry = self.carry();
        if let Carry::Link(link) = &carry {
            return link.check();
        }
        if let Some(served) = carry.served() {
            served.drive.wake();
        }
        if let Some(linked) = carry.linked() {
            let share = linked.share.clone();
            tokio::spawn(async move { share.wake().await });
        }
    }

    async fn close(&self, until: Instant) -> bool {
        let carry = self.put(Carry::Closed);
        carry::close(&carry, until).await
    }

    /// The kernel let go of the mount. A daemon that takes charge says what is to be done; without one, we end
    /// in order.
    async fn kernel_gone(&self) {
        self.tell(Event::KernelGone);
        let taken_charge =
            self.wait_until(|worker| worker.told.load(Ordering::Acquire) || !worker.has_daemon());
        if tokio::time::timeout(DAEMON_PATIENCE, taken_charge).await.is_ok() {
            self.wait_until(|worker| !worker.has_daemon() || matches!(worker.carry(), Carry::Closed)).await;
        }
        if matches!(self.carry(), Carry::Closed) {
            return;
        }
        tracing::info!("unmounted behind our back: writing what is pending and logging off");
        let drained = self.drain(Instant::now() + LAST_DRAIN).await;
        let session_closed = self.close(Instant::now() + LAST_CLOSE).await;
        let lost = drained.lost();
        for file in &lost {
            tracing::error!(path = file.path, bytes = file.bytes, "lost");
        }
        self.tell(Event::Ended { acknowledged: drained.acknowledged, session_closed, lost });
        // Let the daemon have it before the conversation ends.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.leave.notify_one();
    }

    fn secret(&self) -> Result<(Reply, Vec<OwnedFd>)> {
        let descriptor = match (self.carry().secret(), self.kept().get(2)) {
            (Some(secret), _) => secret_descriptor(secret.as_bytes()),
            (None, Some(kept)) => kept.try_clone(),
            (None, None) => return Ok((Reply::Secret { present: false }, Vec::new())),
        };
        let descriptor = descriptor.map_err(|error| Error::os("handing over the secret", &error))?;
        Ok((Reply::Secret { present: true }, vec![descriptor]))
    }

    fn descriptors(&self) -> Result<(Reply, Vec<OwnedFd>)> {
        let (carry, kept) = (self.carry(), self.kept());
        let interface = match &carry {
            Carry::Link(link) => link.interface(),
            _ => None,
        };
        let kept = match (carry.served(), &interface) {
            (Some(served), _) => vec![&served.fuse, &served.arena],
            (None, Some(interface)) => vec![&**interface],
            (None, None) => kept.iter().take(2).collect(),
        };
        let duplicates: std::io::Result<Vec<_>> = kept.into_iter().map(OwnedFd::try_clone).collect();
        let duplicates = duplicates.map_err(|error| Error::os("duplicating a descriptor", &error))?;
        Ok((Reply::Descriptors { present: !duplicates.is_empty() }, duplicates))
    }
}

fn until(deadline_ms: u64) -> Instant {
    // Clocks overflow long after any deadline that means something.
    let far = Duration::from_secs(10 * 365 * 86_400);
    Instant::now() + Duration::from_millis(deadline_ms).min(far)
}

/// The secret that came with a request.
pub(crate) async fn secret_beside(descriptors: Vec<OwnedFd>) -> Result<Option<Zeroizing<String>>> {
    match descriptors.into_iter().next() {
        Some(from) => blocking(move || take_secret(from)).await?.map(Some),
        None => Ok(None),
    }
}

fn take_secret(from: OwnedFd) -> Result<Zeroizing<String>> {
    let bytes =
        read_secret(from, SECRET_PATIENCE).map_err(|error| Error::os("reading the password", &error))?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| ErrorKind::BadParameter("the password is not UTF-8".into()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Runs what may block for a moment where it does not hold up the answers to others.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::os("working", &std::io::Error::other(error)))
}
