//! Drives: the file system that FUSE serves in front of a `Share`.
//!
//! [`Drive`] is what a worker holds. Data that an application has written lies in the [`Arena`], which the
//! daemon holds too, until the server has acknowledged it.
//!
//! ```text
//!     drive    starts, drains and ends           ops/     one file per group of requests
//!     arena/   memory shared with the daemon     calls    deadlines and signals of requests
//!     nodes    names and numbers                 file     handles on the server
//!     writer   write-behind                      reader   read-ahead
//!     dirs     listings that answer look-ups     events   leases broken, changes by others
//!     locks    who holds what                    kernel   telling the kernel
//!     streams  how large files are read
//! ```

mod arena;
mod attrs;
mod calls;
mod dirs;
mod drive;
mod eager;
mod ending;
mod errno;
mod events;
mod file;
mod kernel;
mod locks;
mod nodes;
mod ops;
mod reader;
mod sleeping;
mod status;
mod streams;
mod writer;

pub use arena::Arena;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use arena::read_entries;
pub use drive::{Drive, Options, Start};
pub use status::{Drained, DriveStatus, Pending, ServerState, Unwritten};
