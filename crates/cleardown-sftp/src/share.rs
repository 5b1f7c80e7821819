//! The [`Share`] trait over a session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use cleardown_core::error::Error;
use cleardown_share::{
    Access, Attr, Capabilities, DirEntry, Disposition, Event, FileKind, OpenHow, Opened, RenameHow,
    SessionInfo, SetAttr, Share, ShareError, SharePath, ShareResult, StatFs,
};
use tokio::sync::mpsc;

use crate::attr;
use crate::config::Config;
use crate::file::SftpFile;
use crate::link::{Answer, Failure, Link, expect_attrs, expect_handle, expect_name};
use crate::mux::Reply;
use crate::session::{Again, Session};
use crate::wire::{Attrs, Packet, extended, extension, flag, kind, request};

/// How long a log-off may take.
const LEAVE: Duration = Duration::from_secs(5);
/// How often the answer "exists" and "does not exist" may alternate while a file is opened.
const ROUNDS: usize = 4;

/// A folder of an SFTP server.
pub struct SftpShare {
    session: Arc<Session>,
    /// As the first connection found it.
    info: SessionInfo,
    capabilities: Capabilities,
    login: Option<(u32, u32)>,
    transfer: u32,
}

/// Connects to a server, logs on and opens the folder.
///
/// # Errors
/// `UnknownHost`, `NoRoute`, `Refused`, `Timeout`, `HostKeyUnknown`, `HostKeyChanged`, `Authentication`,
/// `NoSuchShare` (the folder is missing), `AccessDenied`, `Protocol`, `ServerGone`.
pub async fn connect(config: Config) -> Result<SftpShare, Error> {
    let session = Session::start(config).await?;
    let link = session.link_now();
    let (cipher, extensions, transfer) = match &link {
        Some(link) => (link.cipher.clone(), link.extensions, link.write_len.min(link.read_len)),
        None => (None, Default::default(), 32 * 1024),
    };
    let mut capabilities =
        Capabilities::SYMLINKS | Capabilities::MODE | Capabilities::IDS | Capabilities::OPEN_FILES_MOVE;
    capabilities.set(Capabilities::RENAME_REPLACES, extensions.posix_rename);
    capabilities.set(Capabilities::HARD_LINKS, extensions.hard_link);
    capabilities.set(Capabilities::COPY, extensions.copy_data);
    capabilities.set(Capabilities::READ_ONLY, session.config.read_only);
    let login = match &link {
        Some(link) => link.login_ids(&session.config).await,
        None => None,
    };
    let user = session.config.user.clone();
    let info = SessionInfo { dialect: "SFTP 3".into(), signing: cipher.clone(), encryption: cipher, user };
    Ok(SftpShare { session, info, capabilities, login, transfer })
}

impl SftpShare {
    fn writable(&self) -> ShareResult<()> {
        if self.session.config.read_only {
            return Err(ShareError::server(libc::EROFS, "the drive is read-only"));
        }
        Ok(())
    }

    /// A change whose new attributes are asked for in the same breath: requests on one file are carried out
    /// in the order sent (section 4 of the draft).
    async fn change_and_stat(&self, link: &Link, change: Packet, path: &[u8]) -> Answer<Attr> {
        let (changed, stat) = tokio::join!(link.ask(change), link.lstat(path));
        changed?;
        match stat {
            Ok(attr) => Ok(attr),
            Err(Failure::Server(_)) => link.lstat(path).await,
            Err(failure) => Err(failure),
        }
    }

    async fn try_open(&self, link: &Link, path: &SharePath, flags: u32, mode: u32) -> Answer<(Bytes, Attr)> {
        let full = link.path(path);
        let mode = (flags & flag::CREATE != 0).then_some(mode & 0o7777);
        let open = request(kind::OPEN).string(&full).u32(flags).attrs(&Attrs { mode, ..Attrs::default() });
        let (opened, stat) = tokio::join!(link.send(open), link.lstat(&full));
        let handle = opened.and_then(expect_handle)?;
        let attr = match stat {
            Ok(attr) if attr.kind == FileKind::File => attr,
            Err(Failure::Lost | Failure::Unsent) => return Err(Failure::Lost),
            // A link that the server followed, or a server that keeps no order.
            _ => attr::from_wire(
                &link.send(request(kind::FSTAT).string(&handle)).await.and_then(expect_attrs)?,
            ),
        };
        Ok((handle, attr))
    }

    /// Creates the file or opens the one that is there; true when it was created.
    async fn open_or_create(
        &self,
        link: &Link,
        path: &SharePath,
        flags: u32,
        mode: u32,
    ) -> Answer<(Bytes, Attr, bool)> {
        let create = (flags & !flag::TRUNCATE) | flag::CREATE | flag::EXCLUSIVE;
        let mut last = Failure::Unsent;
        for _ in 0..ROUNDS {
            last = match self.try_open(link, path, create, mode).await {
                Ok((handle, attr)) => return Ok((handle, attr, true)),
                Err(Failure::Server(error)) if matches!(error.errno, libc::EIO | libc::EEXIST) => {
                    Failure::Server(error)
                }
                Err(failure) => return Err(failure),
            };
            match self.try_open(link, path, flags, mode).await {
                Ok((handle, attr)) => return Ok((handle, attr, false)),
                Err(Failure::Server(error)) if error.errno == libc::ENOENT => {}
                Err(failure) => return Err(failure),
            }
            // It is not there, and yet cannot be made: someone else has removed it, or the first answer
            // meant something else.
        }
        Err(last)
    }

