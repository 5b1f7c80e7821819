//! The Rust client library: lists, makes and ends connections through the daemon, which it starts when needed.

mod client;
mod start;

pub use cleardown_ipc::{Instance, Secret};
pub use client::Client;
pub use start::{Start, daemon_program, look_for_daemon_in};
