//! A worker: one process per connection, which outlives the daemon.
//!
//! The daemon starts it as `cleardownd worker ID`, with a listening socket ([`control::Listener::bind`]) as its
//! standard input and its log as its standard error. Over that socket it is told to log on, to serve a file system, to drain, to
//! log off and to end, or to dial a link and to hang it up; see [`control`]. It goes on without a daemon, and it is not ended by signals: SIGINT and
//! SIGHUP are ignored, and SIGTERM makes it write what is pending and stay, for the data of applications depends
//! on it. A link is hung up by SIGTERM.

pub mod control;

mod carry;
mod converse;
mod dial;
mod events;
mod host;
mod link;
mod peers;
mod process;
pub mod provider;

pub use host::{run, run_with};
