//! The rim to /dev/fuse: the kernel's FUSE protocol, sessions that can be adopted, notifications.
//!
//! A [`Session`] reads requests from the descriptor of a mount, decodes them and hands each to a
//! [`Filesystem`] with a one-shot [`Reply`], which may be answered from anywhere and in any order. The
//! descriptor may be one that an earlier process has already initialised: see [`Session::adopt`].

mod abi;
mod channel;
mod counters;
mod dir;
mod init;
mod notify;
mod op;
mod parse;
mod pool;
mod reply;
mod session;
mod types;
mod wake;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use parse::read as read_request;

pub use counters::Counters;
pub use dir::DirBuffer;
pub use init::{Config, Negotiated};
pub use notify::Notifier;
pub use op::{Filesystem, Header, Lock, LockType, Op, Request, SetTime, SetattrIn};
pub use pool::{Buffer, BufferPool, PAYLOAD_OFFSET, PagePool};
pub use reply::Reply;
pub use session::{Ending, Session};
pub use types::{Attr, EntryOut, InitFlags, OpenFlags, StatfsOut, Time};
