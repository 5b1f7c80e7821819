//! Requests of the kernel: what can be said at once is said on the thread that read it, the rest is spawned.

mod appending;
mod data;
mod entries;
mod listing;
mod locking;
mod lookup;
mod opening;
mod renaming;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cleardown_fuse::{EntryOut, Filesystem, Header, Op, Reply, Request, StatfsOut};
use cleardown_share::{Attr, Capabilities, SharePath};

use crate::attrs::{TTL, now, to_fuse};
use crate::dirs::DirHandle;
use crate::drive::Inner;
use crate::errno::{Answer, Errno};
use crate::file::{FileState, Remote, Way};
use crate::kernel::Tell;
use crate::reader::ReadAhead;
use crate::streams::Stream;

/// What a handle of the kernel stands for.
#[derive(Clone)]
pub(crate) enum Open {
    /// A file.
    File(Arc<FileHandle>),
    /// A folder.
    Dir(Arc<DirHandle>),
}

/// An open file.
pub(crate) struct FileHandle {
    pub(crate) node: u64,
    pub(crate) file: Arc<FileState>,
    pub(crate) remote: Arc<Remote>,
    pub(crate) flags: i32,
    /// A lock was lost that its user relied on: everything fails until it is closed.
    pub(crate) lost: AtomicBool,
    pub(crate) way: Way,
    pub(crate) ahead: ReadAhead,
    /// Of a large file that is only read.
    pub(crate) stream: Option<Stream>,
}

impl FileHandle {
    /// An error once a lock is lost that its user relied on: nobody shall go on as if it were held.
    pub(crate) fn good(self: Arc<Self>) -> Answer<Arc<Self>> {
        if self.lost.load(Ordering::Acquire) { Err(Errno(libc::EIO)) } else { Ok(self) }
    }
}

/// The file system, as the session calls it.
pub(crate) struct Service(pub(crate) Arc<Inner>);

impl Filesystem for Service {
    fn handle(&self, request: Request) {
        let resent = request.resent;
        let (header, op, reply) = request.into_parts();
        if let Err((reply, errno)) = self.0.dispatch(header, op, reply, resent) {
            reply.error(errno.0);
        }
        self.0.tell_foreign();
    }

    fn destroyed(&self) {
        self.0.set_gone();
    }
}

/// An operation that failed before anything was asked: the reply comes back.
pub(crate) type Begun = Result<(), (Reply, Errno)>;

/// Fails an operation that has not begun.
macro_rules! begin {
    ($reply:ident, $value:expr) => {
        match $value {
            Ok(value) => value,
            Err(errno) => return Err(($reply, errno)),
        }
    };
}
pub(crate) use begin;

