//! Errors of a share: an errno for applications, and the server's own words for people.

use std::fmt;

/// A result of a share operation.
pub type ShareResult<T> = Result<T, ShareError>;

/// An error of a share operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareError {
    /// What the application gets.
    pub errno: i32,
    /// The server's status in its own words (`STATUS_DISK_FULL`, `SSH_FX_FAILURE: no space`), or ours when
    /// the transport failed.
    pub status: String,
    /// Whether the request may not have reached the server, or its answer was lost: after a reconnect it may
    /// be tried again if it is idempotent.
    pub transport: bool,
}

impl ShareError {
    /// An answer of the server.
    pub fn server(errno: i32, status: impl Into<String>) -> Self {
        ShareError { errno, status: status.into(), transport: false }
    }
    /// A failure of the connection (`EIO` for applications unless something more fitting is known).
    pub fn transport(errno: i32, status: impl Into<String>) -> Self {
        ShareError { errno, status: status.into(), transport: true }
    }
    /// The protocol or the server has no such thing.
    pub fn unsupported(what: &str) -> Self {
        ShareError::server(libc::EOPNOTSUPP, format!("{what} is not supported"))
    }
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status)
    }
}
impl std::error::Error for ShareError {}
