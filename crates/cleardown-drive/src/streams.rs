//! Large files that are only read: past the kernel's page cache, or through it?
//!
//! Past it a stream with large buffers is fastest. But then each read of the application is a request of its own, which
//! small buffers (of 4 KiB) make slow, and nothing is there when the file is read again. What a program will do shows only
//! once it reads, and the way of an open file cannot be changed then; so what it did last time is taken for what it will do
//! next time. For a program that is not known the file's size decides: the larger it is, the likelier it is copied or played
//! with large buffers, and the more of what others use would have to leave the cache for it. A file that was read before is
//! read through the cache when it fits into memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::drive::Inner;
use crate::nodes::Node;

/// Files of at least this size are large.
const LARGE: u64 = 32 << 20;
/// Those of at least this size go past the cache when nothing is known of the program.
const HUGE: u64 = 512 << 20;
/// Reads below this size are cheaper from the page cache.
const SMALL: u64 = 64 << 10;
/// So many reads show what a program does.
const ENOUGH: u64 = 16;
/// What the kernel asks for at once, at the beginning of a file, for a program that reads in large pieces: its first
/// read-ahead is two or four times what is read, up to the mount's most. That is 128 KiB, unless root has raised it.
const FULL: u64 = 256 << 10;
const MOST: u64 = 128 << 10;
/// Programs that are remembered.
const PROGRAMS: usize = 256;

/// Size, time of change and of attributes.
pub(crate) type Stamp = (u64, i128, i128);

/// Programs, by name: whether each has read in small pieces when it last read a large file.
#[derive(Debug, Default)]
pub(crate) struct Programs(Mutex<HashMap<Vec<u8>, bool>>);

impl Programs {
    fn reads_small(&self, name: &[u8]) -> Option<bool> {
        self.0.lock().get(name).copied()
    }

    fn learn(&self, name: &[u8], small: bool) {
        let mut programs = self.0.lock();
        if programs.len() >= PROGRAMS && !programs.contains_key(name) {
            programs.clear();
        }
        programs.insert(name.to_vec(), small);
    }
}

/// How a large file is read through one handle.
#[derive(Debug)]
pub(crate) struct Stream {
    program: Vec<u8>,
    direct: bool,
    size: u64,
    reads: AtomicU64,
    bytes: AtomicU64,
    /// The first request, if it was for the beginning.
    first: AtomicU64,
    /// The largest.
    largest: AtomicU64,
}

impl Stream {
    /// Whether it should go past the page cache.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    /// The kernel has asked for this.
    pub(crate) fn note(&self, offset: u64, len: u64) {
        if self.reads.fetch_add(1, Ordering::Relaxed) == 0 && offset == 0 {
            self.first.store(len, Ordering::Relaxed);
        }
        self.bytes.fetch_add(len, Ordering::Relaxed);
        self.largest.fetch_max(len, Ordering::Relaxed);
    }

    /// Whether the program reads in small pieces, if that can be told.
    fn small(&self) -> Option<bool> {
        let (reads, bytes) = (self.reads.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        match self.direct {
            true => (reads >= ENOUGH).then(|| bytes / reads < SMALL),
            // Through the cache only the first read-ahead shows how much was wanted.
            false => {
                let (first, largest) =
                    (self.first.load(Ordering::Relaxed), self.largest.load(Ordering::Relaxed));
                (first >= FULL || first == MOST && largest == MOST && reads > 1).then_some(false)
            }
        }
    }

    fn has_read_most(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= self.size / 2
    }
}

impl Inner {
    /// How a handle of process `pid` that only reads will go, for a file of `size` bytes; none for small ones.
    pub(crate) fn stream(&self, node: u64, size: u64, pid: u32) -> Option<Stream> {
        if size < LARGE {
            return None;
        }
        let program = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let small = expects_small(self.programs.reads_small(&program), size);
        let direct = !(small || self.was_streamed(node) && fits(size));
        let (reads, bytes, first, largest) = Default::default();
        Some(Stream { program, direct, size, reads, bytes, first, largest })
    }

    /// It was read before, and has not changed since.
    fn was_streamed(&self, node: u64) -> bool {
        let table = self.table.lock();
        table.get(node).is_some_and(|known| known.streamed.is_some() && known.streamed == stamp(known))
    }

    /// A handle is closed: what it did is remembered.
    pub(crate) fn streamed(&self, node: u64, stream: &Stream) {
        if let Some(small) = stream.small() {
            self.programs.learn(&stream.program, small);
        }
        if stream.has_read_most()
            && let Some(known) = self.table.lock().get_mut(node)
        {
            known.streamed = stamp(known);
        }
    }
}

/// Whether small pieces are to be expected of a program, of which this may be known, for a file of `size` bytes.
fn expects_small(known: Option<bool>, size: u64) -> bool {
    known.unwrap_or(size < HUGE)
}

/// How a file was last seen, if its pages would be kept from one open to the next: a time of whole seconds may hide a change
/// within the second.
fn stamp(known: &Node) -> Option<Stamp> {
    let attr = &known.seen.as_ref()?.attr;
    let held = known.file.as_ref().is_some_and(|file| file.is_held());
    let kept = held || attr.modified.0 % 1_000_000_000 != 0;
    kept.then_some((attr.size, attr.modified.0, attr.changed.0))
}

/// Whether the page cache may well keep this much.
fn fits(size: u64) -> bool {
    let memory = rustix::system::sysinfo();
    #[allow(clippy::useless_conversion, reason = "its width depends on the machine")]
    let total = u64::from(memory.totalram) * u64::from(memory.mem_unit);
    size <= total / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(direct: bool, sizes: &[u64]) -> Option<bool> {
        let (reads, bytes, first, largest) = Default::default();
        let stream = Stream { program: Vec::new(), direct, size: LARGE, reads, bytes, first, largest };
        let mut offset = 0;
        for size in sizes {
            stream.note(offset, *size);
            offset += size;
        }
        stream.small()
    }

    #[test]
    fn a_program_is_judged_by_its_buffers() {
        assert_eq!(read(true, &[4 << 10; 15]), None, "a look at a file's head says nothing");
        assert_eq!(read(true, &[4 << 10; 16]), Some(true));
        assert_eq!(read(true, &[128 << 10; 16]), Some(false));
    }

    #[test]
    fn of_an_unknown_program_the_size_of_its_file_tells() {
        assert!(expects_small(None, LARGE) && !expects_small(None, HUGE));
        assert!(expects_small(Some(true), HUGE) && !expects_small(Some(false), LARGE));
    }

    #[test]
    fn through_the_cache_the_first_read_ahead_tells() {
        assert_eq!(read(false, &[16 << 10, 128 << 10, 128 << 10]), None);
        assert_eq!(
            read(false, &[128 << 10, 512 << 10]),
            None,
            "buffers of 32 KiB, and the kernel may ask for more"
        );
        assert_eq!(read(false, &[128 << 10, 128 << 10]), Some(false), "and it may not");
        assert_eq!(read(false, &[512 << 10]), Some(false));
    }
}
