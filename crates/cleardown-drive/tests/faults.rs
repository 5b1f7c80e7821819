//! Servers that are full, frozen, gone or back; and drives that are drained and aborted meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::time::{Duration, Instant};

use cleardown_drive::{Options, ServerState};
use cleardown_share::memory::{MemoryShare, Op};
use cleardown_share::{Share, SharePath};
use support::{Mount, errno, on_server, pattern, wait_until};

#[test]
fn a_full_server_is_reported_and_its_data_kept_until_there_is_room() {
    let share = MemoryShare::new();
    share.set_capacity(Some(1 << 20));
    let mount = Mount::new(&share);
    let data = pattern(1, 3 << 20);
    let mut file = File::create(mount.join("f")).unwrap();
    let _ = file.write_all(&data);
    assert_eq!(errno(file.sync_all()), libc::ENOSPC);
    assert_eq!(errno(file.sync_all()), libc::ENOSPC, "for as long as it is so");
    let drained = mount.drain(Duration::from_secs(5));
    assert!(!drained.acknowledged);
    assert_eq!((drained.failed.len(), drained.failed[0].errno), (1, libc::ENOSPC));
    assert_eq!(drained.failed[0].path.to_string(), "f");
    share.set_capacity(None);
    file.sync_all().unwrap();
    assert!(on_server(&mount, &share, "f").starts_with(&data[..1 << 20]));
    assert!(mount.drain(Duration::from_secs(5)).acknowledged);
}

#[test]
fn a_close_tells_the_error_that_a_write_could_not() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    let mut file = File::create(mount.join("f")).unwrap();
    share.faults().fail(Op::Write, libc::EDQUOT, 100);
    file.write_all(b"data").unwrap();
    let closed = {
        use std::os::fd::IntoRawFd;
        // SAFETY: the descriptor is ours, and closed once.
        unsafe { libc::close(file.into_raw_fd()) }
    };
    assert_eq!((closed, std::io::Error::last_os_error().raw_os_error()), (-1, Some(libc::EDQUOT)));
    assert_eq!(mount.drive.status().pending_bytes, 4);
    share.faults().clear();
    let drained = mount.drain(Duration::from_secs(5));
    assert_eq!((drained.acknowledged, drained.flushed_bytes), (true, 4));
    assert_eq!(on_server(&mount, &share, "f"), b"data");
}

#[test]
fn an_endless_listing_ends_when_nobody_reads_it() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    for name in ["a", "b", "c", "d"] {
        let path = SharePath::root().join(name.as_bytes()).unwrap();
        mount.runtime.block_on(share.create_dir(&path, 0o755)).unwrap();
    }
    share.faults().endless_listings();
    let folder = fs::read_dir(mount.join("")).unwrap();
    assert_eq!(folder.take(1000).filter(|entry| entry.is_ok()).count(), 1000);
    // The folder was closed with that.
    wait_until("the listing ends", || share.faults().listings() == 0);
    // And one that was begun for look-ups.
    for name in ["a", "b", "c", "d", "e", "f"] {
        let _ = fs::metadata(mount.join(name));
    }
    wait_until("the listing ends", || share.faults().listings() == 0);
}

#[test]
fn a_frozen_server_makes_nobody_unkillable() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    fs::write(mount.join("f"), b"data").unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "sleep 0.3; cat \"$1\"/g \"$1\"/h; sync \"$1\"/f", "sh"])
        .arg(mount.root())
        .spawn()
        .unwrap();
    share.freeze();
    let mut reader = Command::new("stat").arg(mount.join("other")).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    for child in [&mut child, &mut reader] {
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
    assert!(start.elapsed() < Duration::from_secs(20));
    share.thaw();
}

