//! RAS: links. One module per capability; the functions here have the parameters of those in `ras.h`.

pub mod connections;
pub mod country;
pub mod devices;
pub mod dial;
pub mod dialogs;
pub mod entries;
pub mod errors;
pub mod hangup;
pub mod names;
pub mod notify;
pub mod projection;
pub mod statistics;
pub mod types;

mod book;
mod instance;
mod list;

use cleardown_core::{Code, ErrorKind};

use crate::Failure;

/// The number that RAS has for a failure: its own where WNet's would say less.
fn as_ras(failure: Failure) -> Failure {
    match failure {
        Failure::Told(error, _) => match error.kind {
            // ERROR_RASMAN_CANNOT_INITIALIZE: the daemon cannot be reached.
            ErrorKind::Daemon(_) => Failure::Number(Code(711)),
            ErrorKind::Profile { .. } => Failure::Number(Code::CORRUPT_PHONEBOOK),
            ErrorKind::ProfileFile(_) => Failure::Number(Code::CANNOT_OPEN_PHONEBOOK),
            _ => Failure::Told(error, None),
        },
        number => number,
    }
}
