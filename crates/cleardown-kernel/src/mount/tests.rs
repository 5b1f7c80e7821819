//! Real mounts, as root and as an ordinary user.

use std::path::Path;
use std::time::{Duration, Instant};

use cleardown_core::ErrorKind;

use super::*;
use crate::mounts;

const PATIENCE: Duration = Duration::from_secs(20);

/// A mount that nobody serves, gone at the end of the test.
struct Mounts {
    dir: tempfile::TempDir,
}

impl Mounts {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("z")).unwrap();
        Mounts { dir }
    }

    fn request(&self) -> MountRequest {
        MountRequest {
            at: self.dir.path().join("z"),
            source: "//fs1/a, b".into(),
            read_only: false,
            allow_other: true,
            owner: (0, 0),
            max_read: None,
        }
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.dir.path().join("z"), rustix::mount::UnmountFlags::DETACH);
    }
}

/// Unmounts. A process that another test has just forked may hold a descriptor of the mount for another moment.
fn end(mount: &Mount) {
    let until = Instant::now() + PATIENCE;
    let outcome = loop {
        match unmount(mount, PATIENCE) {
            Err(error) if matches!(error.kind, ErrorKind::Busy { .. }) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => break other,
        }
    };
    assert_eq!(outcome.unwrap(), Unmounted::Done);
}

#[test]
fn a_mount_comes_and_goes() {
    let mounts = Mounts::new();
    let mounted = mount(mounts.request(), PATIENCE).unwrap();
    let line = mounted.mount.clone();
    assert_eq!((line.at.as_path(), line.source.as_str()), (mounts.request().at.as_path(), "//fs1/a, b"));
    assert!(line.is_ours() && line.find_in(&mounts::ours().unwrap()).is_some());
    assert!(line.super_options.contains("allow_other") && line.options.contains("nosuid"));
    // A second one does not cover it.
    let again = mount(mounts.request(), PATIENCE).unwrap_err();
    assert!(matches!(&again.kind, ErrorKind::MountPoint { why, .. } if why.contains("//fs1/a, b")));
    end(&line);
    assert_eq!(unmount(&line, PATIENCE).unwrap(), Unmounted::WasGone);
    assert!(line.find_in(&mounts::ours().unwrap()).is_none());
    // The kernel says so to the server too.
    assert_eq!(rustix::io::read(&mounted.fuse, &mut [0; 1 << 16]), Err(rustix::io::Errno::NODEV));
}

#[test]
fn what_is_covered_or_moved_is_not_confused() {
    use rustix::mount::{MountFlags, UnmountFlags};
    let mounts = Mounts::new();
    let line = mount(mounts.request(), PATIENCE).unwrap().mount;
    let at = mounts.request().at;
    rustix::mount::mount("none", &at, "tmpfs", MountFlags::empty(), None).unwrap();
    assert!(matches!(unmount(&line, PATIENCE).unwrap_err().kind, ErrorKind::Busy { .. }));
    assert!(matches!(detach(&line, PATIENCE).unwrap_err().kind, ErrorKind::Busy { .. }));
    rustix::mount::unmount(&at, UnmountFlags::empty()).unwrap();
    assert_eq!(detach(&line, PATIENCE).unwrap(), Unmounted::Done);
}

#[test]
fn an_abort_reaches_the_server() {
    let mounts = Mounts::new();
    let mounted = mount(mounts.request(), PATIENCE).unwrap();
    abort(mounted.mount.dev, &mounted.fuse).unwrap();
    let error = rustix::io::read(&mounted.fuse, &mut [0; 1 << 16]).unwrap_err();
    assert!(matches!(error, rustix::io::Errno::NODEV | rustix::io::Errno::CONNABORTED), "{error}");
    assert!(mounted.mount.find_in(&mounts::ours().unwrap()).is_some());
    end(&mounted.mount);
    let again = abort(mounted.mount.dev, &mounted.fuse).unwrap_err();
    assert!(matches!(again.kind, ErrorKind::NotConnected(_)));
}

