//! Getting a thread out of a blocking read(2).
//!
//! A signal does it: poll(2) with an event descriptor would too, but costs two more system calls per request,
//! and wakes every thread for each.

use std::io;
use std::os::unix::thread::JoinHandleExt;
use std::sync::OnceLock;
use std::thread::JoinHandle;

/// A real-time signal that neither the C library, nor Rust's, nor tokio uses.
fn signal() -> libc::c_int {
    libc::SIGRTMIN() + 7
}

/// Installs a handler that does nothing, so that the signal interrupts and does not kill.
pub(crate) fn prepare() -> io::Result<()> {
    extern "C" fn nothing(_: libc::c_int) {}
    static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        // SAFETY: all-zero is a valid sigaction: no flags (SA_RESTART least of all), an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
        // SAFETY: the handler does nothing, so it is async-signal-safe; the action is fully initialised.
        match unsafe { libc::sigaction(signal(), &action, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)),
        }
    });
    done.map_err(io::Error::from_raw_os_error)
}

/// Interrupts what the thread blocks in.
pub(crate) fn thread<T>(thread: &JoinHandle<T>) {
    // SAFETY: the thread is not joined as long as its handle exists, so its id is valid; see prepare for the
    // handler.
    unsafe { libc::pthread_kill(thread.as_pthread_t(), signal()) };
}
