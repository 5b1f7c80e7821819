//! Open files: reading, writing, and what else goes through a handle.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cleardown_share::{Access, Attr, File, Lease, LockKind, SetAttr, ShareError, SharePath, ShareResult};
use futures_util::future::try_join_all;
use parking_lot::Mutex;

use crate::core::{Core, State, retry};
use crate::lease::{Key, meaning, of_oplock};
use crate::link::Link;
use crate::lock::Locks;
use crate::wire::create::{Created, OPLOCK_NONE};
use crate::wire::frame::Frame;
use crate::wire::{Command, FileId, info, request};
use crate::{remove, status};

/// The files that are open on a share, so that they can be opened again after a reconnect.
#[derive(Default)]
pub(crate) struct Files {
    open: Mutex<HashMap<u64, Weak<Handle>>>,
}

impl Files {
    pub(crate) fn add(&self, serial: u64, handle: &Arc<Handle>) {
        self.open.lock().insert(serial, Arc::downgrade(handle));
    }

    fn remove(&self, serial: u64) {
        self.open.lock().remove(&serial);
    }

    /// All that are open now.
    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        self.open.lock().values().filter_map(Weak::upgrade).collect()
    }

    /// An open file's oplock is broken; its path, and the level before.
    pub(crate) fn broken(&self, file: FileId, level: u8) -> Option<(SharePath, u8)> {
        let handle = self.all().into_iter().find(|handle| handle.at.lock().file == file)?;
        let had = std::mem::replace(&mut handle.at.lock().oplock, level);
        Some((handle.path.lock().clone(), had))
    }

    /// A file's creation time was set by us.
    pub(crate) fn recreated(&self, path: &SharePath, created: i64) {
        for handle in self.all().into_iter().filter(|handle| *handle.path.lock() == *path) {
            handle.identity.lock().created = created;
        }
    }

    /// A file or folder was renamed by us.
    pub(crate) fn moved(&self, from: &SharePath, to: &SharePath) {
        for handle in self.all() {
            let mut path = handle.path.lock();
            if path.starts_with(from) {
                *path = crate::lease::rebase(&path, from, to);
            }
        }
    }
}

/// Where a handle is good.
#[derive(Clone, Copy)]
pub(crate) struct At {
    pub(crate) file: FileId,
    pub(crate) generation: u64,
    pub(crate) oplock: u8,
    pub(crate) durable: bool,
}

/// Which file it is: its id on the server's disk, which a new file may get once it is free, and its creation time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    id: Option<u64>,
    created: i64,
}

impl From<&Created> for Identity {
    fn from(created: &Created) -> Identity {
        Identity { id: created.id, created: created.times[0] }
    }
}

/// An open file, over the links of its share.
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
    pub(crate) serial: u64,
    /// Where it is now; renames move it.
    pub(crate) path: Mutex<SharePath>,
    pub(crate) access: Access,
    pub(crate) key: Key,
    pub(crate) create: [u8; 16],
    /// What is opened again must be the same file.
    pub(crate) identity: Mutex<Identity>,
    pub(crate) at: Mutex<At>,
    pub(crate) locks: Locks,
    closed: AtomicBool,
}

impl Handle {
    pub(crate) fn new(
        core: Arc<Core>,
        path: SharePath,
        access: Access,
        key: Key,
        create: [u8; 16],
        identity: Identity,
        at: At,
    ) -> Arc<Handle> {
        let serial = core.next_serial();
        let handle = Arc::new(Handle {
            serial,
            path: Mutex::new(path),
            access,
            key,
            create,
            identity: Mutex::new(identity),
            at: Mutex::new(at),
            locks: Locks::default(),
            closed: AtomicBool::new(false),
            core,
        });
        handle.core.files.add(serial, &handle);
        handle.heed_early_break();
        handle
    }

    /// It is at another place after a reconnect.
    pub(crate) fn moved_to(&self, at: At) {
        *self.at.lock() = at;
        self.heed_early_break();
    }

    /// The server may have broken its oplock before it was on the books.
    fn heed_early_break(&self) {
        let mut at = self.at.lock();
        if let Some(level) = self.core.leases.early_level(at.file) {
            at.oplock = at.oplock.min(level);
        }
    }

    /// The server's name for it on this link.
    pub(crate) fn on(&self, link: &Link) -> ShareResult<FileId> {
        let at = *self.at.lock();
        match at.generation {
            _ if self.closed.load(Ordering::Relaxed) => {
                Err(ShareError::server(libc::EBADF, "the file is closed"))
            }
            generation if generation == link.generation => Ok(at.file),
            // The link was lost between asking for it and using it: the next one has the file again.
            generation if generation > link.generation => {
                Err(ShareError::transport(libc::EIO, "the connection was lost"))
            }
            _ => {
                Err(ShareError::server(libc::ESTALE, "the file could not be opened again after a reconnect"))
            }
        }
    }

    /// Takes it off the books; the server's name for it if it has to be closed there.
    fn retire(&self) -> Option<At> {
        if self.closed.swap(true, Ordering::Relaxed) {
            return None;
        }
        self.core.files.remove(self.serial);
        self.core.leases.release(&self.key);
        let path = self.path.lock().clone();
        if self.core.leases.opens(&path) == 0 {
            remove::unhide(&self.core, &path);
        }
        Some(*self.at.lock())
    }
}

