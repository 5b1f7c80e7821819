//! The kernel's requests are read into the arena, so that the bytes of a large write are where they belong
//! before we have seen them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use cleardown_fuse::{Buffer, BufferPool, PAYLOAD_OFFSET, PagePool};

use super::pages::PAGE;
use super::{Run, Shared};

/// A pool in the arena. When that is full, requests are read elsewhere, so that reads go on and a write can wait
/// for room without stopping the others.
pub(crate) struct ArenaPool {
    arena: Arc<Shared>,
    elsewhere: Arc<PagePool>,
}

impl ArenaPool {
    pub(crate) fn new(arena: Arc<Shared>) -> Self {
        ArenaPool { arena, elsewhere: PagePool::new(16 << 20) }
    }
}

/// So that a payload begins at a page.
const LEAD: u64 = PAGE - PAYLOAD_OFFSET as u64;

impl BufferPool for ArenaPool {
    fn take(&self, size: usize) -> Box<dyn Buffer> {
        match self.arena.take(LEAD + size as u64) {
            Some(run) => Box::new(ArenaBuffer { run, size }),
            None => self.elsewhere.take(size),
        }
    }
}

struct ArenaBuffer {
    run: Arc<Run>,
    size: usize,
}

impl Buffer for ArenaBuffer {
    fn memory(&mut self) -> &mut [u8] {
        // SAFETY: take() reserved LEAD + size bytes, nobody else knows this run before it is frozen, and the
        // borrow ends before that.
        unsafe { std::slice::from_raw_parts_mut(self.run.memory(self.run.start() + LEAD), self.size) }
    }
    fn freeze(self: Box<Self>, part: Range<usize>) -> Bytes {
        let part = part.start.min(self.size)..part.end.min(self.size);
        self.run.freeze();
        self.run.bytes(self.run.start() + LEAD + part.start as u64, part.len())
    }
}
