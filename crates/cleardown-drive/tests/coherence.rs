//! Other clients change files underneath, and what round trips are saved meanwhile.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cleardown_drive::Options;
use cleardown_share::memory::{MemoryShare, Op};
use cleardown_share::{Access, Capabilities, Disposition, OpenHow, Share, SharePath};
use support::{Mount, errno, wait_until};

fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

#[test]
fn an_append_goes_behind_what_another_client_has_appended() {
    for without in [Capabilities::empty(), Capabilities::LEASES | Capabilities::CHANGE_NOTIFY] {
        let share = MemoryShare::new();
        share.without(without);
        let (mount, other) = (Mount::new(&share), share.second_client());
        let mut log = OpenOptions::new().append(true).create(true).open(mount.join("log")).unwrap();
        let how = OpenHow { access: Access::WRITE, disposition: Disposition::Open, mode: 0, lease: false };
        let theirs = mount.block_on(other.open(&path("log"), how)).unwrap().file;
        for _ in 0..3 {
            log.write_all(b"ours\n").unwrap();
            mount.block_on(theirs.append(Bytes::from_static(b"theirs\n"))).unwrap();
        }
        log.write_all(&[b'.'; 3 << 20]).unwrap();
        let all = [b"ours\ntheirs\n".repeat(3), vec![b'.'; 3 << 20]].concat();
        assert!(fs::read(mount.join("log")).unwrap() == all);
        assert!(support::on_server(&mount, &share, "log") == all);
    }
}

#[test]
fn a_lease_that_is_broken_before_the_open_is_answered_is_not_believed() {
    let share = MemoryShare::new();
    let (mount, other) = (Mount::new(&share), share.second_client());
    fs::write(mount.join("log"), b"").unwrap();
    let how = OpenHow { access: Access::WRITE, disposition: Disposition::Open, mode: 0, lease: false };
    for round in 1..=3 {
        // No handle of an earlier round is there to be told; the kernel lets go of the last one when it pleases.
        wait_until("all is closed on the server", || {
            mount.drain(Duration::from_secs(20));
            share.faults().calls(Op::Close) >= share.faults().calls(Op::Open)
        });
        mount.drive.quiesce(false);
        let asked = share.faults().calls(Op::Open);
        share.faults().delay_answers(Op::Open, Duration::from_millis(300));
        let mut log = std::thread::scope(|scope| {
            let opener = scope.spawn(|| OpenOptions::new().append(true).open(mount.join("log")).unwrap());
            wait_until("the open is under way", || share.faults().calls(Op::Open) > asked);
            std::thread::sleep(Duration::from_millis(20));
            mount.block_on(async {
                let theirs = other.open(&path("log"), how).await.unwrap().file;
                theirs.append(Bytes::from_static(b"theirs\n")).await.unwrap();
                theirs.close().await.unwrap();
            });
            opener.join().unwrap()
        });
        share.faults().clear();
        log.write_all(b"ours\n").unwrap();
        drop(log);
        assert_eq!(support::on_server(&mount, &share, "log"), b"theirs\nours\n".repeat(round));
    }
}

#[test]
fn an_append_whose_answer_was_lost_is_there_once() {
    let share = MemoryShare::new();
    share.without(Capabilities::LEASES);
    let mount = Mount::new(&share);
    let mut log = OpenOptions::new().append(true).create(true).open(mount.join("log")).unwrap();
    log.write_all(b"one\n").unwrap();
    share.faults().lose_answers(Op::Write, 1);
    log.write_all(b"two\n").unwrap();
    log.write_all(b"three\n").unwrap();
    assert_eq!(support::on_server(&mount, &share, "log"), b"one\ntwo\nthree\n");
}

fn put(mount: &Mount, other: &Arc<MemoryShare>, name: &str, data: &'static [u8]) {
    mount.block_on(async {
        let how = OpenHow {
            access: Access::WRITE,
            disposition: Disposition::CreateOrTruncate,
            mode: 0o644,
            lease: false,
        };
        let opened = other.open(&path(name), how).await.unwrap();
        opened.file.write(0, Bytes::from_static(data)).await.unwrap();
        opened.file.close().await.unwrap();
    });
}

#[test]
fn an_open_file_shows_what_another_client_writes() {
    for without in [Capabilities::empty(), Capabilities::LEASES | Capabilities::CHANGE_NOTIFY] {
        let share = MemoryShare::new();
        share.without(without);
        let (mount, other) = (Mount::new(&share), share.second_client());
        fs::write(mount.join("f"), b"first").unwrap();
        let file = File::open(mount.join("f")).unwrap();
        let read = || {
            let mut buffer = [0; 16];
            let len = file.read_at(&mut buffer, 0).unwrap();
            buffer[..len].to_vec()
        };
        assert_eq!(read(), b"first");
        put(&mount, &other, "f", b"second!");
        // Without leases attributes are believed for a second.
        wait_until("the change is seen", || {
            let _ = file.metadata();
            read() == b"second!"
        });
        assert_eq!(fs::metadata(mount.join("f")).unwrap().len(), 7);
    }
}

#[test]
fn names_come_and_go_with_other_clients() {
    let share = MemoryShare::new();
    let (mount, other) = (Mount::new(&share), share.second_client());
    fs::write(mount.join("a"), b"a").unwrap();
    assert_eq!(fs::read_dir(mount.root()).unwrap().count(), 1);
    assert!(!mount.join("b").exists());
    put(&mount, &other, "b", b"b");
    wait_until("b appears", || mount.join("b").exists());
    mount.block_on(other.remove_file(&path("a"))).unwrap();
    wait_until("a is gone", || !mount.join("a").exists());
    assert_eq!(fs::read_dir(mount.root()).unwrap().count(), 1);
}

