//! The drive, as a worker sees it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cleardown_core::view::Loss;
use cleardown_fuse::{Config, Ending, Session};
use cleardown_share::{Access, Capabilities, Event, Lease, Share, ShareError, SharePath, StatFs};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

use crate::arena::{Arena, ArenaPool};
use crate::calls::{Beat, Calls, Patience, Signals};
use crate::errno::Errno;
use crate::file::{FileState, Remote};
use crate::kernel::Kernel;
use crate::nodes::Table;
use crate::ops::{Open, Service};
use crate::status::{Drained, DriveStatus, Pending, ServerState};
use crate::streams::Programs;

/// How a drive behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Refuse changes (`EROFS`), also when the server would allow them.
    pub read_only: bool,
    /// Whom files belong to, where the server has no numeric owners.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// Users other than the owner and root may use the mount (they see files with the owner's rights only if
    /// the modes say so: the kernel checks them when the mount has `default_permissions`).
    pub allow_others: bool,
    /// The longest that an operation of an application waits for the server.
    pub request_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            read_only: false,
            uid: 0,
            gid: 0,
            allow_others: false,
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Whether the mount is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is: the kernel waits for the hand-shake.
    Fresh,
    /// An earlier worker served it: what the arena holds is replayed, and the kernel resends what was not
    /// answered.
    Adopt,
}

/// A served drive.
pub struct Drive {
    pub(crate) inner: Arc<Inner>,
    session: Session,
}

impl std::fmt::Debug for Drive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drive").field("session", &self.session).finish_non_exhaustive()
    }
}

/// A handle on the server that no application uses, since when, and of which file.
pub(crate) type Parked = (Instant, Arc<FileState>, Arc<Remote>);

/// What all parts of a drive share.
pub(crate) struct Inner {
    pub(crate) share: Arc<dyn Share>,
    pub(crate) options: Options,
    pub(crate) arena: Arena,
    pub(crate) runtime: Handle,
    pub(crate) table: Mutex<Table>,
    pub(crate) handles: Mutex<HashMap<u64, Open>>,
    pub(crate) calls: Calls,
    pub(crate) beat: Arc<Beat>,
    pub(crate) kernel: Kernel,
    pub(crate) server: watch::Sender<ServerState>,
    /// Handles on the server that no application uses, oldest first.
    pub(crate) parked: Mutex<VecDeque<Parked>>,
    pub(crate) sweeping: AtomicBool,
    /// Handles being closed on the server.
    pub(crate) closing: watch::Sender<usize>,
    pub(crate) watched: Mutex<VecDeque<(u64, SharePath)>>,
    /// When look-ups last had a folder listed, and how many folders in a row.
    pub(crate) walk: Mutex<Option<(Instant, u32)>>,
    pub(crate) room_on_server: Mutex<Option<(Instant, StatFs)>>,
    pub(crate) quiesced: AtomicBool,
    pub(crate) tidying: AtomicBool,
    pub(crate) open_files: AtomicUsize,
    pub(crate) programs: Programs,
    pub(crate) patience: watch::Sender<Patience>,
    gone: watch::Sender<bool>,
}

impl Drive {
    /// Serves `fuse_fd`, a descriptor that was given to mount(2) or came from fusermount3. To be called in a
    /// tokio runtime (with time), from a thread that may block for a moment. `events` are the share's.
    pub fn start(
        share: Arc<dyn Share>,
        events: Option<mpsc::Receiver<Event>>,
        fuse_fd: OwnedFd,
        arena: Arena,
        options: Options,
        start: Start,
    ) -> io::Result<Arc<Drive>> {
        let inner = Inner::new(share, arena, options);
        let arena = inner.arena.shared.clone();
        inner.share.tell_sessions(Box::new(move |id| arena.set_session(id)));
        if let Some(events) = events {
            inner.runtime.spawn(crate::events::heed(Arc::downgrade(&inner), events));
        }
        let buffers = Arc::new(ArenaPool::new(inner.arena.shared.clone()));
        let config = Config { buffers: Some(buffers), ..Config::default() };
        let service = Arc::new(Service(inner.clone()));
        let session = match start {
            Start::Fresh => {
                let session = Session::start(fuse_fd, service, config)?;
                inner.arena.shared.set_negotiated(session.negotiated());
                session
            }
            Start::Adopt => {
                let agreed = inner.arena.shared.negotiated();
                let agreed = agreed.ok_or_else(|| io::Error::other("no session has begun on this arena"))?;
                inner.resume();
                Session::adopt(fuse_fd, service, config, agreed)?
            }
        };
        inner.kernel.start(session.notifier(), inner.share.clone())?;
        if start == Start::Adopt {
            session.notifier().resend()?;
        }
        Ok(Arc::new(Drive { inner, session }))
    }

