//! Memory that requests are read into, and that the payload of a write is handed on in.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// Where in a buffer the payload of a WRITE begins.
pub const PAYLOAD_OFFSET: usize = crate::abi::WRITE_PAYLOAD;

/// Gives out buffers. The drive has one of its own, whose memory its daemon holds too.
pub trait BufferPool: Send + Sync + 'static {
    /// A buffer of at least `size` bytes. It may wait for one to come back, which holds back the kernel.
    fn take(&self, size: usize) -> Box<dyn Buffer>;
    /// Large writes have ceased: memory that nobody uses may go back to the system. Called by each thread that
    /// reads requests, just after it has given its own buffer back.
    fn quiet(&self) {}
}

/// Memory for one request.
pub trait Buffer: Send {
    /// The memory, at least as large as was asked for.
    fn memory(&mut self) -> &mut [u8];
    /// Hands on a part that the kernel has filled (the payload of a write, which begins at
    /// [`PAYLOAD_OFFSET`]); the memory comes back to the pool when it is dropped.
    fn freeze(self: Box<Self>, part: Range<usize>) -> Bytes;
}

/// Buffers from anonymous memory, in which payloads begin at a page. Their number is bounded, and when writes
/// cease their memory goes back to the system.
#[derive(Debug)]
pub struct PagePool {
    limit: usize,
    state: Mutex<State>,
    returned: Condvar,
    me: Weak<PagePool>,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Pages>,
    out: usize,
}

const PAGE: usize = 4096;
/// How long a full pool makes a reader wait before it exceeds its bound rather than stop the mount.
const PATIENCE: Duration = Duration::from_secs(5);

impl PagePool {
    /// A pool that gives out at most `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new_cyclic(|me| PagePool {
            limit,
            state: Mutex::default(),
            returned: Condvar::new(),
            me: me.clone(),
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, pages: Pages) {
        let mut state = self.lock();
        state.out = state.out.saturating_sub(pages.length);
        state.idle.push(pages);
        drop(state);
        self.returned.notify_one();
    }
}

impl BufferPool for PagePool {
    fn take(&self, size: usize) -> Box<dyn Buffer> {
        let length = size.next_multiple_of(PAGE) + PAGE;
        let state = self.lock();
        let (mut state, _) = self
            .returned
            .wait_timeout_while(state, PATIENCE, |state| state.out + length > self.limit && state.out > 0)
            .unwrap_or_else(PoisonError::into_inner);
        state.out += length;
        let fits = state.idle.iter().rposition(|pages| pages.length == length);
        let pages = fits.map(|at| state.idle.swap_remove(at));
        drop(state);
        let pages = pages.unwrap_or_else(|| Pages::map(length));
        Box::new(PageBuffer { pages: Some(pages), size, pool: self.me.clone() })
    }
    fn quiet(&self) {
        self.lock().idle.clear();
    }
}

/// A mapping.
#[derive(Debug)]
struct Pages {
    start: *mut u8,
    length: usize,
}
// SAFETY: the mapping is plain memory owned by this value alone.
unsafe impl Send for Pages {}
// SAFETY: shared references only read.
unsafe impl Sync for Pages {}

impl Pages {
    fn map(length: usize) -> Pages {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other memory.
        let start = unsafe { mmap_anonymous(std::ptr::null_mut(), length, protection, flags) };
        // As for the allocator, there is no going on without memory.
        let start =
            start.unwrap_or_else(|_| std::alloc::handle_alloc_error(std::alloc::Layout::new::<[u8; PAGE]>()));
        Pages { start: start.cast(), length }
    }
}
impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no reference to it outlives its owner.
        let _ = unsafe { munmap(self.start.cast(), self.length) };
    }
}

/// A buffer that goes back to its pool. It begins so that the payload of a write begins at a page.
struct PageBuffer {
    pages: Option<Pages>,
    size: usize,
    pool: Weak<PagePool>,
}

impl PageBuffer {
    const LEAD: usize = PAGE - PAYLOAD_OFFSET;
    fn pages(&self) -> &Pages {
        self.pages.as_ref().expect("only drop takes them")
    }
}

impl Buffer for PageBuffer {
    fn memory(&mut self) -> &mut [u8] {
        let start = self.pages().start;
        // SAFETY: LEAD + size lies within the mapping (see take), which is zeroed or written before, and is
        // borrowed for as long as self is.
        unsafe { std::slice::from_raw_parts_mut(start.add(Self::LEAD), self.size) }
    }
    fn freeze(self: Box<Self>, part: Range<usize>) -> Bytes {
        let part = part.start.min(self.size)..part.end.min(self.size);
        Bytes::from_owner(Frozen(*self)).slice(part)
    }
}

struct Frozen(PageBuffer);
impl AsRef<[u8]> for Frozen {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: as for PageBuffer::memory; nobody writes to a frozen buffer.
        unsafe { std::slice::from_raw_parts(self.0.pages().start.add(PageBuffer::LEAD), self.0.size) }
    }
}

impl Drop for PageBuffer {
    fn drop(&mut self) {
        let Some(pages) = self.pages.take() else { return };
        if let Some(pool) = self.pool.upgrade() {
            pool.give_back(pages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_begins_at_a_page_and_its_memory_comes_back() {
        let pool = PagePool::new(8 << 20);
        let mut buffer = pool.take(1 << 20);
        buffer.memory()[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 3].copy_from_slice(b"abc");
        let payload = buffer.freeze(PAYLOAD_OFFSET..PAYLOAD_OFFSET + 3);
        assert_eq!(&payload[..], b"abc");
        assert_eq!(payload.as_ptr() as usize % PAGE, 0);
        let second = payload.clone();
        drop(payload);
        assert!(pool.lock().out > 0, "a clone still holds it");
        drop(second);
        assert_eq!(pool.lock().out, 0);
        assert_eq!(pool.lock().idle.len(), 1);
        drop(pool.take(1 << 20));
        assert_eq!(pool.lock().idle.len(), 1, "used again, not mapped anew");
        pool.quiet();
        assert!(pool.lock().idle.is_empty());
    }

    #[test]
    fn a_full_pool_waits_for_a_buffer_to_come_back() {
        let pool = PagePool::new(1 << 20);
        let held = pool.take(900 << 10).freeze(0..1);
        let other = std::thread::spawn({
            let pool = pool.clone();
            move || drop(pool.take(900 << 10))
        });
        // It cannot have one before this one is back (or its patience ends).
        assert!(!other.is_finished());
        drop(held);
        other.join().unwrap();
        assert_eq!(pool.lock().out, 0);
    }
}