#[test]
fn an_abort_that_comes_late_does_not_hit_a_stranger() {
    let (ours, theirs) = (Mounts::new(), Mounts::new());
    let old = mount(ours.request(), PATIENCE).unwrap();
    end(&old.mount);
    let new = mount(theirs.request(), PATIENCE).unwrap();
    // The kernel gives the lowest free number, which was ours; other tests may be faster, so it is taken as given.
    assert!(matches!(abort(new.mount.dev, &old.fuse).unwrap_err().kind, ErrorKind::NotConnected(_)));
    assert!(is_alive(&new.fuse));
    end(&new.mount);
    assert!(!is_alive(&new.fuse));
}

/// Runs on a thread of a user of its own: the kernel's set*id calls, unlike the C library's, are per thread.
fn as_nobody<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        rustix::thread::set_thread_gid(rustix::process::Gid::from_raw(65534)).unwrap();
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534)).unwrap();
        work()
    });
    thread.join().unwrap()
}

fn give(path: &Path) {
    std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
}

#[test]
fn an_ordinary_user_mounts_with_the_helper() {
    let mounts = Mounts::new();
    give(mounts.dir.path());
    give(&mounts.request().at);
    let request = MountRequest { allow_other: false, owner: (65534, 65534), ..mounts.request() };
    let line = as_nobody(move || {
        let mounted = mount(request.clone(), PATIENCE).unwrap();
        let line = mounted.mount.clone();
        assert!(line.is_ours(), "{line:?}");
        assert_eq!(line.source, "//fs1/a, b");
        assert!(line.super_options.contains("user_id=65534"));
        end(&line);
        let others = MountRequest { allow_other: true, ..request };
        assert!(matches!(mount(others, PATIENCE).unwrap_err().kind, ErrorKind::NoFuse(_)));
        line
    });
    assert!(line.find_in(&mounts::ours().unwrap()).is_none());
}

#[test]
fn an_ordinary_user_learns_that_it_is_busy() {
    let mounts = Mounts::new();
    give(mounts.dir.path());
    give(&mounts.request().at);
    let request = MountRequest { allow_other: false, owner: (65534, 65534), ..mounts.request() };
    as_nobody(move || {
        let mounted = mount(request, PATIENCE).unwrap();
        // Holding the mount itself asks nothing of the server that is not there.
        let path = std::fs::canonicalize(mounted.mount.at.parent().unwrap()).unwrap().join("z");
        let holding = rustix::fs::open(path, rustix::fs::OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        assert!(matches!(unmount(&mounted.mount, PATIENCE).unwrap_err().kind, ErrorKind::Busy { .. }));
        assert_eq!(detach(&mounted.mount, PATIENCE).unwrap(), Unmounted::Done);
        drop(holding);
    });
}

/// The kernel gives a mount's id and device number again, often at once: to whomever mounts next.
#[test]
fn the_next_mount_with_the_same_numbers_is_another() {
    let mounts = Mounts::new();
    let first = mount(mounts.request(), PATIENCE).unwrap().mount;
    end(&first);
    if first.unique.is_none() {
        eprintln!("SKIPPED: this kernel does not tell mounts apart (Linux 6.8)");
        return;
    }
    let next = mount(mounts.request(), PATIENCE).unwrap().mount;
    let noted = Mount { unique: first.unique, ..next.clone() };
    assert_eq!(noted.find_in(&mounts::read().unwrap()), None);
    assert_eq!(unmount(&noted, PATIENCE).unwrap(), Unmounted::WasGone);
    assert!(next.find_in(&mounts::read().unwrap()).is_some(), "the next one is still there");
    end(&next);
}

/// Where the kernel has no better ids, at least the remote name must be the same.
#[test]
fn a_mount_of_another_share_is_another() {
    let mounts = Mounts::new();
    let mount = mount(mounts.request(), PATIENCE).unwrap().mount;
    let table = mounts::read().unwrap();
    let noted = Mount { unique: None, ..mount.clone() };
    assert!(noted.find_in(&table).is_some());
    assert_eq!(Mount { source: "//fs2/b".into(), ..noted }.find_in(&table), None);
    end(&mount);
}
