//! Mount ids that the kernel never gives twice (Linux 6.8): statx(2) tells one, statmount(2) takes one.
//!
//! The ids and device numbers of the mount table are given again as soon as a mount is gone. Whoever kept only
//! those would, after a restart, take the next mount that somebody makes for the one that was its own.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// `STATX_MNT_ID_UNIQUE` (statx(2)).
const MNT_ID_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);

/// The id of the mount that a descriptor lies on, from what the kernel knows, without asking the file system.
pub(crate) fn of(descriptor: impl AsFd) -> Option<u64> {
    ask(descriptor, Path::new(""), AtFlags::EMPTY_PATH)
}

/// The id of the mount on top at a mount point.
pub(crate) fn at(point: &Path) -> Option<u64> {
    ask(CWD, point, AtFlags::SYMLINK_NOFOLLOW)
}

fn ask(from: impl AsFd, path: &Path, flags: AtFlags) -> Option<u64> {
    let answer = statx(from, path, flags | AtFlags::STATX_DONT_SYNC, MNT_ID_UNIQUE).ok()?;
    (answer.stx_mask & MNT_ID_UNIQUE.bits() != 0).then_some(answer.stx_mnt_id)
}

/// Whether a mount with this id is in our mount table; none where the kernel does not tell.
pub(crate) fn is_mounted(id: u64) -> Option<bool> {
    /// `struct mnt_id_req` in its first version.
    #[repr(C)]
    struct Request {
        size: u32,
        spare: u32,
        id: u64,
        wanted: u64,
    }
    /// Its number on every architecture that Rust's Linux targets have; libc has no name for it on most.
    const STATMOUNT: libc::c_long = 457;
    /// `STATMOUNT_MNT_BASIC`: the least that can be asked for.
    const BASIC: u64 = 2;
    let request = Request { size: 24, spare: 0, id, wanted: BASIC };
    // `struct statmount`, of which nothing is read.
    let mut answer = [0_u64; 128];
    // SAFETY: both pointers are valid for the sizes that are told, and the kernel keeps neither.
    let result =
        unsafe { libc::syscall(STATMOUNT, &raw const request, answer.as_mut_ptr(), size_of_val(&answer), 0) };
    match result {
        0 => Some(true),
        _ => (io::Error::last_os_error().raw_os_error() == Some(libc::ENOENT)).then_some(false),
    }
}
