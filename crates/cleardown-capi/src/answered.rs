//! Functions that programs import and that have nothing to do here: each gives a documented answer.

use cleardown_core::Code;

use crate::Failure;
use crate::memory::Ptr;

/// The answer of what is not supported on this system.
///
/// # Errors
/// 50 (ERROR_NOT_SUPPORTED), always.
pub fn not_supported() -> Result<(), Failure> {
    Err(Code::NOT_SUPPORTED.into())
}

/// RasGetEapUserIdentity: no entry of ours proves itself by extensible authentication.
///
/// # Errors
/// 780 (ERROR_INVALID_FUNCTION_FOR_ENTRY), always: programs then ask for a user and a password.
pub fn no_identity(place: Ptr<Ptr<u8>>) -> Result<(), Failure> {
    let _ = place.write(Ptr::NULL);
    Err(Code(780).into())
}
