//! Mounts for tests, unmounted also when a test fails.

use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags};

pub(crate) struct Tmpfs {
    pub(crate) dir: tempfile::TempDir,
}

impl Tmpfs {
    pub(crate) fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("z")).unwrap();
        std::os::unix::fs::chown(dir.path(), None, None).unwrap();
        dir
    }

    /// A tmpfs with our file system's type in all but name; needs root.
    pub(crate) fn mount(dir: tempfile::TempDir) -> Self {
        let at = dir.path().join("z");
        rustix::mount::mount("//fs1/x", &at, "tmpfs", MountFlags::empty(), None).unwrap();
        Tmpfs { dir }
    }

    pub(crate) fn new() -> Self {
        Tmpfs::mount(Tmpfs::folder())
    }

    pub(crate) fn at(&self) -> PathBuf {
        self.dir.path().join("z")
    }

    pub(crate) fn line(&self) -> crate::Mount {
        line(&self.at())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.at(), UnmountFlags::DETACH);
    }
}

/// The mount table's line for this mount point.
pub(crate) fn line(at: &Path) -> crate::Mount {
    crate::mounts::topmost(&crate::mounts::read().unwrap(), at).unwrap().clone()
}
