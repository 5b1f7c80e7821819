//! Which pages of the data area are free, and runs of those that are not.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;

use super::Shared;

pub(super) const PAGE: u64 = 4096;

/// Free pages, as ranges of bytes in the data area. First fit: what was used last is used again, and its memory
/// is warm.
#[derive(Debug)]
pub(super) struct Pages {
    free: BTreeMap<u64, u64>,
    total: u64,
    /// Nothing at or beyond was ever used since the last tidying.
    high: u64,
    frozen: HashMap<u64, Weak<Run>>,
}

impl Pages {
    pub(super) fn new(total: u64) -> Self {
        Pages { free: BTreeMap::from([(0, total)]), total, high: 0, frozen: HashMap::new() }
    }

    pub(super) fn take(&mut self, bytes: u64) -> Option<Range<u64>> {
        let bytes = bytes.max(1).next_multiple_of(PAGE);
        let (&start, &end) = self.free.iter().find(|(start, end)| **end - **start >= bytes)?;
        self.free.remove(&start);
        if start + bytes < end {
            self.free.insert(start + bytes, end);
        }
        self.high = self.high.max(start + bytes);
        Some(start..start + bytes)
    }

    /// Takes the pages that hold these bytes; none when they are not free or not there.
    pub(super) fn claim(&mut self, at: u64, len: u64) -> Option<Range<u64>> {
        let range = at / PAGE * PAGE..at.checked_add(len.max(1))?.checked_next_multiple_of(PAGE)?;
        let (&start, &end) = self.free.range(..=range.start).next_back()?;
        if range.end > end {
            return None;
        }
        self.free.remove(&start);
        for rest in [start..range.start, range.end..end] {
            if !rest.is_empty() {
                self.free.insert(rest.start, rest.end);
            }
        }
        self.high = self.high.max(range.end);
        Some(range)
    }

    pub(super) fn give_back(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.frozen.remove(&range.start);
        let (mut start, mut end) = (range.start, range.end);
        if let Some((&before, &its_end)) = self.free.range(..start).next_back()
            && its_end == start
        {
            self.free.remove(&before);
            start = before;
        }
        if let Some(&its_end) = self.free.get(&end) {
            self.free.remove(&end);
            end = its_end;
        }
        self.free.insert(start, end);
    }

    /// Takes the free pages that may hold memory, to be given back to the system.
    pub(super) fn take_touched(&mut self) -> Vec<Range<u64>> {
        let high = std::mem::replace(&mut self.high, 0);
        let touched: Vec<_> = self.free.range(..high).map(|(start, end)| *start..(*end).min(high)).collect();
        touched.into_iter().filter_map(|range| self.claim(range.start, range.end - range.start)).collect()
    }

    /// Pages that hold no memory any more.
    pub(super) fn give_back_clean(&mut self, range: Range<u64>) {
        self.give_back(range);
        // The highest page in use bounds what may hold memory.
        self.high = self.high.max(
            self.free
                .last_key_value()
                .map_or(self.total, |(start, end)| if *end == self.total { *start } else { self.total }),
        );
    }

    pub(super) fn freeze(&mut self, start: u64, run: &Arc<Run>) {
        self.frozen.insert(start, Arc::downgrade(run));
    }

    pub(super) fn frozen(&self, at: u64) -> Option<Arc<Run>> {
        // Payloads begin at the second page of their run.
        self.frozen.get(&(at / PAGE * PAGE).checked_sub(PAGE)?)?.upgrade()
    }
}

/// Pages in use. They are free again when the last reference is dropped.
#[derive(Debug)]
pub(crate) struct Run {
    arena: Arc<Shared>,
    start: u64,
    end: AtomicU64,
}

impl Run {
    pub(super) fn new(arena: Arc<Shared>, range: Range<u64>) -> Self {
        Run { arena, start: range.start, end: AtomicU64::new(range.end) }
    }

    /// Where it begins in the data area.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end.load(Ordering::Relaxed)
    }

    /// Copies into it; false when there is no room. Only the record's owner calls this, for bytes that it has
    /// not given to anybody yet.
    pub(crate) fn write(&self, at: u64, data: &[u8]) -> bool {
        if at < self.start || at + data.len() as u64 > self.end() {
            return false;
        }
        // SAFETY: within the run, which is ours; nobody else reads or writes bytes that were not published.
        unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), self.arena.data(at), data.len()) };
        true
    }

    /// Gives back the pages from the next full one on.
    pub(super) fn trim(&self, at: u64) {
        let keep = at.next_multiple_of(PAGE).max(self.start + PAGE);
        let end = self.end.fetch_min(keep, Ordering::Relaxed);
        if keep < end {
            self.arena.give_back(keep..end);
        }
    }

    pub(super) fn memory(&self, at: u64) -> *mut u8 {
        self.arena.data(at)
    }

    /// Bytes in it, which keep it.
    pub(super) fn bytes(self: &Arc<Self>, at: u64, len: usize) -> Bytes {
        assert!(at >= self.start && at + len as u64 <= self.end(), "records lie in their runs");
        Bytes::from_owner(Slice { run: self.clone(), at, len })
    }

    pub(super) fn freeze(self: &Arc<Self>) {
        self.arena.pages.lock().freeze(self.start, self);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.arena.give_back(self.start..self.end());
    }
}

struct Slice {
    run: Arc<Run>,
    at: u64,
    len: usize,
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: checked in Run::bytes; published bytes are not written again while the run lives.
        unsafe { std::slice::from_raw_parts(self.run.memory(self.at), self.len) }
    }
}
