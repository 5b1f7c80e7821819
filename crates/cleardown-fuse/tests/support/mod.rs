//! A mount for tests, and a file system in memory that answers at once.
#![allow(dead_code)] // Each test file uses its part.

pub(crate) mod memory;

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cleardown_fuse::{Config, Filesystem, Session};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

/// A FUSE mount in a temporary folder; aborted and unmounted when dropped, whatever happened.
pub(crate) struct Mounted {
    dir: tempfile::TempDir,
    device: Option<OwnedFd>,
}

impl Mounted {
    /// Mounts; needs root.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let device: OwnedFd =
            std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap().into();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let options = std::ffi::CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("cleardown-test", dir.path(), "fuse.cleardown-test", flags, options.as_c_str()).unwrap();
        Mounted { dir, device: Some(device) }
    }
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    /// A duplicate, as the daemon keeps one.
    pub(crate) fn duplicate(&self) -> OwnedFd {
        self.device.as_ref().unwrap().try_clone().unwrap()
    }
    pub(crate) fn device(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.device.as_ref().unwrap().as_fd()
    }
    /// Serves it; only the session holds the descriptor from now on.
    pub(crate) fn serve<F: Filesystem>(&mut self, filesystem: Arc<F>, config: Config) -> Session {
        Session::start(self.device.take().unwrap(), filesystem, config).unwrap()
    }
    /// An orderly unmount, which fails when the file system is in use.
    pub(crate) fn unmount(&self) -> rustix::io::Result<()> {
        unmount(self.dir.path(), UnmountFlags::empty())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // FORCE aborts the connection, so that nothing hangs on it.
        let _ = unmount(self.dir.path(), UnmountFlags::FORCE);
        let _ = unmount(self.dir.path(), UnmountFlags::DETACH);
    }
}
