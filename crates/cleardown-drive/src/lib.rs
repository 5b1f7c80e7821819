//! Drives: the file system that FUSE serves in front of a `Share`.
//!
//! [`Drive`] is what a worker holds. Data that an application has written lies in the [`Arena`], which the
//! daemon holds too, until the server has acknowledged it.

mod arena;
mod drive;
mod status;

pub use arena::Arena;
pub use drive::{Drive, Options, Start};
pub use status::{Drained, DriveStatus, Pending, ServerState, Unwritten};
