//! A worker is killed in the middle of everything; the next one goes on, and nothing is lost.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

#[path = "support/folder.rs"]
mod folder;
mod support;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cleardown_drive::{Arena, Drive, Options, Start};
use support::{Point, pattern, wait_until};

/// Not a test by itself: the worker that the tests kill.
#[test]
fn worker() {
    let Ok(what) = std::env::var("CLEARDOWN_TEST_WORKER") else { return };
    let mut parts = what.splitn(4, ' ');
    let mut fd = || -> OwnedFd {
        // SAFETY: the parent left this descriptor open for us alone.
        unsafe { OwnedFd::from_raw_fd(parts.next().unwrap().parse().unwrap()) }
    };
    let (fuse, arena) = (fd(), fd());
    let start = if parts.next().unwrap() == "adopt" { Start::Adopt } else { Start::Fresh };
    let share = folder::Folder { root: parts.next().unwrap().into(), delay: Duration::from_millis(3) };
    let runtime = support::runtime();
    let drive = {
        let _inside = runtime.enter();
        let arena = Arena::open(arena).unwrap();
        Drive::start(Arc::new(share), None, fuse, arena, Options::default(), start).unwrap()
    };
    println!("\nSERVING");
    runtime.block_on(drive.over());
}

/// One test at a time: none may start a worker while another has files open (see `applications`).
static ONE: Mutex<()> = Mutex::new(());

/// A worker process, killed when it is dropped.
struct Worker(Child);

impl Worker {
    fn start(point: &Point, arena: &Arena, server: &Path, start: &str) -> Worker {
        let fds = [point.fuse.as_fd().as_raw_fd(), arena.as_fd().as_raw_fd()];
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "worker", "--nocapture"]).stdout(Stdio::piped());
        let what = format!("{} {} {start} {}", fds[0], fds[1], server.display());
        command.env("CLEARDOWN_TEST_WORKER", what);
        // SAFETY: fcntl is async-signal-safe; it lets just these descriptors through.
        unsafe {
            command.pre_exec(move || {
                for fd in fds {
                    let fd = BorrowedFd::borrow_raw(fd);
                    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty())?;
                }
                Ok(())
            });
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "SERVING"), "the worker does not serve");
        Worker(child)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test by itself: the applications. They are a process of their own, because a process that has files of
/// a mount open cannot start the mount's worker: closing its copies of them on exec waits for that very worker.
#[test]
fn applications() {
    let Ok(root) = std::env::var("CLEARDOWN_TEST_APPLICATIONS") else { return };
    let root = Path::new(&root);
    let done = AtomicBool::new(false);
    let made = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3).map(|number| scope.spawn(move || write_slowly(root, number))).collect();
        let namer = scope.spawn(|| {
            let mut made = 0;
            while !done.load(Ordering::Relaxed) {
                make_names(&root.join(format!("folder {made}")), made);
                made += 1;
            }
            made
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        namer.join().unwrap()
    });
    println!("\nMADE {made}");
}

fn write_slowly(root: &Path, number: u32) {
    let mut file = File::create(root.join(format!("file {number}"))).unwrap();
    for chunk in pattern(number, 24 << 20).chunks(40_000) {
        file.write_all(chunk).unwrap();
        std::thread::sleep(Duration::from_micros(500));
    }
    file.sync_all().unwrap();
}

fn make_names(folder: &Path, number: u32) {
    fs::create_dir(folder).unwrap();
    fs::write(folder.join("draft"), number.to_string()).unwrap();
    fs::rename(folder.join("draft"), folder.join("final")).unwrap();
    fs::write(folder.join("gone"), b"x").unwrap();
    fs::remove_file(folder.join("gone")).unwrap();
}

#[test]
fn nothing_is_lost_when_workers_are_killed_in_the_middle_of_writes() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = tempfile::tempdir().unwrap();
    let (point, arena) = (Point::new(), Arena::create().unwrap());
    let mut worker = Some(Worker::start(&point, &arena, server.path(), "fresh"));
    let applications = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "applications", "--nocapture"])
        .env("CLEARDOWN_TEST_APPLICATIONS", point.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pending = 0;
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(150));
        drop(worker.take());
        pending = pending.max(arena.pending_bytes());
        worker = Some(Worker::start(&point, &arena, server.path(), "adopt"));
    }
    let output = applications.wait_with_output().unwrap();
    assert!(output.status.success());
    let output = String::from_utf8(output.stdout).unwrap();
    let made: u32 = output.lines().find_map(|line| line.strip_prefix("MADE ")).unwrap().parse().unwrap();
    assert!(pending > 0, "workers died with data pending");
    for number in 0..3u32 {
        let there = fs::read(server.path().join(format!("file {number}"))).unwrap();
        assert!(there == pattern(number, 24 << 20), "file {number}: {} bytes", there.len());
    }
    for number in 0..made {
        let folder = server.path().join(format!("folder {number}"));
        assert_eq!(fs::read_to_string(folder.join("final")).unwrap(), number.to_string());
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
    }
    wait_until("nothing is pending", || arena.pending_bytes() == 0);
    drop(worker);
}

#[test]
fn what_dies_with_the_last_worker_can_be_named() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let server = tempfile::tempdir().unwrap();
    let (point, arena) = (Point::new(), Arena::create().unwrap());
    let worker = Worker::start(&point, &arena, server.path(), "fresh");
    fs::create_dir(point.path().join("d")).unwrap();
    let mut file = File::create(point.path().join("d/f")).unwrap();
    file.write_all(b"1").unwrap();
    file.sync_all().unwrap();
    // The server is in the worker's process here: stopped, it takes nothing more.
    for _ in 0..200 {
        file.write_all(&[2; 100_000]).unwrap();
        if arena.pending_bytes() > 0 {
            break;
        }
    }
    drop(worker);
    // Without this the kernel would keep the close waiting for another worker.
    drop(point);
    drop(file);
    let pending = arena.pending_bytes();
    assert!(pending > 0);
    let losses = arena.losses();
    assert_eq!((losses.len(), losses[0].path.as_str(), losses[0].bytes), (1, "d/f", pending));
}