impl Drop for Handle {
    /// A handle that nobody closed is closed without waiting.
    fn drop(&mut self) {
        let Some(at) = self.retire() else { return };
        if let Some(link) = self.core.current().filter(|link| link.generation == at.generation) {
            let deadline = Instant::now() + self.core.config.request_timeout;
            let extra = self.locks.handles();
            self.core.runtime.spawn(async move {
                for file in extra.into_iter().chain([at.file]) {
                    link.close_file(file, deadline).await;
                }
            });
        }
    }
}

/// A handle as drives see it.
pub(crate) struct SmbFile(pub(crate) Arc<Handle>);

/// The pieces of a range, each of at most `chunk` bytes.
fn pieces(offset: u64, len: u32, chunk: u32) -> impl Iterator<Item = (u64, u32)> {
    (0..len.div_ceil(chunk)).map(move |i| (offset + u64::from(i * chunk), chunk.min(len - i * chunk)))
}

/// One READ; empty at the end of the file.
async fn read_piece(link: &Link, file: FileId, at: (u64, u32), deadline: Instant) -> ShareResult<Bytes> {
    let (offset, len) = at;
    let mut frame = Frame::new();
    frame.add(Command::Read, link.tree, link.charge(len), |body| request::read(body, file, offset, len));
    let reply = link.call_one(frame, deadline).await?;
    match reply.header.status {
        status::END_OF_FILE => Ok(Bytes::new()),
        _ => Ok(request::read_data(reply.ok_or_status(status::BUFFER_OVERFLOW)?, len)?),
    }
}

/// Writes what fits into one request, whole.
async fn write_piece(
    link: &Link,
    file: FileId,
    mut offset: u64,
    mut data: Vec<Bytes>,
    deadline: Instant,
) -> ShareResult<()> {
    loop {
        let len = total(&data) as u32;
        let mut frame = Frame::new();
        frame
            .add(Command::Write, link.tree, link.charge(len), |body| request::write(body, file, offset, len));
        frame.payload = data.clone();
        let reply = link.call_one(frame, deadline).await?;
        let written = request::written(reply.ok()?)?;
        if written == len {
            return Ok(());
        }
        if written == 0 || written > len {
            return Err(ShareError::server(libc::EIO, "the server wrote nothing"));
        }
        offset += u64::from(written);
        cut(&mut data, written as usize);
    }
}

fn total(data: &[Bytes]) -> usize {
    data.iter().map(Bytes::len).sum()
}

/// Takes the first `len` bytes off.
fn cut(data: &mut Vec<Bytes>, mut len: usize) -> Vec<Bytes> {
    let mut front = Vec::new();
    while len > 0 && !data.is_empty() {
        if data[0].len() > len {
            front.push(data[0].split_to(len));
            break;
        }
        len -= data[0].len();
        front.push(data.remove(0));
    }
    front
}

async fn read_range(
    link: &Link,
    file: FileId,
    offset: u64,
    len: u32,
    deadline: Instant,
) -> ShareResult<Bytes> {
    let chunk = link.chunk(false);
    if len <= chunk {
        return read_piece(link, file, (offset, len), deadline).await;
    }
    let reads = pieces(offset, len, chunk).map(|at| read_piece(link, file, at, deadline));
    let mut whole = BytesMut::with_capacity(len as usize);
    for (piece, (_, asked)) in try_join_all(reads).await?.into_iter().zip(pieces(offset, len, chunk)) {
        whole.extend_from_slice(&piece);
        if piece.len() < asked as usize {
            break;
        }
    }
    Ok(whole.freeze())
}

async fn write_range(
    link: &Link,
    file: FileId,
    offset: u64,
    data: &[Bytes],
    deadline: Instant,
) -> ShareResult<()> {
    let chunk = link.chunk(true) as usize;
    let (mut at, mut rest, mut writes) = (offset, data.to_vec(), Vec::new());
    rest.retain(|piece| !piece.is_empty());
    while !rest.is_empty() {
        let piece = cut(&mut rest, chunk);
        let len = total(&piece) as u64;
        writes.push(write_piece(link, file, at, piece, deadline));
        at += len;
    }
    match writes.len() {
        1 => writes.remove(0).await,
        _ => try_join_all(writes).await.map(drop),
    }
}

impl SmbFile {
    /// One request on this file, its answer a success.
    pub(crate) async fn ask(
        &self,
        command: Command,
        body: impl Fn(&mut Vec<u8>, FileId),
    ) -> ShareResult<crate::wire::frame::Reply> {
        retry!(self.0.core, |link, deadline| {
            let file = self.0.on(&link)?;
            let reply =
                link.call_one(Frame::one(command, link.tree, |into| body(into, file)), deadline).await?;
            reply.ok()?;
            Ok(reply)
        })
    }
}

