//! Where dirty data is: memory that the worker and its daemon share.
//!
//! A sparse memfd, mapped whole:
//!
//! ```text
//!     header     counters that anyone who maps it may read; what was agreed on with the kernel
//!     records    one per pending piece of data: node, offset, length, where its bytes are
//!     journals   two areas, one in use: the nodes and handles that the kernel knows
//!     data       pages, of which the kernel's writes are read straight into some
//! ```
//!
//! A process that is killed between any two instructions leaves it readable: bytes are written first, and then
//! one store with release ordering publishes them (a record's `seq`, a journal's length).

mod journal;
mod layout;
mod map;
mod pages;
mod pool;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bytes::Bytes;
use cleardown_fuse::Negotiated;
use parking_lot::Mutex;
use tokio::sync::Notify;

#[cfg(fuzzing)]
pub use journal::read_entries;
pub(crate) use journal::{Entry, Journal, entries};
use layout::{Header, Layout};
use map::Map;
use pages::Pages;
pub(crate) use pages::Run;
pub(crate) use pool::ArenaPool;

/// The memory that holds what the server has not yet acknowledged.
#[derive(Debug)]
pub struct Arena {
    pub(crate) shared: Arc<Shared>,
}

/// What the drive's parts share of it.
#[derive(Debug)]
pub(crate) struct Shared {
    map: Map,
    layout: Layout,
    pages: Mutex<Pages>,
    slots: Mutex<Slots>,
    /// Memory has come back, from whoever had it: a write that found none tries again.
    pub(crate) room: Notify,
}

/// Record slots that are free.
#[derive(Debug, Default)]
struct Slots {
    free: Vec<u32>,
    /// Slots from here on were never used.
    fresh: u32,
}

/// A piece of data that the server has not acknowledged. Dropping it does not give it up: only
/// [`Shared::release`] does.
#[derive(Debug)]
pub(crate) struct Record {
    slot: u32,
    pub(crate) seq: u64,
    pub(crate) node: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    run: Arc<Run>,
    /// Where the bytes begin, in the data area.
    at: u64,
}

impl Record {
    /// The byte after the last.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.len
    }

    /// The bytes, without copying them; the memory stays until they are dropped.
    pub(crate) fn bytes(&self) -> Bytes {
        self.run.bytes(self.at, self.len as usize)
    }
}

impl Arena {
    /// Bytes of pending data that an arena holds unless said otherwise.
    pub const DEFAULT_BYTES: u64 = 64 << 20;

    /// Makes an empty arena for [`Arena::DEFAULT_BYTES`]. It takes memory only as far as it is used.
    pub fn create() -> io::Result<Arena> {
        Arena::with_capacity(Arena::DEFAULT_BYTES)
    }

    /// Makes an empty arena for this many bytes of pending data (between 4 MiB and 4 GiB).
    pub fn with_capacity(bytes: u64) -> io::Result<Arena> {
        let layout = Layout::new(bytes.clamp(4 << 20, 4 << 30));
        let map = Map::create(layout.total())?;
        let shared = Shared::new(map, layout);
        let header = shared.header();
        header.data_bytes.store(layout.data_bytes, Relaxed);
        header.next_seq.store(1, Relaxed);
        header.next_node.store(2, Relaxed);
        header.next_fh.store(1, Relaxed);
        header.magic.store(layout::MAGIC, Release);
        Ok(Arena { shared: Arc::new(shared) })
    }

    /// Opens the arena of an earlier worker.
    pub fn open(fd: OwnedFd) -> io::Result<Arena> {
        let bad = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let map = Map::open(fd)?;
        if map.len() < layout::HEADER_BYTES {
            return Err(bad("the arena is too short"));
        }
        // SAFETY: the mapping holds a header, is page-aligned, and atomics may be shared.
        let header = unsafe { &*map.at(0).cast::<Header>() };
        if header.magic.load(Acquire) != layout::MAGIC {
            return Err(bad("this is no arena of this version"));
        }
        let data_bytes = header.data_bytes.load(Relaxed);
        if !(4 << 20..=4 << 30).contains(&data_bytes) || Layout::new(data_bytes).total() != map.len() {
            return Err(bad("the arena has a wrong size"));
        }
        Ok(Arena { shared: Arc::new(Shared::new(map, Layout::new(data_bytes))) })
    }

