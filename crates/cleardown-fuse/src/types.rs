//! What is said back to the kernel: attributes, entries, flags.

use std::time::Duration;

use bitflags::bitflags;
use zerocopy::FromZeros;

use crate::abi;

/// A point in time: seconds since 1970, possibly negative, and nanoseconds below 1,000,000,000.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds.
    pub seconds: i64,
    /// Nanoseconds, always counted forward.
    pub nanos: u32,
}

/// Attributes of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attr {
    /// Inode number, as `ls -i` shows it.
    pub ino: u64,
    /// Bytes.
    pub size: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Last access.
    pub atime: Time,
    /// Last change of the content.
    pub mtime: Time,
    /// Last change of anything.
    pub ctime: Time,
    /// Creation; reaches applications only through [`crate::Reply::statx`].
    pub btime: Option<Time>,
    /// File type (`S_IFREG` ...) and permission bits.
    pub mode: u32,
    /// Hard links.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number, for device files (the kernel's 32-bit encoding).
    pub rdev: u32,
    /// Preferred size of reads and writes.
    pub blksize: u32,
}

impl Attr {
    pub(crate) fn to_abi(self) -> abi::Attr {
        abi::Attr {
            ino: self.ino,
            size: self.size,
            blocks: self.blocks,
            atime: self.atime.seconds as u64,
            mtime: self.mtime.seconds as u64,
            ctime: self.ctime.seconds as u64,
            atimensec: self.atime.nanos,
            mtimensec: self.mtime.nanos,
            ctimensec: self.ctime.nanos,
            mode: self.mode,
            nlink: self.nlink,
            uid: self.uid,
            gid: self.gid,
            rdev: self.rdev,
            blksize: self.blksize,
            flags: 0,
        }
    }

    pub(crate) fn to_statx(self, ttl: Duration) -> abi::StatxOut {
        let time = |t: Time| abi::SxTime { seconds: t.seconds, nanos: t.nanos, reserved: 0 };
        let mut out = abi::StatxOut::new_zeroed();
        (out.attr_valid, out.attr_valid_nsec) = (ttl.as_secs(), ttl.subsec_nanos());
        let stat = &mut out.stat;
        stat.mask = libc::STATX_BASIC_STATS | self.btime.map_or(0, |_| libc::STATX_BTIME);
        (stat.blksize, stat.nlink, stat.uid, stat.gid) = (self.blksize, self.nlink, self.uid, self.gid);
        stat.mode = self.mode as u16;
        (stat.ino, stat.size, stat.blocks) = (self.ino, self.size, self.blocks);
        (stat.atime, stat.mtime, stat.ctime) = (time(self.atime), time(self.mtime), time(self.ctime));
        stat.btime = time(self.btime.unwrap_or_default());
        (stat.rdev_major, stat.rdev_minor) =
            ((self.rdev >> 8) & 0xfff, (self.rdev & 0xff) | ((self.rdev >> 12) & 0xfff00));
        out
    }
}

/// A name found or made: its node, and how long the kernel may believe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryOut {
    /// The node; 0 says that there is no such name, to be believed for `entry_ttl`.
    pub nodeid: u64,
    /// Differs when a node number is used again.
    pub generation: u64,
    /// Attributes.
    pub attr: Attr,
    /// How long the name may be believed.
    pub entry_ttl: Duration,
    /// How long the attributes may be believed.
    pub attr_ttl: Duration,
}

impl EntryOut {
    /// "There is no such name", to be believed for `ttl`.
    pub fn negative(ttl: Duration) -> Self {
        EntryOut { entry_ttl: ttl, ..EntryOut::default() }
    }

    pub(crate) fn to_abi(self) -> abi::EntryOut {
        abi::EntryOut {
            nodeid: self.nodeid,
            generation: self.generation,
            entry_valid: self.entry_ttl.as_secs(),
            attr_valid: self.attr_ttl.as_secs(),
            entry_valid_nsec: self.entry_ttl.subsec_nanos(),
            attr_valid_nsec: self.attr_ttl.subsec_nanos(),
            attr: self.attr.to_abi(),
        }
    }
}

/// Room on a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatfsOut {
    /// All blocks, in units of `frsize`.
    pub blocks: u64,
    /// Free blocks.
    pub bfree: u64,
    /// Free blocks for ordinary users.
    pub bavail: u64,
    /// All files.
    pub files: u64,
    /// Free files.
    pub ffree: u64,
    /// Preferred transfer size.
    pub bsize: u32,
    /// Longest name in bytes.
    pub namelen: u32,
    /// Bytes per block.
    pub frsize: u32,
}

