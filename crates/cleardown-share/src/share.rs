//! The [`Share`] and [`File`] traits.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bitflags::bitflags;
use bytes::Bytes;
use tokio::sync::mpsc;

use crate::attr::{Attr, DirEntry, SetAttr, StatFs};
use crate::error::{ShareError, ShareResult};
use crate::path::SharePath;

/// What the two ends agreed on; shown by `status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionInfo {
    /// `SMB 3.1.1`, `SFTP 3`.
    pub dialect: String,
    /// The cipher, or none.
    pub encryption: Option<String>,
    /// The signing algorithm, or none.
    pub signing: Option<String>,
    /// The user on the server, `guest` or `anonymous`.
    pub user: String,
}

bitflags! {
    /// What the server and the protocol can do. The drive asks before it promises anything to an application.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u32 {
        /// Hard links.
        const HARD_LINKS = 1 << 0;
        /// Symbolic links.
        const SYMLINKS = 1 << 1;
        /// Mode bits are stored by the server.
        const MODE = 1 << 2;
        /// Rename replaces the target atomically.
        const RENAME_REPLACES = 1 << 3;
        /// Open files can be renamed and removed; the handle stays good.
        const OPEN_FILES_MOVE = 1 << 4;
        /// Byte-range locks that other clients of the server see.
        const LOCKS = 1 << 5;
        /// Holes can be found (`SEEK_HOLE`).
        const SPARSE = 1 << 6;
        /// Ranges can be preallocated and zeroed.
        const ALLOCATE = 1 << 7;
        /// Ranges can be copied on the server.
        const COPY = 1 << 8;
        /// Names differing only in case are one file.
        const CASE_INSENSITIVE = 1 << 9;
        /// Attributes and data may be cached under a lease that the server breaks.
        const LEASES = 1 << 10;
        /// The server reports changes by others in folders.
        const CHANGE_NOTIFY = 1 << 11;
        /// Owner and group are the server's numeric ids.
        const IDS = 1 << 12;
        /// The share is read-only for us.
        const READ_ONLY = 1 << 13;
        /// Times that are set through a handle stay when data arrives later that was written through it before.
        const TIMES_STAY = 1 << 14;
    }
}

bitflags! {
    /// What an opener wants to do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Access: u8 {
        /// Read data.
        const READ = 1;
        /// Write data.
        const WRITE = 2;
    }
}

/// Whether to open, create or empty a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It must exist.
    Open,
    /// It must not exist (`O_CREAT | O_EXCL`), atomically on the server.
    CreateNew,
    /// Open it, or create it.
    OpenOrCreate,
    /// It must exist and is emptied (`O_TRUNC`).
    Truncate,
    /// Emptied, or created.
    CreateOrTruncate,
}

/// How to open a file.
#[derive(Clone, Copy, Debug)]
pub struct OpenHow {
    /// What for.
    pub access: Access,
    /// Whether it is created.
    pub disposition: Disposition,
    /// Permission bits of a file that is created, where the server keeps them.
    pub mode: u32,
    /// Ask for a lease, so that data and attributes may be cached.
    pub lease: bool,
}

/// What may be cached about an open file until [`Event::LeaseBroken`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Data and attributes read stay true.
    pub read: bool,
    /// Nobody else writes: our own writes may be late.
    pub write: bool,
    /// The handle may be kept open after the application's close.
    pub handle: bool,
}

impl std::ops::BitAnd for Lease {
    type Output = Lease;

    fn bitand(self, other: Lease) -> Lease {
        Lease {
            read: self.read && other.read,
            write: self.write && other.write,
            handle: self.handle && other.handle,
        }
    }
}

/// An opened file.
pub struct Opened {
    /// The handle.
    pub file: Arc<dyn File>,
    /// Its attributes, as the server sent them with the answer.
    pub attr: Attr,
    /// The open created it.
    pub created: bool,
}

/// How a rename treats an existing target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenameHow {
    /// Replace it (`rename(2)`).
    Replace,
    /// Fail with `EEXIST` (`RENAME_NOREPLACE`).
    NoReplace,
}

/// Kind of a byte-range lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Shared (read).
    Shared,
    /// Exclusive (write).
    Exclusive,
}

