//! Entries of a folder, packed as READDIR and READDIRPLUS want them.

use zerocopy::IntoBytes;

use crate::abi;
use crate::types::EntryOut;

/// The answer to one READDIR.
#[derive(Debug)]
pub struct DirBuffer {
    bytes: Vec<u8>,
    size: usize,
    plus: bool,
}

impl DirBuffer {
    /// An empty one for this `size` and `plus` of [`crate::Op::Readdir`].
    pub fn new(size: u32, plus: bool) -> Self {
        // The kernel asks for at most some hundred KiB; the vector grows only as far as entries fill it.
        DirBuffer { bytes: Vec::with_capacity((size as usize).min(16 << 10)), size: size as usize, plus }
    }

    /// Adds an entry without attributes. `next_offset` is where a later READDIR goes on after it; `kind` is its
    /// file type (`S_IFDIR` ..., other bits are ignored). True when it did not fit, and the buffer is as before.
    ///
    /// In a READDIRPLUS it is an entry whose attributes the kernel will ask for when it needs them; so belong
    /// `.` and `..` there.
    #[must_use]
    pub fn push(&mut self, ino: u64, next_offset: u64, kind: u32, name: &[u8]) -> bool {
        let none = EntryOut::default();
        self.add(&none, ino, next_offset, kind, name)
    }

    /// Adds an entry with its attributes; the kernel counts it as a lookup of `entry.nodeid`. True when it did
    /// not fit, and the buffer is as before (no lookup was counted).
    #[must_use]
    pub fn push_plus(&mut self, entry: &EntryOut, next_offset: u64, name: &[u8]) -> bool {
        self.add(entry, entry.attr.ino, next_offset, entry.attr.mode, name)
    }

    fn add(&mut self, entry: &EntryOut, ino: u64, off: u64, mode: u32, name: &[u8]) -> bool {
        let head = if self.plus { size_of::<abi::EntryOut>() } else { 0 };
        let length = (head + size_of::<abi::Dirent>() + name.len()).next_multiple_of(8);
        if self.bytes.len() + length > self.size {
            return true;
        }
        let end = self.bytes.len() + length;
        if self.plus {
            self.bytes.extend_from_slice(entry.to_abi().as_bytes());
        }
        let dirent = abi::Dirent { ino, off, namelen: name.len() as u32, kind: (mode & libc::S_IFMT) >> 12 };
        self.bytes.extend_from_slice(dirent.as_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.resize(end, 0);
        false
    }

    /// No entries (the end of the folder).
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}
