//! `librasapi32.so`: the functions of RAS under their names in C. What they do is in `cleardown-capi`.

cleardown_capi::rasapi32!(export);

use cleardown_capi::export;

unsafe extern "C" {
    /// Of `libcleardown-winbase`.
    safe fn SetEvent(event: usize) -> i32;
}

/// The functions of RAS leave the thread's last error alone.
fn told(_function: &str, _code: u32) {}

/// Sets an event; false when it is gone.
fn signal(event: usize) -> bool {
    SetEvent(event) != 0
}
