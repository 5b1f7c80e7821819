//! The operations of a file system, through the standard library, over a share in memory.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::sync::Arc;
use std::time::Duration;

use cleardown_drive::Options;
use cleardown_share::memory::{MemoryShare, Op};
use cleardown_share::{Capabilities, Share};
use support::{Mount, errno, on_server, pattern, wait_until};

fn memory() -> (Arc<MemoryShare>, Mount) {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    (share, mount)
}

#[test]
fn what_is_written_is_read_back_and_on_the_server() {
    let (share, mount) = memory();
    let data = pattern(1, 5_000_001);
    fs::write(mount.join("file"), &data).unwrap();
    assert!(on_server(&mount, &share, "file") == data, "close waits for the server");
    assert!(fs::read(mount.join("file")).unwrap() == data);
    assert_eq!(mount.drive.status().pending_bytes, 0);
    assert_eq!(fs::metadata(mount.join("file")).unwrap().len(), data.len() as u64);
}

/// What was written further on is not on the server yet: there, the file is shorter than here.
#[test]
fn a_hole_before_pending_data_reads_as_zeros() {
    let (share, mount) = memory();
    let file = File::options().read(true).write(true).create_new(true).open(mount.join("f")).unwrap();
    file.write_all_at(&[1; 5000], 0).unwrap();
    file.sync_all().unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(300));
    file.write_all_at(&[2; 100], 500_000).unwrap();
    let mut bytes = vec![9; 200_000];
    file.read_exact_at(&mut bytes, 0).unwrap();
    assert!(bytes[..5000] == [1; 5000] && bytes[5000..] == [0; 195_000]);
    assert_eq!(file.metadata().unwrap().len(), 500_100);
}

/// What is read ahead may come from the server before our own data arrives there.
#[test]
fn what_was_read_ahead_does_not_hide_what_was_written() {
    let (share, mount) = memory();
    fs::write(mount.join("f"), pattern(5, 900_000)).unwrap();
    let file = File::options().write(true).open(mount.join("f")).unwrap();
    let past_the_cache =
        File::options().read(true).custom_flags(libc::O_DIRECT).open(mount.join("f")).unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(300));
    file.write_all_at(&[7; 4096], 819_200).unwrap();
    let mut bytes = vec![0; 65_536];
    for at in [0, 65_536, 131_072] {
        past_the_cache.read_exact_at(&mut bytes, at).unwrap();
    }
    file.sync_all().unwrap();
    past_the_cache.read_exact_at(&mut bytes, 819_200).unwrap();
    assert!(bytes[..4096] == [7; 4096]);
}

#[test]
fn large_writes_reach_the_server_in_requests_of_a_mebibyte() {
    let (share, mount) = memory();
    let mut file = File::create(mount.join("big")).unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(300));
    for chunk in pattern(2, 16 << 20).chunks(128 << 10) {
        file.write_all(chunk).unwrap();
    }
    drop(file);
    // The first goes at once, small as it is; all others wait for company.
    assert!(share.faults().calls(Op::Write) <= 18, "{} writes", share.faults().calls(Op::Write));
    assert!(share.faults().most_in_flight(Op::Write) > 1);
}

#[test]
fn reads_of_a_stream_are_asked_for_ahead_in_requests_of_a_mebibyte() {
    let (share, mount) = memory();
    let data = pattern(3, 24 << 20);
    fs::write(mount.join("big"), &data).unwrap();
    mount.drain(Duration::from_secs(5));
    rustix_drop_caches(&mount);
    let before = share.faults().calls(Op::Read);
    share.faults().delay(Op::Read, Duration::from_millis(2));
    assert!(fs::read(mount.join("big")).unwrap() == data);
    let reads = share.faults().calls(Op::Read) - before;
    assert!(reads <= 40, "{reads} reads");
    assert!(share.faults().most_in_flight(Op::Read) >= 4);
}

/// Another client touches nothing, but our pages go.
fn rustix_drop_caches(mount: &Mount) {
    let file = File::open(mount.join("big")).unwrap();
    rustix::fs::fadvise(file.as_fd(), 0, None, rustix::fs::Advice::DontNeed).unwrap();
}

