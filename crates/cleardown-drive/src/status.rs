//! What a drive says of itself.

use cleardown_core::view::Loss;
use cleardown_share::SharePath;

/// How a drive is, answered without asking the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriveStatus {
    /// Bytes that applications have written and the server has not acknowledged.
    pub pending_bytes: u64,
    /// The files that they belong to, at most [`DriveStatus::MOST_FILES`].
    pub pending: Vec<Loss>,
    /// Files that applications have open.
    pub open_files: usize,
    /// Locks that applications hold, each with the process that took it: the kernel does not show them. At most
    /// [`DriveStatus::MOST_FILES`].
    pub locks: Vec<(u32, SharePath)>,
    /// Bytes that the server has acknowledged since the drive was first served.
    pub flushed_bytes: u64,
    /// Whether the server answers.
    pub server: ServerState,
    /// New opens are refused at the moment.
    pub quiesced: bool,
}

impl DriveStatus {
    /// Most files that a status names.
    pub const MOST_FILES: usize = 256;
}

/// Whether the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It does.
    Connected,
    /// The connection broke, and why.
    Reconnecting(String),
}

/// How far draining is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Bytes that the server has yet to acknowledge.
    pub bytes_left: u64,
    /// Bytes per second since draining began.
    pub rate: u64,
}

/// How draining went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Bytes that were pending when draining began, and have been acknowledged.
    pub flushed_bytes: u64,
    /// Nothing is pending, and the server has acknowledged every write and flush.
    pub acknowledged: bool,
    /// Files with bytes that could not be written.
    pub failed: Vec<Unwritten>,
}

/// A file with bytes that are not on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// The file.
    pub path: SharePath,
    /// How many bytes.
    pub bytes: u64,
    /// Why; `ETIMEDOUT` when the deadline passed first.
    pub errno: i32,
    /// The server's own words.
    pub status: String,
}
