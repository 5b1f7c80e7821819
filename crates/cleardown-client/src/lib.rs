//! The Rust client library: lists, makes and ends connections through the daemon, which it starts when needed.

mod client;
mod instance;
mod secret;

pub use client::Client;
pub use instance::{Instance, Start};
pub use secret::Secret;
