//! Functions that programs import and that have nothing to do here: each gives a documented answer.

use cleardown_core::Code;

use crate::Failure;

/// The answer of what is not supported on this system.
///
/// # Errors
/// 50 (ERROR_NOT_SUPPORTED), always.
pub fn not_supported() -> Result<(), Failure> {
    Err(Code::NOT_SUPPORTED.into())
}
