//! Aborting a FUSE connection: every request that waits in the kernel fails at once with `ECONNABORTED`.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cleardown_core::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::MountFlags;

use crate::mounts::Dev;

const CONTROL: &str = "/sys/fs/fuse/connections";

/// Aborts the connection that `fuse` belongs to, whose file system has this device number. The mount stays in the
/// table, dead, until it is unmounted. An ordinary user may do that to their own; closing every copy of the FUSE
/// descriptor has the same effect.
///
/// The kernel gives the numbers of connections that have ended to new ones. So the control file is opened first,
/// and used only if our connection is still alive then: what was opened is ours, and stays ours.
///
/// # Errors
/// [`ErrorKind::NotConnected`] when the connection has ended already; [`ErrorKind::NotPermitted`] when the control
/// file system is not mounted, or the connection is not ours.
pub fn abort(dev: Dev, fuse: &OwnedFd) -> Result<()> {
    let what = || format!("aborting the FUSE connection {dev}");
    let mut opened = open(dev);
    if matches!(&opened, Err(error) if error.kind() == io::ErrorKind::NotFound) && mount_control() {
        opened = open(dev);
    }
    if !is_alive(fuse) {
        return Err(ErrorKind::NotConnected(what()).into());
    }
    opened
        .and_then(|mut control| control.write_all(b"1"))
        .map_err(|error| Error::from(ErrorKind::NotPermitted(what())).because(error))
}

/// Whether the kernel's side of this FUSE connection lives.
pub fn is_alive(fuse: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(fuse, PollFlags::empty())];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&at_once)), Ok(0))
        || !fds[0].revents().intersects(PollFlags::ERR | PollFlags::NVAL)
}

fn open(dev: Dev) -> io::Result<File> {
    File::options().write(true).open(control_file(dev))
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
