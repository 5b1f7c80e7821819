//! The machine goes to sleep: no program may wait for the server then, for the kernel could not freeze it.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use cleardown_drive::{Drained, Options};
use cleardown_share::memory::{MemoryShare, Op};
use rustix::fs::{FlockOperation, fcntl_lock};
use support::{Mount, errno, on_server, wait_until};

fn sleep(mount: &Mount, within: Duration) -> Drained {
    mount.block_on(mount.drive.sleep(Instant::now() + within))
}

#[test]
fn what_is_pending_is_written_and_a_server_that_answers_is_used_as_before() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    let mut file = File::create(mount.join("f")).unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(100));
    file.write_all(b"data").unwrap();
    let drained = sleep(&mount, Duration::from_secs(20));
    assert!(drained.acknowledged);
    assert_eq!(on_server(&mount, &share, "f"), b"data");
    fs::write(mount.join("g"), b"before it is frozen").unwrap();
    mount.drive.wake();
    assert_eq!(fs::read(mount.join("g")).unwrap(), b"before it is frozen");
}

#[test]
fn nobody_waits_for_a_silent_server_until_the_machine_is_awake() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    let mut file = File::create(mount.join("f")).unwrap();
    share.freeze();
    file.write_all(b"kept").unwrap();
    let asked = mount.join("asked");
    let waits = std::thread::spawn(move || errno(fs::metadata(asked)));
    wait_until("it has asked", || share.faults().calls(Op::Stat) > 0);
    let drained = sleep(&mount, Duration::from_millis(300));
    assert!(!drained.acknowledged);
    assert_eq!(waits.join().unwrap(), libc::ETIMEDOUT);
    assert_eq!(errno(fs::metadata(mount.join("asked later"))), libc::ETIMEDOUT);
    assert_eq!(mount.drive.status().pending_bytes, 4);

    mount.drive.wake();
    share.thaw();
    file.sync_all().unwrap();
    assert_eq!(on_server(&mount, &share, "f"), b"kept");
}

#[test]
fn nobody_waits_for_a_lock() {
    let share = MemoryShare::new();
    let (one, two) = (Mount::new(&share), Mount::with(share.second_client(), Options::default()));
    let holder = File::create(one.join("f")).unwrap();
    fcntl_lock(&holder, FlockOperation::NonBlockingLockExclusive).unwrap();
    let other = File::options().write(true).open(two.join("f")).unwrap();
    let waits = std::thread::spawn(move || (fcntl_lock(&other, FlockOperation::LockExclusive), other));
    wait_until("it waits", || two.drive.requests("SETLKW") > 0);
    assert!(sleep(&two, Duration::from_secs(20)).acknowledged);
    let (waited, other) = waits.join().unwrap();
    assert_eq!(waited, Err(rustix::io::Errno::NOLCK));

    two.drive.wake();
    drop(holder);
    fcntl_lock(&other, FlockOperation::LockExclusive).unwrap();
}
