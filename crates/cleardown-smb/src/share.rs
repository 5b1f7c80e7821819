//! The share as drives see it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use cleardown_core::{Error, ErrorKind};
use cleardown_share::{
    Access, Attr, Capabilities, DirEntry, Disposition, Event, FileKind, OpenHow, Opened, RenameHow,
    SessionInfo, SetAttr, Share, ShareError, SharePath, ShareResult, StatFs,
};
use tokio::sync::mpsc;

use crate::config::Config;
use crate::core::{Core, State, closed, once, retry};
use crate::create::{Compound, read_link, stat};
use crate::file::{At, Handle, SmbFile};
use crate::link::{Link, Target, let_down, reach};
use crate::wire::create::{
    Create, Created, Durable, LeaseWish, OPLOCK_BATCH, access, disposition, lease, option,
};
use crate::wire::frame::Frame;
use crate::wire::info::{self, attribute, class};
use crate::wire::{Bits, Command, FileId, Malformed, ioctl, request};
use crate::{dfs, dir, lease as leases, names, random, reconnect, remove, rename, status, watch};

/// How long a server may take to answer after the machine has slept.
const AWAKE: Duration = Duration::from_secs(5);

/// A share on an SMB server.
pub struct SmbShare {
    core: Arc<Core>,
    capabilities: Capabilities,
}

/// Connects to a share and checks that the folder below it, if the remote name has one, exists.
///
/// # Errors
/// `UnknownHost`, `NoRoute`, `Refused`, `Timeout`, `Authentication`, `AccessDenied`, `NoSuchShare`, `NoFolders`,
/// `Protocol`, `ServerGone`; `BadRemoteName` for a folder that SMB cannot say.
pub async fn connect(config: Config) -> Result<SmbShare, Error> {
    let deadline = Instant::now() + config.timeout;
    let client = random();
    let remote = &config.remote;
    let mut folder = Vec::new();
    for name in remote.path.split('/').filter(|name| !name.is_empty()) {
        if !folder.is_empty() {
            folder.push(u16::from(b'\\'));
        }
        names::encode(name.as_bytes(), &mut folder)
            .map_err(|_| Error::from(ErrorKind::BadRemoteName(remote.to_string())))?;
    }
    let target = Target {
        host: remote.host.clone(),
        port: remote.port_or_default(),
        share: remote.share.clone(),
        folder,
    };
    let (link, target, capabilities) = find(&config, client, target, deadline).await?;
    let core = Core::new(config, client, target, link.clone());
    leases::listen(&core, &link);
    reconnect::supervise(&core, link);
    Ok(SmbShare { core, capabilities })
}

/// Reaches a target, or where the namespace that it is in says it is.
async fn find(
    config: &Config,
    client: [u8; 16],
    target: Target,
    deadline: Instant,
) -> Result<(Arc<Link>, Target, Capabilities), Error> {
    let mut candidates = VecDeque::from([target]);
    let mut hops = 0;
    let mut failure = Error::from(ErrorKind::NoSuchShare(config.remote.to_string()));
    while let Some(target) = candidates.pop_front() {
        let link = match reach(config, client, &target, config.previous, 1, deadline).await {
            Ok(link) => Arc::new(link),
            // One of several targets of a referral may be down.
            Err(error) if !candidates.is_empty() => {
                failure = error;
                continue;
            }
            Err(error) => return Err(error),
        };
        match look(config, &link, &target, deadline).await? {
            Some(capabilities) => return Ok((link, target, capabilities)),
            None if hops < dfs::HOPS => {
                hops += 1;
                let further = dfs::refer(config, client, &target, deadline).await?;
                candidates.extend(further.into_iter().take(dfs::HOPS));
            }
            None => break,
        }
    }
    Err(failure.because("the namespace's referrals lead nowhere"))
}

