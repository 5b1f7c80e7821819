//! Mounting as root.
//!
//! With fsopen(2) and its sisters rather than mount(2): the mount is made first and attached then, to the very
//! folder that was seen to be empty, and its id is known without looking for it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use cleardown_core::{Error, ErrorKind, Result};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};

use super::{MountRequest, Mounted, bad_point, folder};
use crate::mounts::{self, Mount};
use crate::unique;

pub(super) fn mount(request: &MountRequest) -> Result<Mounted> {
    let point = folder::hold(&request.at)?;
    let fuse = open_device()?;
    let detached = create(request, &fuse).map_err(refused)?;
    let id = mount_id(&detached).map_err(|error| Error::os("mounting", &error))?;
    let unique = unique::of(&detached);
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(&detached, "", &point.folder, "", flags)
        .map_err(|errno| bad_point(&request.at.display().to_string(), io::Error::from(errno).to_string()))?;
    // The descriptor would keep the mount busy.
    drop(detached);
    let table = mounts::read().map_err(|error| Error::os("reading the mount table", &error))?;
    let mount = table.into_iter().find(|mount| mount.id == id);
    let mount = mount.map(|mount| Mount { unique, ..mount });
    let mount =
        mount.ok_or_else(|| bad_point(&point.path.display().to_string(), "it was unmounted at once"))?;
    read_ahead(&mount);
    Ok(Mounted { fuse, mount })
}

/// Lets the page cache read ahead more than 128 KiB, so that large files come in large requests. Where `/sys` is not
/// ours to write, they come in more and smaller ones.
fn read_ahead(mount: &Mount) {
    const KIB: u32 = 4096;
    let of = format!("/sys/class/bdi/{}/read_ahead_kb", mount.dev);
    if let Err(error) = std::fs::write(&of, KIB.to_string()) {
        tracing::debug!(of, %error, "the read-ahead stays as it is");
    }
}

pub(super) fn open_device() -> Result<OwnedFd> {
    open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| Error::from(ErrorKind::NoFuse("/dev/fuse".into())).because(io::Error::from(errno)))
}

/// Makes the mount, attached nowhere.
fn create(request: &MountRequest, fuse: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    let fs = fsopen("fuse", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let (uid, gid) = request.owner;
    fsconfig_set_string(&fs, "source", mounts::cut(&request.source))?;
    fsconfig_set_string(&fs, "subtype", "cleardown")?;
    fsconfig_set_string(&fs, "fd", fuse.as_raw_fd().to_string())?;
    fsconfig_set_string(&fs, "rootmode", "40000")?;
    fsconfig_set_string(&fs, "user_id", uid.to_string())?;
    fsconfig_set_string(&fs, "group_id", gid.to_string())?;
    fsconfig_set_flag(&fs, "default_permissions")?;
    if request.allow_other {
        fsconfig_set_flag(&fs, "allow_other")?;
    }
    if let Some(max_read) = request.max_read {
        fsconfig_set_string(&fs, "max_read", max_read.to_string())?;
    }
    fsconfig_create(&fs)?;
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    attributes.set(MountAttrFlags::MOUNT_ATTR_RDONLY, request.read_only);
    fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn refused(errno: Errno) -> Error {
    let what = match errno {
        Errno::PERM => "this root may not mount (CAP_SYS_ADMIN is missing)",
        Errno::NODEV => "the kernel has no FUSE",
        _ => "the kernel refuses the mount",
    };
    Error::from(ErrorKind::NoFuse(what.into())).because(io::Error::from(errno))
}

/// The id of the mount that a descriptor lies on, without asking the file system (statx(2) would).
pub(crate) fn mount_id(descriptor: &OwnedFd) -> io::Result<u64> {
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd()))?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "fdinfo has no mnt_id"))
}
