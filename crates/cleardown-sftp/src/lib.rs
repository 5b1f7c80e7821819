//! The SFTP provider behind the [`Share`](cleardown_share::Share) trait, and the embedded SFTP server of the demo.
//!
//! SSH is `russh`'s. The SFTP protocol is spoken here: the published clients take names as text only, queue without
//! bounds, and copy what they read. Here names are bytes, every queue has an end, and data goes from the channel into
//! the caller's buffer.

mod attr;
mod auth;
mod config;
mod errno;
mod explain;
mod file;
mod hostile;
mod known_hosts;
mod link;
mod mux;
pub mod server;
mod session;
mod share;
mod ssh;
mod wire;

pub use config::{Config, Progress};
#[doc(hidden)]
pub use hostile::{read_known_hosts, read_packet};
pub use share::{SftpShare, connect};
