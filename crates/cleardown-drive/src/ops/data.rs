//! What is in files: read, write, flush, fsync, holes, copies.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::Bytes;
use cleardown_fuse::{Header, Reply};
use cleardown_share::{Access, Capabilities};

use super::{Begun, FileHandle, begin};
use crate::drive::Inner;
use crate::errno::Errno;
use crate::file::Way;
use crate::kernel::Tell;
use crate::reader::{self, Plan};
use crate::writer::Refused;

impl Inner {
    pub(super) fn read(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        offset: u64,
        size: u32,
    ) -> Begun {
        let handle = begin!(reply, self.good_handle(fh));
        if let Some(stream) = &handle.stream {
            stream.note(offset, size.into());
        }
        let end = offset.saturating_add(size.into());
        let (pending, pending_end) = {
            let queue = handle.file.queue.lock();
            (queue.overlaps(&(offset..end)), queue.end())
        };
        // Until what is pending further on has arrived, the file is shorter on the server than here.
        let too_short = move |len: usize| {
            let ends = offset + len as u64;
            ends < end && pending_end.is_some_and(|pending| pending > ends)
        };
        let plan = match pending {
            true => Plan::Ask,
            false => {
                let seen =
                    |table: &crate::nodes::Table| Some(table.get(handle.node)?.seen.as_ref()?.attr.size);
                let known = seen(&self.table.lock());
                handle.ahead.plan(self, &handle.file, &handle.remote, offset, size, known)
            }
        };
        let pieces = match plan {
            Plan::Ready(parts) if !too_short(total(&parts)) => {
                answer(reply, &parts);
                return Ok(());
            }
            Plan::Soon(pieces) => Some(pieces),
            Plan::Ready(_) | Plan::Ask => None,
        };
        let inner = self.clone();
        let work = async move {
            if let Some(pieces) = pieces
                && let Some(parts) = reader::wait(pieces).await
                && !too_short(total(&parts))
            {
                return Ok(parts);
            }
            if pending {
                inner.settle_range(&handle.file, offset..end).await?;
            }
            let read = || inner.with(&handle.remote, |file| async move { file.read(offset, size).await });
            let data = read().await?;
            if too_short(data.len()) {
                inner.settle_range(&handle.file, offset..u64::MAX).await?;
                return Ok(vec![read().await?]);
            }
            Ok(vec![data])
        };
        self.spawn(header, reply, work, |reply, parts| answer(reply, &parts));
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "as many as fuse(4) gives")]
    pub(super) fn write(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        offset: u64,
        data: Bytes,
        flags: i32,
        resent: bool,
    ) -> Begun {
        begin!(reply, self.writable());
        let handle = begin!(reply, self.good_handle(fh));
        let size = data.len() as u32;
        if offset.checked_add(size.into()).is_none_or(|end| end > i64::MAX as u64) {
            return Err((reply, Errno(libc::EFBIG)));
        }
        let durable = (flags | handle.flags) & (libc::O_SYNC | libc::O_DSYNC) != 0;
        let appends = flags & libc::O_APPEND != 0;
        let waits = durable || (flags | handle.flags) & libc::O_DIRECT != 0;
        handle.remote.changes();
        let accepted = self.accept(&handle.file, &handle.remote, offset, &data, appends);
        if handle.way == Way::DirectWrite && handle.file.opens() > 1 {
            // Somebody may have it mapped.
            self.kernel.tell(Tell::Data(handle.node));
        }
        match accepted {
            Ok(()) if !waits => {
                reply.written(size);
                return Ok(());
            }
            Err(Refused::Failed(errno)) => return Err((reply, errno)),
            _ => {}
        }
        let inner = self.clone();
        let work = async move {
            let accepted = match accepted {
                Err(Refused::Full) => inner.accept_when_there_is_room(&handle, offset, &data, appends).await,
                accepted => accepted,
            };
            match accepted {
                Err(Refused::Blind) => inner.append_on_server(&handle, offset, data, resent).await?,
                Err(Refused::Failed(errno)) => return Err(errno),
                Err(Refused::Full) | Ok(()) => drop(data),
            }
            if waits {
                inner.settle(&handle.file).await?;
            }
            if durable {
                inner.with(&handle.remote, |file| async move { file.flush().await }).await?;
            }
            Ok(())
        };
        self.spawn(header, reply, work, move |reply, ()| reply.written(size));
        Ok(())
    }

    /// Waits until the server has taken enough of what came before.
    async fn accept_when_there_is_room(
        self: &Arc<Self>,
        handle: &FileHandle,
        offset: u64,
        data: &Bytes,
        appends: bool,
    ) -> Result<(), Refused> {
        loop {
            let room = self.arena.shared.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            match self.accept(&handle.file, &handle.remote, offset, data, appends) {
                Err(Refused::Full) => room.await,
                done => return done,
            }
        }
    }

    /// Every close of a descriptor: its data is on the server, or the application hears why not.
    pub(super) fn flush(self: &Arc<Self>, header: Header, reply: Reply, fh: u64, owner: u64) -> Begun {
        let handle = begin!(reply, self.file_handle(fh));
        self.unlock_all(&handle, owner, false);
        let handle = begin!(reply, handle.good());
        let writable = access(&handle).contains(Access::WRITE);
        if !writable || (handle.file.queue.lock().is_empty() && !handle.remote.is_behind()) {
            reply.ok();
            return Ok(());
        }
        let inner = self.clone();
        let work = async move {
            inner.settle(&handle.file).await?;
            inner.catch_up(&handle.remote).await
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    pub(super) fn fsync(self: &Arc<Self>, header: Header, reply: Reply, fh: u64) -> Begun {
        let handle = begin!(reply, self.good_handle(fh));
        let inner = self.clone();
        let work = async move {
            inner.settle(&handle.file).await?;
            inner.catch_up(&handle.remote).await?;
            if access(&handle).contains(Access::WRITE) {
                inner.with(&handle.remote, |file| async move { file.flush().await }).await?;
            }
            Ok(())
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    pub(super) fn fallocate(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        offset: u64,
        len: u64,
        mode: i32,
    ) -> Begun {
        begin!(reply, self.writable());
        let handle = begin!(reply, self.good_handle(fh));
        let end = begin!(reply, offset.checked_add(len).ok_or(Errno(libc::EFBIG)));
        let keep = mode & libc::FALLOC_FL_KEEP_SIZE != 0;
        let (zero, allocate) = match mode & !libc::FALLOC_FL_KEEP_SIZE {
            0 => (false, true),
            libc::FALLOC_FL_PUNCH_HOLE if keep => (true, false),
            libc::FALLOC_FL_ZERO_RANGE => (true, true),
            _ => return Err((reply, Errno(libc::EOPNOTSUPP))),
        };
        if !self.capabilities().contains(Capabilities::ALLOCATE) {
            return Err((reply, Errno(libc::EOPNOTSUPP)));
        }
        handle.remote.changes();
        let inner = self.clone();
        let work = async move {
            inner.settle(&handle.file).await?;
            if zero {
                inner.with(&handle.remote, |file| async move { file.punch(offset, len).await }).await?;
            }
            if allocate {
                let grow = |file: Arc<dyn cleardown_share::File>| async move {
                    file.allocate(offset, len, keep).await
                };
                inner.with(&handle.remote, grow).await?;
            }
            inner.changed_locally(handle.node, |size| if keep { size } else { size.max(end) });
            Ok(())
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    /// `SEEK_DATA` and `SEEK_HOLE`; the kernel does the others itself, and these too when it hears `ENOSYS`.
    pub(super) fn lseek(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        offset: u64,
        whence: i32,
    ) -> Begun {
        let handle = begin!(reply, self.good_handle(fh));
        let data = match whence {
            libc::SEEK_DATA => true,
            libc::SEEK_HOLE => false,
            _ => return Err((reply, Errno(libc::EINVAL))),
        };
        if !self.capabilities().contains(Capabilities::SPARSE) {
            return Err((reply, Errno(libc::ENOSYS)));
        }
        let inner = self.clone();
        let work = async move {
            inner.settle(&handle.file).await?;
            Ok(inner.with(&handle.remote, |file| async move { file.seek(offset, data).await }).await?)
        };
        self.spawn(header, reply, work, |reply, found| reply.lseek(found));
        Ok(())
    }

    pub(super) fn copy_range(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        (fh_in, from): (u64, u64),
        (fh_out, at): (u64, u64),
        len: u64,
    ) -> Begun {
        begin!(reply, self.writable());
        if !self.capabilities().contains(Capabilities::COPY) {
            // The kernel copies then.
            return Err((reply, Errno(libc::EOPNOTSUPP)));
        }
        let source = begin!(reply, self.good_handle(fh_in));
        let target = begin!(reply, self.good_handle(fh_out));
        target.remote.changes();
        let inner = self.clone();
        let work = async move {
            inner.settle(&source.file).await?;
            inner.settle(&target.file).await?;
            let inner_ref = &inner;
            let target_ref = &target;
            let copied = inner
                .with(&source.remote, |source| async move {
                    let to = inner_ref.server_file(&target_ref.remote).await?;
                    source.copy_to(from, &*to, at, len).await
                })
                .await?;
            inner.changed_locally(target.node, |size| size.max(at + copied));
            Ok(copied)
        };
        self.spawn(header, reply, work, |reply, copied| reply.copied(copied));
        Ok(())
    }
}

/// What the application opened it for.
fn access(handle: &FileHandle) -> Access {
    super::opening::access_of(handle.flags)
}

/// Answers a read, without joining its parts.
fn answer(reply: Reply, parts: &[Bytes]) {
    let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
    reply.pieces(&slices);
}

fn total(parts: &[Bytes]) -> usize {
    parts.iter().map(Bytes::len).sum()
}
