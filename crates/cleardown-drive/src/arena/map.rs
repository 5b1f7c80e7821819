//! The mapped memfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};

#[derive(Debug)]
pub(super) struct Map {
    fd: OwnedFd,
    start: *mut u8,
    len: u64,
}

// SAFETY: the mapping is shared memory that is only touched through atomics, or by the one owner of a run.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    pub(super) fn create(len: u64) -> io::Result<Map> {
        let fd =
            rustix::fs::memfd_create("cleardown-arena", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        rustix::fs::ftruncate(&fd, len)?;
        // Nobody who holds it can make our mapping fault.
        rustix::fs::fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Map::new(fd, len)
    }

    pub(super) fn open(fd: OwnedFd) -> io::Result<Map> {
        if !rustix::fs::fcntl_get_seals(&fd)?.contains(SealFlags::SHRINK) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the arena is not sealed"));
        }
        let len = rustix::fs::fstat(&fd)?.st_size as u64;
        Map::new(fd, len)
    }

    fn new(fd: OwnedFd, len: u64) -> io::Result<Map> {
        let length = usize::try_from(len).map_err(io::Error::other)?;
        let (protection, flags) =
            (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED | MapFlags::NORESERVE);
        // SAFETY: a new mapping at an address of the kernel's choice; the seal keeps the file this long.
        let start = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, protection, flags, &fd, 0)? };
        Ok(Map { fd, start: start.cast(), len })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn at(&self, offset: u64) -> *mut u8 {
        assert!(offset <= self.len, "offsets come from the layout");
        // SAFETY: within the mapping, or one past its end.
        unsafe { self.start.add(offset as usize) }
    }

    /// Gives memory back; it reads as zeroes afterwards. Best effort.
    pub(super) fn punch(&self, offset: u64, len: u64) {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if let Err(errno) = rustix::fs::fallocate(&self.fd, flags, offset, len) {
            tracing::debug!(%errno, "giving memory back failed");
        }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: our mapping; what points into it holds a reference to the arena.
        let _ = unsafe { rustix::mm::munmap(self.start.cast(), self.len as usize) };
    }
}
