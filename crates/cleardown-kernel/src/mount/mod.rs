//! Mounting FUSE file systems, and ending their mounts.
//!
//! Root mounts directly; an ordinary user goes through `fusermount3`. Either way the caller gets the descriptor
//! that the kernel sends its requests to, and whoever holds it keeps the mount alive.

mod abort;
mod direct;
mod folder;
mod helper;
mod unmount;

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};

use crate::mounts::Mount;

pub use abort::{abort, is_alive};
pub(crate) use direct::mount_id;
pub use folder::{make_folder, remove_folder};
pub use unmount::{Unmounted, detach, unmount};

/// What to mount, and where.
#[derive(Clone, Debug)]
pub struct MountRequest {
    /// The mount point: an empty folder.
    pub at: PathBuf,
    /// What the mount table shows as the source: the remote name.
    pub source: String,
    /// Refuse changes.
    pub read_only: bool,
    /// Let other users in; the kernel checks permissions. For an ordinary user only where
    /// `/etc/fuse.conf` says `user_allow_other`.
    pub allow_other: bool,
    /// Whose mount it is, and whose group's (the caller's own for an ordinary user).
    pub owner: (u32, u32),
    /// The longest read in bytes, or none for the kernel's own limit.
    pub max_read: Option<u32>,
}

/// A file system that is mounted and waits for its server.
#[derive(Debug)]
pub struct Mounted {
    /// The descriptor of `/dev/fuse`.
    pub fuse: OwnedFd,
    /// Its line in the mount table; `at` is free of symbolic links.
    pub mount: Mount,
}

/// Mounts, at most for `patience`. Blocks: the mount point may lie on a file system that does not answer.
///
/// # Errors
/// [`ErrorKind::MountPoint`], [`ErrorKind::MountPointNotEmpty`], [`ErrorKind::NoFuse`].
pub fn mount(request: MountRequest, patience: Duration) -> Result<Mounted> {
    let at = request.at.display().to_string();
    let attempt = move || {
        if rustix::process::geteuid().is_root() {
            direct::mount(&request)
        } else {
            helper::mount(&request, patience)
        }
    };
    let late = move |mounted: Result<Mounted>| {
        if let Ok(mounted) = mounted {
            let _ = detach(&mounted.mount, patience);
        }
    };
    crate::deadline::run(patience, attempt, late).map_err(|error| match error.kind() {
        std::io::ErrorKind::TimedOut => bad_point(&at, "mounting there takes too long").because(error),
        _ => Error::os("mounting", &error),
    })?
}

fn bad_point(at: &str, why: impl Into<String>) -> Error {
    ErrorKind::MountPoint { path: at.to_owned(), why: why.into() }.into()
}

#[cfg(test)]
mod tests;
