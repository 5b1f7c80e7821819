//! The one answer to a request.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::Errno;
use zerocopy::IntoBytes;

use crate::abi;
use crate::channel::Channel;
use crate::dir::DirBuffer;
use crate::op::{Lock, LockType};
use crate::types::{Attr, EntryOut, OpenFlags, StatfsOut};

/// The answer that one request waits for. Each method gives it, once; dropped unanswered, it is `EIO`.
///
/// Answers do not fail: when the kernel no longer waits (the caller was killed, the mount aborted), there is
/// nobody to tell.
#[must_use = "dropping a reply answers EIO"]
#[derive(Debug)]
pub struct Reply {
    channel: Arc<Channel>,
    /// As the kernel sent it, `FUSE_UNIQUE_RESEND` included: it looks for exactly this.
    unique: u64,
    done: bool,
    /// It answers COPY_FILE_RANGE_64.
    pub(crate) wide: bool,
}

impl Reply {
    /// For a request that wants an answer.
    pub(crate) fn new(channel: Arc<Channel>, unique: u64) -> Self {
        channel.counters.expect_answer();
        Reply { channel, unique, done: false, wide: false }
    }
    /// For FORGET and INTERRUPT, which have none.
    pub(crate) fn none(channel: Arc<Channel>, unique: u64) -> Self {
        Reply { channel, unique, done: true, wide: false }
    }

    fn send(&mut self, error: i32, body: &[IoSlice<'_>]) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        self.channel.counters.answer();
        match self.channel.send(self.unique, error, body) {
            // Gone meanwhile: interrupted, or the whole mount.
            Ok(()) | Err(Errno::NOENT | Errno::NODEV | Errno::CONNABORTED | Errno::PERM) => {}
            Err(errno) => {
                // The kernel refuses the answer itself (a body it did not ask for): the caller must not hang.
                tracing::error!(unique = self.unique, %errno, "the kernel refused an answer");
                if let Err(errno) = self.channel.send(self.unique, -libc::EIO, &[]) {
                    tracing::error!(unique = self.unique, %errno, "and its replacement");
                }
            }
        }
    }
    fn send_value(mut self, value: &(impl IntoBytes + zerocopy::Immutable)) {
        self.send(0, &[IoSlice::new(value.as_bytes())]);
    }

    /// It failed. `errno` is positive (`libc::ENOENT`); anything that is no errno becomes `EIO`.
    pub fn error(mut self, errno: i32) {
        let errno = if (1..512).contains(&errno) { errno } else { libc::EIO };
        self.send(-errno, &[]);
    }
    /// Done, and there is nothing to say.
    pub fn ok(mut self) {
        self.send(0, &[]);
    }
    /// For lookup, mknod, mkdir, symlink and link.
    pub fn entry(self, entry: &EntryOut) {
        self.send_value(&entry.to_abi());
    }
    /// For getattr and setattr, to be believed for `ttl`.
    pub fn attr(self, attr: &Attr, ttl: Duration) {
        let (attr_valid, attr_valid_nsec) = (ttl.as_secs(), ttl.subsec_nanos());
        self.send_value(&abi::AttrOut { attr_valid, attr_valid_nsec, dummy: 0, attr: attr.to_abi() });
    }
    /// For statx, to be believed for `ttl`.
    pub fn statx(self, attr: &Attr, ttl: Duration) {
        self.send_value(&attr.to_statx(ttl));
    }
    /// For open and opendir.
    pub fn opened(self, fh: u64, flags: OpenFlags) {
        self.send_value(&abi::OpenOut { fh, open_flags: flags.bits(), backing_id: 0 });
    }
    /// For create and tmpfile.
    pub fn created(mut self, entry: &EntryOut, fh: u64, flags: OpenFlags) {
        let (entry, open) = (entry.to_abi(), abi::OpenOut { fh, open_flags: flags.bits(), backing_id: 0 });
        self.send(0, &[IoSlice::new(entry.as_bytes()), IoSlice::new(open.as_bytes())]);
    }
    /// For read, readlink, getxattr and listxattr: at most what was asked for.
    pub fn data(mut self, data: &[u8]) {
        self.send(0, &[IoSlice::new(data)]);
    }
    /// As [`Reply::data`].
    pub fn bytes(self, data: Bytes) {
        self.data(&data);
    }
    /// As [`Reply::data`], from several pieces (at most 64) without joining them.
    pub fn pieces(mut self, pieces: &[IoSlice<'_>]) {
        self.send(0, pieces);
    }
    /// For write: the bytes taken.
    pub fn written(self, size: u32) {
        self.send_value(&abi::WriteOut { size, padding: 0 });
    }
    /// For statfs.
    pub fn statfs(self, room: &StatfsOut) {
        self.send_value(&abi::Kstatfs {
            blocks: room.blocks,
            bfree: room.bfree,
            bavail: room.bavail,
            files: room.files,
            ffree: room.ffree,
            bsize: room.bsize,
            namelen: room.namelen,
            frsize: room.frsize,
            padding: 0,
            spare: [0; 6],
        });
    }
    /// For getlk: the lock in the way, or one of kind [`LockType::Unlock`] when there is none.
    pub fn lock(self, lock: &Lock) {
        let kind = match lock.kind {
            LockType::Read => libc::F_RDLCK,
            LockType::Write => libc::F_WRLCK,
            LockType::Unlock => libc::F_UNLCK,
        };
        self.send_value(&abi::LkOut { start: lock.start, end: lock.end, kind: kind as u32, pid: lock.pid });
    }
    /// For readdir.
    pub fn dir(self, entries: DirBuffer) {
        self.data(entries.as_bytes());
    }
    /// For lseek: the offset found.
    pub fn lseek(self, offset: u64) {
        self.send_value(&abi::LseekOut { offset });
    }
    /// For copy_file_range: the bytes copied.
    pub fn copied(self, bytes: u64) {
        match self.wide {
            true => self.send_value(&abi::CopyFileRangeOut { bytes_copied: bytes }),
            false => self.written(u32::try_from(bytes).unwrap_or(u32::MAX)),
        }
    }
    /// For getxattr and listxattr with size 0.
    pub fn xattr_size(self, size: u32) {
        self.send_value(&abi::GetxattrOut { size, padding: 0 });
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(-libc::EIO, &[]);
    }
}
