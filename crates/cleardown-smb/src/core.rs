//! What a share and its files have in common: the link of the moment, and how calls survive its loss.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cleardown_share::{Event, SessionInfo, ShareError, SharePath, ShareResult};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};

use crate::config::Config;
use crate::file::Files;
use crate::folders::Folders;
use crate::lease::Leases;
use crate::link::{Link, Target};
use crate::names;
use crate::watch::Watches;

/// Events that wait for the drive to read them.
const EVENTS: usize = 1024;

/// Events beyond those.
const WAITING: u64 = 4096;

/// The state of a share.
#[derive(Clone)]
pub(crate) enum State {
    Up(Arc<Link>),
    /// Reconnecting.
    Down,
    Closed,
}

/// The last session's number on the server, and who is told.
pub(crate) struct Sessions {
    pub(crate) last: u64,
    tell: Option<Box<dyn Fn(u64) + Send + Sync>>,
}

impl Sessions {
    /// A session has begun; nothing was asked in it.
    pub(crate) fn begun(&mut self, id: u64) {
        self.last = id;
        self.tell.iter().for_each(|tell| tell(id));
    }

    pub(crate) fn tell_to(&mut self, tell: Box<dyn Fn(u64) + Send + Sync>) {
        tell(self.last);
        self.tell = Some(tell);
    }
}