bitflags! {
    /// How an opened file behaves (`FOPEN_*`).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        /// Every read and write comes to the file system; the page cache is not used.
        const DIRECT_IO = 1;
        /// What the page cache holds of the file stays valid.
        const KEEP_CACHE = 1 << 1;
        /// It cannot be seeked.
        const NONSEEKABLE = 1 << 2;
        /// The listing of this folder may be cached.
        const CACHE_DIR = 1 << 3;
        /// It has no position (pipes).
        const STREAM = 1 << 4;
        /// No FLUSH when a descriptor is closed.
        const NOFLUSH = 1 << 5;
        /// Writes with `DIRECT_IO` to one file may run side by side.
        const PARALLEL_DIRECT_WRITES = 1 << 6;
    }
}

bitflags! {
    /// What the kernel and the file system agree on (`FUSE_INIT` flags).
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct InitFlags: u64 {
        /// Several reads of one file at a time.
        const ASYNC_READ = 1;
        /// fcntl locks come to the file system.
        const POSIX_LOCKS = 1 << 1;
        /// `O_TRUNC` comes with OPEN.
        const ATOMIC_O_TRUNC = 1 << 3;
        /// `.` and `..` are looked up (for NFS export).
        const EXPORT_SUPPORT = 1 << 4;
        /// Writes of more than a page.
        const BIG_WRITES = 1 << 5;
        /// The file system applies the umask itself.
        const DONT_MASK = 1 << 6;
        /// flock locks come to the file system.
        const FLOCK_LOCKS = 1 << 10;
        /// The kernel drops its page cache when size or time have changed.
        const AUTO_INVAL_DATA = 1 << 12;
        /// Listings with attributes.
        const DO_READDIRPLUS = 1 << 13;
        /// ... only when they are likely to be wanted.
        const READDIRPLUS_AUTO = 1 << 14;
        /// Direct I/O with several requests in flight.
        const ASYNC_DIO = 1 << 15;
        /// Write-back in the kernel's page cache.
        const WRITEBACK_CACHE = 1 << 16;
        /// `ENOSYS` to OPEN means: no OPEN and RELEASE at all.
        const NO_OPEN_SUPPORT = 1 << 17;
        /// Lookups and listings in one folder side by side.
        const PARALLEL_DIROPS = 1 << 18;
        /// POSIX access control lists.
        const POSIX_ACL = 1 << 20;
        /// Reading the device after an abort says `ECONNABORTED`.
        const ABORT_ERROR = 1 << 21;
        /// `max_pages` is heeded.
        const MAX_PAGES = 1 << 22;
        /// Targets of links are cached.
        const CACHE_SYMLINKS = 1 << 23;
        /// `ENOSYS` to OPENDIR means: no OPENDIR and RELEASEDIR at all.
        const NO_OPENDIR_SUPPORT = 1 << 24;
        /// The page cache is only dropped when the file system says so.
        const EXPLICIT_INVAL_DATA = 1 << 25;
        /// The file system drops set-user-id on write, truncate and chown.
        const HANDLE_KILLPRIV_V2 = 1 << 28;
        /// Flags above bit 31 are heeded.
        const INIT_EXT = 1 << 30;
        /// [`crate::Notifier::expire_entry`] works.
        const HAS_EXPIRE_ONLY = 1 << 35;
        /// Shared mappings of files opened with `DIRECT_IO`.
        const DIRECT_IO_ALLOW_MMAP = 1 << 36;
        /// [`crate::Notifier::resend`] works.
        const HAS_RESEND = 1 << 39;
        /// `request_timeout` is heeded.
        const REQUEST_TIMEOUT = 1 << 42;
    }
}

impl InitFlags {
    /// What a network drive wants: see ARCHITECTURE.md for what is left out, and why. Without `READDIRPLUS_AUTO`:
    /// attributes come with a server's listing anyway, and with it the kernel asks for them only in the first piece
    /// of a folder that is read in large pieces, which costs `ls -l` a look-up for each file.
    pub const fn network_drive() -> Self {
        InitFlags::ASYNC_READ
            .union(InitFlags::POSIX_LOCKS)
            .union(InitFlags::ATOMIC_O_TRUNC)
            .union(InitFlags::BIG_WRITES)
            .union(InitFlags::FLOCK_LOCKS)
            .union(InitFlags::DO_READDIRPLUS)
            .union(InitFlags::ASYNC_DIO)
            .union(InitFlags::PARALLEL_DIROPS)
            .union(InitFlags::MAX_PAGES)
            .union(InitFlags::CACHE_SYMLINKS)
            .union(InitFlags::EXPLICIT_INVAL_DATA)
            .union(InitFlags::HANDLE_KILLPRIV_V2)
            .union(InitFlags::HAS_EXPIRE_ONLY)
            .union(InitFlags::DIRECT_IO_ALLOW_MMAP)
            .union(InitFlags::HAS_RESEND)
    }
}
