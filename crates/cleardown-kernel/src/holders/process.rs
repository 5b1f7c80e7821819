//! How one process uses the targets.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use cleardown_core::view::{Holder, HolderKind};
use rustix::fs::{Mode, OFlags, open};

use super::Files;
use super::reader::Reader;
use super::scope::{Place, Scope, View};
use crate::mount::mount_id;
use crate::mounts::Dev;
use crate::process::Stat;
use crate::users::Users;

/// One use of a target.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Use {
    path: String,
    kind: HolderKind,
}

impl Use {
    fn new(path: &Path, kind: HolderKind) -> Self {
        Use { path: path.display().to_string(), kind }
    }

    pub(super) fn into_holder(self, pid: u32, users: &Users) -> Holder {
        Holder { pid, user: user(pid, users), program: program(pid), path: self.path, kind: self.kind }
    }
}

/// All process ids that we are shown.
pub(super) fn all() -> io::Result<Vec<u32>> {
    let names = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// Whether it is a live process of user space; kernel threads and zombies hold nothing.
pub(super) fn is_user_process(pid: u32) -> bool {
    Stat::read(pid).is_ok_and(|stat| !stat.kernel_thread && !matches!(stat.state, b'Z' | b'X'))
}

/// The program's short name.
pub(super) fn program(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// The name of the process's effective user.
pub(super) fn user(pid: u32, users: &Users) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let effective = uids.and_then(|uids| uids.split_ascii_whitespace().nth(1)?.parse().ok());
    effective.map(|uid| users.name(uid)).unwrap_or_default()
}

/// All uses of targets by a process, and whether all could be seen. What ends meanwhile is left out.
pub(super) fn uses(
    pid: u32,
    scope: &Scope<'_>,
    place: Place,
    files: Files,
    reader: &mut Reader,
) -> (Vec<(usize, Use)>, bool) {
    let (mut uses, mut complete) = (Vec::new(), true);
    let mut add = |link: Link, kind| {
        if let Some(target) = scope.target(link.mount) {
            uses.push((target, Use::new(&scope.shown(target, Some(link.mount), &link.path), kind)));
        }
    };
    let view = scope.view(place);
    for (link, is_locked) in
        answer(reader.ask(pid, "descriptors", move || descriptors(pid, &view)), &mut complete)
    {
        if is_locked {
            add(link.clone(), HolderKind::Lock);
        }
        add(link, HolderKind::File);
    }
    let view = scope.view(place);
    for (link, kind) in answer(reader.ask(pid, "standing", move || Ok(standing(pid, &view))), &mut complete) {
        add(link, kind);
    }
    if files == Files::MayBeOpen {
        let maps = reader.ask(pid, "mappings", move || std::fs::read(format!("/proc/{pid}/maps")));
        mappings(&answer(maps, &mut complete), scope, &mut uses);
    }
    (uses, complete)
}

/// What was found out; nothing from a process that has ended.
fn answer<T: Default>(answer: io::Result<T>, complete: &mut bool) -> T {
    answer.unwrap_or_else(|error| {
        *complete &= error.kind() != io::ErrorKind::TimedOut;
        T::default()
    })
}

/// Where a link of `/proc/PID` leads: its text, and the id of the mount, which decides.
#[derive(Clone)]
struct Link {
    path: PathBuf,
    mount: u64,
}

fn standing(pid: u32, view: &View) -> Vec<(Link, HolderKind)> {
    let kinds =
        [("cwd", HolderKind::WorkingDirectory), ("root", HolderKind::Root), ("exe", HolderKind::Executable)];
    let mut found = Vec::new();
    for (link, kind) in kinds {
        let link = PathBuf::from(format!("/proc/{pid}/{link}"));
        let Ok(path) = std::fs::read_link(&link) else { continue };
        if !view.may_hold(&path) || !view.may_open(&path) {
            continue;
        }
        // Opening pins the mount for a moment, which harms nobody: the process pins it already.
        let fd = open(&link, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        if let Some(mount) = fd.ok().and_then(|fd| mount_id(&fd).ok()) {
            found.push((Link { path, mount }, kind));
        }
    }
    found
}

/// The descriptors that may lead to a target, and whether the kernel knows of a lock on them.
fn descriptors(pid: u32, view: &View) -> io::Result<Vec<(Link, bool)>> {
    let mut found = Vec::new();
    for link in std::fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let Ok(path) = std::fs::read_link(link.path()) else { continue };
        if !view.may_hold(&path) {
            continue;
        }
        let info = PathBuf::from(format!("/proc/{pid}/fdinfo")).join(link.file_name());
        let Ok(info) = std::fs::read_to_string(info) else { continue };
        let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
        let Some(mount) = id else { continue };
        found.push((Link { path, mount }, info.lines().any(|line| line.starts_with("lock:"))));
    }
    Ok(found)
}

fn mappings(maps: &[u8], scope: &Scope<'_>, uses: &mut Vec<(usize, Use)>) {
    let mapped: BTreeSet<(usize, PathBuf)> =
        maps.split(|b| *b == b'\n').filter_map(|line| mapping(line, scope)).collect();
    for (target, path) in mapped {
        let path = path.display().to_string();
        let executable = |(_, u): &(usize, Use)| u.kind == HolderKind::Executable && u.path == path;
        if !uses.iter().any(executable) {
            uses.push((target, Use { path, kind: HolderKind::Mapping }));
        }
    }
}

/// A line of `/proc/PID/maps`: `address perms offset dev inode path`.
fn mapping(line: &[u8], scope: &Scope<'_>) -> Option<(usize, PathBuf)> {
    use std::os::unix::ffi::OsStrExt;
    let mut fields = line.splitn(6, |b| *b == b' ');
    let (major, minor) = std::str::from_utf8(fields.nth(3)?).ok()?.split_once(':')?;
    let hex = |text| u32::from_str_radix(text, 16).ok();
    let target = scope.target_of_dev(Dev { major: hex(major)?, minor: hex(minor)? })?;
    let path = fields.nth(1)?.trim_ascii_start();
    Some((target, scope.shown(target, None, std::ffi::OsStr::from_bytes(path).as_ref())))
}
