//! The structures of `linux/fuse.h`, laid out exactly as the kernel has them (UAPI 7.45), and their numbers.
//!
//! Names follow the header, so that it can be read beside this file. Only what a session uses is here.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Operation codes (`enum fuse_opcode`).
pub(crate) mod opcode {
    macro_rules! opcodes {
        ($($name:ident = $value:literal),+ $(,)?) => {
            // Some are only named, for the counters: the session answers them with ENOSYS.
            $(#[allow(dead_code)] pub(crate) const $name: u32 = $value;)+
            /// The name of an opcode, for counters and traces.
            pub(crate) const fn name(code: u32) -> Option<&'static str> {
                match code { $($value => Some(stringify!($name)),)+ _ => None }
            }
        };
    }
    opcodes! {
        LOOKUP = 1, FORGET = 2, GETATTR = 3, SETATTR = 4, READLINK = 5, SYMLINK = 6, MKNOD = 8, MKDIR = 9,
        UNLINK = 10, RMDIR = 11, RENAME = 12, LINK = 13, OPEN = 14, READ = 15, WRITE = 16, STATFS = 17,
        RELEASE = 18, FSYNC = 20, SETXATTR = 21, GETXATTR = 22, LISTXATTR = 23, REMOVEXATTR = 24, FLUSH = 25,
        INIT = 26, OPENDIR = 27, READDIR = 28, RELEASEDIR = 29, FSYNCDIR = 30, GETLK = 31, SETLK = 32,
        SETLKW = 33, ACCESS = 34, CREATE = 35, INTERRUPT = 36, BMAP = 37, DESTROY = 38, IOCTL = 39, POLL = 40,
        NOTIFY_REPLY = 41, BATCH_FORGET = 42, FALLOCATE = 43, READDIRPLUS = 44, RENAME2 = 45, LSEEK = 46,
        COPY_FILE_RANGE = 47, SETUPMAPPING = 48, REMOVEMAPPING = 49, SYNCFS = 50, TMPFILE = 51, STATX = 52,
        COPY_FILE_RANGE_64 = 53,
    }
}

/// Notification codes (`enum fuse_notify_code`).
pub(crate) mod notify {
    pub(crate) const INVAL_INODE: i32 = 2;
    pub(crate) const INVAL_ENTRY: i32 = 3;
    pub(crate) const STORE: i32 = 4;
    pub(crate) const DELETE: i32 = 6;
    pub(crate) const RESEND: i32 = 7;
    pub(crate) const INC_EPOCH: i32 = 8;
}

/// The major version of the protocol.
pub(crate) const MAJOR: u32 = 7;
/// The newest minor version known here.
pub(crate) const MINOR: u32 = 45;
/// The oldest that is served (Linux 5.4): older kernels leave out fields that are read here.
pub(crate) const OLDEST_MINOR: u32 = 31;
/// Set in `unique` when the kernel sends a request again (`FUSE_UNIQUE_RESEND`).
pub(crate) const UNIQUE_RESEND: u64 = 1 << 63;
/// `FUSE_EXPIRE_ONLY`: let the entry expire, do not drop it.
pub(crate) const EXPIRE_ONLY: u32 = 1;

pub(crate) const FATTR_MODE: u32 = 1;
pub(crate) const FATTR_UID: u32 = 1 << 1;
pub(crate) const FATTR_GID: u32 = 1 << 2;
pub(crate) const FATTR_SIZE: u32 = 1 << 3;
pub(crate) const FATTR_ATIME: u32 = 1 << 4;
pub(crate) const FATTR_MTIME: u32 = 1 << 5;
pub(crate) const FATTR_FH: u32 = 1 << 6;
pub(crate) const FATTR_ATIME_NOW: u32 = 1 << 7;
pub(crate) const FATTR_MTIME_NOW: u32 = 1 << 8;
pub(crate) const FATTR_LOCKOWNER: u32 = 1 << 9;
pub(crate) const FATTR_CTIME: u32 = 1 << 10;
pub(crate) const FATTR_KILL_SUIDGID: u32 = 1 << 11;

pub(crate) const GETATTR_FH: u32 = 1;
pub(crate) const OPEN_KILL_SUIDGID: u32 = 1;
pub(crate) const WRITE_CACHE: u32 = 1;
pub(crate) const WRITE_LOCKOWNER: u32 = 2;
pub(crate) const WRITE_KILL_SUIDGID: u32 = 4;
pub(crate) const READ_LOCKOWNER: u32 = 2;
pub(crate) const RELEASE_FLUSH: u32 = 1;
pub(crate) const RELEASE_FLOCK_UNLOCK: u32 = 2;
pub(crate) const FSYNC_FDATASYNC: u32 = 1;
pub(crate) const LK_FLOCK: u32 = 1;