/// Looks at the root, where there is one: what the file system behind it can do, or none if the server says that it is
/// elsewhere.
async fn look(
    config: &Config,
    link: &Link,
    target: &Target,
    deadline: Instant,
) -> Result<Option<Capabilities>, Error> {
    let name = config.remote.to_string();
    if !link.share.is_disk() {
        return match config.folders || !target.folder.is_empty() {
            true => Err(ErrorKind::NoFolders(name).into()),
            false => Ok(Some(capabilities(config, link, 0))),
        };
    }
    let mut create = Create::open(&target.folder, access::READ_ATTRIBUTES);
    create.options = option::DIRECTORY;
    let result = async {
        let compound = Compound::new(link, &create).query_fs(class::FS_ATTRIBUTE, 256);
        compound.run(deadline).await?.output()
    };
    let flags = match result.await {
        Ok(output) => output.u32(0).unwrap_or(0),
        Err(error) if status::is(&error, status::PATH_NOT_COVERED) => return Ok(None),
        Err(error) => {
            let kind = match error.errno {
                libc::ENOENT | libc::ENOTDIR => ErrorKind::NoSuchShare(name),
                libc::EACCES => ErrorKind::AccessDenied(name),
                _ => return Err(let_down(error, &link.granted.user, &target.host, "opening the share")),
            };
            return Err(Error::from(kind).because(error));
        }
    };
    Ok(Some(capabilities(config, link, flags)))
}

/// File-system attributes (MS-FSCC 2.5.1).
mod fs {
    pub(super) const SPARSE: u32 = 0x40;
    pub(super) const REPARSE_POINTS: u32 = 0x80;
    pub(super) const READ_ONLY: u32 = 0x8_0000;
}

fn capabilities(config: &Config, link: &Link, flags: u32) -> Capabilities {
    let has = |flag: u32, capability: Capabilities| {
        if flags & flag != 0 { capability } else { Capabilities::empty() }
    };
    let can_write = link.share.access & (access::WRITE_DATA | access::APPEND_DATA) != 0;
    let read_only = config.read_only || !can_write || flags & fs::READ_ONLY != 0;
    Capabilities::RENAME_REPLACES
        | Capabilities::OPEN_FILES_MOVE
        | Capabilities::LOCKS
        | Capabilities::ALLOCATE
        | Capabilities::COPY
        | Capabilities::CASE_INSENSITIVE
        | Capabilities::LEASES
        | Capabilities::CHANGE_NOTIFY
        | Capabilities::HARD_LINKS
        | Capabilities::TIMES_STAY
        | has(fs::SPARSE, Capabilities::SPARSE)
        | has(fs::REPARSE_POINTS, Capabilities::SYMLINKS)
        | if read_only { Capabilities::READ_ONLY } else { Capabilities::empty() }
}

/// A CREATE for reading or writing a file.
pub(crate) fn create_for(path: &[u16], how: Access) -> Create<'_> {
    let mut rights = access::READ_ATTRIBUTES | access::SYNCHRONIZE;
    if how.contains(Access::READ) {
        rights |= access::READ_DATA | access::READ_EA;
    }
    if how.contains(Access::WRITE) {
        rights |= access::WRITE_DATA | access::APPEND_DATA | access::WRITE_ATTRIBUTES;
    }
    Create { options: option::NON_DIRECTORY, ..Create::open(path, rights) }
}

impl Core {
    /// The lease under which this path is open here, for opens that should not break it.
    pub(crate) fn own_lease(&self, link: &Link, path: &SharePath) -> Option<LeaseWish> {
        let key = self.leases.key(path).filter(|_| link.negotiated.leasing)?;
        Some(LeaseWish { key, state: 0, v2: link.negotiated.is_smb3() })
    }

    /// What to ask for when a file is opened: lease or oplock, and with it a durable handle.
    pub(crate) fn caching<'a>(
        &self,
        link: &Link,
        mut create: Create<'a>,
        key: [u8; 16],
        create_id: [u8; 16],
        wish: bool,
    ) -> Create<'a> {
        let is_smb3 = link.negotiated.is_smb3();
        if link.negotiated.leasing {
            let state = match wish {
                true if create.access & access::WRITE_DATA != 0 => lease::READ | lease::WRITE | lease::HANDLE,
                true => lease::READ | lease::HANDLE,
                false => 0,
            };
            create.lease = Some(LeaseWish { key, state, v2: is_smb3 });
        } else if wish {
            create.oplock = OPLOCK_BATCH;
        }
        if wish {
            create.durable =
                Some(if is_smb3 { Durable::WishV2 { create: create_id } } else { Durable::WishV1 });
        }
        create.id = true;
        create
    }
}

