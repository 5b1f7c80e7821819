//! Dialogs that never ask: WNetConnectionDialog and 1, WNetDisconnectDialog and 1. What can be done without a question is
//! done; where Windows would open a window, the answer is the one that it gives when the user closes that window.

use cleardown_core::Code;

use super::types::{ConnectDialog, DisconnectDialog, NetResource, connect};
use super::{add, cancel};
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::{Ptr, Str};
use crate::text::Unit;

/// What the connection dialog gives back when the user cancelled it: -1.
const CLOSED: Code = Code(u32::MAX);
/// CONNDLG_PERSIST and CONNDLG_NOT_PERSIST.
const PERSIST: u32 = 0x10;
const NOT_PERSIST: u32 = 0x20;
/// DISC_UPDATE_PROFILE and DISC_NO_FORCE.
const UPDATE_PROFILE: u32 = 1;
const NO_FORCE: u32 = 0x40;
/// The number of a connection without a local name.
const DEVICELESS: u32 = u32::MAX;

/// WNetConnectionDialog, WNetDisconnectDialog: nobody is there to choose.
///
/// # Errors
/// -1: closed. 87: there are no such resources.
pub fn nobody(_window: usize, kind: u32) -> Result<(), Failure> {
    match kind {
        super::types::TYPE_DISK => Err(CLOSED.into()),
        _ => Err(Code::INVALID_PARAMETER.into()),
    }
}

/// WNetConnectionDialog1: connects the resource that is given, and tells the number of its letter (A is 1).
///
/// # Errors
/// -1: no resource is given, so the user would have to choose one. 87, 487, and those of WNetAddConnection2.
pub fn connect<C: Unit>(dialog: Ptr<ConnectDialog<C>>) -> Result<(), Failure> {
    let given = dialog.cast::<u32>().read().ok_or(INVALID_ADDRESS)?;
    if given as usize != size_of::<ConnectDialog<C>>() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let mut value = dialog.read().ok_or(INVALID_ADDRESS)?;
    if value.flags & PERSIST != 0 && value.flags & NOT_PERSIST != 0 {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let resource = value.resource.read().ok_or(INVALID_ADDRESS)?;
    if resource.remote.is_null() {
        return Err(CLOSED.into());
    }
    let flags = if value.flags & PERSIST != 0 { connect::UPDATE_PROFILE } else { 0 };
    add::add_2(value.resource, Str::NULL, Str::NULL, flags)?;
    value.device = number(resource);
    dialog.write(value).ok_or_else(|| INVALID_ADDRESS.into())
}

fn number<C: Unit>(resource: NetResource<C>) -> u32 {
    let local = resource.local.read(64).ok().flatten().unwrap_or_default();
    match local.bytes().next() {
        Some(letter) if letter.is_ascii_alphabetic() => u32::from(letter.to_ascii_uppercase() - b'A') + 1,
        _ => DEVICELESS,
    }
}

/// WNetDisconnectDialog1: ends the connection that is named.
///
/// # Errors
/// 2401: files are open, and the flags say that force is no way out. 1223: files are open; the user would be asked. 87, 487, and
/// those of WNetCancelConnection2.
pub fn disconnect<C: Unit>(dialog: Ptr<DisconnectDialog<C>>) -> Result<(), Failure> {
    let given = dialog.cast::<u32>().read().ok_or(INVALID_ADDRESS)?;
    if given as usize != size_of::<DisconnectDialog<C>>() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let value = dialog.read().ok_or(INVALID_ADDRESS)?;
    let name = if value.local.is_null() { value.remote } else { value.local };
    let flags = if value.flags & UPDATE_PROFILE != 0 { connect::UPDATE_PROFILE } else { 0 };
    cancel::cancel_2(name, flags, 0).map_err(|failure| {
        let busy = matches!(failure.code(), Code::OPEN_FILES | Code::DEVICE_IN_USE);
        if busy && value.flags & NO_FORCE == 0 { Code::CANCELLED.into() } else { failure }
    })
}
