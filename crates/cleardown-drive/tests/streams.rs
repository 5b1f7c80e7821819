//! Large files that are only read: what goes past the kernel's page cache, and what comes from it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail at once, and says what it skips"
)]

mod support;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use cleardown_share::memory::MemoryShare;
use support::{Mount, pattern};

const MIB: usize = 1 << 20;
/// A large buffer, that the kernel still asks for at once wherever it lies in memory.
const LARGE: usize = MIB / 2;

/// Whether the kernel keeps mappings true of what goes past its cache (Linux 6.6); else everything goes through it.
fn may_go_past_the_cache() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    let new = (numbers.next(), numbers.next()) >= (Some(6), Some(6));
    if !new {
        println!("SKIPPED: needs Linux 6.6");
    }
    new
}

/// A drive with files of 32 MiB, and what is in them.
fn with_files(names: &[&str]) -> (Mount, Vec<u8>) {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    let data = pattern(9, 32 * MIB);
    for name in names {
        fs::write(mount.join(name), &data).unwrap();
    }
    (mount, data)
}

/// Reads the first `len` bytes with buffers of `size`; how many requests of the kernel that took.
fn requests(mount: &Mount, name: &str, data: &[u8], len: usize, size: usize) -> u64 {
    let before = mount.drive.requests("READ");
    let file = File::open(mount.join(name)).unwrap();
    let mut buffer = vec![0; size];
    for at in (0..len).step_by(size) {
        file.read_exact_at(&mut buffer, at as u64).unwrap();
        assert!(buffer == data[at..at + size], "{name} at {at}");
    }
    drop(file);
    // The kernel tells us of the close when it pleases, and only then is it remembered how the file was read.
    let late = Instant::now() + Duration::from_secs(30);
    while mount.drive.status().open_files > 0 {
        assert!(Instant::now() < late, "{name} stays open");
        thread::sleep(Duration::from_millis(1));
    }
    mount.drive.requests("READ") - before
}

/// The same, for a program that has read a large file with large buffers before.
fn for_a_known_program(names: &[&str]) -> (Mount, Vec<u8>) {
    let (mount, data) = with_files(&[names, &["before"]].concat());
    requests(&mount, "before", &data, MIB, LARGE);
    (mount, data)
}

#[test]
fn a_large_file_that_is_read_again_comes_from_memory_at_last() {
    if !may_go_past_the_cache() {
        return;
    }
    let (mount, data) = for_a_known_program(&["big"]);
    let first = requests(&mount, "big", &data, data.len(), LARGE);
    assert_eq!(first, 64, "past the cache a buffer is a request");
    // Once the server has told its times: past the cache, into the cache, and from it.
    let again = [(); 3].map(|()| requests(&mount, "big", &data, data.len(), LARGE));
    assert!(again[2] < first, "{again:?} requests");
}

#[test]
fn a_large_file_that_has_changed_is_not_taken_from_memory() {
    if !may_go_past_the_cache() {
        return;
    }
    let (mount, mut data) = for_a_known_program(&["big"]);
    for _ in 0..3 {
        requests(&mount, "big", &data, data.len(), LARGE);
    }
    data[5 * MIB] ^= 1;
    fs::write(mount.join("big"), &data).unwrap();
    assert_eq!(requests(&mount, "big", &data, data.len(), LARGE), 64);
}

#[test]
fn what_is_not_known_to_read_in_large_pieces_is_served_from_the_cache() {
    if !may_go_past_the_cache() {
        return;
    }
    let (mount, data) = with_files(&["one", "two", "three", "four", "five"]);
    for name in ["one", "two"] {
        let cached = requests(&mount, name, &data, MIB, 4096);
        assert!(cached <= 64, "{name}: {cached} requests");
    }
    // The first read-ahead shows large buffers: from then on past the cache.
    requests(&mount, "three", &data, MIB, LARGE);
    assert_eq!(requests(&mount, "four", &data, 4 * MIB, LARGE), 8);
    // Where each small read shows for what it is.
    assert_eq!(requests(&mount, "five", &data, MIB, 4096), 256);
    let cached = requests(&mount, "four", &data, MIB, 4096);
    assert!(cached <= 64, "{cached} requests");
}
