//! Locks outlive the worker that took them, or their users hear that they are gone.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod support;

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use cleardown_drive::{Arena, Drive, Options, Start};
use cleardown_share::memory::{MemoryShare, Op};
use cleardown_share::{Access, Capabilities, Disposition, LockKind, OpenHow, Share, SharePath, ShareResult};
use rustix::fs::FlockOperation::{LockExclusive, NonBlockingLockExclusive, Unlock};
use rustix::fs::{fcntl_lock, flock};
use support::{Point, errno, runtime};
use tokio::runtime::Runtime;

/// A drive whose worker can be killed and replaced; the server and another client of it.
struct Place {
    other: Arc<MemoryShare>,
    share: Arc<MemoryShare>,
    drive: Option<Arc<Drive>>,
    runtime: Runtime,
    arena: Arena,
    point: Point,
}

impl Place {
    fn new() -> Place {
        let share = MemoryShare::new();
        let (other, point, arena) = (share.second_client(), Point::new(), Arena::create().unwrap());
        let mut place = Place { other, share, drive: None, runtime: runtime(), arena, point };
        place.start(Start::Fresh);
        place
    }

    fn start(&mut self, start: Start) {
        let _inside = self.runtime.enter();
        let arena = Arena::open(self.arena.as_fd().try_clone_to_owned().unwrap()).unwrap();
        let (events, fuse) = (self.share.events(), self.point.duplicate());
        let drive = Drive::start(self.share.clone(), events, fuse, arena, Options::default(), start);
        self.drive = Some(drive.unwrap());
    }

    /// The worker is gone, and with its connection all its locks on the server.
    fn kill(&mut self) {
        self.drive = None;
        self.share.disconnect();
    }

    /// Another worker takes over, with a session of its own.
    fn replace(&mut self) {
        self.share = self.other.second_client();
        self.start(Start::Adopt);
    }

    fn create(&self, name: &str) -> File {
        let path = self.point.path().join(name);
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.write_all(b"begun").unwrap();
        file.sync_all().unwrap();
        file
    }

    /// Whether the other client can lock the beginning of a file; it then has it for good.
    fn other_locks(&self, name: &str) -> ShareResult<()> {
        let path = SharePath::parse(name.as_bytes()).unwrap();
        let how = OpenHow { access: Access::READ, disposition: Disposition::Open, mode: 0, lease: false };
        self.runtime.block_on(async {
            let opened = self.other.open(&path, how).await?;
            opened.file.lock(1, 0, 2, LockKind::Exclusive, false).await?;
            // Closing it would give the lock back.
            std::mem::forget(opened);
            Ok(())
        })
    }

    fn other_is_kept_away(&self, name: &str) {
        assert_eq!(self.other_locks(name).unwrap_err().errno, libc::EAGAIN);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Whatever hangs in a failed test gets its answer.
        self.drive.iter().for_each(|drive| drop(drive.abort()));
    }
}

#[test]
fn a_successor_takes_them_again_and_knows_whose_they_are() {
    let mut place = Place::new();
    let (mut one, two) = (place.create("flock"), place.create("fcntl"));
    flock(&one, NonBlockingLockExclusive).unwrap();
    fcntl_lock(&two, NonBlockingLockExclusive).unwrap();
    place.other_is_kept_away("flock");
    for _ in 0..2 {
        place.kill();
        place.replace();
        place.other_is_kept_away("flock");
        place.other_is_kept_away("fcntl");
        // Nor can another application of this machine have it.
        let again = File::open(place.point.path().join("flock")).unwrap();
        assert_eq!(flock(&again, NonBlockingLockExclusive), Err(rustix::io::Errno::AGAIN));
    }
    one.write_all(b", and goes on").unwrap();
    one.sync_all().unwrap();
    flock(&one, Unlock).unwrap();
    fcntl_lock(&two, Unlock).unwrap();
    place.other_locks("flock").unwrap();
    place.other_locks("fcntl").unwrap();
}

