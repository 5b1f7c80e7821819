//! Aborting a FUSE connection: every request that waits in the kernel fails at once with `ECONNABORTED`.

use std::io;
use std::path::{Path, PathBuf};

use cleardown_core::{Error, ErrorKind, Result};
use rustix::mount::MountFlags;

use crate::mounts::Dev;

const CONTROL: &str = "/sys/fs/fuse/connections";

/// Aborts the connection of the file system with this device number. The mount stays in the table, dead, until
/// it is unmounted. An ordinary user may do that to their own; closing every copy of the FUSE descriptor has the
/// same effect.
///
/// # Errors
/// [`ErrorKind::NotConnected`] when there is no such connection; [`ErrorKind::NotPermitted`] when the control
/// file system is not mounted, or the connection is not ours.
pub fn abort(dev: Dev) -> Result<()> {
    let file = control_file(dev);
    let mut done = std::fs::write(&file, b"1");
    if matches!(&done, Err(error) if error.kind() == io::ErrorKind::NotFound) && mount_control() {
        done = std::fs::write(&file, b"1");
    }
    done.map_err(|error| {
        let what = format!("aborting the FUSE connection {dev}");
        Error::from(match error.kind() {
            io::ErrorKind::NotFound if is_control_mounted() => ErrorKind::NotConnected(what),
            _ => ErrorKind::NotPermitted(what),
        })
        .because(error)
    })
}

fn control_file(dev: Dev) -> PathBuf {
    // The kernel names connections by the whole device number; for FUSE the major number is 0.
    let number = (u64::from(dev.major) << 20) | u64::from(dev.minor);
    Path::new(CONTROL).join(number.to_string()).join("abort")
}

fn is_control_mounted() -> bool {
    crate::mounts::read().is_ok_and(|mounts| mounts.iter().any(|mount| mount.fstype == "fusectl"))
}

/// Mounts the control file system where it is missing (bare containers); true when that was possible.
fn mount_control() -> bool {
    !is_control_mounted()
        && rustix::process::geteuid().is_root()
        && rustix::mount::mount("fusectl", CONTROL, "fusectl", MountFlags::empty(), None).is_ok()
}