impl SmbShare {
    /// Whether folders of it may be links to other shares.
    pub(crate) fn is_namespace(&self) -> bool {
        self.core.current().is_some_and(|link| link.share.is_dfs())
    }

    /// Drops the connection as a broken network would; the share reconnects. For tests.
    #[doc(hidden)]
    pub fn drop_connection(&self) {
        if let Some(link) = self.core.current() {
            link.connection.kill("the connection was dropped for a test");
        }
    }

    /// How many durable handles were claimed after reconnects. For tests.
    #[doc(hidden)]
    pub fn durable_reclaims(&self) -> u64 {
        self.core.claimed.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn open_file(
        &self,
        path: &SharePath,
        how: OpenHow,
        head: u32,
    ) -> ShareResult<(Opened, Option<Bytes>)> {
        let core = &self.core;
        if how.access.contains(Access::WRITE) || how.disposition != Disposition::Open {
            core.may_write()?;
        }
        let wire = core.wire_path(path)?;
        let create_id = random();
        let mut key = core.leases.acquire(path);
        let mut release = Release { core, key: Some(key) };
        let is_idempotent = how.disposition != Disposition::CreateNew;
        let overwrites = matches!(how.disposition, Disposition::Truncate | Disposition::CreateOrTruncate);
        let mut unseen = 0;
        let mut attempt = core.attempt();
        let (created, head, link, breaks) = loop {
            let link = attempt.link().await?;
            let breaks = core.leases.breaks(&key);
            let mut create = create_for(&wire, how.access);
            create.disposition = wanted(how.disposition);
            // A mode is for a file that is made; an overwritten one would be given the attribute as well.
            let makes = !matches!(how.disposition, Disposition::Open | Disposition::Truncate);
            create.attributes = match unseen {
                0 if makes && how.mode & 0o222 == 0 => attribute::READ_ONLY,
                0 => attribute::NORMAL,
                unseen => unseen,
            };
            let create = core.caching(&link, create, key, create_id, how.lease);
            match open_with_head(&link, create, head, attempt.deadline).await {
                Ok((created, head)) => break (created, head, link, breaks),
                Err(error) if is_idempotent && attempt.again(&link, &error) => {}
                // A hidden file or one of the system is overwritten only by one that says to be that, too (MS-FSA 2.1.5.1.2.1).
                Err(error) if overwrites && unseen == 0 && status::is(&error, status::ACCESS_DENIED) => {
                    let bits = crate::create::stat(&link, &wire, attempt.deadline)
                        .await
                        .map_err(|_| error.clone())?
                        .1;
                    unseen = bits & (attribute::HIDDEN | attribute::SYSTEM);
                    if unseen == 0 {
                        return Err(error);
                    }
                }
                // The path names another file than the one that has our lease: it gets a lease of its own.
                Err(error)
                    if status::is(&error, status::INVALID_PARAMETER) && core.leases.opens(path) > 1 =>
                {
                    core.leases.forget_path(path);
                    drop(release);
                    key = core.leases.acquire(path);
                    release = Release { core, key: Some(key) };
                }
                // Whatever has the name, it is taken.
                Err(error) if !is_idempotent && error.errno == libc::EISDIR => {
                    return Err(status::error(status::OBJECT_NAME_COLLISION));
                }
                Err(error) => return Err(error),
            }
        };
        release.key = None;
        let oplock = core.granted(&created, &key, breaks);
        let at = At { file: created.file, generation: link.generation, oplock, durable: created.durable };
        let identity = (&created).into();
        let handle = Handle::new(core.clone(), path.clone(), how.access, key, create_id, identity, at);
        let (attr, created) = ((&created).into(), created.action == Created::ACTION_CREATED);
        Ok((Opened { file: Arc::new(SmbFile(handle)), attr, created }, head))
    }
}

/// Gives a lease key back if the open that acquired it fails.
struct Release<'a> {
    core: &'a Core,
    key: Option<[u8; 16]>,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.core.leases.release(key);
        }
    }
}