macro_rules! layout {
    ($($(#[$doc:meta])* struct $name:ident: $size:literal { $($field:ident: $type:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub(crate) struct $name { $(pub(crate) $field: $type),+ }
        const _: () = assert!(size_of::<$name>() == $size);
    )+};
}

layout! {
    struct InHeader: 40 {
        len: u32, opcode: u32, unique: u64, nodeid: u64, uid: u32, gid: u32, pid: u32, total_extlen: u16,
        padding: u16,
    }
    struct OutHeader: 16 { len: u32, error: i32, unique: u64 }
    struct Attr: 88 {
        ino: u64, size: u64, blocks: u64, atime: u64, mtime: u64, ctime: u64, atimensec: u32, mtimensec: u32,
        ctimensec: u32, mode: u32, nlink: u32, uid: u32, gid: u32, rdev: u32, blksize: u32, flags: u32,
    }
    struct EntryOut: 128 {
        nodeid: u64, generation: u64, entry_valid: u64, attr_valid: u64, entry_valid_nsec: u32,
        attr_valid_nsec: u32, attr: Attr,
    }
    struct AttrOut: 104 { attr_valid: u64, attr_valid_nsec: u32, dummy: u32, attr: Attr }
    struct InitIn: 16 { major: u32, minor: u32, max_readahead: u32, flags: u32 }
    struct InitOut: 64 {
        major: u32, minor: u32, max_readahead: u32, flags: u32, max_background: u16, congestion_threshold: u16,
        max_write: u32, time_gran: u32, max_pages: u16, map_alignment: u16, flags2: u32, max_stack_depth: u32,
        request_timeout: u16, unused: [u16; 11],
    }
    struct ForgetIn: 8 { nlookup: u64 }
    struct BatchForgetIn: 8 { count: u32, dummy: u32 }
    struct ForgetOne: 16 { nodeid: u64, nlookup: u64 }
    struct GetattrIn: 16 { flags: u32, dummy: u32, fh: u64 }
    struct SetattrIn: 88 {
        valid: u32, padding: u32, fh: u64, size: u64, lock_owner: u64, atime: u64, mtime: u64, ctime: u64,
        atimensec: u32, mtimensec: u32, ctimensec: u32, mode: u32, unused4: u32, uid: u32, gid: u32,
        unused5: u32,
    }
    struct MknodIn: 16 { mode: u32, rdev: u32, umask: u32, padding: u32 }
    struct MkdirIn: 8 { mode: u32, umask: u32 }
    struct RenameIn: 8 { newdir: u64 }
    struct Rename2In: 16 { newdir: u64, flags: u32, padding: u32 }
    struct LinkIn: 8 { oldnodeid: u64 }
    struct OpenIn: 8 { flags: u32, open_flags: u32 }
    struct CreateIn: 16 { flags: u32, mode: u32, umask: u32, open_flags: u32 }
    struct OpenOut: 16 { fh: u64, open_flags: u32, backing_id: i32 }
    struct ReleaseIn: 24 { fh: u64, flags: u32, release_flags: u32, lock_owner: u64 }
    struct FlushIn: 24 { fh: u64, unused: u32, padding: u32, lock_owner: u64 }
    struct ReadIn: 40 {
        fh: u64, offset: u64, size: u32, read_flags: u32, lock_owner: u64, flags: u32, padding: u32,
    }
    struct WriteIn: 40 {
        fh: u64, offset: u64, size: u32, write_flags: u32, lock_owner: u64, flags: u32, padding: u32,
    }
    struct WriteOut: 8 { size: u32, padding: u32 }
    struct Kstatfs: 80 {
        blocks: u64, bfree: u64, bavail: u64, files: u64, ffree: u64, bsize: u32, namelen: u32, frsize: u32,
        padding: u32, spare: [u32; 6],
    }
    struct FsyncIn: 16 { fh: u64, fsync_flags: u32, padding: u32 }
    /// Without `FUSE_SETXATTR_EXT`, which is never asked for.
    struct SetxattrIn: 8 { size: u32, flags: u32 }
    struct GetxattrIn: 8 { size: u32, padding: u32 }
    struct GetxattrOut: 8 { size: u32, padding: u32 }
    struct LkIn: 48 {
        fh: u64, owner: u64, start: u64, end: u64, kind: u32, pid: u32, lk_flags: u32, padding: u32,
    }
    struct LkOut: 24 { start: u64, end: u64, kind: u32, pid: u32 }
    struct AccessIn: 8 { mask: u32, padding: u32 }
    struct InterruptIn: 8 { unique: u64 }
    struct FallocateIn: 32 { fh: u64, offset: u64, length: u64, mode: u32, padding: u32 }
    struct LseekIn: 24 { fh: u64, offset: u64, whence: u32, padding: u32 }
    struct LseekOut: 8 { offset: u64 }
    struct CopyFileRangeIn: 56 {
        fh_in: u64, off_in: u64, nodeid_out: u64, fh_out: u64, off_out: u64, len: u64, flags: u64,
    }
    struct CopyFileRangeOut: 8 { bytes_copied: u64 }
    struct StatxIn: 24 { getattr_flags: u32, reserved: u32, fh: u64, sx_flags: u32, sx_mask: u32 }
    struct SxTime: 16 { seconds: i64, nanos: u32, reserved: i32 }
    struct Statx: 256 {
        mask: u32, blksize: u32, attributes: u64, nlink: u32, uid: u32, gid: u32, mode: u16, spare0: u16,
        ino: u64, size: u64, blocks: u64, attributes_mask: u64, atime: SxTime, btime: SxTime, ctime: SxTime,
        mtime: SxTime, rdev_major: u32, rdev_minor: u32, dev_major: u32, dev_minor: u32, spare2: [u64; 14],
    }
    struct StatxOut: 288 {
        attr_valid: u64, attr_valid_nsec: u32, flags: u32, spare: [u64; 2], stat: Statx,
    }
    struct Dirent: 24 { ino: u64, off: u64, namelen: u32, kind: u32 }
    struct InvalInodeOut: 24 { ino: u64, off: i64, len: i64 }
    struct InvalEntryOut: 16 { parent: u64, namelen: u32, flags: u32 }
    struct DeleteOut: 24 { parent: u64, child: u64, namelen: u32, padding: u32 }
    struct StoreOut: 24 { nodeid: u64, offset: u64, size: u32, padding: u32 }
}

/// Where the payload of a WRITE begins in a request: the header and `fuse_write_in`.
pub(crate) const WRITE_PAYLOAD: usize = size_of::<InHeader>() + size_of::<WriteIn>();