#[test]
fn small_random_reads_are_one_exact_request() {
    let (share, mount) = memory();
    let data = pattern(4, 8 << 20);
    fs::write(mount.join("big"), &data).unwrap();
    rustix_drop_caches(&mount);
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(mount.join("big")).unwrap();
    let before = share.faults().calls(Op::Read);
    let mut buffer = vec![0; 4096];
    for at in [5_000_000, 77, 3_000_000, 1_234_567] {
        file.read_exact_at(&mut buffer, at).unwrap();
        assert!(buffer[..] == data[at as usize..at as usize + 4096]);
    }
    assert_eq!(share.faults().calls(Op::Read) - before, 4);
}

#[test]
fn creating_exclusively_fails_for_a_name_that_is_there() {
    let (_share, mount) = memory();
    let exclusive = || OpenOptions::new().write(true).create_new(true).open(mount.join("x"));
    exclusive().unwrap();
    assert_eq!(errno(exclusive()), libc::EEXIST);
}

#[test]
fn appends_go_to_the_end() {
    let (share, mount) = memory();
    fs::write(mount.join("log"), b"one\n").unwrap();
    let mut file = OpenOptions::new().append(true).open(mount.join("log")).unwrap();
    file.write_all(b"two\n").unwrap();
    file.write_all(b"three\n").unwrap();
    file.sync_all().unwrap();
    assert_eq!(on_server(&mount, &share, "log"), b"one\ntwo\nthree\n");
}

#[test]
fn files_are_cut_and_extended() {
    let (share, mount) = memory();
    fs::write(mount.join("f"), b"0123456789").unwrap();
    let file = OpenOptions::new().read(true).write(true).open(mount.join("f")).unwrap();
    file.write_all_at(b"abc", 10).unwrap();
    file.set_len(4).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 4);
    file.set_len(6).unwrap();
    drop(file);
    assert_eq!(on_server(&mount, &share, "f"), b"0123\0\0");
    assert_eq!(fs::read(mount.join("f")).unwrap(), b"0123\0\0");
    fs::write(mount.join("f"), b"xy").unwrap();
    assert_eq!(on_server(&mount, &share, "f"), b"xy");
}

#[test]
fn overlapping_writes_keep_their_order() {
    let (share, mount) = memory();
    share.faults().delay(Op::Write, Duration::from_millis(5));
    let file = File::create(mount.join("f")).unwrap();
    for round in 0..50u8 {
        file.write_all_at(&vec![round; 10_000], u64::from(round % 7) * 1000).unwrap();
    }
    drop(file);
    let mut model = vec![0; 16_000];
    for round in 0..50u8 {
        let at = usize::from(round % 7) * 1000;
        model[at..at + 10_000].fill(round);
    }
    assert!(on_server(&mount, &share, "f") == model);
}

#[test]
fn a_mapping_is_written_back() {
    let (share, mount) = memory();
    fs::write(mount.join("f"), vec![b'a'; 20_000]).unwrap();
    let file = OpenOptions::new().read(true).write(true).open(mount.join("f")).unwrap();
    // SAFETY: a shared mapping of our own file, 20,000 bytes long, unmapped below.
    unsafe {
        use rustix::mm::{MapFlags, ProtFlags, mmap, msync, munmap};
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let map = mmap(std::ptr::null_mut(), 20_000, protection, MapFlags::SHARED, &file, 0).unwrap();
        let bytes = std::slice::from_raw_parts_mut(map.cast::<u8>(), 20_000);
        assert!(bytes.iter().all(|byte| *byte == b'a'));
        bytes[10_000..10_005].copy_from_slice(b"hello");
        msync(map, 20_000, rustix::mm::MsyncFlags::SYNC).unwrap();
        munmap(map, 20_000).unwrap();
    }
    file.sync_all().unwrap();
    assert_eq!(&on_server(&mount, &share, "f")[10_000..10_005], b"hello");
}

#[test]
fn a_rename_replaces_also_what_is_open() {
    let (share, mount) = memory();
    fs::write(mount.join("old"), b"old").unwrap();
    fs::write(mount.join("new"), b"new").unwrap();
    let mut opened = File::open(mount.join("old")).unwrap();
    let mut moved = OpenOptions::new().append(true).open(mount.join("new")).unwrap();
    fs::rename(mount.join("new"), mount.join("old")).unwrap();
    moved.write_all(b"er").unwrap();
    drop(moved);
    let mut content = String::new();
    opened.read_to_string(&mut content).unwrap();
    assert_eq!(content, "old");
    assert_eq!(fs::read(mount.join("old")).unwrap(), b"newer");
    assert_eq!(on_server(&mount, &share, "old"), b"newer");
    assert!(!mount.join("new").exists());
}

