//! Where everything is in the memfd.

use std::sync::atomic::AtomicU64;

/// "cleardn" and the version of the layout.
pub(super) const MAGIC: u64 = u64::from_be_bytes(*b"cleardn\x01");
pub(super) const HEADER_BYTES: u64 = 4096;
/// One of the two journals. It is sparse: a name takes some 50 bytes.
pub(super) const JOURNAL_BYTES: u64 = 256 << 20;
const SLOT_BYTES: u64 = 64;

/// The first page.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Header {
    pub(super) magic: AtomicU64,
    pub(super) data_bytes: AtomicU64,
    /// Bytes in records.
    pub(super) pending_bytes: AtomicU64,
    /// Bytes acknowledged since the arena was made.
    pub(crate) flushed_total: AtomicU64,
    pub(super) next_seq: AtomicU64,
    pub(crate) next_node: AtomicU64,
    pub(crate) next_fh: AtomicU64,
    /// Which journal is in use (lowest bit), and its length (the other bits).
    pub(super) journal: AtomicU64,
    /// 1 once a session has begun; then the rest is good.
    pub(super) begun: AtomicU64,
    pub(super) minor: AtomicU64,
    pub(super) flags: AtomicU64,
    pub(super) max_write: AtomicU64,
    pub(super) max_readahead: AtomicU64,
    pub(super) max_background: AtomicU64,
    pub(super) congestion: AtomicU64,
    /// The session with the server, or 0.
    pub(super) session: AtomicU64,
}

/// A record.
#[repr(C, align(64))]
#[derive(Debug)]
pub(super) struct Slot {
    /// Its place in the order of writes; 0 when the slot is free.
    pub(super) seq: AtomicU64,
    pub(super) node: AtomicU64,
    pub(super) offset: AtomicU64,
    pub(super) len: AtomicU64,
    /// Where its bytes begin in the data area.
    pub(super) at: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) data_bytes: u64,
    pub(super) slots: u32,
}

impl Layout {
    pub(super) fn new(data_bytes: u64) -> Self {
        let data_bytes = data_bytes.next_multiple_of(4096);
        // One per page: no piece shares its page.
        Layout { data_bytes, slots: (data_bytes / 4096) as u32 }
    }
    pub(super) fn slot_at(&self, slot: u32) -> u64 {
        HEADER_BYTES + u64::from(slot) * SLOT_BYTES
    }
    pub(super) fn journal_at(&self, which: u64) -> u64 {
        self.slot_at(self.slots) + which * JOURNAL_BYTES
    }
    pub(super) fn data_at(&self) -> u64 {
        self.journal_at(2).next_multiple_of(4096)
    }
    pub(super) fn total(&self) -> u64 {
        self.data_at() + self.data_bytes
    }
}