#[test]
fn our_data_is_on_the_server_when_another_client_opens_the_file() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    let mut file = File::create(mount.join("f")).unwrap();
    share.faults().delay(Op::Write, Duration::from_millis(50));
    file.write_all(&[1; 100_000]).unwrap();
    assert_eq!(support::on_server(&mount, &share, "f"), vec![1; 100_000], "the lease break waits for it");
}

#[test]
fn opening_again_costs_nothing_under_a_lease() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    fs::write(mount.join("f"), b"data").unwrap();
    // The handle that has written is closed at once.
    assert_eq!(fs::read(mount.join("f")).unwrap(), b"data");
    let opens = share.faults().calls(Op::Open);
    let reads = share.faults().calls(Op::Read);
    for _ in 0..5 {
        assert_eq!(fs::read(mount.join("f")).unwrap(), b"data");
    }
    assert_eq!(share.faults().calls(Op::Open), opens, "the handle was kept");
    assert!(share.faults().calls(Op::Read) - reads <= 1, "and the kernel's pages");
}

#[test]
fn a_small_file_takes_two_round_trips_to_write() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    fs::create_dir(mount.join("d")).unwrap();
    let count = || {
        let all = [Op::Stat, Op::List, Op::Open, Op::Write, Op::FileStat, Op::Flush, Op::SetAttr];
        all.map(|op| share.faults().calls(op)).iter().sum::<u64>()
    };
    let before = count();
    for number in 0..20 {
        fs::write(mount.join(&format!("d/{number}")), b"small").unwrap();
    }
    let each = (count() - before) as f64 / 20.0;
    assert!(each < 2.5, "{each} requests for a small file: create, write, and now and then a look");
}

#[test]
fn a_folder_that_we_change_is_not_asked_for_its_attributes_each_time() {
    let share = MemoryShare::new();
    let mount = Mount::new(&share);
    fs::create_dir(mount.join("d")).unwrap();
    let modified = || fs::metadata(mount.join("d")).unwrap().modified().unwrap();
    let (stats, mut last) = (share.faults().calls(Op::Stat), modified());
    for number in 0..20 {
        fs::write(mount.join(&format!("d/{number}")), b"small").unwrap();
        if number % 2 == 0 {
            fs::remove_file(mount.join(&format!("d/{number}"))).unwrap();
        }
        let now = modified();
        assert!(now > last, "a change of its entries changes its time");
        last = now;
    }
    let stats = share.faults().calls(Op::Stat) - stats;
    assert!(stats <= 5, "the server was asked {stats} times");
}

#[test]
fn look_ups_in_one_folder_turn_into_one_listing() {
    let share = MemoryShare::new();
    let other = share.second_client();
    let mount = Mount::new(&share);
    fs::create_dir(mount.join("d")).unwrap();
    for number in 0..100 {
        let file = path(&format!("d/{number}"));
        mount.block_on(other.symlink(&file, b"x")).unwrap();
    }
    // The listing comes when the machine has time for it: look-ups may well be faster at the first try.
    let late = Instant::now() + Duration::from_secs(60);
    loop {
        std::thread::sleep(Duration::from_millis(1100));
        let stats = share.faults().calls(Op::Stat);
        for number in 0..200 {
            let found = fs::symlink_metadata(mount.join(&format!("d/{number}"))).is_ok();
            assert_eq!(found, number < 100, "{number}");
        }
        let stats = share.faults().calls(Op::Stat) - stats;
        if stats < 30 {
            return;
        }
        assert!(Instant::now() < late, "{stats} look-ups went to the server");
    }
}

#[test]
fn locks_are_seen_by_other_clients_of_the_server() {
    use rustix::fs::{FlockOperation, fcntl_lock, flock};
    let share = MemoryShare::new();
    let (one, two) = (Mount::new(&share), Mount::new(&share.second_client()));
    fs::write(one.join("f"), b"data").unwrap();
    let open = |mount: &Mount| OpenOptions::new().read(true).write(true).open(mount.join("f")).unwrap();
    let (a, b) = (open(&one), open(&two));
    flock(&a, FlockOperation::LockExclusive).unwrap();
    assert_eq!(flock(&b, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK));
    flock(&a, FlockOperation::Unlock).unwrap();
    flock(&b, FlockOperation::NonBlockingLockShared).unwrap();
    drop(b);
    // The kernel tells of a last close after close(2) has returned.
    wait_until("the lock is free", || fcntl_lock(&a, FlockOperation::NonBlockingLockExclusive).is_ok());
    let b = open(&two);
    let denied = fcntl_lock(&b, FlockOperation::NonBlockingLockExclusive);
    assert!(matches!(denied, Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS)), "{denied:?}");
    // A waiting lock is granted when the other closes.
    let waiting = std::thread::spawn(move || fcntl_lock(&b, FlockOperation::LockExclusive));
    std::thread::sleep(Duration::from_millis(50));
    assert!(!waiting.is_finished());
    drop(a);
    waiting.join().unwrap().unwrap();
}

#[test]
fn quiesced_drives_open_nothing_new() {
    let share = MemoryShare::new();
    let mount = Mount::with(share, Options::default());
    let mut file = File::create(mount.join("f")).unwrap();
    mount.drive.quiesce(true);
    assert_eq!(errno(File::create(mount.join("g"))), libc::ESHUTDOWN);
    assert_eq!(errno(File::open(mount.join("f"))), libc::ESHUTDOWN);
    file.write_all(b"still good").unwrap();
    file.sync_all().unwrap();
    mount.drive.quiesce(false);
    assert_eq!(fs::read(mount.join("f")).unwrap(), b"still good");
}
