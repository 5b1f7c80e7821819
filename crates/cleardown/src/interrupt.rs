//! SIGINT, SIGTERM and SIGHUP during an operation: it is dropped, which cancels it, and the caller says what state
//! it left. The exit code is then 128 plus the signal's number, as shells have it.

use std::pin::pin;

use cleardown_core::{Error, Result};
use futures_util::future::{Either, select};
use tokio::signal::unix::{SignalKind, signal};

/// The signal that ended the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted(u8);

impl Interrupted {
    /// 130 for SIGINT, 143 for SIGTERM, 129 for SIGHUP.
    pub(crate) fn exit_code(self) -> u8 {
        128 + self.0
    }
}

/// The work's outcome, or the signal that came first.
pub(crate) async fn guard<T>(work: impl Future<Output = T>) -> Result<std::result::Result<T, Interrupted>> {
    let listen = |kind| signal(kind).map_err(|e| Error::os("listening for signals", &e));
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hup = listen(SignalKind::hangup())?;
    let stop = pin!(async {
        tokio::select! {
            _ = int.recv() => Interrupted(2),
            _ = term.recv() => Interrupted(15),
            _ = hup.recv() => Interrupted(1),
        }
    });
    Ok(match select(pin!(work), stop).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right((signal, _)) => Err(signal),
    })
}
