//! A file that is open or has bytes pending: what is queued for the server, and its handles there.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use cleardown_share::{Access, File, Lease, ShareError, ShareResult};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::arena::Record;
use crate::drive::Inner;
use crate::ending::PARK;
use crate::locks::LockTable;

/// The state that all handles of one file share.
#[derive(Debug)]
pub(crate) struct FileState {
    pub(crate) node: u64,
    pub(crate) queue: Mutex<Queue>,
    /// Something was acknowledged, or has failed.
    pub(crate) changed: Notify,
    /// Handles that applications have open.
    opens: AtomicUsize,
    /// When the last of them was opened, and whether another was opened shortly before.
    opened: Mutex<(Option<Instant>, bool)>,
    /// Grows when data or size change, here or on the server: what was read ahead before is out of date.
    version: AtomicUsize,
    /// What the server lets us believe: a handle with a lease is open (perhaps a parked one).
    held: AtomicBool,
    pub(crate) locks: LockTable,
    /// Handles on the server: in use, or parked for the next open.
    pub(crate) live: Mutex<Vec<Arc<Remote>>>,
    /// Those being opened or closed there, and when one last was.
    passing: Mutex<(usize, Option<Instant>)>,
    /// Removed by us when the last handle is closed.
    pub(crate) silly: AtomicBool,
    ways: Mutex<Ways>,
}

/// How an open handle goes to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through the kernel's page cache.
    Cached,
    /// Past it, reading only.
    DirectRead,
    /// Past it, also writing.
    DirectWrite,
}

/// How many handles go which way.
///
/// The kernel drops the pages that a direct write covers before it sends the write, and not after: who read them
/// through the cache meanwhile would go on seeing what was there before. So never both at once.
#[derive(Debug, Default)]
struct Ways {
    cached: usize,
    direct_write: usize,
}

/// What the server has not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Not yet sent, in the order of writing.
    pub(crate) waiting: VecDeque<Record>,
    /// Being sent.
    pub(crate) flights: Vec<Range<u64>>,
    /// Refused by the server; kept for another try.
    pub(crate) failed: Vec<Record>,
    /// Why.
    pub(crate) error: Option<ShareError>,
    /// No application has been told.
    pub(crate) unseen: bool,
    /// Callers that wait for all of it: nothing is held back to grow.
    pub(crate) urgent: usize,
    /// The handle that the bytes go through.
    pub(crate) remote: Option<Arc<Remote>>,
    /// Where the last write ended.
    pub(crate) last_end: u64,
    /// Dropped at the next chance: the file is being removed or emptied.
    pub(crate) discard: bool,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flights.is_empty() && self.failed.is_empty()
    }
    /// Nothing is on its way, though something may have failed.
    pub(crate) fn is_settled(&self) -> bool {
        self.waiting.is_empty() && self.flights.is_empty()
    }
    pub(crate) fn overlaps(&self, range: &Range<u64>) -> bool {
        let hits = |start: u64, end: u64| start < range.end && range.start < end;
        self.flights.iter().any(|flight| hits(flight.start, flight.end))
            || self.waiting.iter().chain(&self.failed).any(|record| hits(record.offset, record.end()))
    }
    pub(crate) fn end(&self) -> Option<u64> {
        let flights = self.flights.iter().map(|flight| flight.end);
        self.waiting.iter().chain(&self.failed).map(Record::end).chain(flights).max()
    }
    pub(crate) fn bytes(&self) -> u64 {
        let flights: u64 = self.flights.iter().map(|flight| flight.end - flight.start).sum();
        self.waiting.iter().chain(&self.failed).map(|record| record.len).sum::<u64>() + flights
    }
}

impl FileState {
    pub(crate) fn new(node: u64) -> Arc<Self> {
        Arc::new(FileState {
            node,
            queue: Mutex::default(),
            changed: Notify::new(),
            opens: AtomicUsize::new(0),
            opened: Mutex::default(),
            version: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            locks: LockTable::default(),
            live: Mutex::default(),
            passing: Mutex::default(),
            silly: AtomicBool::new(false),
            ways: Mutex::default(),
        })
    }