    /// Bytes that the server has not acknowledged; may be read while a worker works.
    pub fn pending_bytes(&self) -> u64 {
        self.shared.pending_bytes()
    }

    /// The session that the last worker had with the server ([`cleardown_share::Share::tell_sessions`]): its successor names it
    /// there, so that what a dead worker had under way cannot happen any more.
    pub fn session(&self) -> Option<u64> {
        Some(self.shared.header().session.load(Acquire)).filter(|id| *id != 0)
    }

    /// Files (by path on the share, as far as the arena knows it) with bytes that the server has not
    /// acknowledged: what is lost when no worker replays the arena.
    pub fn losses(&self) -> Vec<cleardown_core::view::Loss> {
        let paths = journal::paths(&self.shared);
        let mut files = std::collections::BTreeMap::<u64, u64>::new();
        for (node, len) in self.shared.peek() {
            *files.entry(node).or_default() += len;
        }
        files
            .into_iter()
            .map(|(node, bytes)| cleardown_core::view::Loss {
                path: paths.get(&node).cloned().unwrap_or_else(|| format!("(removed file {node})")),
                bytes,
            })
            .collect()
    }
}

impl AsFd for Arena {
    /// For the daemon to keep.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.map.as_fd()
    }
}

impl Shared {
    fn new(map: Map, layout: Layout) -> Self {
        let pages = Mutex::new(Pages::new(layout.data_bytes));
        Shared { map, layout, pages, slots: Mutex::default(), room: Notify::new() }
    }

    pub(crate) fn header(&self) -> &Header {
        // SAFETY: the mapping begins with a header, is page-aligned, lives as long as self, and holds atomics.
        unsafe { &*self.map.at(0).cast::<Header>() }
    }

    fn slot(&self, slot: u32) -> &layout::Slot {
        assert!(slot < self.layout.slots, "slots come from our own counter or a bounded loop");
        // SAFETY: within the record area, aligned to 64 bytes, and made of atomics.
        unsafe { &*self.map.at(self.layout.slot_at(slot)).cast::<layout::Slot>() }
    }

    /// What was agreed on with the kernel, if a session has begun.
    pub(crate) fn negotiated(&self) -> Option<Negotiated> {
        let header = self.header();
        (header.begun.load(Acquire) == 1).then(|| Negotiated {
            minor: header.minor.load(Relaxed) as u32,
            flags: header.flags.load(Relaxed),
            max_write: header.max_write.load(Relaxed) as u32,
            max_readahead: header.max_readahead.load(Relaxed) as u32,
            max_background: header.max_background.load(Relaxed) as u16,
            congestion_threshold: header.congestion.load(Relaxed) as u16,
        })
    }

    pub(crate) fn set_session(&self, id: u64) {
        self.header().session.store(id, Release);
    }

    pub(crate) fn set_negotiated(&self, agreed: Negotiated) {
        let header = self.header();
        header.minor.store(agreed.minor.into(), Relaxed);
        header.flags.store(agreed.flags, Relaxed);
        header.max_write.store(agreed.max_write.into(), Relaxed);
        header.max_readahead.store(agreed.max_readahead.into(), Relaxed);
        header.max_background.store(agreed.max_background.into(), Relaxed);
        header.congestion.store(agreed.congestion_threshold.into(), Relaxed);
        header.begun.store(1, Release);
    }

    pub(crate) fn pending_bytes(&self) -> u64 {
        self.header().pending_bytes.load(Relaxed)
    }