impl SmbFile {
    /// The attributes, and their raw bits.
    pub(crate) async fn attributes(&self) -> ShareResult<(Attr, u32)> {
        let reply = self
            .ask(Command::QueryInfo, |body, file| info::query_file(body, info::class::ALL, file, 64 * 1024))
            .await?;
        Ok(info::all(&request::output(&reply)?)?)
    }
}

#[async_trait]
impl File for SmbFile {
    async fn read(&self, offset: u64, len: u32) -> ShareResult<Bytes> {
        retry!(self.0.core, |link, deadline| {
            let file = self.0.on(&link)?;
            match read_range(&link, file, offset, len, deadline).await {
                Err(error) if status::is(&error, status::FILE_LOCK_CONFLICT) => {
                    // The range may be locked by one of our own owners, through a handle of its own.
                    match self.0.locks.holder(&link, offset, len.into()) {
                        Some(own) => read_range(&link, own, offset, len, deadline).await,
                        None => Err(error),
                    }
                }
                result => result,
            }
        })
    }

    async fn write(&self, offset: u64, data: Bytes) -> ShareResult<()> {
        self.write_pieces(offset, vec![data]).await
    }

    async fn write_pieces(&self, offset: u64, data: Vec<Bytes>) -> ShareResult<()> {
        self.0.core.may_write()?;
        retry!(self.0.core, |link, deadline| {
            let file = self.0.on(&link)?;
            match write_range(&link, file, offset, &data, deadline).await {
                Err(error) if status::is(&error, status::FILE_LOCK_CONFLICT) => {
                    match self.0.locks.holder(&link, offset, total(&data) as u64) {
                        Some(own) => write_range(&link, own, offset, &data, deadline).await,
                        None => Err(error),
                    }
                }
                result => result,
            }
        })
    }

    fn lease(&self) -> Lease {
        let state = match self.0.at.lock().oplock {
            OPLOCK_NONE => self.0.core.leases.state(&self.0.key),
            level => of_oplock(level),
        };
        meaning(state)
    }

    async fn append(&self, data: Bytes) -> ShareResult<u64> {
        self.0.core.may_write()?;
        crate::append::append(self, data, None).await
    }

    async fn append_at(&self, end: u64, data: Bytes) -> ShareResult<u64> {
        self.0.core.may_write()?;
        crate::append::append(self, data, Some(end)).await
    }

    async fn flush(&self) -> ShareResult<()> {
        if !self.0.access.contains(Access::WRITE) {
            return Ok(()); // the server refuses it on a handle that cannot write, and there is nothing to flush
        }
        self.ask(Command::Flush, request::flush).await?;
        Ok(())
    }

    async fn stat(&self) -> ShareResult<Attr> {
        Ok(self.attributes().await?.0)
    }

    async fn set_attr(&self, set: &SetAttr) -> ShareResult<Attr> {
        self.0.core.may_write()?;
        crate::attr::set_open(self, set).await
    }

    async fn allocate(&self, offset: u64, len: u64, keep_size: bool) -> ShareResult<()> {
        self.0.core.may_write()?;
        crate::space::allocate(self, offset, len, keep_size).await
    }

    async fn punch(&self, offset: u64, len: u64) -> ShareResult<()> {
        self.0.core.may_write()?;
        crate::space::punch(self, offset, len).await
    }

    async fn seek(&self, offset: u64, data: bool) -> ShareResult<u64> {
        crate::space::seek(self, offset, data).await
    }

    async fn copy_to(&self, from: u64, to: &dyn File, at: u64, len: u64) -> ShareResult<u64> {
        self.0.core.may_write()?;
        let to = to.as_any().downcast_ref::<SmbFile>().filter(|to| Arc::ptr_eq(&to.0.core, &self.0.core));
        let to = to.ok_or_else(|| status::error(status::NOT_SAME_DEVICE))?;
        crate::copy::copy(self, from, to, at, len).await
    }

    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    async fn lock(&self, owner: u64, offset: u64, len: u64, kind: LockKind, wait: bool) -> ShareResult<()> {
        crate::lock::lock(&self.0, owner, (offset, len), kind, wait).await
    }

    async fn unlock(&self, owner: u64, offset: u64, len: u64) -> ShareResult<()> {
        crate::lock::unlock(&self.0, owner, (offset, len)).await
    }

    async fn close(&self) -> ShareResult<()> {
        let extra = self.0.locks.handles();
        let Some(at) = self.0.retire() else { return Ok(()) };
        if matches!(&*self.0.core.state.borrow(), State::Closed) {
            return Err(crate::core::closed());
        }
        // A handle of a link that is gone is closed already.
        let Some(link) = self.0.core.current().filter(|link| link.generation == at.generation) else {
            return Ok(());
        };
        let deadline = Instant::now() + self.0.core.config.request_timeout;
        for file in extra {
            link.close_file(file, deadline).await;
        }
        let frame = Frame::one(Command::Close, link.tree, |body| request::close(body, at.file));
        match link.call_one(frame, deadline).await {
            // Lost with the connection, and so closed, or durable and soon dropped.
            Err(error) if error.transport && error.errno != libc::ETIMEDOUT => Ok(()),
            Err(error) => Err(error),
            Ok(reply) => reply.ok().map(|_| ()),
        }
    }
}