    /// The way of one more handle, which would go past the page cache if it may (`direct`).
    pub(crate) fn take_way(&self, writes: bool, direct: bool) -> Way {
        let mut ways = self.ways.lock();
        let way = match () {
            () if !writes && (direct || ways.direct_write > 0) => Way::DirectRead,
            () if ways.direct_write > 0 || direct && ways.cached == 0 => Way::DirectWrite,
            () => Way::Cached,
        };
        match way {
            Way::Cached => ways.cached += 1,
            Way::DirectWrite => ways.direct_write += 1,
            Way::DirectRead => {}
        }
        way
    }

    /// A handle that went this way is closed.
    pub(crate) fn leave_way(&self, way: Way) {
        let mut ways = self.ways.lock();
        match way {
            Way::Cached => ways.cached = ways.cached.saturating_sub(1),
            Way::DirectWrite => ways.direct_write = ways.direct_write.saturating_sub(1),
            Way::DirectRead => {}
        }
    }

    /// The byte after the last that is pending.
    pub(crate) fn pending_end(&self) -> Option<u64> {
        self.queue.lock().end()
    }
    /// Handles are open (here or on the server), or bytes are pending.
    pub(crate) fn is_used(&self) -> bool {
        self.opens() > 0 || !self.live.lock().is_empty() || !self.queue.lock().is_empty()
    }
    /// Whether a handle may have been open on the server when it answered what was asked then.
    pub(crate) fn was_open(&self, asked: Instant) -> bool {
        let (passing, last) = *self.passing.lock();
        passing > 0 || last.is_some_and(|last| asked <= last) || !self.live.lock().is_empty()
    }
    /// While this lives a handle is being opened or closed on the server.
    pub(crate) fn passing(self: &Arc<Self>) -> Passing {
        self.passing.lock().0 += 1;
        Passing(self.clone())
    }
    pub(crate) fn opens(&self) -> usize {
        self.opens.load(Ordering::Relaxed)
    }
    pub(crate) fn opened(&self) {
        self.opens.fetch_add(1, Ordering::Relaxed);
        let mut opened = self.opened.lock();
        let last = opened.0.replace(Instant::now());
        opened.1 = last.is_some_and(|last| last.elapsed() < PARK);
    }
    /// It was opened twice in a short time, and may well be again.
    pub(crate) fn is_in_demand(&self) -> bool {
        self.opened.lock().1
    }
    /// A handle was closed; returns how many are left.
    pub(crate) fn closed(&self) -> usize {
        self.opens.fetch_sub(1, Ordering::Relaxed).saturating_sub(1)
    }
    /// Attributes and data stay true until a lease is broken.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Release);
    }
    pub(crate) fn version(&self) -> usize {
        self.version.load(Ordering::Acquire)
    }
    /// Data or size have changed.
    pub(crate) fn touch(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// A handle that the server may have, and that is not in the list of those that live.
pub(crate) struct Passing(Arc<FileState>);

impl Drop for Passing {
    fn drop(&mut self) {
        let mut passing = self.0.passing.lock();
        *passing = (passing.0.saturating_sub(1), Some(Instant::now()));
    }
}

/// A handle on the server. It is opened again, by path, when the server has lost it.
pub(crate) struct Remote {
    pub(crate) node: u64,
    pub(crate) access: Access,
    /// Handles of applications that go through it.
    users: AtomicUsize,
    state: Mutex<RemoteState>,
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct RemoteState {
    file: Option<Arc<dyn File>>,
    lease: Lease,
    times: Times,
}

/// What became of a file's time of modification through a handle. An SMB server brings it up to date some seconds after a
/// write, and when the handle is closed; and not at all for one through which it was set (MS-FSA 2.1.5.15.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Times {
    #[default]
    Untouched,
    /// The file was changed.
    Written,
    /// They were set.
    Set,
    /// They were set, and the file was changed after that.
    Behind,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Remote {
    pub(crate) fn new(node: u64, access: Access, file: Option<Arc<dyn File>>, lease: Lease) -> Arc<Self> {
        let state = Mutex::new(RemoteState { file, lease, times: Times::default() });
        Arc::new(Remote {
            node,
            access,
            users: AtomicUsize::new(1),
            state,
            opening: tokio::sync::Mutex::new(()),
        })
    }

    /// Another handle goes through it.
    pub(crate) fn join(&self) {
        self.users.fetch_add(1, Ordering::Relaxed);
    }
    /// A handle is done with it; returns how many still use it.
    pub(crate) fn leave(&self) -> usize {
        self.users.fetch_sub(1, Ordering::Relaxed).saturating_sub(1)
    }
    pub(crate) fn is_unused(&self) -> bool {
        self.users.load(Ordering::Relaxed) == 0
    }
    pub(crate) fn lease(&self) -> Lease {
        self.state.lock().lease
    }
    /// The server has taken back all but this.
    pub(crate) fn narrow_lease(&self, left: Lease) {
        let mut state = self.state.lock();
        state.lease = state.lease & left;
    }
    /// Times were set through it.
    pub(crate) fn times_set(&self) {
        self.state.lock().times = Times::Set;
    }
    /// The file is changed through it.
    pub(crate) fn changes(&self) {
        let mut state = self.state.lock();
        state.times = match state.times {
            Times::Untouched | Times::Written => Times::Written,
            Times::Set | Times::Behind => Times::Behind,
        };
    }
    /// Whether the server leaves the times alone when the file is changed through it.
    pub(crate) fn keeps_times(&self) -> bool {
        matches!(self.state.lock().times, Times::Set | Times::Behind)
    }
    /// Whether closing it will not touch the times.
    pub(crate) fn leaves_times(&self) -> bool {
        self.state.lock().times == Times::Untouched
    }
    /// Whether the time of modification is older than a change.
    pub(crate) fn is_behind(&self) -> bool {
        self.state.lock().times == Times::Behind
    }
    /// Takes the server's handle, to close it.
    pub(crate) fn take(&self) -> Option<Arc<dyn File>> {
        self.state.lock().file.take()
    }
    /// The server no longer knows this handle.
    fn lost(&self, file: &Arc<dyn File>) {
        let mut state = self.state.lock();
        if state.file.as_ref().is_some_and(|known| Arc::ptr_eq(known, file)) {
            (state.file, state.lease) = (None, Lease::default());
        }
    }
}

impl Inner {
    /// The server's handle, opened again if need be.
    pub(crate) async fn server_file(&self, remote: &Remote) -> ShareResult<Arc<dyn File>> {
        let known = remote.state.lock().file.clone();
        if let Some(file) = known {
            return Ok(file);
        }
        let _one_at_a_time = remote.opening.lock().await;
        let known = remote.state.lock().file.clone();
        if let Some(file) = known {
            return Ok(file);
        }
        let path = self.table.lock().path(remote.node);
        let path = path.ok_or_else(|| ShareError::server(libc::ESTALE, "the file was removed"))?;
        let how = cleardown_share::OpenHow {
            access: remote.access,
            disposition: cleardown_share::Disposition::Open,
            mode: 0,
            lease: false,
        };
        let opened = self.share.open(&path, how).await?;
        remote.state.lock().file = Some(opened.file.clone());
        Ok(opened.file)
    }

    /// Does something with a handle on the server, again after a reconnect. `work` must be harmless when it is
    /// done twice.
    pub(crate) async fn with<T, F>(
        &self,
        remote: &Remote,
        work: impl Fn(Arc<dyn File>) -> F,
    ) -> ShareResult<T>
    where
        F: Future<Output = ShareResult<T>>,
    {
        let mut tries = 0;
        loop {
            let file = match self.server_file(remote).await {
                Ok(file) => file,
                Err(error) if error.transport && self.again(&mut tries).await => continue,
                Err(error) => return Err(error),
            };
            match work(file.clone()).await {
                Err(error) if error.errno == libc::ESTALE && tries < 3 => {
                    remote.lost(&file);
                    if !self.again(&mut tries).await {
                        return Err(error);
                    }
                }
                Err(error) if error.transport && self.again(&mut tries).await => {}
                done => return done,
            }
        }
    }

    /// Asks the server again after a reconnect. `ask` must be harmless when it is done twice.
    pub(crate) async fn ask<T, F>(&self, ask: impl Fn() -> F) -> ShareResult<T>
    where
        F: Future<Output = ShareResult<T>>,
    {
        let mut tries = 0;
        loop {
            match ask().await {
                Err(error) if error.transport && self.again(&mut tries).await => {}
                done => return done,
            }
        }
    }

    /// Waits until another try makes sense; false when none does. The caller's deadline bounds it.
    pub(crate) async fn again(&self, tries: &mut u32) -> bool {
        *tries += 1;
        if self.is_aborted() {
            return false;
        }
        let pause = std::time::Duration::from_millis(20 << (*tries).min(6));
        let mut server = self.server.subscribe();
        let back = server.wait_for(|state| *state == crate::status::ServerState::Connected);
        let aborted = self.aborted();
        tokio::select! {
            _ = async { let _ = back.await; tokio::time::sleep(pause).await } => true,
            () = aborted => false,
        }
    }

    /// The state of a node's file, if it is or was open.
    pub(crate) fn known_file(&self, node: u64) -> Option<Arc<FileState>> {
        self.table.lock().get(node)?.file.clone()
    }

    /// The state of a node's file, made if there is none.
    pub(crate) fn file_of(&self, node: u64) -> Option<Arc<FileState>> {
        let mut table = self.table.lock();
        let known = table.get_mut(node)?;
        Some(known.file.get_or_insert_with(|| FileState::new(node)).clone())
    }

    /// We have changed a file's data or size: what the server said before is out of date.
    pub(crate) fn changed_locally(&self, node: u64, size: impl FnOnce(u64) -> u64) {
        let mut table = self.table.lock();
        let Some(known) = table.get_mut(node) else { return };
        known.wrote();
        if let Some(seen) = &mut known.seen {
            seen.attr.size = size(seen.attr.size);
            seen.attr.modified = crate::attrs::now();
            seen.attr.changed = seen.attr.modified;
            seen.exact = false;
        }
        if let Some(file) = &known.file {
            file.touch();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_written_directly_while_it_is_open_through_the_cache() {
        let file = FileState::new(7);
        let reader = file.take_way(false, false);
        let writer = file.take_way(true, true);
        assert_eq!((reader, writer), (Way::Cached, Way::Cached));
        file.leave_way(reader);
        assert_eq!(file.take_way(true, true), Way::Cached, "the first writer still has it open");
        file.leave_way(writer);
        file.leave_way(writer);
        assert_eq!(file.take_way(true, true), Way::DirectWrite);
        assert_eq!(file.take_way(false, false), Way::DirectRead, "a small file, but it is being written");
        assert_eq!(file.take_way(true, false), Way::DirectWrite);
    }

    #[test]
    fn only_what_is_opened_again_at_once_is_in_demand() {
        let file = FileState::new(7);
        file.opened();
        assert!(!file.is_in_demand());
        file.closed();
        file.opened();
        assert!(file.is_in_demand());
        file.opened.lock().0 = Instant::now().checked_sub(PARK);
        file.opened();
        assert!(!file.is_in_demand());
    }

    #[test]
    fn a_large_file_is_read_directly_beside_whatever_else() {
        let file = FileState::new(7);
        assert_eq!(file.take_way(true, false), Way::Cached);
        assert_eq!(file.take_way(false, true), Way::DirectRead);
    }
}
