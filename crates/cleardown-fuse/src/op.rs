//! What the kernel asks for: one request, decoded.

use bytes::Bytes;

use crate::Reply;
use crate::types::Time;

/// Who asks, and about which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The request's number; the same when the kernel sends it again after [`crate::Notifier::resend`].
    pub unique: u64,
    /// The node that it is about, as given in an earlier [`crate::EntryOut`]; 1 is the root.
    pub nodeid: u64,
    /// The caller's file-system user id.
    pub uid: u32,
    /// The caller's file-system group id.
    pub gid: u32,
    /// The caller (a thread group's id as seen from the mount's pid namespace), 0 when the kernel itself asks
    /// (release, read-ahead).
    pub pid: u32,
}

/// A request and the way to answer it.
#[derive(Debug)]
pub struct Request {
    /// Who asks.
    pub header: Header,
    /// What for.
    pub op: Op,
    /// The kernel sends it again: an earlier worker may have carried it out already.
    pub resent: bool,
    pub(crate) reply: Reply,
}

impl Request {
    /// Takes it apart, to move the pieces into a task.
    pub fn into_parts(self) -> (Header, Op, Reply) {
        (self.header, self.op, self.reply)
    }
}

/// A file system: handed every request, in the order in which the kernel gives them out.
pub trait Filesystem: Send + Sync + 'static {
    /// Answers, now or later, from here or from a task. It runs on a thread that reads requests, so it must
    /// not block: work that waits is spawned.
    fn handle(&self, request: Request);
    /// The kernel has let go of the mount (it was unmounted or aborted); called once, last.
    fn destroyed(&self) {}
}

/// A time to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// This time.
    At(Time),
    /// The time it is now.
    Now,
}

/// `setattr`: what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetattrIn {
    /// The open file through which it is asked (`ftruncate`), if any.
    pub fh: Option<u64>,
    /// Permission bits and file type.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Size in bytes.
    pub size: Option<u64>,
    /// Last access.
    pub atime: Option<SetTime>,
    /// Last change of the content.
    pub mtime: Option<SetTime>,
    /// Last change of anything.
    pub ctime: Option<Time>,
    /// The lock owner, for mandatory locks.
    pub lock_owner: Option<u64>,
    /// Drop set-user-id and set-group-id (`FUSE_HANDLE_KILLPRIV_V2`).
    pub kill_suidgid: bool,
}

/// Kind of a file lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockType {
    /// Shared.
    Read,
    /// Exclusive.
    Write,
    /// None: give it back.
    Unlock,
}

/// A lock, asked for or found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lock {
    /// First byte.
    pub start: u64,
    /// Last byte, inclusive; `i64::MAX` means to the end whatever it will be.
    pub end: u64,
    /// The kind.
    pub kind: LockType,
    /// The process that asks for it or holds it.
    pub pid: u32,
}

/// What is asked for. The node is [`Header::nodeid`]; for operations with a name it is the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Fields are named as in fuse(4) and their man pages (section 2).
pub enum Op {
    /// Finds a name; answer [`Reply::entry`].
    Lookup {
        name: Bytes,
    },
    /// The kernel forgets (node, number of lookups) pairs; no reply.
    Forget(Vec<(u64, u64)>),
    Getattr {
        fh: Option<u64>,
    },
    Setattr(SetattrIn),
    Readlink,
    Symlink {
        name: Bytes,
        target: Bytes,
    },
    Mknod {
        name: Bytes,
        mode: u32,
        rdev: u32,
        umask: u32,
    },
    Mkdir {
        name: Bytes,
        mode: u32,
        umask: u32,
    },
    Unlink {
        name: Bytes,
    },
    Rmdir {
        name: Bytes,
    },
    /// `flags` are `RENAME_NOREPLACE` and friends.
    Rename {
        name: Bytes,
        new_parent: u64,
        new_name: Bytes,
        flags: u32,
    },
    /// Makes `name` in the folder another name of `old_nodeid`.
    Link {
        old_nodeid: u64,
        name: Bytes,
    },
    /// `flags` are open(2)'s, without `O_CREAT`, `O_EXCL` and (unless `ATOMIC_O_TRUNC`) `O_TRUNC`.
    Open {
        flags: i32,
        kill_suidgid: bool,
    },
    Read {
        fh: u64,
        offset: u64,
        size: u32,
        flags: i32,
        lock_owner: Option<u64>,
    },
    /// `cache`: from the page cache (a mapping), and not by the process in the header.
    Write {
        fh: u64,
        offset: u64,
        data: Bytes,
        flags: i32,
        lock_owner: Option<u64>,
        cache: bool,
        kill_suid: bool,
    },
    Statfs,
    /// The last descriptor of an open file is gone.
    Release {
        fh: u64,
        flags: i32,
        lock_owner: Option<u64>,
        flush: bool,
        flock_unlock: bool,
    },
    Fsync {
        fh: u64,
        datasync: bool,
    },
    /// A descriptor is closed (every `close`, also of duplicates).
    Flush {
        fh: u64,
        lock_owner: u64,
    },
    Setxattr {
        name: Bytes,
        value: Bytes,
        flags: u32,
    },
    /// `size` 0 asks for the size; answer [`Reply::xattr_size`], otherwise [`Reply::data`].
    Getxattr {
        name: Bytes,
        size: u32,
    },
    Listxattr {
        size: u32,
    },
    Removexattr {
        name: Bytes,
    },
    Opendir {
        flags: i32,
    },
    /// Answer [`Reply::dir`] with a [`crate::DirBuffer`] of this size and kind.
    Readdir {
        fh: u64,
        offset: u64,
        size: u32,
        plus: bool,
    },
    Releasedir {
        fh: u64,
        flags: i32,
    },
    Fsyncdir {
        fh: u64,
        datasync: bool,
    },
    /// Which lock would conflict? Answer [`Reply::lock`].
    Getlk {
        fh: u64,
        owner: u64,
        lock: Lock,
    },
    /// `wait`: block until it is granted (and heed [`Op::Interrupt`]).
    Setlk {
        fh: u64,
        owner: u64,
        lock: Lock,
        flock: bool,
        wait: bool,
    },
    Access {
        mask: u32,
    },
    Create {
        name: Bytes,
        flags: i32,
        mode: u32,
        umask: u32,
        kill_suidgid: bool,
    },
    /// The caller of request `unique` got a signal: answer that one soon, with `EINTR` if it is not done. No
    /// reply of its own.
    Interrupt {
        unique: u64,
    },
    Fallocate {
        fh: u64,
        offset: u64,
        len: u64,
        mode: i32,
    },
    Lseek {
        fh: u64,
        offset: u64,
        whence: i32,
    },
    /// Copies from this node to another; answer [`Reply::copied`].
    CopyFileRange {
        fh_in: u64,
        off_in: u64,
        nodeid_out: u64,
        fh_out: u64,
        off_out: u64,
        len: u64,
        flags: u64,
    },
    /// `mask` as in statx(2); answer [`Reply::statx`].
    Statx {
        fh: Option<u64>,
        flags: u32,
        mask: u32,
    },
    Tmpfile {
        flags: i32,
        mode: u32,
        umask: u32,
    },
    Syncfs,
}
