//! The name of the user whom this process runs as.

use std::ffi::CStr;

/// The login name, or the number where there is none.
pub(crate) fn name() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let mut entry = std::mem::MaybeUninit::<libc::passwd>::zeroed();
    let mut space = vec![0; 16 * 1024];
    let mut found = std::ptr::null_mut();
    // SAFETY: getpwuid_r(3) writes into what it is given here, with its right length.
    let code =
        unsafe { libc::getpwuid_r(uid, entry.as_mut_ptr(), space.as_mut_ptr(), space.len(), &mut found) };
    if code != 0 || found.is_null() {
        return uid.to_string();
    }
    // SAFETY: the entry was found, so its name is a string in `space`.
    unsafe { CStr::from_ptr((*found).pw_name) }.to_string_lossy().into_owned()
}