    async fn open_on(&self, link: &Link, path: &SharePath, how: OpenHow) -> Answer<(Bytes, Attr, bool, u32)> {
        let mut flags = 0;
        if how.access.contains(Access::READ) {
            flags |= flag::READ;
        }
        if how.access.contains(Access::WRITE) {
            flags |= flag::WRITE;
        }
        let exclusive = how.disposition == Disposition::CreateNew;
        let answer = match how.disposition {
            Disposition::Open => self.try_open(link, path, flags, 0).await.map(|(h, a)| (h, a, false)),
            Disposition::Truncate => {
                self.try_open(link, path, flags | flag::TRUNCATE, 0).await.map(|(h, a)| (h, a, false))
            }
            Disposition::CreateNew => {
                let flags = flags | flag::CREATE | flag::EXCLUSIVE;
                self.try_open(link, path, flags, how.mode).await.map(|(h, a)| (h, a, true))
            }
            Disposition::OpenOrCreate => self.open_or_create(link, path, flags, how.mode).await,
            Disposition::CreateOrTruncate => {
                self.open_or_create(link, path, flags | flag::TRUNCATE, how.mode).await
            }
        };
        let answer = answer.map(|(handle, attr, created)| (handle, attr, created, flags));
        link.explain(answer, async |error| link.why_no_open(error, path, exclusive).await).await
    }

    async fn list_on(&self, link: &Link, path: &SharePath, into: &mpsc::Sender<Vec<DirEntry>>) -> Answer<()> {
        let full = link.path(path);
        let opened = link.send(request(kind::OPENDIR).string(&full)).await.and_then(expect_handle);
        let handle = link.explain(opened, async |error| link.why_no_listing(error, path).await).await?;
        // However the listing ends (the caller may give it up), the handle is closed.
        let _guard = Closing { link, handle: &handle };
        loop {
            let reply = link.mux.request(request(kind::READDIR).string(&handle), Bytes::new(), None).await?;
            let fields = match reply {
                reply if reply.is_end() => return Ok(()),
                Reply::Name(fields) => fields,
                Reply::Status { code, message } => return Err(crate::errno::error(code, &message).into()),
                _ => return Err(crate::wire::Malformed.into()),
            };
            let mut batch = Vec::new();
            for (mut entry, whole) in attr::entries(fields)? {
                if !whole && let Some(path) = path.join(&entry.name) {
                    match link.lstat(&link.path(&path)).await {
                        Ok(attr) => entry.attr = attr,
                        // It has gone meanwhile.
                        Err(Failure::Server(_)) => continue,
                        Err(failure) => return Err(failure),
                    }
                }
                batch.push(entry);
            }
            if into.is_closed() || (!batch.is_empty() && into.send(batch).await.is_err()) {
                return Ok(());
            }
        }
    }
}

/// Closes a folder's handle when dropped.
struct Closing<'a> {
    link: &'a Link,
    handle: &'a Bytes,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.link.mux.close(self.handle);
    }
}

impl Drop for SftpShare {
    fn drop(&mut self) {
        self.abort();
    }
}

#[async_trait]
impl Share for SftpShare {
    fn session(&self) -> SessionInfo {
        self.info.clone()
    }

