//! Asking about one connection: WNetGetConnection, WNetGetUser.

use cleardown_core::{Code, LocalName, Remote};

use super::add::LONGEST_NAME;
use super::view::{self, Drive};
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::{Ptr, Str};
use crate::text::{self, Unit};

/// WNetGetConnection: the remote name behind a local name.
///
/// # Errors
/// 234: too small, the size is told in characters. 487: no name or no size. 1200: not a local name. 1201: remembered and not
/// connected; the remote name is given all the same. 1222, 2250.
pub fn remote_of<C: Unit>(local: Str<C>, remote: Ptr<C>, size: Ptr<u32>) -> Result<(), Failure> {
    if local.is_null() || size.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let local = local.read(LONGEST_NAME).ok().flatten().ok_or(Code::BAD_DEVICE)?;
    let local: LocalName = local.parse().map_err(Failure::from)?;
    let drive = view::drive(&local)?.ok_or(Code::NOT_CONNECTED)?;
    text::put(&drive.remote_name(), remote, size)?;
    if drive.is_connected() { Ok(()) } else { Err(Code::CONNECTION_UNAVAIL.into()) }
}

/// WNetGetUser: the user of a connection, or (with no name) of this process.
///
/// # Errors
/// 234, 487, 1222, 2250.
pub fn user_of<C: Unit>(name: Str<C>, user: Ptr<C>, size: Ptr<u32>) -> Result<(), Failure> {
    if size.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let name = name.read(LONGEST_NAME).map_err(|_| Code::NOT_CONNECTED)?;
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return text::put(&crate::user::name(), user, size);
    };
    let drive = find(&name)?.ok_or(Code::NOT_CONNECTED)?;
    let whose = drive.view.user.or(drive.remote.user).unwrap_or(drive.view.owner);
    text::put(&whose, user, size)
}

/// What is connected under a local name, or to a remote name.
fn find(name: &str) -> Result<Option<Drive>, Failure> {
    let local: Option<LocalName> = name.parse().ok();
    let remote: Option<Remote> = name.parse().ok();
    let called = |drive: &Drive| match (&local, &remote) {
        (Some(local), _) => drive.local.as_ref() == Some(local),
        (_, Some(remote)) => drive.remote.same_place(remote),
        _ => false,
    };
    Ok(view::drives(false)?.into_iter().find(called))
}