#[test]
fn an_unlinked_file_lives_until_it_is_closed() {
    for without in [Capabilities::empty(), Capabilities::OPEN_FILES_MOVE] {
        let share = MemoryShare::new();
        share.without(without);
        let mount = Mount::new(&share);
        let mut file =
            OpenOptions::new().read(true).write(true).create_new(true).open(mount.join("f")).unwrap();
        file.write_all(b"first").unwrap();
        fs::remove_file(mount.join("f")).unwrap();
        assert_eq!(errno(fs::metadata(mount.join("f"))), libc::ENOENT);
        file.write_all(b" second").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, "first second");
        assert_eq!(file.metadata().unwrap().len(), 12);
        drop(file);
        assert!(mount.drain(Duration::from_secs(5)).acknowledged);
        support::wait_until("nothing is left", || fs::read_dir(mount.root()).unwrap().count() == 0);
    }
}

#[test]
fn renames_with_flags_keep_their_promise() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let (_share, mount) = memory();
    fs::write(mount.join("a"), b"a").unwrap();
    fs::write(mount.join("b"), b"b").unwrap();
    let rename = |flags| renameat_with(CWD, mount.join("a"), CWD, mount.join("b"), flags);
    assert_eq!(rename(RenameFlags::NOREPLACE), Err(rustix::io::Errno::EXIST));
    assert_eq!(rename(RenameFlags::EXCHANGE), Err(rustix::io::Errno::INVAL));
    rename(RenameFlags::empty()).unwrap();
    assert_eq!(fs::read(mount.join("b")).unwrap(), b"a");
}

#[test]
fn renaming_a_folder_takes_along_what_is_open_below() {
    let (share, mount) = memory();
    fs::create_dir_all(mount.join("a/b")).unwrap();
    let mut file = File::create(mount.join("a/b/f")).unwrap();
    file.write_all(b"1").unwrap();
    fs::rename(mount.join("a"), mount.join("z")).unwrap();
    file.write_all(b"2").unwrap();
    drop(file);
    assert_eq!(on_server(&mount, &share, "z/b/f"), b"12");
    assert_eq!(fs::read(mount.join("z/b/f")).unwrap(), b"12");
    assert_eq!(errno(fs::remove_dir(mount.join("z"))), libc::ENOTEMPTY);
}

#[test]
fn a_folder_of_many_entries_is_listed_whole() {
    let (share, mount) = memory();
    let other = share.second_client();
    mount.block_on(async {
        for number in 0..100_000 {
            let path = cleardown_share::SharePath::parse(format!("entry {number}").as_bytes()).unwrap();
            other.symlink(&path, b"x").await.unwrap();
        }
    });
    let mut names: Vec<_> =
        fs::read_dir(mount.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 100_000);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 100_000);
}

#[test]
fn links_hard_and_symbolic() {
    let (_share, mount) = memory();
    fs::write(mount.join("f"), b"data").unwrap();
    fs::hard_link(mount.join("f"), mount.join("g")).unwrap();
    let (f, g) = (fs::metadata(mount.join("f")).unwrap(), fs::metadata(mount.join("g")).unwrap());
    assert_eq!((f.ino(), f.nlink()), (g.ino(), 2));
    fs::write(mount.join("g"), b"other").unwrap();
    assert_eq!(fs::read(mount.join("f")).unwrap(), b"other");
    fs::remove_file(mount.join("f")).unwrap();
    assert_eq!(fs::metadata(mount.join("g")).unwrap().nlink(), 1);
    symlink("g", mount.join("s")).unwrap();
    assert_eq!(fs::read_link(mount.join("s")).unwrap().as_os_str(), "g");
    assert_eq!(fs::read(mount.join("s")).unwrap(), b"other");
}

