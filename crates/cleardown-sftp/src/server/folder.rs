//! The folder that is served: paths, resolved so that they cannot leave it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    self, AtFlags, Mode, OFlags, RenameFlags, ResolveFlags, Stat, StatVfs, Timespec, Timestamps,
};

use crate::wire::Attrs;

/// A path of the client, made safe: components without `.`, `..` and NUL, counted from the folder.
pub(super) struct Inside(Vec<Vec<u8>>);

impl Inside {
    /// `/` is the folder; `..` goes no higher.
    pub(super) fn parse(path: &[u8]) -> io::Result<Self> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for part in path.split(|byte| *byte == b'/') {
            match part {
                b"" | b"." => {}
                b".." => drop(parts.pop()),
                part if part.contains(&0) => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
                part => parts.push(part.to_vec()),
            }
        }
        Ok(Inside(parts))
    }

    /// As the client sees it.
    pub(super) fn absolute(&self) -> Vec<u8> {
        [&b"/"[..], &self.0.join(&b'/')].concat()
    }

    fn relative(&self) -> Vec<u8> {
        if self.0.is_empty() { b".".to_vec() } else { self.0.join(&b'/') }
    }
}

/// The folder.
pub(super) struct Folder(OwnedFd);

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Folder(fs::open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    pub(super) fn open_file(&self, path: &Inside, flags: OFlags, mode: u32) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        // A named pipe must not make the server wait.
        let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(fs::openat2(&self.0, path.relative(), flags, Mode::from_raw_mode(mode & 0o7777), resolve)?)
    }

    fn place(&self, path: &Inside) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        Ok(fs::openat2(&self.0, path.relative(), flags, Mode::empty(), resolve)?)
    }

    /// The folder that holds the path's last component, and that component.
    fn parent(&self, path: &Inside) -> io::Result<(OwnedFd, Vec<u8>)> {
        let (name, above) = path.0.split_last().ok_or(io::Error::from_raw_os_error(libc::EBUSY))?;
        Ok((self.place(&Inside(above.to_vec()))?, name.clone()))
    }

    pub(super) fn stat(&self, path: &Inside) -> io::Result<Stat> {
        Ok(fs::fstat(self.place(path)?)?)
    }

    pub(super) fn lstat(&self, path: &Inside) -> io::Result<Stat> {
        if path.0.is_empty() {
            return self.stat(path);
        }
        let (parent, name) = self.parent(path)?;
        Ok(fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    pub(super) fn set(&self, path: &Inside, attrs: &Attrs) -> io::Result<()> {
        if let Some(size) = attrs.size {
            fs::ftruncate(self.open_file(path, OFlags::WRONLY, 0)?, size)?;
        }
        if let Some(mode) = attrs.mode {
            // fchmod(2) refuses O_PATH descriptors; their name under /proc is as safe.
            let place = self.place(path)?;
            let name = format!("/proc/self/fd/{}", place.as_raw_fd());
            fs::chmod(name, Mode::from_raw_mode(mode & 0o7777))?;
        }
        if attrs.times.is_none() && attrs.ids.is_none() {
            return Ok(());
        }
        if path.0.is_empty() {
            return self.set_open(
                &self.open_file(path, OFlags::RDONLY, 0)?,
                &Attrs { size: None, mode: None, ..*attrs },
            );
        }
        let (parent, name) = self.parent(path)?;
        if let Some(times) = attrs.times {
            fs::utimensat(&parent, &name, &timestamps(times), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        if let Some((uid, gid)) = attrs.ids {
            let (uid, gid) = (fs::Uid::from_raw(uid), fs::Gid::from_raw(gid));
            fs::chownat(&parent, &name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(())
    }

    pub(super) fn set_open(&self, file: &OwnedFd, attrs: &Attrs) -> io::Result<()> {
        if let Some(size) = attrs.size {
            fs::ftruncate(file, size)?;
        }
        if let Some(mode) = attrs.mode {
            fs::fchmod(file, Mode::from_raw_mode(mode & 0o7777))?;
        }
        if let Some(times) = attrs.times {
            fs::futimens(file, &timestamps(times))?;
        }
        if let Some((uid, gid)) = attrs.ids {
            fs::fchown(file, Some(fs::Uid::from_raw(uid)), Some(fs::Gid::from_raw(gid)))?;
        }
        Ok(())
    }

    pub(super) fn remove(&self, path: &Inside, folder: bool) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let flags = if folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        Ok(fs::unlinkat(parent, name, flags)?)
    }

    pub(super) fn make_folder(&self, path: &Inside, mode: u32) -> io::Result<()> {
        let (parent, name) = self.parent(path).map_err(|error| match error.raw_os_error() {
            Some(libc::EBUSY) => io::Error::from_raw_os_error(libc::EEXIST),
            _ => error,
        })?;
        Ok(fs::mkdirat(parent, name, Mode::from_raw_mode(mode & 0o7777))?)
    }

    pub(super) fn rename(&self, from: &Inside, to: &Inside, replace: bool) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.parent(from)?, self.parent(to)?);
        let flags = if replace { RenameFlags::empty() } else { RenameFlags::NOREPLACE };
        Ok(fs::renameat_with(from, old, to, new, flags)?)
    }

    pub(super) fn hard_link(&self, from: &Inside, to: &Inside) -> io::Result<()> {
        let ((from, old), (to, new)) = (self.parent(from)?, self.parent(to)?);
        Ok(fs::linkat(from, old, to, new, AtFlags::empty())?)
    }

    /// Any target may be kept: it is never followed out of the folder.
    pub(super) fn symlink(&self, path: &Inside, target: &[u8]) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        Ok(fs::symlinkat(target, parent, name)?)
    }

    pub(super) fn read_link(&self, path: &Inside) -> io::Result<Vec<u8>> {
        let (parent, name) = self.parent(path)?;
        Ok(fs::readlinkat(parent, name, Vec::new())?.into_bytes())
    }

    pub(super) fn room(&self, path: &Inside) -> io::Result<StatVfs> {
        Ok(fs::fstatvfs(self.place(path)?)?)
    }
}

fn timestamps((accessed, modified): (u32, u32)) -> Timestamps {
    let time = |seconds: u32| Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    Timestamps { last_access: time(accessed), last_modification: time(modified) }
}

/// What the protocol says of a file.
pub(super) fn attrs(stat: &Stat) -> Attrs {
    let seconds = |time: i64| u32::try_from(time.max(0)).unwrap_or(u32::MAX);
    Attrs {
        size: Some(u64::try_from(stat.st_size).unwrap_or(0)),
        ids: Some((stat.st_uid, stat.st_gid)),
        mode: Some(stat.st_mode),
        times: Some((seconds(stat.st_atime), seconds(stat.st_mtime))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go_no_higher_than_the_folder() {
        let shown =
            |path: &str| String::from_utf8(Inside::parse(path.as_bytes()).unwrap().absolute()).unwrap();
        assert_eq!(shown("/../../etc/./passwd"), "/etc/passwd");
        assert_eq!(shown("a/../../b//c"), "/b/c");
        assert_eq!(shown("."), "/");
        assert!(Inside::parse(b"a\0b").is_err());
    }

    #[test]
    fn links_do_not_lead_out() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), inside.path().join("out")).unwrap();
        std::os::unix::fs::symlink("../../../../../../etc", inside.path().join("up")).unwrap();
        let folder = Folder::open(inside.path()).unwrap();
        let parse = |path: &str| Inside::parse(path.as_bytes()).unwrap();
        for path in ["out/secret", "up/passwd", "out"] {
            assert!(folder.open_file(&parse(path), OFlags::RDONLY, 0).is_err(), "{path}");
            assert!(folder.stat(&parse(path)).is_err(), "{path}");
        }
        assert!(folder.set(&parse("out"), &Attrs { mode: Some(0), ..Attrs::default() }).is_err());
        assert!(folder.remove(&parse("out/secret"), false).is_err());
        assert!(folder.rename(&parse("out/secret"), &parse("mine"), true).is_err());
        assert!(folder.lstat(&parse("out")).is_ok(), "the link itself is inside");
    }
}
