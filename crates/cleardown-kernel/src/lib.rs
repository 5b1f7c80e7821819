//! What the Linux kernel knows: mounts, holders, processes, links, and the journal of intent.
//!
//! Nothing here asks a file server anything: no mount is ever stat'ed or opened, so that a frozen server costs
//! nothing.

mod deadline;
pub mod holders;
pub mod journal;
pub mod mount;
pub mod mounts;
pub mod net;
pub mod ports;
pub mod process;
#[cfg(test)]
mod testing;
mod unique;
pub mod users;

pub use holders::{Files, add_locks, holders};
pub use journal::Journal;
pub use mount::{MountRequest, Mounted};
pub use mounts::{Dev, Mount};
pub use process::{Identity, Process};
