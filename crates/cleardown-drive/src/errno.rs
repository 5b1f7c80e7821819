//! The errno that an application gets.

use cleardown_share::ShareError;

/// A positive errno.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

/// An answer to an application.
pub(crate) type Answer<T> = Result<T, Errno>;

impl From<ShareError> for Errno {
    fn from(error: ShareError) -> Self {
        Errno(error.errno)
    }
}
impl From<i32> for Errno {
    fn from(errno: i32) -> Self {
        Errno(errno)
    }
}
