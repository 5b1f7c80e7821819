//! A mount for tests, and a file system in memory that answers at once.
#![allow(clippy::unwrap_used)] // A test cannot go on without.

mod memory;

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cleardown_fuse::{Config, Filesystem, Session};
pub use memory::Memory;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

#[derive(Debug)]
/// A FUSE mount in a temporary folder; aborted and unmounted when dropped, whatever happened.
pub struct Mounted {
    dir: tempfile::TempDir,
    device: Option<OwnedFd>,
}

impl Mounted {
    /// Mounts; needs root.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let device: OwnedFd =
            std::fs::OpenOptions::new().read(true).write(true).open("/dev/fuse").unwrap().into();
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let options = std::ffi::CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("cleardown-test", dir.path(), "fuse.cleardown-test", flags, options.as_c_str()).unwrap();
        Mounted { dir, device: Some(device) }
    }
    /// The mount point.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
    /// A path below it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
    /// A duplicate, as the daemon keeps one.
    pub fn duplicate(&self) -> OwnedFd {
        self.device.as_ref().unwrap().try_clone().unwrap()
    }
    /// Serves it; only the session holds the descriptor from now on.
    pub fn serve<F: Filesystem>(&mut self, filesystem: Arc<F>, config: Config) -> Session {
        Session::start(self.device.take().unwrap(), filesystem, config).unwrap()
    }
    /// An orderly unmount, which fails when the file system is in use.
    pub fn unmount(&self) -> rustix::io::Result<()> {
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