#[test]
fn nothing_waits_longer_than_the_deadline_and_the_data_stays() {
    let share = MemoryShare::new();
    let options = Options { request_timeout: Duration::from_millis(300), ..Options::default() };
    let mount = Mount::with(share.clone(), options);
    let mut file = File::create(mount.join("f")).unwrap();
    share.freeze();
    assert_eq!(errno(fs::metadata(mount.join("nothing"))), libc::ETIMEDOUT);
    file.write_all(b"kept").unwrap();
    assert_eq!(errno(file.sync_all()), libc::ETIMEDOUT);
    assert_eq!(mount.drive.status().pending_bytes, 4);
    share.thaw();
    file.sync_all().unwrap();
    assert_eq!(on_server(&mount, &share, "f"), b"kept");
}

#[test]
fn a_broken_connection_is_a_pause() {
    for keep_handles in [true, false] {
        let share = MemoryShare::new();
        let mount = Mount::new(&share);
        let data = pattern(2, 8 << 20);
        let mut file = File::create(mount.join("f")).unwrap();
        file.write_all(&data[..4 << 20]).unwrap();
        share.disconnect();
        wait_until("it is noticed", || mount.drive.status().server != ServerState::Connected);
        let path = mount.join("f");
        let writer = std::thread::spawn({
            let data = data.clone();
            move || {
                file.write_all(&data[4 << 20..]).unwrap();
                file.sync_all().unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        share.reconnect(keep_handles);
        writer.join().unwrap();
        assert!(fs::read(path).unwrap() == data);
        assert!(on_server(&mount, &share, "f") == data);
    }
}

#[test]
fn a_lost_answer_of_what_may_not_be_done_twice_is_no_error() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    share.faults().lose_answers(Op::CreateDir, 1);
    fs::create_dir(mount.join("d")).unwrap();
    share.faults().lose_answers(Op::Open, 1);
    OpenOptions::new().write(true).create_new(true).open(mount.join("d/f")).unwrap();
    share.faults().lose_answers(Op::Rename, 1);
    fs::rename(mount.join("d/f"), mount.join("d/g")).unwrap();
    share.faults().lose_answers(Op::RemoveFile, 1);
    fs::remove_file(mount.join("d/g")).unwrap();
}

#[test]
fn an_abort_ends_at_once_and_names_what_is_lost() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    fs::create_dir(mount.join("d")).unwrap();
    let mut file = File::create(mount.join("d/f")).unwrap();
    share.freeze();
    file.write_all(&[1; 1000]).unwrap();
    file.write_all(&[1; 500]).unwrap();
    let reader = std::thread::spawn({
        let path = mount.join("nothing");
        move || errno(fs::metadata(path))
    });
    std::thread::sleep(Duration::from_millis(50));
    let lost = mount.drive.abort();
    assert_eq!((lost.len(), lost[0].path.as_str(), lost[0].bytes), (1, "d/f", 1500));
    assert_eq!(reader.join().unwrap(), libc::EIO);
    assert!(file.sync_all().is_err());
}

#[test]
fn a_full_arena_makes_writers_wait_and_not_fail() {
    let share = MemoryShare::new();
    let arena = cleardown_drive::Arena::with_capacity(8 << 20).unwrap();
    let mount = Mount::with_arena(share.clone(), Options::default(), arena);
    share.faults().delay(Op::Write, Duration::from_millis(5));
    let data = pattern(3, 40 << 20);
    fs::write(mount.join("f"), &data).unwrap();
    assert!(on_server(&mount, &share, "f") == data);
}

#[test]
fn a_drain_shows_its_progress_and_ends_with_everything_on_the_server() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    share.faults().delay(Op::Write, Duration::from_millis(150));
    let mut file = File::create(mount.join("f")).unwrap();
    file.write_all(&pattern(4, 20 << 20)).unwrap();
    let mut seen = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(20);
    let drained = mount.block_on(mount.drive.drain(deadline, |pending| seen.push(pending.bytes_left)));
    assert!(drained.acknowledged && drained.failed.is_empty());
    assert!(seen[0] > 0 && seen.last() == Some(&0), "{seen:?}");
    drop(file);
    assert!(mount.block_on(mount.drive.close(deadline)));
}
