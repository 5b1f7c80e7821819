//! An open file.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use crate::attr::{Attr, SetAttr};
use crate::error::ShareResult;
use crate::memory::faults::Op;
use crate::memory::session::Session;
use crate::memory::tree::Errno;
use crate::path::SharePath;
use crate::share::{Access, Capabilities, File, Lease, LockKind};

/// The handle of an open file on a [`super::MemoryShare`].
pub struct MemoryFile {
    pub(super) session: Arc<Session>,
    pub(super) ino: u64,
    pub(super) handle: u64,
    pub(super) path: SharePath,
    pub(super) access: Access,
    pub(super) leased: bool,
    pub(super) closed: AtomicBool,
}

const READ_ONLY: Lease = Lease { read: true, write: false, handle: true };
const NONE: Lease = Lease { read: false, write: false, handle: false };

impl MemoryFile {
    fn usable(&self, access: Access) -> Result<(), Errno> {
        if self.closed.load(Ordering::Relaxed)
            || self.handle < self.session.lost_handles_before.load(Ordering::Relaxed)
        {
            return Err(libc::ESTALE);
        }
        if self.access.contains(access) { Ok(()) } else { Err(libc::EBADF) }
    }

    async fn writing<T>(
        &self,
        op: Op,
        access: Access,
        work: impl FnOnce(&mut super::tree::Tree) -> Result<T, Errno> + Send,
    ) -> ShareResult<T> {
        self.session
            .call(op, async || {
                self.usable(access)?;
                self.session.writable()?;
                self.session.break_leases(self.ino, NONE).await;
                let done = work(&mut self.session.server.tree())?;
                self.session.changed(&self.path);
                Ok(done)
            })
            .await
    }

    fn end(&self) {
        if !self.closed.swap(true, Ordering::Relaxed) {
            let mut tree = self.session.server.tree();
            if let Ok(node) = tree.node(self.ino) {
                node.locks.forget_handle(self.session.id, self.handle);
            }
            tree.close(self.ino);
            drop(tree);
            self.session.server.freed.notify_waiters();
        }
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        self.end();
    }
}

#[async_trait]
impl File for MemoryFile {
    fn lease(&self) -> Lease {
        if self.leased { self.session.lease(self.ino) } else { NONE }
    }

    async fn read(&self, offset: u64, len: u32) -> ShareResult<Bytes> {
        self.session
            .call(Op::Read, async || {
                self.usable(Access::READ)?;
                self.session.break_leases(self.ino, READ_ONLY).await;
                Ok(self.session.server.tree().data(self.ino)?.read(offset, len))
            })
            .await
    }

    async fn write(&self, offset: u64, data: Bytes) -> ShareResult<()> {
        self.writing(Op::Write, Access::WRITE, |tree| tree.write(self.ino, offset, &data)).await
    }

    async fn append(&self, data: Bytes) -> ShareResult<u64> {
        let append = |tree: &mut super::tree::Tree| {
            let end = tree.attr(self.ino)?.size;
            tree.write(self.ino, end, &data)?;
            Ok(end + data.len() as u64)
        };
        self.writing(Op::Write, Access::WRITE, append).await
    }

    async fn flush(&self) -> ShareResult<()> {
        self.session.call(Op::Flush, async || self.usable(Access::empty())).await
    }

    async fn stat(&self) -> ShareResult<Attr> {
        self.session
            .call(Op::FileStat, async || {
                self.usable(Access::empty())?;
                self.session.break_leases(self.ino, READ_ONLY).await;
                self.session.server.tree().attr(self.ino)
            })
            .await
    }

    async fn set_attr(&self, set: &SetAttr) -> ShareResult<Attr> {
        let access = if set.size.is_some() { Access::WRITE } else { Access::empty() };
        self.writing(Op::FileSetAttr, access, |tree| tree.set_attr(self.ino, set)).await
    }

    async fn allocate(&self, offset: u64, len: u64, keep_size: bool) -> ShareResult<()> {
        self.writing(Op::Allocate, Access::WRITE, |tree| {
            self.session.needs(Capabilities::ALLOCATE)?;
            tree.allocate(self.ino, offset, len, keep_size)
        })
        .await
    }

    async fn punch(&self, offset: u64, len: u64) -> ShareResult<()> {
        self.writing(Op::Punch, Access::WRITE, |tree| {
            self.session.needs(Capabilities::ALLOCATE)?;
            tree.punch(self.ino, offset, len)
        })
        .await
    }

    async fn seek(&self, offset: u64, data: bool) -> ShareResult<u64> {
        self.session
            .call(Op::Seek, async || {
                self.usable(Access::empty())?;
                self.session.needs(Capabilities::SPARSE)?;
                self.session.server.tree().data(self.ino)?.seek(offset, data).ok_or(libc::ENXIO)
            })
            .await
    }

    async fn copy_to(&self, from: u64, to: &dyn File, at: u64, len: u64) -> ShareResult<u64> {
        self.session
            .call(Op::Copy, async || {
                self.usable(Access::READ)?;
                self.session.needs(Capabilities::COPY)?;
                self.session.writable()?;
                let to = to.as_any().downcast_ref::<MemoryFile>().ok_or(libc::EXDEV)?;
                to.usable(Access::WRITE)?;
                self.session.break_leases(to.ino, NONE).await;
                let copied = {
                    let mut tree = self.session.server.tree();
                    let data = tree.data(self.ino)?.read(from, u32::try_from(len).unwrap_or(u32::MAX));
                    tree.write(to.ino, at, &data)?;
                    data.len() as u64
                };
                self.session.changed(&to.path);
                Ok(copied)
            })
            .await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn lock(&self, owner: u64, offset: u64, len: u64, kind: LockKind, wait: bool) -> ShareResult<()> {
        self.session
            .call(Op::Lock, async || {
                self.usable(Access::empty())?;
                self.session.needs(Capabilities::LOCKS)?;
                let owner = (self.session.id, owner);
                loop {
                    let freed = self.session.server.freed.notified();
                    let taken = {
                        let mut tree = self.session.server.tree();
                        tree.node(self.ino)?.locks.take(owner, self.handle, offset, len, kind)
                    };
                    if taken {
                        return Ok(());
                    }
                    if !wait {
                        return Err(libc::EAGAIN);
                    }
                    tokio::select! { () = freed => {}, errno = self.session.line_lost() => return Err(errno) }
                }
            })
            .await
    }

    async fn unlock(&self, owner: u64, offset: u64, len: u64) -> ShareResult<()> {
        self.session
            .call(Op::Lock, async || {
                self.usable(Access::empty())?;
                self.session.needs(Capabilities::LOCKS)?;
                let owner = (self.session.id, owner);
                self.session.server.tree().node(self.ino)?.locks.give_back(owner, offset, len);
                self.session.server.freed.notify_waiters();
                Ok(())
            })
            .await
    }

    async fn close(&self) -> ShareResult<()> {
        self.session
            .call(Op::Close, async || {
                self.usable(Access::empty())?;
                self.end();
                Ok(())
            })
            .await
    }
}
