//! Mount points.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cleardown_core::{ErrorKind, Result};
use rustix::fs::{Dir, Mode, OFlags, open, openat};
use rustix::io::Errno;

use super::bad_point;

/// An empty folder, held so that nobody can exchange it between the look and the mount.
pub(super) struct Point {
    pub(super) folder: OwnedFd,
    pub(super) path: PathBuf,
}

/// Takes hold of the mount point and sees that it is an empty folder that is no mount yet.
pub(super) fn hold(at: &Path) -> Result<Point> {
    let shown = at.display().to_string();
    refuse_mounted(at, &shown)?;
    let folder = open(at, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let folder = folder.map_err(|errno| match errno {
        Errno::NOENT => bad_point(&shown, "there is no such folder"),
        Errno::NOTDIR => bad_point(&shown, "it is not a folder"),
        Errno::NOTCONN => bad_point(&shown, "something dead is mounted there (umount it)"),
        other => bad_point(&shown, io::Error::from(other).to_string()),
    })?;
    // The same folder by another name may be a mount after all.
    let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&folder));
    let path = std::fs::read_link(link).map_err(|error| bad_point(&shown, error.to_string()))?;
    refuse_mounted(&path, &shown)?;
    if !is_empty(&folder).map_err(|error| bad_point(&shown, error.to_string()))? {
        return Err(ErrorKind::MountPointNotEmpty(shown).into());
    }
    Ok(Point { folder, path })
}

fn refuse_mounted(at: &Path, shown: &str) -> Result<()> {
    let mounts = crate::mounts::read().unwrap_or_default();
    match crate::mounts::topmost(&mounts, at) {
        Some(mount) => Err(bad_point(shown, format!("{} is mounted there", mount.source))),
        None => Ok(()),
    }
}

fn is_empty(folder: &OwnedFd) -> io::Result<bool> {
    let readable = openat(folder, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::new(readable)? {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the mount point when it is missing; true when it was made, so that it can be removed afterwards.
///
/// # Errors
/// [`ErrorKind::MountPoint`] with what the file system answered.
pub fn make_folder(at: &Path) -> Result<bool> {
    let refuse = |error: io::Error| bad_point(&at.display().to_string(), error.to_string());
    if let Some(parent) = at.parent() {
        std::fs::create_dir_all(parent).map_err(refuse)?;
    }
    match rustix::fs::mkdir(at, Mode::from_raw_mode(0o755)) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(errno) => Err(refuse(errno.into())),
    }
}

/// Removes a mount point that [`make_folder`] made. It stays when it is not empty, or a mount again.
pub fn remove_folder(at: &Path) {
    let mounted = crate::mounts::read().is_ok_and(|mounts| mounts.iter().any(|mount| mount.at == at));
    if !mounted {
        let _ = rustix::fs::rmdir(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_will_do() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("a/z");
        assert!(matches!(hold(&at).err().unwrap().kind, ErrorKind::MountPoint { .. }));
        assert!(make_folder(&at).unwrap());
        assert!(!make_folder(&at).unwrap());
        assert_eq!(hold(&at).unwrap().path, at);
        std::fs::write(at.join("x"), "").unwrap();
        assert!(matches!(hold(&at).err().unwrap().kind, ErrorKind::MountPointNotEmpty(_)));
        assert!(matches!(hold(&at.join("x")).err().unwrap().kind, ErrorKind::MountPoint { .. }));
        remove_folder(&at);
        assert!(at.exists());
        std::fs::remove_file(at.join("x")).unwrap();
        remove_folder(&at);
        assert!(!at.exists());
        assert!(matches!(hold(Path::new("/proc")).err().unwrap().kind, ErrorKind::MountPoint { .. }));
    }
}