    fn login_ids(&self) -> Option<(u32, u32)> {
        self.login
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn transfer_size(&self) -> u32 {
        self.transfer
    }

    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        self.session.receiver.lock().take()
    }

    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        let stat = |link: Arc<Link>| async move {
            let answer = link.lstat(&link.path(path)).await;
            link.explain(answer, async |error| link.why_no_stat(error, path).await).await
        };
        self.session.call(Again::Yes, stat).await
    }

    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        // Not again: the caller has some of the entries already.
        let into = &into;
        self.session.call(Again::No, |link| async move { self.list_on(&link, path, into).await }).await
    }

    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        if how.access.contains(Access::WRITE) || how.disposition != Disposition::Open {
            self.writable()?;
        }
        if path.is_root() {
            return Err(ShareError::server(libc::EISDIR, "the root is a folder"));
        }
        let again = if how.disposition == Disposition::Open { Again::Yes } else { Again::No };
        let open = |link: Arc<Link>| async move {
            let (handle, attr, created, flags) = self.open_on(&link, path, how).await?;
            let file = SftpFile::new(self.session.clone(), path, flags, &link, handle);
            Ok(Opened { file: Arc::new(file), attr, created })
        };
        self.session.call(again, open).await
    }

    async fn create_dir(&self, path: &SharePath, mode: u32) -> ShareResult<Attr> {
        self.writable()?;
        let make = |link: Arc<Link>| async move {
            let full = link.path(path);
            let attrs = Attrs { mode: Some(mode & 0o7777), ..Attrs::default() };
            let answer =
                self.change_and_stat(&link, request(kind::MKDIR).string(&full).attrs(&attrs), &full).await;
            link.explain(answer, async |error| link.why_not_made(error, path).await).await
        };
        self.session.call(Again::No, make).await
    }

    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        self.writable()?;
        let remove = |link: Arc<Link>| async move {
            let answer = link.ask(request(kind::REMOVE).string(link.path(path))).await;
            link.explain(answer, async |error| link.why_not_removed(error, path).await).await
        };
        self.session.call(Again::No, remove).await?;
        self.session.moved(path, None);
        Ok(())
    }

    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        self.writable()?;
        let remove = |link: Arc<Link>| async move {
            let answer = link.ask(request(kind::RMDIR).string(link.path(path))).await;
            link.explain(answer, async |error| link.why_no_rmdir(error, path).await).await
        };
        self.session.call(Again::No, remove).await
    }

    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
        self.writable()?;
        if from != to && to.starts_with(from) {
            return Err(ShareError::server(libc::EINVAL, "a folder cannot move into itself"));
        }
        let replaces = how == RenameHow::Replace;
        let rename = |link: Arc<Link>| async move {
            let (old, new) = (link.path(from), link.path(to));
            // SSH_FXP_RENAME of version 3 never replaces.
            let packet = match replaces && link.extensions.posix_rename {
                true => extended(extension::POSIX_RENAME),
                false => request(kind::RENAME),
            };
            let answer = link.ask(packet.string(&old).string(&new)).await;
            link.explain(answer, async |error| link.why_no_rename(error, from, to, replaces).await).await
        };
        self.session.call(Again::No, rename).await?;
        self.session.moved(from, Some(to));
        Ok(())
    }

    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        self.writable()?;
        let make = |link: Arc<Link>| async move {
            if !link.extensions.hard_link {
                return Err(ShareError::unsupported("a hard link").into());
            }
            let (old, new) = (link.path(from), link.path(to));
            let packet = extended(extension::HARD_LINK).string(&old).string(&new);
            let answer = self.change_and_stat(&link, packet, &new).await;
            link.explain(answer, async |error| link.why_no_hard_link(error, from, to).await).await
        };
        self.session.call(Again::No, make).await
    }

    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        self.writable()?;
        let make = |link: Arc<Link>| async move {
            let full = link.path(path);
            // OpenSSH has target and link the other way round than the draft, and everyone follows it.
            let packet = request(kind::SYMLINK).string(target).string(&full);
            let answer = self.change_and_stat(&link, packet, &full).await;
            link.explain(answer, async |error| link.why_not_made(error, path).await).await
        };
        self.session.call(Again::No, make).await
    }

    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        let read = |link: Arc<Link>| async move {
            let answer =
                link.send(request(kind::READLINK).string(link.path(path))).await.and_then(expect_name);
            link.explain(answer, async |error| link.why_no_link_target(error, path).await).await
        };
        self.session.call(Again::Yes, read).await
    }

    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        self.writable()?;
        let current = if attr::needs_current(set) { Some(self.stat(path).await?) } else { None };
        let wire = &attr::to_wire(set, current.as_ref());
        let change = |link: Arc<Link>| async move {
            let full = link.path(path);
            // SETSTAT follows links; the extension does not, and knows no size.
            let packet = match link.extensions.lsetstat && wire.size.is_none() && wire.mode.is_none() {
                true => extended(extension::LSETSTAT),
                false => request(kind::SETSTAT),
            };
            let answer = self.change_and_stat(&link, packet.string(&full).attrs(wire), &full).await;
            link.explain(answer, async |error| link.why_not_set(error, path, wire.size).await).await
        };
        self.session.call(Again::Yes, change).await
    }

    async fn stat_fs(&self) -> ShareResult<StatFs> {
        let stat = |link: Arc<Link>| async move { Ok(link.room(&link.path(&SharePath::root())).await?.0) };
        self.session.call(Again::Yes, stat).await
    }

    async fn probe(&self) -> ShareResult<Duration> {
        let started = Instant::now();
        self.stat(&SharePath::root()).await?;
        Ok(started.elapsed())
    }

    async fn wake(&self) {
        self.session.wake().await;
    }

    async fn close(&self) -> ShareResult<bool> {
        if self.session.is_closed() {
            return Err(ShareError::transport(libc::ENOTCONN, "the session is closed"));
        }
        let Some(link) = self.session.end() else { return Ok(false) };
        // An answer to a last request proves that the server has carried out all before it.
        let last = tokio::time::timeout(LEAVE, link.lstat(&link.path(&SharePath::root()))).await;
        let left = tokio::time::timeout(LEAVE, link.leave()).await;
        Ok(matches!(last, Ok(Ok(_))) && matches!(left, Ok(true)))
    }

    fn abort(&self) {
        if let Some(link) = self.session.end() {
            link.cut("aborted");
        }
    }
}
