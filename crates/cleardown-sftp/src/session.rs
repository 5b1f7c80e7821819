//! A session outlives its connections: when one breaks, another is made, and what can be asked again is.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_core::error::{Error, ErrorKind};
use cleardown_share::{Event, Pace, ShareError, SharePath, ShareResult};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::{timeout, timeout_at};

use crate::config::Config;
use crate::link::{Answer, Failure, Link};

/// Events that nobody takes are dropped beyond this.
const EVENTS: usize = 64;
/// Reads and writes in flight together: 16 MiB with OpenSSH's 255 KiB each.
const BULK: usize = 64;
/// How long a server may take to answer after the machine has slept.
const AWAKE: Duration = Duration::from_secs(5);

/// The state of the session.
#[derive(Clone)]
enum State {
    Up(Arc<Link>),
    Down,
    Closed,
}

/// Where an open file is; reopening after a reconnect goes by it.
pub(crate) struct Place {
    /// None once it has been removed or replaced.
    pub(crate) path: Option<SharePath>,
}

/// May a request be sent again when its answer was lost?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// Doing it twice is the same as once.
    Yes,
    /// It may have been done, and would then fail or do harm.
    No,
}

pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) bulk: Semaphore,
    pub(crate) receiver: Mutex<Option<mpsc::Receiver<Event>>>,
    state: watch::Sender<State>,
    events: mpsc::Sender<Event>,
    places: Mutex<HashMap<u64, Weak<Mutex<Place>>>>,
    next_place: AtomicU64,
    /// Reconnecting is not to wait any longer for its next attempt.
    hurry: Notify,
}

fn not_connected() -> ShareError {
    ShareError::transport(libc::ENOTCONN, "the session is closed")
}

impl Session {
    /// Connects, and keeps connected until [`Session::end`].
    pub(crate) async fn start(config: Config) -> Result<Arc<Self>, Error> {
        let (watched, stage) = config.watched();
        let opened = timeout(config.timeout, Link::open(&watched, 0)).await;
        let link = opened.map_err(|_| {
            let during = stage.lock().clone();
            Error::from(ErrorKind::Timeout { server: config.server(), during })
        })??;
        let (events, receiver) = mpsc::channel(EVENTS);
        let session = Arc::new(Session {
            config,
            bulk: Semaphore::new(BULK),
            receiver: Mutex::new(Some(receiver)),
            state: watch::Sender::new(State::Up(link)),
            events,
            places: Mutex::default(),
            next_place: AtomicU64::new(0),
            hurry: Notify::new(),
        });
        tokio::spawn(session.clone().keep_up());
        Ok(session)
    }

    /// The connection now, if there is one.
    pub(crate) fn link_now(&self) -> Option<Arc<Link>> {
        match &*self.state.borrow() {
            State::Up(link) => Some(link.clone()),
            State::Down | State::Closed => None,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.state.borrow(), State::Closed)
    }

    /// A connection newer than this generation, waiting for it if need be.
    async fn link(&self, at_least: u64) -> ShareResult<Arc<Link>> {
        let mut state = self.state.subscribe();
        loop {
            match &*state.borrow_and_update() {
                State::Up(link) if link.generation >= at_least => return Ok(link.clone()),
                State::Closed => return Err(not_connected()),
                State::Up(_) | State::Down => {}
            }
            if state.changed().await.is_err() {
                return Err(not_connected());
            }
        }
    }

    /// Does `work` on a connection; when the connection goes, on the next one if that does no harm.
    pub(crate) async fn call<T, W>(
        &self,
        again: Again,
        work: impl Fn(Arc<Link>) -> W + Send,
    ) -> ShareResult<T>
    where
        W: Future<Output = Answer<T>> + Send,
    {
        let started = Instant::now();
        let deadline = tokio::time::Instant::now() + self.config.request_timeout;
        let mut at_least = 0;
        let attempts = async {
            loop {
                let link = self.link(at_least).await?;
                at_least = link.generation + 1;
                match work(link).await {
                    Ok(done) => return Ok(done),
                    Err(Failure::Server(error)) => return Err(error),
                    Err(Failure::Unsent) => {}
                    Err(Failure::Lost) if again == Again::Yes => {}
                    Err(Failure::Lost) if self.is_closed() => return Err(not_connected()),
                    Err(Failure::Lost) => {
                        let why = "the connection broke; whether it was done is not known";
                        return Err(ShareError::transport(libc::EIO, why));
                    }
                }
            }
        };
        match timeout_at(deadline, attempts).await {
            Ok(result) => result,
            Err(_) => {
                self.silence(started);
                Err(ShareError::transport(libc::ETIMEDOUT, "the server does not answer"))
            }
        }
    }

