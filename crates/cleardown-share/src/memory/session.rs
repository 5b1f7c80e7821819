//! The server and its sessions: the line between them, leases, watches and events.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use crate::error::{ShareError, ShareResult};
use crate::memory::faults::{Faults, Op};
use crate::memory::tree::{Errno, Tree};
use crate::path::SharePath;
use crate::share::{Capabilities, Event, Lease};

/// How long a session may take to answer a lease break.
const BREAK_DEADLINE: Duration = Duration::from_millis(500);
const EVENTS: usize = 1024;

/// The state of the line to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Up,
    Frozen,
    Down,
    Closed,
}

/// A server in memory.
pub(super) struct Server {
    tree: Mutex<Tree>,
    sessions: Mutex<Vec<Weak<Session>>>,
    next_session: AtomicU64,
    /// A lock was given back, or a lease break answered.
    pub(super) freed: Notify,
}

/// A client's session with it.
pub(super) struct Session {
    pub(super) id: u64,
    pub(super) server: Arc<Server>,
    pub(super) faults: Faults,
    pub(super) line: watch::Sender<Line>,
    pub(super) lost_handles_before: AtomicU64,
    pub(super) next_handle: AtomicU64,
    pub(super) read_only: AtomicBool,
    events: mpsc::Sender<Event>,
    pub(super) receiver: Mutex<Option<mpsc::Receiver<Event>>>,
    watches: Mutex<HashMap<u64, SharePath>>,
    breaks: Mutex<HashMap<u64, u64>>,
    next_ticket: AtomicU64,
    pub(super) settings: Mutex<Settings>,
}

/// What a test may set.
#[derive(Clone, Copy)]
pub(super) struct Settings {
    pub(super) timeout: Duration,
    pub(super) capabilities: Capabilities,
    pub(super) transfer_size: u32,
}

/// Locks; a poisoned lock is as good, since no invariant spans a panic here.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An errno as the answer of this server.
pub(super) fn answer(errno: Errno) -> ShareError {
    ShareError::server(errno, format!("errno {errno}"))
}

impl Server {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Server {
            tree: Mutex::new(Tree::new()),
            sessions: Mutex::default(),
            next_session: AtomicU64::new(1),
            freed: Notify::new(),
        })
    }

    pub(super) fn tree(&self) -> MutexGuard<'_, Tree> {
        lock(&self.tree)
    }

    fn others(&self, than: u64) -> Vec<Arc<Session>> {
        lock(&self.sessions).iter().filter_map(Weak::upgrade).filter(|s| s.id != than).collect()
    }
}

impl Session {
    pub(super) fn new(server: &Arc<Server>) -> Arc<Self> {
        let (events, receiver) = mpsc::channel(EVENTS);
        let settings = Settings {
            timeout: Duration::from_secs(30),
            capabilities: Capabilities::all() - Capabilities::CASE_INSENSITIVE - Capabilities::READ_ONLY,
            transfer_size: 1 << 20,
        };
        let session = Arc::new(Session {
            id: server.next_session.fetch_add(1, Ordering::Relaxed),
            server: server.clone(),
            faults: Faults::default(),
            line: watch::Sender::new(Line::Up),
            lost_handles_before: AtomicU64::new(0),
            next_handle: AtomicU64::new(1),
            read_only: AtomicBool::new(false),
            events,
            receiver: Mutex::new(Some(receiver)),
            watches: Mutex::default(),
            breaks: Mutex::default(),
            next_ticket: AtomicU64::new(1),
            settings: Mutex::new(settings),
        });
        let mut sessions = lock(&server.sessions);
        sessions.retain(|known| known.strong_count() > 0);
        sessions.push(Arc::downgrade(&session));
        drop(sessions);
        session
    }

    /// Runs one operation: waits out freezing and delays, then does `work` or fails as planned.
    pub(super) async fn call<T>(
        &self,
        op: Op,
        work: impl AsyncFnOnce() -> Result<T, Errno> + Send,
    ) -> ShareResult<T> {
        let (flight, delay) = self.faults.begin(op);
        let timeout = lock(&self.settings).timeout;
        match tokio::time::timeout(timeout, self.pass(delay)).await {
            Ok(passed) => passed?,
            Err(_) => return Err(ShareError::transport(libc::ETIMEDOUT, "the server does not answer")),
        }
        let lost = flight.fault()?;
        let done = work().await.map_err(answer);
        let late = flight.late();
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        lost.map_or(done, Err)
    }

    async fn pass(&self, delay: Duration) -> ShareResult<()> {
        // Without a network nothing else would ever yield.
        tokio::task::consume_budget().await;
        let mut line = self.line.subscribe();
        let mut elapsed = delay.is_zero();
        let timer = tokio::time::sleep(delay);
        tokio::pin!(timer);
        loop {
            match *line.borrow_and_update() {
                Line::Closed => return Err(ShareError::transport(libc::ENOTCONN, "the session is closed")),
                Line::Down => return Err(ShareError::transport(libc::EIO, "the connection broke")),
                Line::Up if elapsed => return Ok(()),
                Line::Up | Line::Frozen => {}
            }
            tokio::select! {
                changed = line.changed() => if changed.is_err() { return Ok(()) },
                () = &mut timer, if !elapsed => elapsed = true,
            }
        }
    }

