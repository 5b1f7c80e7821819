//! Ending mounts.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::helper;
use crate::mounts::{self, Mount};

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmounted {
    /// We unmounted it.
    Done,
    /// It was not there any more.
    WasGone,
}

/// Unmounts, unless somebody uses it: the kernel decides, at one instant, so this is the last gate before
/// saying that nobody does. A child between fork(2) and execve(2) shares what its parent has had open, with no name to
/// be told by: a busy mount is tried again a few times, for a fifth of a second. Blocks, at most for `patience`.
///
/// # Errors
/// [`ErrorKind::Busy`] (the holders are to be looked up by the caller); [`ErrorKind::Deadline`];
/// [`ErrorKind::NotPermitted`].
pub fn unmount(mount: &Mount, patience: Duration) -> Result<Unmounted> {
    insist(|| end(mount, UnmountFlags::empty(), patience), std::thread::sleep)
}

/// The pauses before a busy mount is tried again.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(30),
    Duration::from_millis(60),
    Duration::from_millis(100),
];

fn insist(
    mut attempt: impl FnMut() -> Result<Unmounted>,
    mut pause: impl FnMut(Duration),
) -> Result<Unmounted> {
    for wait in PAUSES {
        match attempt() {
            Err(error) if matches!(error.kind, ErrorKind::Busy { .. }) => pause(wait),
            done => return done,
        }
    }
    attempt()
}

/// Takes the mount out of the table at once; who uses it goes on doing so until they stop.
///
/// # Errors
/// As for [`unmount`], never [`ErrorKind::Busy`] unless something else is mounted on top.
pub fn detach(mount: &Mount, patience: Duration) -> Result<Unmounted> {
    end(mount, UnmountFlags::DETACH, patience)
}

fn end(mount: &Mount, flags: UnmountFlags, patience: Duration) -> Result<Unmounted> {
    let name = mount.at.display().to_string();
    let Some(at) = where_now(mount)? else { return Ok(Unmounted::WasGone) };
    let attempt = if rustix::process::geteuid().is_root() {
        let at = at.clone();
        let call = move || rustix::mount::unmount(&at, flags | UnmountFlags::NOFOLLOW);
        crate::deadline::run(patience, call, drop).and_then(|done| Ok(done?))
    } else {
        by_helper(&at, flags, patience)
    };
    match attempt {
        _ if where_now(mount)?.is_none() => Ok(Unmounted::Done),
        Err(error) if error.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => Err(busy(name)),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            let unproven = vec!["the kernel has not finished unmounting".into()];
            Err(ErrorKind::Deadline { name, unproven }.into())
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(Error::from(ErrorKind::NotPermitted(format!("unmounting {name}"))).because(error))
        }
        Err(error) => Err(Error::os(format!("unmounting {name}"), &error)),
        // The call went well and our mount is still there: it hit another one that came on top.
        Ok(()) => Err(busy(name)),
    }
}

fn busy(name: String) -> Error {
    ErrorKind::Busy { name, holders: Vec::new() }.into()
}

/// Where the mount is now, for it may have been moved; none when it is gone. Busy when another mount covers it:
/// by its path only the one on top can be reached.
fn where_now(mount: &Mount) -> Result<Option<PathBuf>> {
    let table = mounts::read().map_err(|error| Error::os("reading the mount table", &error))?;
    let Some(found) = mount.find_in(&table) else {
        return Ok(None);
    };
    match mounts::topmost(&table, &found.at) {
        Some(top) if top.id != found.id => Err(busy(found.at.display().to_string())),
        _ => Ok(Some(found.at.clone())),
    }
}

fn by_helper(at: &std::path::Path, flags: UnmountFlags, patience: Duration) -> io::Result<()> {
    let mut command = helper::command();
    command.arg("-u");
    if flags.contains(UnmountFlags::DETACH) {
        command.arg("-z");
    }
    command.arg("--").arg(at);
    let output = crate::process::run(command, patience)?;
    if output.status.success() {
        return Ok(());
    }
    let words = helper::words(&output);
    Err(match words.contains("busy") {
        true => Errno::BUSY.into(),
        false => io::Error::new(io::ErrorKind::PermissionDenied, words),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_soon_is_not_in_the_way() {
        let (mut looks, mut paused) = (0, Duration::ZERO);
        let attempt = || {
            looks += 1;
            if looks < 3 { Err(busy("z:".into())) } else { Ok(Unmounted::Done) }
        };
        assert_eq!(insist(attempt, |pause| paused += pause).unwrap(), Unmounted::Done);
        assert_eq!((looks, paused), (3, PAUSES[0] + PAUSES[1]));
    }

    #[test]
    fn who_stays_is_in_the_way() {
        let mut paused = Duration::ZERO;
        let error = insist(|| Err(busy("z:".into())), |pause| paused += pause).unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Busy { .. }));
        assert_eq!(paused, Duration::from_millis(200));
    }
}