    /// How it is, answered at once.
    pub fn status(&self) -> DriveStatus {
        let inner = &self.inner;
        DriveStatus {
            pending_bytes: inner.arena.pending_bytes(),
            pending: inner.pending_files(DriveStatus::MOST_FILES),
            open_files: inner.open_files.load(Ordering::Relaxed),
            locks: inner.held_locks(DriveStatus::MOST_FILES),
            flushed_bytes: inner.arena.shared.header().flushed_total.load(Ordering::Relaxed),
            server: inner.server.borrow().clone(),
            quiesced: inner.quiesced.load(Ordering::Relaxed),
        }
    }

    /// Refuses new opens and creations with `ESHUTDOWN` (or no longer); open files go on.
    pub fn quiesce(&self, on: bool) {
        self.inner.quiesced.store(on, Ordering::Release);
    }

    /// Writes what is pending and closes what applications have closed, until all of it is acknowledged, some of
    /// it has failed for good, or the deadline passes.
    pub async fn drain(&self, deadline: Instant, progress: impl FnMut(Pending) + Send) -> Drained {
        self.inner.drain(deadline, progress).await
    }

    /// The machine is about to sleep: writes what is pending, and sees to it that no request waits for the server after
    /// the deadline, for a program that waits cannot be frozen. From then on requests wait only for a server that
    /// answers, until [`Drive::wake`].
    pub async fn sleep(&self, deadline: Instant) -> Drained {
        self.inner.sleep(deadline).await
    }

    /// The machine has slept, or will not: requests wait as before.
    pub fn wake(&self) {
        self.inner.be_patient(Patience::Whole);
    }

    /// After the unmount: closes all handles and logs off. True when the server confirmed it.
    pub async fn close(&self, deadline: Instant) -> bool {
        self.inner.close(deadline).await
    }

    /// Fails everything at once and drops the connection; returns the files that lose bytes.
    pub fn abort(&self) -> Vec<Loss> {
        self.inner.abort_all()
    }

    /// Returns when serving is over: the kernel has let go of the mount, or its descriptor cannot be read any more.
    pub async fn over(&self) -> Ending {
        self.session.ended().await
    }

    /// Requests that the kernel has sent so far, by name, for tests and for finding out what it does.
    pub fn requests(&self, name: &str) -> u64 {
        self.session.counters().received_of(name)
    }
}

impl Inner {
    pub(crate) fn new(share: Arc<dyn Share>, arena: Arena, options: Options) -> Arc<Inner> {
        let fold = share.capabilities().contains(Capabilities::CASE_INSENSITIVE);
        let table = Table::new(arena.shared.clone(), fold);
        Arc::new(Inner {
            share,
            options,
            table: Mutex::new(table),
            arena,
            runtime: Handle::current(),
            handles: Mutex::default(),
            calls: Calls::default(),
            beat: Arc::default(),
            kernel: Kernel::new(),
            server: watch::Sender::new(ServerState::Connected),
            parked: Mutex::default(),
            sweeping: AtomicBool::new(false),
            closing: watch::Sender::new(0),
            watched: Mutex::default(),
            walk: Mutex::default(),
            room_on_server: Mutex::default(),
            quiesced: AtomicBool::new(false),
            tidying: AtomicBool::new(false),
            open_files: AtomicUsize::new(0),
            programs: Programs::default(),
            patience: watch::Sender::new(Patience::Whole),
            gone: watch::Sender::new(false),
        })
    }