    /// Ends every wait inside `work` when the line goes; for locks.
    pub(super) async fn line_lost(&self) -> Errno {
        let mut line = self.line.subscribe();
        let gone = |line: &Line| matches!(line, Line::Down | Line::Closed);
        let seen = line.wait_for(gone).await.map(|line| *line);
        if matches!(seen, Ok(Line::Down)) { libc::EIO } else { libc::ENOTCONN }
    }

    pub(super) fn writable(&self) -> Result<(), Errno> {
        if self.read_only.load(Ordering::Relaxed) { Err(libc::EROFS) } else { Ok(()) }
    }

    pub(super) fn needs(&self, capability: Capabilities) -> Result<(), Errno> {
        let has = lock(&self.settings).capabilities.contains(capability);
        if has { Ok(()) } else { Err(libc::EOPNOTSUPP) }
    }

    /// An event nobody takes is dropped once the channel is full, as a real server's would be.
    pub(super) fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    pub(super) fn watch(&self, ino: u64, dir: &SharePath) {
        lock(&self.watches).insert(ino, dir.clone());
    }

    pub(super) fn unwatch(&self, dir: &SharePath) {
        lock(&self.watches).retain(|_, watched| watched != dir);
    }

    /// Tells the other sessions that watch the folder of `path`.
    pub(super) fn changed(&self, path: &SharePath) {
        let Ok((dir, name)) = self.server.tree().find_parent(path) else { return };
        for other in self.server.others(self.id) {
            let watched = lock(&other.watches).get(&dir).cloned();
            if let Some(dir) = watched {
                other.tell(Event::Changed { dir, name: Some(name.clone()) });
            }
        }
    }

    /// Takes a lease on an open file: reads and the handle when others only read, writes too when alone.
    pub(super) fn take_lease(&self, tree: &mut Tree, ino: u64, path: &SharePath) {
        let Ok(node) = tree.node(ino) else { return };
        let alone = node.opens <= 1 && node.leases.keys().all(|session| *session == self.id);
        if node.leases.iter().any(|(session, held)| *session != self.id && held.lease.write) {
            return;
        }
        let lease = Lease { read: true, write: alone, handle: true };
        node.leases.insert(self.id, crate::memory::tree::Leased { lease, path: path.clone() });
    }

    /// What this session may cache of a file.
    pub(super) fn lease(&self, ino: u64) -> Lease {
        let mut tree = self.server.tree();
        let held = tree.node(ino).ok().and_then(|node| node.leases.get(&self.id));
        held.map(|held| held.lease).unwrap_or_default()
    }

    /// Breaks the other sessions' leases on a file down to `keep`, and waits for their answers.
    pub(super) async fn break_leases(&self, ino: u64, keep: Lease) {
        let deadline = tokio::time::Instant::now() + BREAK_DEADLINE;
        let tickets = self.send_breaks(ino, keep);
        loop {
            let freed = self.server.freed.notified();
            if tickets.iter().all(|(session, ticket)| !lock(&session.breaks).contains_key(ticket)) {
                return;
            }
            if tokio::time::timeout_at(deadline, freed).await.is_err() {
                for (session, ticket) in &tickets {
                    lock(&session.breaks).remove(ticket);
                }
                return;
            }
        }
    }

    fn send_breaks(&self, ino: u64, keep: Lease) -> Vec<(Arc<Session>, u64)> {
        let others = self.server.others(self.id);
        let mut tree = self.server.tree();
        let Ok(node) = tree.node(ino) else { return Vec::new() };
        let mut tickets = Vec::new();
        for other in others {
            let Some(held) = node.leases.get_mut(&other.id) else { continue };
            let lease = held.lease & keep;
            if lease == held.lease {
                continue;
            }
            let dirty = held.lease.write || held.lease.handle;
            let ticket = dirty.then(|| other.next_ticket.fetch_add(1, Ordering::Relaxed));
            held.lease = lease;
            if let Some(ticket) = ticket {
                lock(&other.breaks).insert(ticket, ino);
                tickets.push((other.clone(), ticket));
            }
            other.tell(Event::LeaseBroken { path: held.path.clone(), lease, ticket });
        }
        tickets
    }

    pub(super) fn break_done(&self, ticket: u64) {
        lock(&self.breaks).remove(&ticket);
        self.server.freed.notify_waiters();
    }

    /// The server forgets what this session held.
    pub(super) fn forget(&self) {
        lock(&self.watches).clear();
        lock(&self.breaks).clear();
        for node in self.server.tree().nodes.values_mut() {
            node.locks.forget_session(self.id);
            node.leases.remove(&self.id);
        }
        self.server.freed.notify_waiters();
    }
}