    /// A request has timed out: if nothing at all was heard meanwhile, the connection is no good.
    fn silence(&self, since: Instant) {
        if let Some(link) = self.link_now().filter(|link| link.mux.heard() < since) {
            link.cut("the server does not answer");
        }
    }

    /// Finds out whether the connection still stands, and makes another at once if it does not.
    pub(crate) async fn wake(&self) {
        self.hurry.notify_waiters();
        let Some(link) = self.link_now() else { return };
        let answer = timeout(AWAKE, link.lstat(&link.path(&SharePath::root()))).await;
        if matches!(answer, Err(_) | Ok(Err(Failure::Unsent | Failure::Lost))) {
            link.cut("the server does not know the connection after our sleep");
        }
    }

    async fn closed(&self) {
        let mut state = self.state.subscribe();
        let _ = state.wait_for(|state| matches!(state, State::Closed)).await;
    }

    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    async fn keep_up(self: Arc<Self>) {
        while let Some(link) = self.link_now() {
            let why = link.mux.gone().await;
            let next = link.generation + 1;
            drop(link);
            if !self.set(State::Down) {
                return;
            }
            self.tell(Event::Disconnected(ShareError::transport(libc::EIO, why)));
            let link = tokio::select! { link = self.reconnect(next) => link, () = self.closed() => return };
            if !self.set(State::Up(link)) {
                return;
            }
            self.tell(Event::Reconnected);
        }
    }

    /// Tries until it works.
    async fn reconnect(&self, generation: u64) -> Arc<Link> {
        let mut pace = Pace::default();
        loop {
            let wait = match timeout(self.config.timeout, Link::open(&self.config, generation)).await {
                Ok(Ok(link)) => return link,
                Ok(Err(error)) if is_refusal(&error) => {
                    self.tell(Event::Disconnected(ShareError::transport(libc::EIO, error.to_string())));
                    pace.refused()
                }
                Ok(Err(error)) => {
                    tracing::debug!(%error, "reconnecting failed");
                    pace.away()
                }
                Err(_) => pace.away(),
            };
            // Any error is an end of the wait.
            let _ = timeout(wait, self.hurry.notified()).await;
        }
    }

    /// Changes the state; false when the session has been closed, which is for good.
    fn set(&self, new: State) -> bool {
        self.state.send_if_modified(|state| {
            let open = !matches!(state, State::Closed);
            if open {
                *state = new;
            }
            open
        })
    }

    /// Ends the session; returns the connection, if there is one, to be taken leave of.
    pub(crate) fn end(&self) -> Option<Arc<Link>> {
        let last = self.link_now();
        self.set(State::Closed);
        last
    }

    /// Registers an open file's place, so that renames can follow it.
    pub(crate) fn place(&self, path: &SharePath) -> Arc<Mutex<Place>> {
        let place = Arc::new(Mutex::new(Place { path: Some(path.clone()) }));
        let mut places = self.places.lock();
        // Forgotten places are swept now and then, so that the sweep costs little per open.
        if places.len() >= 64 && places.len().is_power_of_two() {
            places.retain(|_, place| place.strong_count() > 0);
        }
        places.insert(self.next_place.fetch_add(1, Ordering::Relaxed), Arc::downgrade(&place));
        place
    }

    /// A name has moved (`to`) or is gone: open files at it, or below it, follow.
    pub(crate) fn moved(&self, from: &SharePath, to: Option<&SharePath>) {
        if to == Some(from) {
            return;
        }
        for place in self.places.lock().values().filter_map(Weak::upgrade) {
            let mut place = place.lock();
            let Some(path) = place.path.clone() else { continue };
            if to == Some(&path) {
                place.path = None;
            } else if path.starts_with(from) {
                let mut below = path.components().skip(from.components().count());
                place.path = to.and_then(|to| below.try_fold(to.clone(), |at, name| at.join(name)));
            }
        }
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Authentication { .. }
            | ErrorKind::HostKeyChanged { .. }
            | ErrorKind::HostKeyUnknown { .. }
    )
}
