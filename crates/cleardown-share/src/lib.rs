//! What a file server offers a drive: the [`Share`] trait, its types and errors. One implementation per
//! protocol (`cleardown-smb`, `cleardown-sftp`), one in memory for tests, and one conformance suite for all.

pub mod attr;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
#[cfg(feature = "memory")]
pub mod memory;
pub mod pace;
pub mod path;
pub mod share;

pub use attr::{Attr, DirEntry, FileKind, SetAttr, StatFs, Time};
pub use error::{ShareError, ShareResult};
pub use pace::Pace;
pub use path::SharePath;
pub use share::{
    Access, Capabilities, Disposition, Event, File, Lease, LockKind, OpenHow, Opened, RenameHow, SessionInfo,
    Share,
};
