//! Ordinary operations on a mount, through the standard library. Needs root and /dev/fuse.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions too.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::Arc;

use cleardown_fuse::{Config, Ending, InitFlags};
use cleardown_testkit::fuse::{Memory, Mounted};

#[test]
fn names_can_be_made_found_renamed_and_removed() {
    let mut mount = Mounted::new();
    let _session = mount.serve(Arc::new(Memory::new()), Config::default());
    fs::create_dir(mount.join("dir")).unwrap();
    fs::write(mount.join("dir/file"), b"text").unwrap();
    symlink("dir/file", mount.join("link")).unwrap();
    assert_eq!(fs::read(mount.join("link")).unwrap(), b"text");
    fs::hard_link(mount.join("dir/file"), mount.join("second")).unwrap();
    fs::rename(mount.join("dir/file"), mount.join("moved")).unwrap();
    assert_eq!(
        fs::metadata(mount.join("moved")).unwrap().ino(),
        fs::metadata(mount.join("second")).unwrap().ino()
    );
    assert_eq!(fs::metadata(mount.join("dir/file")).unwrap_err().raw_os_error(), Some(libc::ENOENT));
    let mut names: Vec<_> = fs::read_dir(mount.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["dir", "link", "moved", "second"]);
    fs::remove_dir(mount.join("dir")).unwrap();
    for name in ["link", "moved", "second"] {
        fs::remove_file(mount.join(name)).unwrap();
    }
    assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0);
}

#[test]
fn large_data_comes_back_as_it_was_written() {
    let mut mount = Mounted::new();
    let session = mount.serve(Arc::new(Memory::new()), Config { threads: 4, ..Config::default() });
    let data: Vec<u8> = (0..9_000_001u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut file =
        OpenOptions::new().read(true).write(true).create_new(true).open(mount.join("big")).unwrap();
    file.write_all(&data).unwrap();
    file.sync_all().unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut back = Vec::new();
    file.read_to_end(&mut back).unwrap();
    assert!(back == data);
    file.set_len(5).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 5);
    let counters = session.counters();
    assert_eq!(counters.bytes_written(), data.len() as u64);
    assert_eq!(counters.received_of("WRITE"), 9, "a write of 1 MiB is one request");
    assert_eq!(counters.malformed(), 0);
}

#[test]
fn a_folder_of_many_entries_is_listed_whole_with_and_without_attributes() {
    for plus in [InitFlags::empty(), InitFlags::DO_READDIRPLUS] {
        let mut mount = Mounted::new();
        let memory = Arc::new(Memory::new());
        for number in 0..5_000 {
            memory.put(&format!("file number {number}"), b"x");
        }
        let without = InitFlags::DO_READDIRPLUS | InitFlags::READDIRPLUS_AUTO;
        let flags = (InitFlags::network_drive() - without) | plus;
        let session = mount.serve(memory, Config { flags, ..Config::default() });
        let sizes: u64 =
            fs::read_dir(mount.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert_eq!(sizes, 5_000);
        assert_eq!(session.counters().received_of("LOOKUP") == 0, !plus.is_empty());
    }
}

#[test]
fn the_rarer_operations_reach_the_file_system() {
    let mut mount = Mounted::new();
    let session = mount.serve(Arc::new(Memory::new()), Config::default());
    fs::write(mount.join("a"), vec![7; 10_000]).unwrap();
    let (a, b) = (File::open(mount.join("a")).unwrap(), File::create(mount.join("b")).unwrap());
    assert_eq!(rustix::fs::copy_file_range(&a, None, &b, None, 10_000).unwrap(), 10_000);
    assert_eq!(fs::read(mount.join("b")).unwrap(), vec![7; 10_000]);
    assert_eq!(rustix::fs::seek(&a, rustix::fs::SeekFrom::Hole(5)).unwrap(), 6);
    let room = rustix::fs::statvfs(mount.path()).unwrap();
    assert_eq!((room.f_blocks, room.f_bfree, room.f_bavail, room.f_namemax), (1000, 20, 10, 255));
    let mut value = [0; 8];
    assert_eq!(rustix::fs::getxattr(mount.join("a"), "user.colour", &mut value).unwrap(), 3);
    let times =
        rustix::fs::statx(&a, "", rustix::fs::AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::BTIME).unwrap();
    assert_eq!((times.stx_btime.tv_sec, times.stx_btime.tv_nsec), (77, 88));
    assert_eq!(
        rustix::fs::fallocate(&b, rustix::fs::FallocateFlags::empty(), 0, 1),
        Err(rustix::io::Errno::OPNOTSUPP)
    );
    assert!(session.counters().received_of("STATX") > 0);
}

#[test]
fn an_unmount_ends_the_session() {
    let mut mount = Mounted::new();
    let memory = Arc::new(Memory::new());
    let session = mount.serve(memory.clone(), Config::default());
    fs::write(mount.join("a"), b"1").unwrap();
    assert_eq!(session.ending(), None);
    mount.unmount().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime
        .block_on(async { tokio::time::timeout(std::time::Duration::from_secs(10), session.ended()).await });
    assert_eq!(ended.unwrap(), Ending::Detached);
    assert!(memory.was_destroyed());
    assert_eq!(session.counters().in_flight(), 0);
}