fn wanted(how: Disposition) -> u32 {
    match how {
        Disposition::Open => disposition::OPEN,
        Disposition::CreateNew => disposition::CREATE,
        Disposition::OpenOrCreate => disposition::OPEN_IF,
        Disposition::Truncate => disposition::OVERWRITE,
        Disposition::CreateOrTruncate => disposition::OVERWRITE_IF,
    }
}

/// One CREATE.
pub(crate) async fn open_once(link: &Link, create: Create<'_>, deadline: Instant) -> ShareResult<Created> {
    let frame = Frame::one(Command::Create, link.tree, |body| create.body(body));
    let reply = link.call_one(frame, deadline).await?;
    Ok(Created::read(reply.ok()?)?)
}

/// One CREATE, and with it a READ of the first `len` bytes, if any are wanted; none if that failed.
async fn open_with_head(
    link: &Link,
    create: Create<'_>,
    len: u32,
    deadline: Instant,
) -> ShareResult<(Created, Option<Bytes>)> {
    let len = len.min(link.chunk(false));
    if len == 0 {
        return Ok((open_once(link, create, deadline).await?, None));
    }
    let mut frame = Frame::one(Command::Create, link.tree, |body| create.body(body));
    frame
        .add(Command::Read, link.tree, link.charge(len), |body| request::read(body, FileId::RELATED, 0, len));
    let replies = link.call(frame, deadline).await?;
    let [created, read] = replies.as_slice() else { return Err(Malformed.into()) };
    let created = Created::read(created.ok()?)?;
    let head = match read.header.status {
        status::END_OF_FILE => Some(Bytes::new()),
        _ => read.ok().ok().and_then(|read| request::read_data(read, len).ok()),
    };
    Ok((created, head))
}

#[async_trait]
impl Share for SmbShare {
    fn session(&self) -> SessionInfo {
        self.core.last_info.lock().clone()
    }

    fn tell_sessions(&self, tell: Box<dyn Fn(u64) + Send + Sync>) {
        self.core.sessions.lock().tell_to(tell);
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn transfer_size(&self) -> u32 {
        self.core.current().map_or(65536, |link| link.chunk(false).min(link.chunk(true)))
    }

    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        self.core.take_events()
    }

