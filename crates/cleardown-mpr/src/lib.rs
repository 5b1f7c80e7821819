//! `libmpr.so`: the functions of WNet under their names in C. What they do is in `cleardown-capi`.

cleardown_capi::mpr!(export);

use cleardown_capi::export;

unsafe extern "C" {
    /// Of `libcleardown-winbase`.
    safe fn SetLastError(code: u32);
}

/// Every function of WNet also sets the thread's last error. WNetSetLastError is about the other one.
fn told(function: &str, code: u32) {
    if function != "WNetSetLastError" {
        SetLastError(code);
    }
}