#[test]
fn times_are_kept_to_100_ns_and_modes_as_they_are() {
    let (_share, mount) = memory();
    fs::write(mount.join("f"), b"data").unwrap();
    let file = File::options().write(true).open(mount.join("f")).unwrap();
    let time = std::time::UNIX_EPOCH + Duration::new(1_600_000_000, 123_456_700);
    file.set_times(fs::FileTimes::new().set_modified(time).set_accessed(time)).unwrap();
    drop(file);
    let metadata = fs::metadata(mount.join("f")).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (1_600_000_000, 123_456_700));
    fs::set_permissions(mount.join("f"), PermissionsExt::from_mode(0o640)).unwrap();
    assert_eq!(fs::metadata(mount.join("f")).unwrap().mode() & 0o7777, 0o640);
}

/// An SFTP server would give the handle's number to the next file that is opened, and set the time of that.
#[test]
fn a_handle_is_not_closed_while_it_is_asked_something() {
    let share = MemoryShare::new();
    share.without(Capabilities::LEASES | Capabilities::CHANGE_NOTIFY);
    let mount = Mount::new(&share);
    fs::write(mount.join("f"), b"").unwrap();
    wait_until("it is closed on the server", || share.faults().calls(Op::Close) == 1);
    let reader = File::open(mount.join("f")).unwrap();
    let opens = share.faults().calls(Op::Open);
    share.faults().delay(Op::FileSetAttr, Duration::from_millis(300));
    std::thread::scope(|scope| {
        let touch =
            || std::process::Command::new("touch").args(["-c", "-d", "@1"]).arg(mount.join("f")).status();
        let touch = scope.spawn(touch);
        wait_until("the server is asked", || share.faults().calls(Op::FileSetAttr) == 1);
        drop(reader);
        assert!(touch.join().unwrap().unwrap().success());
    });
    wait_until("it is closed on the server", || share.faults().calls(Op::Close) == 2);
    assert_eq!(share.faults().calls(Op::Open), opens, "the handle was closed, and the file opened again");
    assert_eq!(fs::metadata(mount.join("f")).unwrap().mtime(), 1);
}

/// The server says how large a file is, then data arrives, and only then is its answer here.
#[test]
fn an_answer_that_is_older_than_the_data_is_not_believed() {
    let (share, mount) = memory();
    let mut file = File::create_new(mount.join("f")).unwrap();
    fs::remove_file(mount.join("f")).unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(200));
    share.faults().delay_answers(Op::FileStat, Duration::from_millis(500));
    file.write_all(b"data").unwrap();
    assert_eq!(file.metadata().unwrap().len(), 4);
}

/// tar(1) and `cp -p` set times while the server does not have all data yet. They are for all of it: a time that a server has set
/// while it still writes is on its disk only once the file is closed, and lost with a server that is killed before.
#[test]
fn times_are_set_when_the_data_is_there() {
    let (share, mount) = memory();
    share.faults().delay(Op::Write, Duration::from_millis(500));
    let mut file = File::create(mount.join("f")).unwrap();
    file.write_all(b"data").unwrap();
    std::thread::scope(|scope| {
        let setting = scope.spawn(|| file.set_modified(std::time::UNIX_EPOCH).unwrap());
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(share.faults().calls(Op::FileSetAttr), 0);
        setting.join().unwrap();
    });
    assert_eq!(file.metadata().unwrap().len(), 4);
    drop(file);
    assert_eq!(fs::read(mount.join("f")).unwrap(), b"data");
    OpenOptions::new().append(true).open(mount.join("f")).unwrap().write_all(b" and more").unwrap();
    assert_eq!(on_server(&mount, &share, "f"), b"data and more");
}

#[test]
fn without_ids_and_modes_files_are_the_mounting_users() {
    let share = MemoryShare::new();
    share.without(Capabilities::IDS | Capabilities::MODE);
    let mount = Mount::with(share, Options { uid: 4711, gid: 4712, ..Options::default() });
    fs::write(mount.join("f"), b"data").unwrap();
    let metadata = fs::metadata(mount.join("f")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o7777), (4711, 4712, 0o755));
    std::os::unix::fs::chown(mount.join("f"), Some(4711), None).unwrap();
    assert_eq!(errno(std::os::unix::fs::chown(mount.join("f"), Some(1), None)), libc::EPERM);
}

#[test]
fn the_room_is_the_servers() {
    let (share, mount) = memory();
    share.set_capacity(Some(1 << 20));
    let room = rustix::fs::statvfs(mount.root()).unwrap();
    assert_eq!(room.f_blocks * room.f_frsize, 1 << 20);
}