/// A share over its links.
pub(crate) struct Core {
    pub(crate) config: Config,
    /// This client's id.
    pub(crate) client: [u8; 16],
    pub(crate) state: watch::Sender<State>,
    /// Where reconnecting goes: after referrals, elsewhere than the configuration says.
    pub(crate) target: Mutex<Target>,
    pub(crate) files: Files,
    pub(crate) leases: Leases,
    pub(crate) watches: Watches,
    pub(crate) folders: Arc<Folders>,
    waiting: AtomicU64,
    /// Durable handles that were claimed.
    pub(crate) claimed: AtomicU64,
    /// Device names (`aux.c`) that the server was seen to use as they are.
    pub(crate) native: Mutex<HashSet<Vec<u16>>>,
    /// Names of removed files that are open still, and that no listing shows.
    pub(crate) hidden: Mutex<HashSet<Vec<u16>>>,
    /// What was agreed on last.
    pub(crate) last_info: Mutex<SessionInfo>,
    pub(crate) sessions: Mutex<Sessions>,
    events: mpsc::Sender<Event>,
    reader: Mutex<Option<mpsc::Receiver<Event>>>,
    serial: AtomicU64,
    /// Reconnecting is not to wait any longer for its next attempt.
    pub(crate) hurry: Arc<Notify>,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Core {
    pub(crate) fn new(config: Config, client: [u8; 16], target: Target, link: Arc<Link>) -> Arc<Core> {
        let (events, reader) = mpsc::channel(EVENTS);
        let (info, session) = (link.info(), link.granted.id);
        Arc::new(Core {
            config,
            client,
            state: watch::Sender::new(State::Up(link)),
            target: Mutex::new(target),
            files: Files::default(),
            leases: Leases::default(),
            watches: Watches::default(),
            folders: Arc::default(),
            waiting: AtomicU64::new(0),
            claimed: AtomicU64::new(0),
            native: Mutex::default(),
            hidden: Mutex::default(),
            last_info: Mutex::new(info),
            sessions: Mutex::new(Sessions { last: session, tell: None }),
            events,
            reader: Mutex::new(Some(reader)),
            serial: AtomicU64::new(1),
            hurry: Arc::default(),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// A number that was not given out before.
    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn take_events(&self) -> Option<mpsc::Receiver<Event>> {
        self.reader.lock().take()
    }

    /// Tells the drive. Waits in a task if the drive is behind; a server that sends so much that thousands wait is
    /// let go. With nobody to listen, what does not fit is dropped.
    pub(crate) fn emit(self: &Arc<Self>, event: Event) {
        let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) else { return };
        if self.reader.lock().is_some() {
            return;
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= WAITING {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            if let Some(link) = self.current() {
                link.connection.kill("the server sends more than anybody can read");
            }
            return;
        }
        let core = self.clone();
        self.runtime.spawn(async move {
            let _ = core.events.send(event).await;
            core.waiting.fetch_sub(1, Ordering::Relaxed);
        });
    }

    /// Tells the drive, and waits until it listens.
    pub(crate) async fn emit_wait(&self, event: Event) {
        let _ = self.events.send(event).await;
    }

    /// The link, if there is one now.
    pub(crate) fn current(&self) -> Option<Arc<Link>> {
        match &*self.state.borrow() {
            State::Up(link) => Some(link.clone()),
            _ => None,
        }
    }

    /// The start of a call.
    pub(crate) fn attempt(&self) -> Attempt<'_> {
        let deadline = Instant::now() + self.config.request_timeout;
        Attempt { core: self, deadline, failed: 0 }
    }

    /// A path as the wire wants it: below the share's root, with backslashes.
    pub(crate) fn wire_path(&self, path: &SharePath) -> ShareResult<Vec<u16>> {
        let mut units = self.target.lock().folder.clone();
        for name in path.components() {
            if !units.is_empty() {
                units.push(u16::from(b'\\'));
            }
            if names::is_device(name) && self.is_native(name) {
                units.extend(name.iter().map(|byte| u16::from(*byte)));
                continue;
            }
            names::encode(name, &mut units)
                .map_err(|_| ShareError::server(libc::ENAMETOOLONG, "the name is too long for SMB"))?;
        }
        if units.len() > 32_000 {
            return Err(ShareError::server(libc::ENAMETOOLONG, "the path is too long for SMB"));
        }
        Ok(units)
    }

    /// The server uses a device name as it is.
    pub(crate) fn note_native(&self, units: Vec<u16>) {
        const MOST: usize = 1024;
        let mut native = self.native.lock();
        if native.len() < MOST {
            native.insert(units);
        }
    }

    fn is_native(&self, name: &[u8]) -> bool {
        let units: Vec<u16> = name.iter().map(|byte| u16::from(*byte)).collect();
        self.native.lock().contains(&units)
    }

    /// Fails for what would change a share that is connected read-only.
    pub(crate) fn may_write(&self) -> ShareResult<()> {
        if self.config.read_only {
            return Err(ShareError::server(libc::EROFS, "the drive is connected read-only"));
        }
        Ok(())
    }
}

/// A call that may be tried again on the next link.
pub(crate) struct Attempt<'a> {
    core: &'a Core,
    pub(crate) deadline: Instant,
    /// The newest link that has failed us.
    failed: u64,
}

impl Attempt<'_> {
    /// A link that has not failed this call yet; waits for one until the deadline.
    pub(crate) async fn link(&self) -> ShareResult<Arc<Link>> {
        let usable = |state: &State| match state {
            State::Up(link) => link.generation > self.failed,
            State::Down => false,
            State::Closed => true,
        };
        if let State::Up(link) = &*self.core.state.borrow()
            && usable(&State::Up(link.clone()))
        {
            return Ok(link.clone());
        }
        let mut states = self.core.state.subscribe();
        match tokio::time::timeout_at(self.deadline.into(), states.wait_for(usable)).await {
            Ok(Ok(state)) => match &*state {
                State::Up(link) => Ok(link.clone()),
                _ => Err(closed()),
            },
            Ok(Err(_)) => Err(closed()),
            Err(_) => {
                Err(ShareError::transport(libc::ETIMEDOUT, "the server could not be reached again in time"))
            }
        }
    }

    /// Whether an idempotent call that failed like this should be tried on the next link.
    pub(crate) fn again(&mut self, link: &Link, error: &ShareError) -> bool {
        if !error.transport || error.errno == libc::ETIMEDOUT || Instant::now() >= self.deadline {
            return false;
        }
        link.connection.kill(&error.status);
        self.failed = link.generation;
        true
    }
}

/// The error of calls on a closed share.
pub(crate) fn closed() -> ShareError {
    ShareError::transport(libc::ENOTCONN, "the share is closed")
}

/// Runs an idempotent operation on the link of the moment, and again on the next one if that is lost.
macro_rules! retry {
    ($core:expr, |$link:ident, $deadline:ident| $body:expr) => {{
        let mut attempt = $core.attempt();
        loop {
            let $link = attempt.link().await?;
            let $deadline = attempt.deadline;
            let result: cleardown_share::ShareResult<_> = async { $body }.await;
            match result {
                Err(error) if attempt.again(&$link, &error) => {}
                result => break result,
            }
        }
    }};
}
/// Runs an operation once, on the link of the moment.
macro_rules! once {
    ($core:expr, |$link:ident, $deadline:ident| $body:expr) => {{
        let mut attempt = $core.attempt();
        let $link = attempt.link().await?;
        let $deadline = attempt.deadline;
        let result: cleardown_share::ShareResult<_> = async { $body }.await;
        if let Err(error) = &result {
            attempt.again(&$link, error);
        }
        result
    }};
}
pub(crate) use {once, retry};