/// What the server tells us unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another client wants the file: what may be cached now. The provider acknowledges the break once
    /// [`Share::lease_break_done`] was called (or by itself after a short deadline).
    LeaseBroken {
        /// The file.
        path: SharePath,
        /// What is left.
        lease: Lease,
        /// To be given to [`Share::lease_break_done`]; none when no acknowledgement is wanted.
        ticket: Option<u64>,
    },
    /// Something changed in this folder (a name, or the named entry's data or attributes).
    Changed {
        /// The folder.
        dir: SharePath,
        /// The entry, or none when the server only says "something".
        name: Option<Vec<u8>>,
    },
    /// The connection to the server broke; requests wait or fail while the provider reconnects. Told again when the
    /// server is there and does not let us in.
    Disconnected(ShareError),
    /// It is back. All leases and locks are gone unless they could be reclaimed.
    Reconnected,
}

/// A session with a server, at one share or folder.
///
/// All calls are independent and may be in flight together; the provider pipelines them. A call returns when
/// the server has answered. No call waits longer than the provider's request deadline (given when it
/// connects). Dropping a future gives its request up, without harm to the others.
///
/// Errors carry the right errno: `ENOENT`, `EEXIST`, `ENOTEMPTY`, `EACCES`, `EROFS`, `ENOSPC`, `EDQUOT`,
/// `ETXTBSY`/`EBUSY` for sharing violations, `ENAMETOOLONG`, `ESTALE` for lost handles, `EIO`.
#[async_trait]
pub trait Share: Send + Sync + 'static {
    /// What the two ends agreed on.
    fn session(&self) -> SessionInfo;
    /// Tells the number of the present session on the server, and of each later one before anything is asked in it, where the
    /// protocol lets whoever comes after this client name it: then the server ends it first.
    fn tell_sessions(&self, _tell: Box<dyn Fn(u64) + Send + Sync>) {}
    /// The server's numeric ids (owner, group) of the user who is logged on, where they are known: the drive shows that
    /// user's files as its owner's.
    fn login_ids(&self) -> Option<(u32, u32)> {
        None
    }
    /// What can be done here.
    fn capabilities(&self) -> Capabilities;
    /// The largest read or write that travels as one request; larger ones are split by the provider.
    fn transfer_size(&self) -> u32;
    /// The stream of events. Only the first caller gets it.
    fn events(&self) -> Option<mpsc::Receiver<Event>>;
    /// The drive has dropped what the broken lease covered.
    fn lease_break_done(&self, _ticket: u64) {}

    /// The attributes of a file or folder (of a link itself).
    async fn stat(&self, path: &SharePath) -> ShareResult<Attr>;
    /// All entries of a folder, in batches as the server sends them; the channel is bounded, and dropping its
    /// receiver ends the listing.
    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()>;
    /// All entries of a folder at once, however many they are.
    async fn entries(&self, path: &SharePath) -> ShareResult<Vec<DirEntry>> {
        let (into, mut batches) = mpsc::channel(4);
        let gather = async {
            let mut entries = Vec::new();
            while let Some(batch) = batches.recv().await {
                entries.extend(batch);
            }
            entries
        };
        let (listed, entries) = tokio::join!(self.list(path, into), gather);
        listed.map(|()| entries)
    }
    /// Opens a file.
    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened>;
    /// As [`Share::open`], and in the same round trip the file's first `len` bytes (fewer only at its end), where
    /// the protocol can ask for both at once; none where it cannot, or when they could not be read.
    async fn open_and_read(
        &self,
        path: &SharePath,
        how: OpenHow,
        _len: u32,
    ) -> ShareResult<(Opened, Option<Bytes>)> {
        Ok((self.open(path, how).await?, None))
    }
    /// Makes a folder.
    async fn create_dir(&self, path: &SharePath, mode: u32) -> ShareResult<Attr>;
    /// Removes a file or link. `ENOTEMPTY`/`EISDIR` as for unlink(2).
    async fn remove_file(&self, path: &SharePath) -> ShareResult<()>;
    /// Removes an empty folder.
    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()>;
    /// Renames. Open files that a drive holds on either name must survive where the server can do it.
    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()>;
    /// Makes a hard link.
    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr>;
    /// Makes a symbolic link with this target.
    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr>;
    /// The target of a symbolic link.
    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>>;
    /// Changes attributes by path; returns the new ones.
    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr>;
    /// The room on the server.
    async fn stat_fs(&self) -> ShareResult<StatFs>;
    /// Asks for [`Event::Changed`] of this folder until [`Share::unwatch`], or until we remove or rename it or a folder
    /// above. When it ends otherwise, a last event without a name says so. A share without
    /// [`Capabilities::CHANGE_NOTIFY`] answers `EOPNOTSUPP`.
    async fn watch(&self, _dir: &SharePath) -> ShareResult<()> {
        Err(ShareError::unsupported("watching"))
    }
    /// No more events for this folder.
    async fn unwatch(&self, _dir: &SharePath) {}
    /// Asks the server for a sign of life.
    async fn probe(&self) -> ShareResult<Duration>;
    /// The machine has slept: finds out now whether the connection still stands, and makes another if it does not.
    async fn wake(&self) {}
    /// Closes what is open and logs off; true when the server confirmed it. Later calls fail with `ENOTCONN`.
    async fn close(&self) -> ShareResult<bool>;
    /// Drops the connection at once, without a word to the server; what is in flight fails.
    fn abort(&self);
}

