//! The SMB provider: SMB 2.1 to 3.1.1 behind the Share trait.
//!
//! [`connect`] gives a [`SmbShare`]. Below it: `wire` (bytes), `transport` (the socket), `connection` (requests and
//! answers), `link` (connection, session and tree), `core` (the share over its links, surviving reconnects), and one
//! module per thing that a share can do.

mod attr;
mod config;
mod connection;
mod copy;
mod core;
mod create;
mod credits;
mod crypto;
mod dfs;
mod dir;
mod file;
mod lease;
mod link;
mod lock;
mod names;
mod negotiate;
mod reconnect;
mod remove;
mod rename;
mod session;
mod share;
mod shares;
mod space;
mod status;
mod transport;
mod watch;
mod wire;

pub use config::{Config, Progress};
pub use share::{SmbShare, connect};
pub use shares::{ShareInfo, list_shares};

/// Random bytes.
fn random<const N: usize>() -> [u8; N] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the kernel has random bytes");
    bytes
}