    fn lease_break_done(&self, ticket: u64) {
        self.core.acknowledge(ticket);
    }

    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        let wire = self.core.wire_path(path)?;
        retry!(self.core, |link, deadline| Ok(stat(&link, &wire, deadline).await?.0))
    }

    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        dir::list(&self.core, path, into).await
    }

    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        Ok(self.open_file(path, how, 0).await?.0)
    }

    async fn open_and_read(
        &self,
        path: &SharePath,
        how: OpenHow,
        len: u32,
    ) -> ShareResult<(Opened, Option<Bytes>)> {
        self.open_file(path, how, len).await
    }

    async fn create_dir(&self, path: &SharePath, _mode: u32) -> ShareResult<Attr> {
        self.core.may_write()?;
        let wire = self.core.wire_path(path)?;
        let mut create = Create::open(&wire, access::READ_ATTRIBUTES);
        create.disposition = disposition::CREATE;
        create.options = option::DIRECTORY;
        create.attributes = attribute::NORMAL;
        create.id = true;
        once!(self.core, |link, deadline| {
            let answers = Compound::new(&link, &create).run(deadline).await?;
            Ok(Attr { kind: FileKind::Dir, ..Attr::from(&answers.created) })
        })
    }

    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        remove::remove(&self.core, path, option::NON_DIRECTORY).await
    }

    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        remove::remove(&self.core, path, option::DIRECTORY).await
    }

    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
        rename::rename(&self.core, from, to, how).await
    }

    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        self.core.may_write()?;
        let (from, to) = (self.core.wire_path(from)?, self.core.wire_path(to)?);
        let create = Create::open(&from, access::READ_ATTRIBUTES | access::WRITE_ATTRIBUTES);
        once!(self.core, |link, deadline| {
            let compound = Compound::new(&link, &create).set(class::LINK, &info::rename(&to, 0)).attributes();
            let mut answers = compound.run(deadline).await?;
            answers.done()?;
            Ok(answers.attributes()?.0)
        })
    }

    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        self.core.may_write()?;
        if !self.capabilities.contains(Capabilities::SYMLINKS) {
            return Err(ShareError::unsupported("symbolic links on this server"));
        }
        let wire = self.core.wire_path(path)?;
        let data = ioctl::symlink(&rename::link_target(target)?);
        let rights = access::WRITE_ATTRIBUTES | access::READ_ATTRIBUTES | access::DELETE;
        let mut create = Create::open(&wire, rights);
        create.disposition = disposition::CREATE;
        create.options |= option::NON_DIRECTORY;
        create.attributes = attribute::NORMAL;
        once!(self.core, |link, deadline| {
            let compound = Compound::new(&link, &create).control(ioctl::SET_REPARSE_POINT, &data, 0);
            if let Err(error) = compound.run(deadline).await?.done() {
                remove::delete(&self.core, &link, path, &wire, option::NON_DIRECTORY, deadline).await?;
                return Err(error);
            }
            Ok(stat(&link, &wire, deadline).await?.0)
        })
    }

    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        let wire = self.core.wire_path(path)?;
        retry!(self.core, |link, deadline| read_link(&link, &wire, deadline).await)
    }

    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        self.core.may_write()?;
        crate::attr::set_path(&self.core, path, set).await
    }

    async fn stat_fs(&self) -> ShareResult<StatFs> {
        let wire = self.core.wire_path(&SharePath::root())?;
        let create = Create::open(&wire, access::READ_ATTRIBUTES);
        retry!(self.core, |link, deadline| {
            let mut answers =
                Compound::new(&link, &create).query_fs(class::FS_FULL_SIZE, 32).run(deadline).await?;
            Ok(info::full_size(&answers.output()?)?)
        })
    }

    async fn watch(&self, dir: &SharePath) -> ShareResult<()> {
        watch::watch(&self.core, dir).await
    }

    async fn unwatch(&self, dir: &SharePath) {
        watch::unwatch(&self.core, dir).await;
    }

    async fn probe(&self) -> ShareResult<Duration> {
        let start = Instant::now();
        retry!(self.core, |link, deadline| {
            link.call_one(Frame::one(Command::Echo, link.tree, request::empty), deadline).await?.ok()?;
            Ok(start.elapsed())
        })
    }

    async fn wake(&self) {
        self.core.hurry.notify_waiters();
        let Some(link) = self.core.current() else { return };
        let echo = Frame::one(Command::Echo, link.tree, request::empty);
        if link.call_one(echo, Instant::now() + AWAKE).await.is_err() {
            link.connection.kill("the server does not know the connection after our sleep");
        }
    }

    async fn close(&self) -> ShareResult<bool> {
        let State::Up(link) = self.core.state.send_replace(State::Closed) else { return Ok(false) };
        let deadline = Instant::now() + self.core.config.request_timeout;
        watch::unwatch_all(&self.core, deadline).await;
        for handle in self.core.files.all() {
            let at = *handle.at.lock();
            if at.generation == link.generation {
                link.close_file(at.file, deadline).await;
            }
        }
        Ok(link.leave(deadline).await)
    }

    fn abort(&self) {
        if let State::Up(link) = self.core.state.send_replace(State::Closed) {
            link.connection.kill(&closed().status);
        }
    }
}

impl Drop for SmbShare {
    fn drop(&mut self) {
        self.abort();
    }
}
