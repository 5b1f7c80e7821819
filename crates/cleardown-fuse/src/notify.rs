//! What the file system tells the kernel unasked.

use std::io::{self, IoSlice};
use std::sync::Arc;

use rustix::io::Errno;
use zerocopy::IntoBytes;

use crate::abi::{self, notify};
use crate::channel::Channel;

/// Sends notifications. A node or name that the kernel does not know is no error: there is nothing to do then.
///
/// Beware: [`Notifier::inval_inode`], [`Notifier::inval_entry`] and [`Notifier::delete`] wait inside the kernel
/// for locks that a request in flight may hold (inval_inode: reads of pages; the others: the folder's lock).
/// Call them neither from [`crate::Filesystem::handle`] nor from a task that must answer such a request.
#[derive(Clone, Debug)]
pub struct Notifier {
    channel: Arc<Channel>,
}

impl Notifier {
    pub(crate) fn new(channel: Arc<Channel>) -> Self {
        Notifier { channel }
    }

    fn send(&self, code: i32, body: &[IoSlice<'_>]) -> io::Result<()> {
        match self.channel.send(0, code, body) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Drops what is cached of a node: its attributes, and its pages from `off` (negative: attributes only) for
    /// `len` bytes (0: to the end).
    pub fn inval_inode(&self, nodeid: u64, off: i64, len: i64) -> io::Result<()> {
        self.send(
            notify::INVAL_INODE,
            &[IoSlice::new(abi::InvalInodeOut { ino: nodeid, off, len }.as_bytes())],
        )
    }
    /// Drops a name, with everything below it that is not in use.
    pub fn inval_entry(&self, parent: u64, name: &[u8]) -> io::Result<()> {
        self.entry(parent, name, 0)
    }
    /// Lets a name expire: it is looked up again at the next use. Needs `HAS_EXPIRE_ONLY`.
    pub fn expire_entry(&self, parent: u64, name: &[u8]) -> io::Result<()> {
        self.entry(parent, name, abi::EXPIRE_ONLY)
    }
    fn entry(&self, parent: u64, name: &[u8], flags: u32) -> io::Result<()> {
        let out = abi::InvalEntryOut { parent, namelen: name_length(name)?, flags };
        self.send(
            notify::INVAL_ENTRY,
            &[IoSlice::new(out.as_bytes()), IoSlice::new(name), IoSlice::new(&[0])],
        )
    }
    /// A name was deleted behind the kernel's back; watchers (inotify) learn of it. `child` is its node.
    pub fn delete(&self, parent: u64, child: u64, name: &[u8]) -> io::Result<()> {
        let out = abi::DeleteOut { parent, child, namelen: name_length(name)?, padding: 0 };
        self.send(notify::DELETE, &[IoSlice::new(out.as_bytes()), IoSlice::new(name), IoSlice::new(&[0])])
    }
    /// Puts data into the page cache of a node.
    pub fn store(&self, nodeid: u64, offset: u64, data: &[u8]) -> io::Result<()> {
        let size = u32::try_from(data.len()).map_err(|_| io::Error::from(Errno::TOOBIG))?;
        let out = abi::StoreOut { nodeid, offset, size, padding: 0 };
        self.send(notify::STORE, &[IoSlice::new(out.as_bytes()), IoSlice::new(data)])
    }
    /// Asks for every request again that was handed out and not answered: for a worker that has adopted the
    /// descriptor of a dead one. They come with [`crate::Request::resent`]. Needs `HAS_RESEND` (Linux 6.9).
    pub fn resend(&self) -> io::Result<()> {
        self.send(notify::RESEND, &[])
    }
    /// Lets every name of the file system expire at once (Linux 6.16; `EINVAL` before).
    pub fn inc_epoch(&self) -> io::Result<()> {
        self.send(notify::INC_EPOCH, &[])
    }
}

fn name_length(name: &[u8]) -> io::Result<u32> {
    u32::try_from(name.len()).map_err(|_| Errno::NAMETOOLONG.into())
}
