//! Names that mean the same on every machine: WNetGetUniversalName.

use std::path::Path;

use cleardown_core::{Code, LocalName};

use super::types::{RemoteName, UniversalName};
use super::view::{self, Drive};
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::{Ptr, Str};
use crate::room::Room;
use crate::text::Unit;

const LONGEST_PATH: usize = 32_767;
const UNIVERSAL_NAME: u32 = 1;
const REMOTE_NAME: u32 = 2;

/// WNetGetUniversalName: of a path on a drive (`z:\dir\file`), or below a drive's mount point.
///
/// # Errors
/// 87: the level is unknown. 234: the buffer is too small, the size is told in bytes. 487: no path or no size. 1200: not a path
/// on a device. 1201: remembered and not connected. 2250: not on a network drive.
pub fn universal<C: Unit>(path: Str<C>, level: u32, buffer: Ptr<u8>, size: Ptr<u32>) -> Result<(), Failure> {
    if path.is_null() || size.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    if !matches!(level, UNIVERSAL_NAME | REMOTE_NAME) {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let path = path.read(LONGEST_PATH).ok().flatten().ok_or(Code::BAD_DEVICE)?;
    let (drive, rest) = find(&path)?;
    let connection = drive.remote_name();
    let universal = format!("{connection}{rest}");
    let mut room = Room::<C>::new(buffer, size)?;
    match level {
        UNIVERSAL_NAME => {
            let place = room.structure::<UniversalName<C>>();
            let universal = room.string(&universal);
            room.done()?;
            let _ = place.write(UniversalName { universal });
        }
        _ => {
            let place = room.structure::<RemoteName<C>>();
            let (universal, connection) = (room.string(&universal), room.string(&connection));
            let remaining = room.string(&rest);
            room.done()?;
            let _ = place.write(RemoteName { universal, connection, remaining });
        }
    }
    Ok(())
}

/// The drive that a path is on, and the rest of the path, with a backslash at its start unless it is empty.
fn find(path: &str) -> Result<(Drive, String), Failure> {
    if path.starts_with('/') {
        return below_mount_point(Path::new(path));
    }
    let (device, rest) = path.split_once(':').ok_or(Code::BAD_DEVICE)?;
    let name: LocalName = format!("{device}:").parse().map_err(Failure::from)?;
    let drive = view::drive(&name)?.ok_or(Code::NOT_CONNECTED)?;
    if !drive.is_connected() {
        return Err(Code::CONNECTION_UNAVAIL.into());
    }
    Ok((drive, backslashed(rest)))
}

fn below_mount_point(path: &Path) -> Result<(Drive, String), Failure> {
    for drive in view::drives(false)? {
        let rest = drive.view.at.as_ref().and_then(|at| path.strip_prefix(at).ok());
        if let Some(rest) = rest.map(|rest| backslashed(&rest.to_string_lossy())) {
            return Ok((drive, rest));
        }
    }
    Err(Code::NOT_CONNECTED.into())
}

fn backslashed(rest: &str) -> String {
    let rest = rest.replace('/', "\\");
    match rest.trim_start_matches('\\') {
        "" => String::new(),
        rest => format!("\\{rest}"),
    }
}
