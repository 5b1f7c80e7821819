//! The drive, as a worker sees it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::view::Loss;
use cleardown_share::Share;

use crate::arena::Arena;
use crate::status::{Drained, DriveStatus, Pending};

/// How a drive behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Refuse changes (`EROFS`), also when the server would allow them.
    pub read_only: bool,
    /// Whom files belong to, where the server has no numeric owners.
    pub uid: u32,
    /// Their group.
    pub gid: u32,
    /// Users other than the owner and root may use the mount (they see files with the owner's rights only if
    /// the modes say so: the kernel checks them when the mount has `default_permissions`).
    pub allow_others: bool,
    /// The longest that an operation of an application waits for the server.
    pub request_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            read_only: false,
            uid: 0,
            gid: 0,
            allow_others: false,
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// Whether the mount is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It is: the kernel waits for the hand-shake.
    Fresh,
    /// An earlier worker served it: what the arena holds is replayed, and the kernel resends what was not
    /// answered.
    Adopt,
}

/// A served drive.
pub struct Drive {}

impl Drive {
    /// Serves `fuse_fd`, a descriptor that was given to mount(2) or came from fusermount3. To be called in a
    /// tokio runtime (with time), from a thread that may block for a moment.
    pub fn start(
        share: Arc<dyn Share>,
        fuse_fd: OwnedFd,
        arena: Arena,
        options: Options,
        start: Start,
    ) -> io::Result<Arc<Drive>> {
        let _ = (share, fuse_fd, arena, options, start);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// How it is, answered at once.
    pub fn status(&self) -> DriveStatus {
        todo!()
    }

    /// Refuses new opens and creations with `ESHUTDOWN` (or no longer); open files go on.
    pub fn quiesce(&self, on: bool) {
        let _ = on;
        todo!()
    }

    /// Writes what is pending and closes what applications have closed, until all of it is acknowledged, some of
    /// it has failed for good, or the deadline passes.
    pub async fn drain(&self, deadline: Instant, progress: impl FnMut(Pending) + Send) -> Drained {
        let _ = (deadline, progress);
        todo!()
    }

    /// After the unmount: closes all handles and logs off. True when the server confirmed it.
    pub async fn close(&self, deadline: Instant) -> bool {
        let _ = deadline;
        todo!()
    }

    /// Fails everything at once and drops the connection; returns the files that lose bytes.
    pub fn abort(&self) -> Vec<Loss> {
        todo!()
    }

    /// Returns when the kernel has let go of the mount.
    pub async fn kernel_gone(&self) {
        todo!()
    }
}