/// An open file on a share.
#[async_trait]
pub trait File: Send + Sync + 'static {
    /// Reads; short only at the end of the file. Large reads are split and pipelined.
    async fn read(&self, offset: u64, len: u32) -> ShareResult<Bytes>;
    /// Writes all of it; `Ok` when the server has acknowledged every byte. Large writes are split and pipelined.
    async fn write(&self, offset: u64, data: Bytes) -> ShareResult<()>;
    /// Writes all of it at the end of the file, wherever other clients have moved that meanwhile; returns the file's size
    /// then. After an error of the transport it is not known whether it was written.
    async fn append(&self, data: Bytes) -> ShareResult<u64>;
    /// The same, but only if the file ends at `end`; otherwise `EAGAIN`, and nothing is written. So an append whose answer
    /// was lost is not done twice by a server that has merely been slow, as far as the protocol allows.
    async fn append_at(&self, end: u64, data: Bytes) -> ShareResult<u64> {
        match self.stat().await?.size == end {
            true => self.append(data).await,
            false => Err(ShareError::server(libc::EAGAIN, "the file ends elsewhere")),
        }
    }
    /// Writes pieces one behind the other, as [`File::write`] does; joins them unless the protocol can do without.
    async fn write_pieces(&self, offset: u64, pieces: Vec<Bytes>) -> ShareResult<()> {
        self.write(offset, join(pieces)).await
    }
    /// Makes what was written durable on the server (`fsync`).
    async fn flush(&self) -> ShareResult<()>;
    /// What may be cached: what the server granted, less what it has taken back since. It is taken back before
    /// [`Event::LeaseBroken`] says so, which may even be before the open returns.
    fn lease(&self) -> Lease {
        Lease::default()
    }
    /// The attributes now.
    async fn stat(&self) -> ShareResult<Attr>;
    /// Changes attributes; returns the new ones.
    async fn set_attr(&self, set: &SetAttr) -> ShareResult<Attr>;
    /// Preallocates (`keep_size`) or extends a range.
    async fn allocate(&self, _offset: u64, _len: u64, _keep_size: bool) -> ShareResult<()> {
        Err(ShareError::unsupported("allocation"))
    }
    /// Zeroes a range, giving its space back where the server can.
    async fn punch(&self, _offset: u64, _len: u64) -> ShareResult<()> {
        Err(ShareError::unsupported("hole punching"))
    }
    /// The next data (`data`) or hole at or after `offset`; `ENXIO` past the end.
    async fn seek(&self, _offset: u64, _data: bool) -> ShareResult<u64> {
        Err(ShareError::unsupported("SEEK_HOLE"))
    }
    /// Copies on the server from this file to `to` (an open file of the same share); returns the bytes copied.
    async fn copy_to(&self, _from: u64, _to: &dyn File, _at: u64, _len: u64) -> ShareResult<u64> {
        Err(ShareError::unsupported("server-side copy"))
    }
    /// For [`File::copy_to`]: the concrete handle.
    fn as_any(&self) -> &dyn std::any::Any;
    /// Takes a byte-range lock for `owner`; `EAGAIN` when it conflicts and `wait` is false.
    async fn lock(
        &self,
        _owner: u64,
        _offset: u64,
        _len: u64,
        _kind: LockKind,
        _wait: bool,
    ) -> ShareResult<()> {
        Err(ShareError::unsupported("locking"))
    }
    /// Gives back what `owner` has locked in a range.
    async fn unlock(&self, _owner: u64, _offset: u64, _len: u64) -> ShareResult<()> {
        Err(ShareError::unsupported("locking"))
    }
    /// Closes it on the server.
    async fn close(&self) -> ShareResult<()>;
}

/// The pieces as one; a single one is not copied.
fn join(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.remove(0);
    }
    pieces.concat().into()
}
