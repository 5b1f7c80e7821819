//! The SMB provider: SMB 2.1 to 3.1.1 behind the Share trait.
//!
//! The codecs of NEGOTIATE, SESSION_SETUP, NTLM, Kerberos, referrals and srvsvc are those of the `smb2` crate, the
//! fastest and best kept of the published clients. Its own connection drops unknown oplock breaks, does not announce
//! encryption, and knows neither leases nor locks; the engine here is ours, because coherent caching and speed are
//! what a drive is for.
//!
//! Known limits: names that differ in case only are one file; what is owned by whom is not shown; symbolic links need
//! a server with reparse points (Samba 4.17 has none); byte-range locks are enforced by the server, not advisory.
//!
//! [`open`] gives a share, with the shares that its DFS links lead to; [`connect`] one [`SmbShare`]. Below it: `wire` (bytes), `transport` (the socket), `connection` (requests and
//! answers), `link` (connection, session and tree), `core` (the share over its links, surviving reconnects), and one
//! module per thing that a share can do.

mod append;
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
mod folders;
mod kerberos;
mod lease;
mod link;
mod lock;
mod names;
mod namespace;
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

#[cfg(fuzzing)]
#[doc(hidden)]
pub use wire::hostile::read_all;

pub use config::{Config, Progress};
pub use namespace::open;
pub use share::{SmbShare, connect};
pub use shares::list_shares;

/// Random bytes.
fn random<const N: usize>() -> [u8; N] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).expect("the kernel has random bytes");
    bytes
}