impl Inner {
    fn dispatch(self: &Arc<Self>, header: Header, op: Op, reply: Reply, resent: bool) -> Begun {
        let node = header.nodeid;
        match op {
            Op::Lookup { name } => self.lookup(header, reply, name),
            Op::Forget(forgotten) => {
                let mut table = self.table.lock();
                forgotten.into_iter().for_each(|(node, lookups)| table.forget(node, lookups));
                Ok(())
            }
            Op::Interrupt { unique } => {
                self.calls.interrupt(unique);
                Ok(())
            }
            Op::Getattr { fh } => self.getattr(header, reply, fh, false),
            Op::Statx { fh, .. } => self.getattr(header, reply, fh, true),
            Op::Setattr(set) => self.setattr(header, reply, set),
            Op::Readlink => self.readlink(header, reply),
            Op::Symlink { name, target } => self.symlink(header, reply, name, target, resent),
            Op::Mknod { name, mode, .. } => self.mknod(header, reply, name, mode, resent),
            Op::Mkdir { name, mode, .. } => self.mkdir(header, reply, name, mode, resent),
            Op::Unlink { name } => self.unlink(header, reply, name, resent),
            Op::Rmdir { name } => self.rmdir(header, reply, name, resent),
            Op::Rename { name, new_parent, new_name, flags } => {
                self.rename(header, reply, (node, name), (new_parent, new_name), flags, resent)
            }
            Op::Link { old_nodeid, name } => self.link(header, reply, old_nodeid, name, resent),
            Op::Open { flags, .. } => self.open(header, reply, flags),
            Op::Create { name, flags, mode, .. } => self.create(header, reply, name, flags, mode, resent),
            Op::Release { fh, lock_owner, flock_unlock, .. } => {
                self.release(fh, lock_owner.filter(|_| flock_unlock));
                reply.ok();
                Ok(())
            }
            Op::Read { fh, offset, size, .. } => self.read(header, reply, fh, offset, size),
            Op::Write { fh, offset, data, flags, .. } => {
                self.write(header, reply, fh, offset, data, flags, resent)
            }
            Op::Flush { fh, lock_owner } => self.flush(header, reply, fh, lock_owner),
            Op::Fsync { fh, .. } => self.fsync(header, reply, fh),
            Op::Fallocate { fh, offset, len, mode } => self.fallocate(header, reply, fh, offset, len, mode),
            Op::Lseek { fh, offset, whence } => self.lseek(header, reply, fh, offset, whence),
            Op::CopyFileRange { fh_in, off_in, fh_out, off_out, len, .. } => {
                self.copy_range(header, reply, (fh_in, off_in), (fh_out, off_out), len)
            }
            Op::Getlk { fh, owner, lock } => self.getlk(header, reply, fh, owner, lock),
            Op::Setlk { fh, owner, lock, flock, wait } => {
                self.setlk(header, reply, fh, owner, lock, flock, wait)
            }
            Op::Opendir { .. } => self.opendir(header, reply),
            Op::Readdir { fh, offset, size, plus } => self.readdir(header, reply, fh, offset, size, plus),
            Op::Releasedir { fh, .. } => {
                self.handles.lock().remove(&fh);
                self.table.lock().closed(fh);
                reply.ok();
                Ok(())
            }
            Op::Fsyncdir { .. } => {
                // Names are on the server before an operation that changes them is answered.
                reply.ok();
                Ok(())
            }
            Op::Statfs => self.statfs(header, reply),
            Op::Syncfs => self.syncfs(header, reply),
            Op::Tmpfile { .. } => Err((reply, Errno(libc::EOPNOTSUPP))),
            // ENOSYS: the kernel asks no more. Permissions are the server's business, or the kernel's when it
            // was mounted with default_permissions.
            Op::Access { .. }
            | Op::Setxattr { .. }
            | Op::Getxattr { .. }
            | Op::Listxattr { .. }
            | Op::Removexattr { .. } => Err((reply, Errno(libc::ENOSYS))),
            #[allow(unreachable_patterns)]
            _ => Err((reply, Errno(libc::ENOSYS))),
        }
    }

    /// The kernel drops what it caches of files that others have changed.
    pub(crate) fn tell_foreign(&self) {
        let foreign = std::mem::take(&mut self.table.lock().foreign);
        foreign.into_iter().for_each(|node| self.kernel.tell(Tell::Data(node)));
    }

    pub(crate) fn node_path(&self, node: u64) -> Answer<SharePath> {
        self.table.lock().path(node).ok_or(Errno(libc::ESTALE))
    }

