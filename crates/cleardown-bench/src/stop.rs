//! Ctrl-C and SIGTERM: whoever waits gives up, and everything is unmounted and stopped on the way out.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Heeds the signals from now on.
pub(crate) fn prepare() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let (mut interrupt, mut terminate) = {
        let _runtime = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            STOPPED.store(true, Ordering::Release);
        });
    });
    Ok(())
}

/// Fails once a signal has come.
pub(crate) fn check() -> io::Result<()> {
    match STOPPED.load(Ordering::Acquire) {
        true => Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted")),
        false => Ok(()),
    }
}
