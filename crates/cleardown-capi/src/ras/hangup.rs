//! RasHangUp.

use cleardown_core::request::HangUpRequest;
use cleardown_core::{Code, ErrorKind};

use super::instance;
use crate::Failure;

/// RasHangUp: gives one reference back; the last one ends the link, also in the middle of a dial. When it returns, the line is
/// free: the wait that Windows leaves to its callers is over.
///
/// # Errors
/// 6: the handle was never given out. 668: its link has ended. 711; and what kept the link from ending.
pub fn hang_up(handle: usize) -> Result<(), Failure> {
    let number = u64::try_from(handle).unwrap_or_default();
    if number == 0 || handle == usize::MAX {
        return Err(Code::INVALID_HANDLE.into());
    }
    let request = HangUpRequest { handle: number, timeout_ms: None };
    let report = instance::operate(async |client| client.hang_up(&request, |_| {}).await).map_err(unknown)?;
    match report.refused.into_iter().next() {
        None => Ok(()),
        Some(refused) => Err(unknown(refused.error.into())),
    }
}

fn unknown(failure: Failure) -> Failure {
    match &failure {
        Failure::Told(error, _) if matches!(error.kind, ErrorKind::NotConnected(_)) => {
            Code::INVALID_HANDLE.into()
        }
        _ => failure,
    }
}
