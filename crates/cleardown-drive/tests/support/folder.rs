//! A share that is a local folder: a server that outlives the worker which is killed.

use std::any::Any;
use std::fs;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cleardown_share::{
    Access, Attr, Capabilities, DirEntry, Disposition, Event, File, FileKind, OpenHow, Opened, RenameHow,
    SessionInfo, SetAttr, Share, ShareError, SharePath, ShareResult, StatFs, Time,
};
use tokio::sync::mpsc;

/// The folder, and how long each write takes.
pub(crate) struct Folder {
    pub root: PathBuf,
    pub delay: Duration,
}

struct Handle(fs::File, Duration);

fn failed(error: io::Error) -> ShareError {
    ShareError::server(error.raw_os_error().unwrap_or(libc::EIO), error.to_string())
}

fn attr(metadata: &fs::Metadata) -> Attr {
    let time = |seconds: i64, nanos: i64| Time(i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
    let kind = match metadata.mode() & libc::S_IFMT {
        libc::S_IFDIR => FileKind::Dir,
        libc::S_IFLNK => FileKind::Symlink,
        _ => FileKind::File,
    };
    Attr {
        id: Some(metadata.ino()),
        kind,
        size: metadata.len(),
        allocated: Some(metadata.blocks() * 512),
        mode: Some(metadata.mode() & 0o7777),
        read_only: false,
        uid: Some(metadata.uid()),
        gid: Some(metadata.gid()),
        links: Some(metadata.nlink() as u32),
        accessed: time(metadata.atime(), metadata.atime_nsec()),
        modified: time(metadata.mtime(), metadata.mtime_nsec()),
        changed: time(metadata.ctime(), metadata.ctime_nsec()),
        created: None,
    }
}

impl Folder {
    fn at(&self, path: &SharePath) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.root.join(std::ffi::OsStr::from_bytes(path.as_bytes()))
    }
    fn attr(&self, path: &SharePath) -> ShareResult<Attr> {
        Ok(attr(&fs::symlink_metadata(self.at(path)).map_err(failed)?))
    }
}

#[async_trait::async_trait]
impl Share for Folder {
    fn session(&self) -> SessionInfo {
        SessionInfo::default()
    }
    fn capabilities(&self) -> Capabilities {
        use Capabilities as C;
        C::HARD_LINKS | C::SYMLINKS | C::MODE | C::IDS | C::RENAME_REPLACES | C::OPEN_FILES_MOVE
    }
    fn transfer_size(&self) -> u32 {
        1 << 20
    }
    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        None
    }
    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        self.attr(path)
    }
    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        use std::os::unix::ffi::OsStringExt;
        let mut all = Vec::new();
        for entry in fs::read_dir(self.at(path)).map_err(failed)?.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            all.push(DirEntry { name: entry.file_name().into_vec(), attr: attr(&metadata) });
        }
        let _ = into.send(all).await;
        Ok(())
    }
    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        let existed = self.at(path).exists();
        let mut options = fs::OpenOptions::new();
        let write = how.access.contains(Access::WRITE);
        options.read(how.access.contains(Access::READ)).write(write).mode(how.mode);
        match how.disposition {
            Disposition::Open => {}
            Disposition::CreateNew => drop(options.create_new(true)),
            Disposition::OpenOrCreate => drop(options.create(true)),
            Disposition::Truncate => drop(options.truncate(true)),
            Disposition::CreateOrTruncate => drop(options.create(true).truncate(true)),
        }
        let file = options.open(self.at(path)).map_err(failed)?;
        let attr = attr(&file.metadata().map_err(failed)?);
        let file = Arc::new(Handle(file, self.delay));
        Ok(Opened { file, attr, created: !existed })
    }
    async fn create_dir(&self, path: &SharePath, _mode: u32) -> ShareResult<Attr> {
        fs::create_dir(self.at(path)).map_err(failed)?;
        self.attr(path)
    }
    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        fs::remove_file(self.at(path)).map_err(failed)
    }
    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        fs::remove_dir(self.at(path)).map_err(failed)
    }
    async fn rename(&self, from: &SharePath, to: &SharePath, _how: RenameHow) -> ShareResult<()> {
        fs::rename(self.at(from), self.at(to)).map_err(failed)
    }
    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        fs::hard_link(self.at(from), self.at(to)).map_err(failed)?;
        self.attr(to)
    }
    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        use std::os::unix::ffi::OsStrExt;
        let target = std::ffi::OsStr::from_bytes(target);
        std::os::unix::fs::symlink(target, self.at(path)).map_err(failed)?;
        self.attr(path)
    }
    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        use std::os::unix::ffi::OsStringExt;
        Ok(fs::read_link(self.at(path)).map_err(failed)?.into_os_string().into_vec())
    }
    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        if let Some(size) = set.size {
            let file = fs::OpenOptions::new().write(true).open(self.at(path)).map_err(failed)?;
            file.set_len(size).map_err(failed)?;
        }
        if let Some(mode) = set.mode {
            fs::set_permissions(self.at(path), PermissionsExt::from_mode(mode)).map_err(failed)?;
        }
        self.attr(path)
    }
    async fn stat_fs(&self) -> ShareResult<StatFs> {
        Err(ShareError::unsupported("statfs"))
    }
    async fn probe(&self) -> ShareResult<Duration> {
        Ok(Duration::ZERO)
    }
    async fn close(&self) -> ShareResult<bool> {
        Ok(true)
    }
    fn abort(&self) {}
}

#[async_trait::async_trait]
impl File for Handle {
    async fn read(&self, offset: u64, len: u32) -> ShareResult<Bytes> {
        let mut buffer = vec![0; len as usize];
        let mut filled = 0;
        while filled < buffer.len() {
            match self.0.read_at(&mut buffer[filled..], offset + filled as u64).map_err(failed)? {
                0 => break,
                more => filled += more,
            }
        }
        buffer.truncate(filled);
        Ok(buffer.into())
    }
    async fn write(&self, offset: u64, data: Bytes) -> ShareResult<()> {
        tokio::time::sleep(self.1).await;
        self.0.write_all_at(&data, offset).map_err(failed)
    }
    async fn append(&self, data: Bytes) -> ShareResult<u64> {
        let end = self.0.metadata().map_err(failed)?.len();
        self.0.write_all_at(&data, end).map_err(failed)?;
        Ok(end + data.len() as u64)
    }
    async fn flush(&self) -> ShareResult<()> {
        Ok(())
    }
    async fn stat(&self) -> ShareResult<Attr> {
        Ok(attr(&self.0.metadata().map_err(failed)?))
    }
    async fn set_attr(&self, set: &SetAttr) -> ShareResult<Attr> {
        if let Some(size) = set.size {
            self.0.set_len(size).map_err(failed)?;
        }
        self.stat().await
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
    async fn close(&self) -> ShareResult<()> {
        Ok(())
    }
}
