//! From what a server says of a file to what an application sees.
//!
//! Owner, group and mode are the server's where it has numeric ids ([`Capabilities::IDS`]) and mode bits
//! ([`Capabilities::MODE`]); what belongs to the user who is logged on there belongs to the mount's owner here. Otherwise files and folders belong to the user who mounted, with mode 0755, as with
//! mount.cifs(8): the server cannot say which files are programs, and none could be started if none was executable.
//! Files that the server marks read-only have 0555; chmod sets that mark by the write bits, and changes nothing else.

use std::time::Duration;

use cleardown_fuse as fuse;
use cleardown_share::{Attr, Capabilities, FileKind, Time};

use crate::drive::Options;

/// How long attributes and names are believed without a lease or a watch. Linux's own SMB client does the same
/// (`actimeo=1`).
pub(crate) const TTL: Duration = Duration::from_secs(1);

/// The type bits of a mode.
pub(crate) fn type_bits(kind: FileKind) -> u32 {
    match kind {
        FileKind::File => libc::S_IFREG,
        FileKind::Dir => libc::S_IFDIR,
        FileKind::Symlink => libc::S_IFLNK,
        FileKind::Fifo => libc::S_IFIFO,
        FileKind::Socket => libc::S_IFSOCK,
        FileKind::CharDevice => libc::S_IFCHR,
        FileKind::BlockDevice => libc::S_IFBLK,
    }
}

fn permissions(attr: &Attr, capabilities: Capabilities) -> u32 {
    if let Some(mode) = attr.mode.filter(|_| capabilities.contains(Capabilities::MODE)) {
        return mode & 0o7777;
    }
    match attr.kind {
        FileKind::Symlink => 0o777,
        FileKind::File if attr.read_only => 0o555,
        FileKind::File | FileKind::Dir => 0o755,
        _ if attr.read_only => 0o444,
        _ => 0o644,
    }
}

pub(crate) fn time(time: Time) -> fuse::Time {
    const SECOND: i128 = 1_000_000_000;
    let seconds = time.0.div_euclid(SECOND).clamp(i64::MIN.into(), i64::MAX.into());
    fuse::Time { seconds: seconds as i64, nanos: time.0.rem_euclid(SECOND) as u32 }
}

pub(crate) fn share_time(time: fuse::Time) -> Time {
    Time(i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos))
}

/// Now, by this machine's clock.
pub(crate) fn now() -> Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    Time(i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec))
}

/// The attributes as the kernel wants them.
pub(crate) fn to_fuse(
    attr: &Attr,
    ino: u64,
    options: &Options,
    capabilities: Capabilities,
    login: Option<(u32, u32)>,
) -> fuse::Attr {
    let ids = capabilities.contains(Capabilities::IDS);
    let id = |server: Option<u32>, login: Option<u32>, ours: u32| {
        server.filter(|id| ids && Some(*id) != login).unwrap_or(ours)
    };
    fuse::Attr {
        ino,
        size: if attr.kind == FileKind::Dir { 0 } else { attr.size.min(i64::MAX as u64) },
        blocks: attr.allocated.unwrap_or(attr.size).div_ceil(512),
        atime: time(attr.accessed),
        mtime: time(attr.modified),
        ctime: time(attr.changed),
        btime: attr.created.map(time),
        mode: type_bits(attr.kind) | permissions(attr, capabilities),
        nlink: attr.links.unwrap_or(if attr.kind == FileKind::Dir { 2 } else { 1 }).max(1),
        uid: id(attr.uid, login.map(|ids| ids.0), options.uid),
        gid: id(attr.gid, login.map(|ids| ids.1), options.gid),
        rdev: 0,
        // What cp, cat and others take as their buffer.
        blksize: 1 << 20,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_count_their_nanoseconds_forward() {
        let before = Time(-1);
        assert_eq!(time(before), fuse::Time { seconds: -1, nanos: 999_999_999 });
        assert_eq!(share_time(time(before)), before);
        assert_eq!(time(Time(1_700_000_000_123_456_700)).nanos, 123_456_700);
    }
}