    /// Takes over from an earlier worker: its handles, and the data that it had not yet written.
    fn resume(self: &Arc<Self>) {
        let handles: Vec<_> = self.table.lock().handles.iter().map(|(fh, open)| (*fh, *open)).collect();
        for (fh, handle) in handles {
            self.adopt_handle(fh, handle);
        }
        self.adopt_locks();
        let mut files = HashMap::new();
        for record in self.arena.shared.replay() {
            let file = match self.file_of(record.node) {
                Some(file) => file,
                None => files.entry(record.node).or_insert_with(|| FileState::new(record.node)).clone(),
            };
            let mut queue = file.queue.lock();
            let remote = queue.remote.take();
            let remote = remote.unwrap_or_else(|| self.writer_for(&file));
            remote.changes();
            queue.remote = Some(remote);
            queue.waiting.push_back(record);
            drop(queue);
            if let Some(known) = self.table.lock().get_mut(file.node) {
                known.wrote();
            }
            files.insert(file.node, file);
        }
        tracing::info!(files = files.len(), bytes = self.arena.pending_bytes(), "replaying what was pending");
        for file in files.into_values() {
            if self.table.lock().path(file.node).is_none() {
                self.refuse(
                    &file,
                    ShareError::server(libc::ESTALE, "the file was removed while it was open"),
                );
            }
            self.pump(&file);
        }
    }

    fn writer_for(&self, file: &FileState) -> Arc<Remote> {
        let live = file.live.lock();
        let writable = live.iter().find(|remote| remote.access.contains(Access::WRITE));
        writable.cloned().unwrap_or_else(|| Remote::new(file.node, Access::WRITE, None, Lease::default()))
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.share.capabilities()
    }

    pub(crate) fn is_aborted(&self) -> bool {
        *self.patience.borrow() == Patience::Aborted
    }

    /// Returns when the drive is aborted.
    pub(crate) fn aborted(&self) -> impl Future<Output = ()> + Send + 'static {
        let patience = self.patience.subscribe();
        async move {
            let _ = at_least(patience, Patience::Aborted).await;
        }
    }

    /// Returns when a request that takes signals like this must not wait any longer, with its answer.
    pub(crate) fn out_of_patience(&self, signals: Signals) -> impl Future<Output = Errno> + Send + 'static {
        let patience = self.patience.subscribe();
        async move {
            let (limit, errno) = match signals {
                Signals::Grace => (Patience::None, libc::ETIMEDOUT),
                // Not `EINTR`: the kernel would make a restart of it that nothing but a signal brings about.
                Signals::AtOnce => (Patience::Short, libc::ENOLCK),
            };
            match at_least(patience, limit).await {
                Patience::Aborted => Errno(libc::EIO),
                _ => Errno(errno),
            }
        }
    }

    pub(crate) fn set_aborted(&self) {
        self.patience.send_replace(Patience::Aborted);
    }

    pub(crate) fn set_gone(&self) {
        self.gone.send_replace(true);
    }

    /// When nothing is pending for a second, memory goes back to the system.
    pub(crate) fn went_idle(self: &Arc<Self>) {
        if self.arena.pending_bytes() > 0 || self.tidying.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = self.clone();
        self.runtime.spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            inner.tidying.store(false, Ordering::Release);
            if inner.arena.pending_bytes() == 0 {
                inner.arena.shared.tidy();
            }
        });
    }
}

/// Waits until patience is as little as this; how little it is then.
async fn at_least(mut patience: watch::Receiver<Patience>, limit: Patience) -> Patience {
    let little = patience.wait_for(|patience| *patience >= limit).await.map(|patience| *patience);
    match little {
        Ok(little) => little,
        Err(_) => std::future::pending().await,
    }
}