#[test]
fn holes_are_made_found_and_filled() {
    use rustix::fs::{FallocateFlags, fallocate, seek};
    let (_share, mount) = memory();
    let file = File::options().read(true).write(true).create_new(true).open(mount.join("f")).unwrap();
    file.write_all_at(&[1; 4096], 0).unwrap();
    file.write_all_at(&[1; 4096], 1 << 20).unwrap();
    assert_eq!(seek(&file, rustix::fs::SeekFrom::Hole(0)).unwrap(), 4096);
    assert_eq!(seek(&file, rustix::fs::SeekFrom::Data(4096)).unwrap(), 1 << 20);
    fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096).unwrap();
    assert_eq!(seek(&file, rustix::fs::SeekFrom::Data(0)).unwrap(), 1 << 20);
    let mut buffer = [7; 10];
    file.read_exact_at(&mut buffer, 0).unwrap();
    assert_eq!(buffer, [0; 10]);
    fallocate(&file, FallocateFlags::empty(), 0, 2 << 20).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 2 << 20);
}

#[test]
fn copies_are_made_by_the_server_and_by_the_kernel_where_it_cannot() {
    for without in [Capabilities::empty(), Capabilities::COPY] {
        let share = MemoryShare::new();
        share.without(without);
        let mount = Mount::new(&share);
        let data = pattern(5, 300_000);
        fs::write(mount.join("a"), &data).unwrap();
        let before = share.faults().calls(Op::Read);
        let (a, b) = (File::open(mount.join("a")).unwrap(), File::create(mount.join("b")).unwrap());
        let mut copied = 0;
        while copied < data.len() {
            copied += rustix::fs::copy_file_range(&a, None, &b, None, data.len() - copied).unwrap();
        }
        drop(b);
        assert!(fs::read(mount.join("b")).unwrap() == data);
        if without.is_empty() {
            assert_eq!(share.faults().calls(Op::Copy), 1);
            assert!(share.faults().calls(Op::Read) - before <= 3, "only the check reads");
        }
    }
}

#[test]
fn names_are_bytes_of_up_to_255() {
    let (_share, mount) = memory();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe no utf-8: \\ * ? \n");
    fs::write(mount.root().join(odd), b"odd").unwrap();
    let long = "n".repeat(255);
    fs::write(mount.join(&long), b"long").unwrap();
    assert_eq!(fs::read(mount.root().join(odd)).unwrap(), b"odd");
    assert_eq!(fs::read(mount.join(&long)).unwrap(), b"long");
    assert_eq!(errno(fs::write(mount.join(&"n".repeat(256)), b"")), libc::ENAMETOOLONG);
    let names: Vec<_> = fs::read_dir(mount.root()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.contains(&odd.to_owned()));
}

#[test]
fn files_of_over_4_gib_are_addressed_whole() {
    let (_share, mount) = memory();
    let file = File::options().read(true).write(true).create_new(true).open(mount.join("f")).unwrap();
    let far = (5 << 30) + 7;
    file.write_all_at(b"far", far).unwrap();
    file.sync_all().unwrap();
    assert_eq!(fs::metadata(mount.join("f")).unwrap().len(), far + 3);
    let mut buffer = [0; 3];
    file.read_exact_at(&mut buffer, far).unwrap();
    assert_eq!(&buffer, b"far");
}

#[test]
fn a_read_only_drive_changes_nothing() {
    let share = MemoryShare::new();
    fs::write(Mount::new(&share.second_client()).join("f"), b"data").unwrap();
    let mount = Mount::with(share.clone(), Options { read_only: true, ..Options::default() });
    assert_eq!(errno(fs::write(mount.join("g"), b"")), libc::EROFS);
    assert_eq!(errno(File::options().write(true).open(mount.join("f"))), libc::EROFS);
    assert_eq!(errno(fs::remove_file(mount.join("f"))), libc::EROFS);
    assert_eq!(errno(fs::create_dir(mount.join("d"))), libc::EROFS);
}

#[test]
fn special_files_are_refused_and_regular_ones_made() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let (_share, mount) = memory();
    let make = |name: &str, kind| mknodat(CWD, mount.join(name), kind, Mode::from_raw_mode(0o600), 0);
    make("regular", FileType::RegularFile).unwrap();
    assert_eq!(make("pipe", FileType::Fifo), Err(rustix::io::Errno::PERM));
    assert!(mount.join("regular").is_file());
}