#[test]
fn who_waits_for_one_holds_nobody_up() {
    let place = Place::new();
    let (holder, waiters) = (place.create("one"), 8);
    flock(&holder, NonBlockingLockExclusive).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..waiters {
            scope.spawn(|| {
                let file = File::open(place.point.path().join("one")).unwrap();
                flock(&file, LockExclusive).unwrap();
                flock(&file, Unlock).unwrap();
            });
        }
        let waiting = || place.drive.as_ref().unwrap().requests("SETLKW");
        support::wait_until("all wait", || waiting() == waiters);
        place.create("two").write_all(b"meanwhile").unwrap();
        flock(&holder, Unlock).unwrap();
    });
}

#[test]
fn a_close_gives_them_back_before_the_file() {
    let place = Place::new();
    // Without one a file is closed at once.
    place.share.without(Capabilities::LEASES);
    let file = place.create("one");
    flock(&file, NonBlockingLockExclusive).unwrap();
    let faults = place.share.faults();
    let closes = faults.calls(Op::Close);
    faults.delay(Op::Lock, Duration::from_millis(300));
    faults.delay(Op::Close, Duration::from_secs(600));
    drop(file);
    support::wait_until("the file is closed", || faults.calls(Op::Close) > closes);
    place.other_locks("one").unwrap();
}

#[test]
fn what_was_given_back_is_not_taken_again() {
    let mut place = Place::new();
    let (one, two) = (place.create("one"), place.create("two"));
    flock(&one, NonBlockingLockExclusive).unwrap();
    fcntl_lock(&two, NonBlockingLockExclusive).unwrap();
    flock(&one, Unlock).unwrap();
    // A close gives back what its process has locked.
    drop(two);
    place.kill();
    place.replace();
    place.other_locks("one").unwrap();
    place.other_locks("two").unwrap();
}

#[test]
fn who_loses_one_to_another_client_hears_of_it() {
    let mut place = Place::new();
    let (mut one, mut reader) = (place.create("one"), File::open(place.point.path().join("one")).unwrap());
    let (mut two, mut also) = (place.create("two"), File::open(place.point.path().join("two")).unwrap());
    flock(&one, NonBlockingLockExclusive).unwrap();
    fcntl_lock(&two, NonBlockingLockExclusive).unwrap();
    place.kill();
    place.other_locks("one").unwrap();
    place.other_locks("two").unwrap();
    place.replace();
    // The worker after that knows it too.
    for _ in 0..2 {
        assert_eq!(errno(one.write_all(b"x")), libc::EIO);
        assert_eq!(errno(one.sync_all()), libc::EIO);
        assert_eq!(errno(two.rewind().and_then(|()| two.read(&mut [0; 4]))), libc::EIO);
        assert_eq!(flock(&one, NonBlockingLockExclusive), Err(rustix::io::Errno::IO));
        // A flock belongs to its descriptor; a process's lock to every descriptor that the process has.
        reader.rewind().unwrap();
        assert_eq!(reader.read(&mut [0; 5]).unwrap(), 5);
        assert_eq!(errno(also.rewind().and_then(|()| also.read(&mut [0; 4]))), libc::EIO);
        place.kill();
        place.replace();
    }
    // Opened anew, all is as with any lock that another client holds.
    drop(one);
    let one = File::options().write(true).open(place.point.path().join("one")).unwrap();
    assert_eq!(flock(&one, NonBlockingLockExclusive), Err(rustix::io::Errno::AGAIN));
}

#[test]
fn a_connection_that_comes_back_has_them_again_or_says_so() {
    let place = Place::new();
    let (mut kept, mut lost) = (place.create("kept"), place.create("lost"));
    flock(&kept, NonBlockingLockExclusive).unwrap();
    flock(&lost, NonBlockingLockExclusive).unwrap();
    place.share.disconnect();
    place.other_locks("lost").unwrap();
    place.share.reconnect(false);
    support::wait_until("one is lost", || lost.write_all(b"x").is_err());
    assert_eq!(errno(lost.sync_all()), libc::EIO);
    support::wait_until("the other is held again", || {
        place.other_locks("kept").is_err_and(|error| error.errno == libc::EAGAIN)
    });
    kept.write_all(b"x").unwrap();
    kept.sync_all().unwrap();
}
