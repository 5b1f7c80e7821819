//! Real servers on loopback for tests: each with its own configuration in a temporary folder, its own port and its
//! own process group, and gone when the value is dropped. Tests only: it panics where a test would.

pub mod fuse;
pub mod hayes;
pub mod kerberos;
pub mod netns;
pub mod pppd;
pub mod process;
pub mod samba;
pub mod sshd;
pub mod vm;
pub mod wireguard;

pub use kerberos::Realm;
pub use netns::{Cable, Namespace, Snapshot};
pub use process::Port;
pub use samba::{Options, Samba, ShareDef, User};
pub use sshd::{Agent, Sshd, SshdOptions};