    pub(crate) fn child_path(&self, parent: u64, name: &[u8]) -> Answer<SharePath> {
        let parent = self.table.lock().path(parent).ok_or(Errno(libc::ENOENT))?;
        if name.len() > 255 {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        parent.join(name).ok_or(Errno(libc::EINVAL))
    }

    pub(crate) fn writable(&self) -> Answer<()> {
        let read_only = self.options.read_only || self.capabilities().contains(Capabilities::READ_ONLY);
        if read_only { Err(Errno(libc::EROFS)) } else { Ok(()) }
    }

    pub(crate) fn opens_allowed(&self) -> Answer<()> {
        if self.quiesced.load(Ordering::Acquire) { Err(Errno(libc::ESHUTDOWN)) } else { Ok(()) }
    }

    pub(crate) fn file_handle(&self, fh: u64) -> Answer<Arc<FileHandle>> {
        match self.handles.lock().get(&fh) {
            Some(Open::File(handle)) => Ok(handle.clone()),
            _ => Err(Errno(libc::EBADF)),
        }
    }

    /// As [`Inner::file_handle`], for whatever relies on the locks that its user holds.
    pub(crate) fn good_handle(&self, fh: u64) -> Answer<Arc<FileHandle>> {
        self.file_handle(fh)?.good()
    }

    pub(crate) fn dir_handle(&self, fh: u64) -> Answer<Arc<DirHandle>> {
        match self.handles.lock().get(&fh) {
            Some(Open::Dir(handle)) => Ok(handle.clone()),
            _ => Err(Errno(libc::EBADF)),
        }
    }

    pub(crate) fn fuse_attr(&self, attr: &Attr, ino: u64) -> cleardown_fuse::Attr {
        to_fuse(attr, ino, &self.options, self.capabilities(), self.share.login_ids())
    }

    /// The server has (or has made) this name: enters it, counts the look-up, and says so.
    pub(crate) fn entry(&self, parent: u64, name: &[u8], attr: &Attr, asked: Instant) -> Answer<EntryOut> {
        let mut table = self.table.lock();
        let node = table.enter(parent, name, attr, asked).ok_or(Errno(libc::ESTALE))?;
        table.count(node);
        let known = table.get(node).ok_or(Errno(libc::ESTALE))?;
        Ok(self.entry_out(node, known, attr, asked))
    }

    pub(crate) fn entry_out(
        &self,
        node: u64,
        known: &crate::nodes::Node,
        attr: &Attr,
        asked: Instant,
    ) -> EntryOut {
        let ttl = left(asked);
        let ours = known.seen.as_ref().map_or(attr, |seen| &seen.attr);
        let attr = self.fuse_attr(ours, known.ino(node));
        EntryOut { nodeid: node, generation: 1, attr, entry_ttl: ttl, attr_ttl: ttl }
    }

    /// We have made a name: the folder's listing knows it too.
    pub(crate) fn noted(&self, parent: u64, name: &[u8], attr: Option<&Attr>) {
        let mut table = self.table.lock();
        let key = table.key(name);
        let entry = attr.map(|attr| cleardown_share::DirEntry { name: name.to_vec(), attr: attr.clone() });
        if let Some(folder) = table.get_mut(parent) {
            folder.cache.note(key, entry);
            // Its times are others now. The kernel asks for its mode before every change in it: rather a guess of
            // the times for a moment than a question to the server each time.
            folder.changed = Some(Instant::now());
            if let Some(seen) = &mut folder.seen {
                seen.attr.modified = now().max(seen.attr.modified);
                seen.attr.changed = seen.attr.modified;
                seen.exact = false;
            }
        }
    }

    fn statfs(self: &Arc<Self>, header: Header, reply: Reply) -> Begun {
        let known = *self.room_on_server.lock();
        if let Some((_, room)) = known.filter(|(asked, _)| asked.elapsed() < TTL) {
            reply.statfs(&statfs_out(&room));
            return Ok(());
        }
        let inner = self.clone();
        let work = async move {
            let asked = Instant::now();
            let room = inner.ask(|| inner.share.stat_fs()).await?;
            *inner.room_on_server.lock() = Some((asked, room));
            Ok(room)
        };
        self.spawn(header, reply, work, |reply, room| reply.statfs(&statfs_out(&room)));
        Ok(())
    }

    fn syncfs(self: &Arc<Self>, header: Header, reply: Reply) -> Begun {
        let inner = self.clone();
        let work = async move {
            let far = Instant::now() + inner.options.request_timeout;
            let drained = inner.drain(far, |_| {}).await;
            if drained.acknowledged { Ok(()) } else { Err(Errno(libc::EIO)) }
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }
}

/// How much longer what was asked then may be believed.
pub(crate) fn left(asked: Instant) -> Duration {
    TTL.saturating_sub(asked.elapsed())
}

fn statfs_out(room: &cleardown_share::StatFs) -> StatfsOut {
    StatfsOut {
        blocks: room.blocks,
        bfree: room.free,
        bavail: room.available,
        files: room.files,
        ffree: room.files_free,
        bsize: room.block_size,
        namelen: room.name_max,
        frsize: room.block_size,
    }
}

/// Whether the server, asked again after its answer was lost, says what it says when it had done it already.
pub(crate) fn done_before(again: bool, error: &cleardown_share::ShareError, errno: i32) -> bool {
    again && error.errno == errno
}
