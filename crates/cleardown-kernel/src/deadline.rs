//! System calls that may never return, with a deadline all the same.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

/// Runs `work` on a thread of its own and waits for it, at most for `patience`. A call that hangs in the kernel
/// keeps its thread; nobody waits for it any more, and what it brings in the end goes to `late`.
///
/// # Errors
/// `TimedOut`; what thread creation answers.
pub(crate) fn run<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
    late: impl FnOnce(T) + Send + 'static,
) -> io::Result<T> {
    let (sender, done) = mpsc::sync_channel(0);
    std::thread::Builder::new().name("may hang".into()).stack_size(256 << 10).spawn(move || {
        if let Err(unwanted) = sender.send(work()) {
            late(unwanted.0);
        }
    })?;
    done.recv_timeout(patience).map_err(|_| io::ErrorKind::TimedOut.into())
}
