//! Ending: WNetCancelConnection and 2, WNetClearConnections.

use cleardown_client::Instance;
use cleardown_core::request::{EndRequest, Verb, Which};
use cleardown_core::view::EndReport;
use cleardown_core::{Code, Error, ErrorKind, LocalName, Remote};

use super::add::LONGEST_NAME;
use super::types::connect;
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::Str;
use crate::session;
use crate::text::Unit;

/// WNetCancelConnection: the oldest form, which always forgets.
///
/// # Errors
/// As [`cancel_2`].
pub fn cancel<C: Unit>(name: Str<C>, force: i32) -> Result<(), Failure> {
    cancel_2(name, connect::UPDATE_PROFILE, force)
}

/// WNetCancelConnection2.
///
/// # Errors
/// 87, 487, 1205, 1206, 1208, 1222, 2250, 2401, 2404; 121 when the deadline passed before the end was proven.
pub fn cancel_2<C: Unit>(name: Str<C>, flags: u32, force: i32) -> Result<(), Failure> {
    let force = force != 0;
    if flags & !(connect::UPDATE_PROFILE | connect::REFCOUNT) != 0
        || (force && flags & connect::REFCOUNT != 0)
    {
        return Err(Code::INVALID_PARAMETER.into());
    }
    if name.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let name = name.read(LONGEST_NAME).ok().flatten().ok_or(Code::NOT_CONNECTED)?;
    let local = name.parse::<LocalName>();
    let remote = name.parse::<Remote>();
    // What is no name at all is not connected either.
    let which = match (&local, &remote) {
        (Ok(local), _) => local.to_string(),
        (_, Ok(remote)) => remote.to_string(),
        _ => return Err(Error::from(ErrorKind::NotConnected(name)).into()),
    };
    let request = EndRequest {
        verb: if force { Verb::Force } else { Verb::Refuse },
        forget: local.is_ok() && flags & connect::UPDATE_PROFILE != 0,
        drop_reference: local.is_err() && flags & connect::REFCOUNT != 0,
        ..EndRequest::of(Which::Names(vec![which]))
    };
    end(&request).map_err(|failure| match remote {
        Ok(remote) => failure.by(remote.scheme),
        Err(_) => failure,
    })
}

/// WNetClearConnections: ends all drives that are not in use, and keeps the profile.
///
/// # Errors
/// The first refusal, as for [`cancel_2`].
pub fn clear(_window: usize) -> Result<(), Failure> {
    let names = super::view::drives(false)?.into_iter().map(|drive| drive.view.name).collect();
    end(&EndRequest::of(Which::Names(names)))
}

/// Ends, and gives the first refusal. What could not be proven about an end that happened is no failure of the call.
fn end(request: &EndRequest) -> Result<(), Failure> {
    let EndReport { refused, .. } =
        session::operate(Instance::User, async |client| client.end(request, |_| {}).await)?;
    match refused.into_iter().next() {
        None => Ok(()),
        // Remembered only: to WNet there is no connection that could be cancelled.
        Some(refused) if matches!(refused.error.kind, ErrorKind::OnlyRemembered(_)) => {
            Err(Error::from(ErrorKind::NotConnected(refused.name)).because("it is remembered only").into())
        }
        Some(refused) => Err(refused.error.into()),
    }
}