    /// Memory for `bytes`, beginning at a page; none when there is no such room at the moment.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Option<Arc<Run>> {
        let range = self.pages.lock().take(bytes)?;
        Some(Arc::new(Run::new(self.clone(), range)))
    }

    fn give_back(&self, pages: std::ops::Range<u64>) {
        self.pages.lock().give_back(pages);
        self.room.notify_waiters();
    }

    /// Where a byte of the data area is in memory.
    fn data(&self, at: u64) -> *mut u8 {
        self.map.at(self.layout.data_at() + at)
    }

    /// The run that these bytes lie in, when the kernel's write was read into the arena.
    pub(crate) fn run_of(&self, bytes: &Bytes) -> Option<(Arc<Run>, u64)> {
        let start = self.data(0) as usize;
        let at = (bytes.as_ptr() as usize).checked_sub(start)? as u64;
        if at + bytes.len() as u64 > self.layout.data_bytes {
            return None;
        }
        let run = self.pages.lock().frozen(at)?;
        Some((run, at))
    }

    /// Publishes a piece: from here on it survives this process. `at` is where its bytes already are.
    /// None when there are too many pieces.
    pub(crate) fn publish(&self, node: u64, offset: u64, run: Arc<Run>, at: u64, len: u64) -> Option<Record> {
        let number = self.take_slot()?;
        let header = self.header();
        let seq = header.next_seq.fetch_add(1, Relaxed);
        let slot = self.slot(number);
        slot.node.store(node, Relaxed);
        slot.offset.store(offset, Relaxed);
        slot.len.store(len, Relaxed);
        slot.at.store(at, Relaxed);
        slot.seq.store(seq, Release);
        header.pending_bytes.fetch_add(len, Relaxed);
        Some(Record { slot: number, seq, node, offset, len, run, at })
    }

    /// Lengthens the piece by bytes that go right behind it; false when its memory has no room.
    pub(crate) fn extend(&self, record: &mut Record, data: &[u8]) -> bool {
        if !record.run.write(record.at + record.len, data) {
            return false;
        }
        record.len += data.len() as u64;
        self.slot(record.slot).len.store(record.len, Release);
        self.header().pending_bytes.fetch_add(data.len() as u64, Relaxed);
        true
    }

    /// No more bytes will be added: gives back the memory behind it.
    pub(crate) fn seal(&self, record: &Record) {
        record.run.trim(record.at + record.len);
    }

    /// The server has acknowledged it (`flushed`), or it is given up.
    pub(crate) fn release(&self, record: Record, flushed: bool) {
        self.slot(record.slot).seq.store(0, Release);
        let header = self.header();
        header.pending_bytes.fetch_sub(record.len, Relaxed);
        if flushed {
            header.flushed_total.fetch_add(record.len, Relaxed);
        }
        self.slots.lock().free.push(record.slot);
        self.room.notify_waiters();
    }

    fn take_slot(&self) -> Option<u32> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.free.pop() {
            return Some(slot);
        }
        let slot = slots.fresh;
        (slot < self.layout.slots).then(|| slots.fresh += 1)?;
        Some(slot)
    }

    /// (node, bytes) of each pending piece, without taking them: for those who only look.
    fn peek(&self) -> Vec<(u64, u64)> {
        (0..self.layout.slots)
            .map(|number| self.slot(number))
            .filter(|slot| slot.seq.load(Acquire) != 0)
            .map(|slot| (slot.node.load(Relaxed), slot.len.load(Acquire)))
            .collect()
    }

    /// Takes what an earlier process left, in the order in which it was written. To be called once, first.
    pub(crate) fn replay(self: &Arc<Self>) -> Vec<Record> {
        let mut records = Vec::new();
        let mut slots = self.slots.lock();
        for number in 0..self.layout.slots {
            let slot = self.slot(number);
            let seq = slot.seq.load(Acquire);
            if seq == 0 {
                continue;
            }
            let (at, len) = (slot.at.load(Relaxed), slot.len.load(Acquire));
            let skipped = std::mem::replace(&mut slots.fresh, number + 1)..number;
            slots.free.extend(skipped);
            let Some(range) = self.pages.lock().claim(at, len) else {
                tracing::error!(number, at, len, "a record of the arena makes no sense; it is left out");
                slot.seq.store(0, Release);
                slots.free.push(number);
                continue;
            };
            records.push(Record {
                slot: number,
                seq,
                node: slot.node.load(Relaxed),
                offset: slot.offset.load(Relaxed),
                len,
                run: Arc::new(Run::new(self.clone(), range)),
                at,
            });
        }
        drop(slots);
        records.sort_by_key(|record| record.seq);
        self.header().pending_bytes.store(records.iter().map(|record| record.len).sum(), Relaxed);
        records
    }

    /// Gives the memory of unused pages back to the system. A write that finds none meanwhile waits for `room`.
    pub(crate) fn tidy(&self) {
        let free = self.pages.lock().take_touched();
        for range in free {
            self.map.punch(self.layout.data_at() + range.start, range.end - range.start);
            self.pages.lock().give_back_clean(range);
            self.room.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
