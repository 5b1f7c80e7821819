//! A worker dies or hands over, and another goes on; and what the file system tells the kernel unasked.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions too.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_fuse::{Config, Ending, Negotiated, Session};
use cleardown_testkit::fuse::{Memory, Mounted};

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn filled() -> Memory {
    let memory = Memory::new();
    memory.put("file", b"from the second worker");
    memory
}

#[test]
fn a_second_session_takes_over_in_one_process() {
    let mut mount = Mounted::new();
    let second_fd = mount.duplicate();
    let held = Arc::new(Memory::holding());
    held.put("file", b"from the second worker");
    let first = mount.serve(held.clone(), Config::default());
    let path = mount.join("file");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    wait_until("the read is handed out", || held.held() > 0);
    first.shutdown();
    assert_eq!(first.ending(), Some(Ending::Stopped));
    let memory = Arc::new(filled());
    let second = Session::adopt(second_fd, memory.clone(), Config::default(), first.negotiated()).unwrap();
    second.notifier().resend().unwrap();
    assert_eq!(reader.join().unwrap(), b"from the second worker");
    assert!(memory.resent() > 0, "the second session is told that the read came before");
    // A late answer of the first worker hits nothing.
    held.take_held().into_iter().for_each(|reply| reply.data(b"late"));
    assert_eq!(fs::read(mount.join("file")).unwrap(), b"from the second worker");
    assert!(!held.was_destroyed());
}

/// Not a test by itself: the process that the next test kills.
#[test]
fn child_that_answers_no_read() {
    let Ok(fd) = std::env::var("CLEARDOWN_TEST_FUSE_FD") else { return };
    let fd: RawFd = fd.parse().unwrap();
    // SAFETY: the parent left this descriptor open for us alone.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let held = Arc::new(Memory::holding());
    held.put("file", b"from the second worker");
    let session = Session::start(fd, held.clone(), Config::default()).unwrap();
    println!("\nNEGOTIATED {} {}", session.negotiated().minor, session.negotiated().flags);
    wait_until("the read is handed out", || held.held() > 0);
    println!("\nHOLDING");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_read_survives_the_death_of_its_worker() {
    let mount = Mounted::new();
    let kept = mount.duplicate();
    let raw = kept.as_raw_fd();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child_that_answers_no_read", "--nocapture"]);
    command.env("CLEARDOWN_TEST_FUSE_FD", raw.to_string()).stdout(Stdio::piped());
    // SAFETY: fcntl is async-signal-safe; it only lets this one descriptor through.
    unsafe {
        command.pre_exec(move || {
            let fd = std::os::fd::BorrowedFd::borrow_raw(raw);
            Ok(rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?)
        });
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let agreed = lines.find_map(|line| line.strip_prefix("NEGOTIATED ").map(str::to_owned)).unwrap();
    let mut numbers = agreed.split(' ').map(|number| number.parse::<u64>().unwrap());
    let path = mount.join("file");
    let reader = std::thread::spawn(move || fs::read(path).unwrap());
    lines.find(|line| line == "HOLDING").unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!reader.is_finished());

    let config = Config::default();
    let negotiated = Negotiated {
        minor: numbers.next().unwrap() as u32,
        flags: numbers.next().unwrap(),
        max_write: config.max_write,
        max_readahead: config.max_readahead,
        max_background: config.max_background,
        congestion_threshold: config.congestion_threshold,
    };
    let session = Session::adopt(kept, Arc::new(filled()), config, negotiated).unwrap();
    session.notifier().resend().unwrap();
    assert_eq!(reader.join().unwrap(), b"from the second worker");
}

#[test]
fn the_kernel_believes_notifications() {
    let mut mount = Mounted::new();
    let memory = Arc::new(Memory::new());
    let node = memory.put("file", b"old");
    let session = mount.serve(memory.clone(), Config::default());
    let notifier = session.notifier();
    let path = mount.join("file");
    assert_eq!(fs::read(&path).unwrap(), b"old");

    memory.put("file", b"new!");
    notifier.inval_inode(node, 0, 0).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new!");

    notifier.store(node, 0, b"NEW").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"NEW!");

    memory.remove("file");
    assert!(fs::metadata(&path).is_ok(), "believed until told otherwise");
    notifier.inval_entry(1, b"file").unwrap();
    assert_eq!(fs::metadata(&path).unwrap_err().raw_os_error(), Some(libc::ENOENT));

    for name in ["expired", "deleted"] {
        let node = memory.put(name, b"");
        assert!(fs::metadata(mount.join(name)).is_ok());
        memory.remove(name);
        match name {
            "expired" => notifier.expire_entry(1, name.as_bytes()).unwrap(),
            _ => notifier.delete(1, node, name.as_bytes()).unwrap(),
        }
        assert!(fs::metadata(mount.join(name)).is_err(), "{name}");
    }
    notifier.inval_entry(1, b"never heard of").unwrap();
}

#[test]
fn a_dropped_reply_is_an_error_and_no_hang() {
    let mut mount = Mounted::new();
    let held = Arc::new(Memory::holding());
    held.put("file", b"1234");
    let session = mount.serve(held.clone(), Config::default());
    let path = mount.join("file");
    let reader = std::thread::spawn(move || fs::read(path));
    wait_until("the read is handed out", || held.held() > 0);
    assert!(session.counters().in_flight() > 0);
    wait_until("read-ahead and its retry have failed", || {
        drop(held.take_held());
        reader.is_finished()
    });
    assert_eq!(reader.join().unwrap().unwrap_err().raw_os_error(), Some(libc::EIO));
    assert_eq!(session.counters().in_flight(), 0);
}
