//! Where dirty data is: memory that the worker and its daemon share.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The memory that holds what the server has not yet acknowledged.
#[derive(Debug)]
pub struct Arena {
    fd: OwnedFd,
}

impl Arena {
    /// Makes an empty arena. It takes memory only as far as it is used.
    pub fn create() -> io::Result<Arena> {
        let fd = rustix::fs::memfd_create("cleardown-arena", rustix::fs::MemfdFlags::CLOEXEC)?;
        Ok(Arena { fd })
    }

    /// Opens the arena of an earlier worker.
    pub fn open(fd: OwnedFd) -> io::Result<Arena> {
        Ok(Arena { fd })
    }
}

impl AsFd for Arena {
    /// For the daemon to keep.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
