//! Writers, renamers, ends, faults of every kind, at random from a seed. Whatever was acknowledged must be there.
//!
//! `CLEARDOWN_TORTURE_SECONDS` and `CLEARDOWN_TORTURE_SEED` (see `cargo xtask torture`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cleardown_tests::book::{Book, Promise, hash};
use cleardown_tests::{Machine, Protocol, Server, Who, kill};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The process in which the writers are, apart from the one that starts servers.
struct Writers {
    child: Child,
    /// Where it writes what they were promised.
    book: PathBuf,
}

impl Writers {
    fn start(folder: &Path, seed: u64, book: PathBuf) -> Writers {
        let mut command = Command::new(env!("CARGO_BIN_EXE_torture-writers"));
        command.arg(folder).arg(seed.to_string());
        command.stdin(Stdio::piped()).stdout(File::create(&book).unwrap());
        Writers { child: command.spawn().unwrap(), book }
    }

    fn expect_faults(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// Tells them to come to an end, and reads what they were promised.
    fn end(mut self) -> Book {
        drop(self.child.stdin.take());
        let end = Instant::now() + Duration::from_secs(120);
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < end, "a writer hangs"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "{status}");
        serde_json::from_slice(&fs::read(&self.book).unwrap()).unwrap()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        // Nobody waits for it: after a failure it may hang until the drive is gone.
        let _ = self.child.kill();
    }
}

#[test]
fn nothing_acknowledged_is_lost_over_smb() {
    cleardown_tests::needs_root!();
    some_seeds(Protocol::Smb);
}

#[test]
fn nothing_acknowledged_is_lost_over_sftp() {
    cleardown_tests::needs_root!();
    some_seeds(Protocol::Sftp);
}

/// A few seconds with a few seeds, or what the environment says.
fn some_seeds(protocol: Protocol) {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = read("CLEARDOWN_TORTURE_SECONDS").unwrap_or(8);
    let seeds = read("CLEARDOWN_TORTURE_SEED").map_or(vec![2, 4], |seed| vec![seed]);
    for seed in seeds {
        torture(protocol, seconds, seed);
    }
}

fn torture(protocol: Protocol, seconds: u64, seed: u64) {
    println!("{protocol:?}: {seconds} s with seed {seed}");

    let machine = Machine::new(Who::Root);
    let mut server = Server::start(protocol);
    // A folder that only the server has: nothing is ever written below a mount point that is not mounted.
    let folder = server.folder().join("data");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let z = machine.map("z:", &server).join("data");
    let mut writers = Writers::start(&z, seed, machine.path("book"));
    let calm = Duration::from_secs(seconds / 4);
    std::thread::sleep(calm);
    writers.expect_faults();
    disturb(&machine, &mut server, seed, Duration::from_secs(seconds) - calm);
    let book = writers.end();
    await_connected(&machine, seed);
    machine.end("z:");
    let kept = book.promises.iter().filter(|(name, promise)| check(&folder, name, **promise, seed)).count();
    println!("{protocol:?}: {kept} of {} promises were made, and all are kept", book.promises.len());
    println!("{protocol:?}: applications saw {:?}", book.errors);
    assert!(
        book.untruths.is_empty(),
        "applications were told what is not true; seed {seed}: {:#?}",
        book.untruths
    );
    assert!(kept > 0, "nothing was ever acknowledged; seed {seed}");
}

fn await_connected(machine: &Machine, seed: u64) {
    let end = Instant::now() + Duration::from_secs(60);
    while machine.status("z:") != "connected" {
        let said = || fs::read_to_string(machine.path("run/log")).unwrap_or_default();
        assert!(Instant::now() < end, "not connected: {:#?}; seed {seed}\n{}", machine.list(), said());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether there was a promise; it must be kept.
fn check(folder: &Path, name: &str, promise: Promise, seed: u64) -> bool {
    let path = folder.join(name);
    let there = fs::metadata(&path).and_then(|seen| Ok((seen.modified()?, fs::read(&path)?)));
    match (promise, there) {
        (Promise::Unknown, _) => return false,
        (Promise::File { content, modified }, Ok((time, bytes))) => {
            assert_eq!(hash(&bytes), content, "{name} is damaged ({} bytes); seed {seed}", bytes.len());
            assert!(modified.allows(time), "{name} was modified {time:?}, not {modified:?}; seed {seed}");
        }
        (Promise::File { .. }, Err(error)) => panic!("{name} is lost: {error}; seed {seed}"),
        (Promise::Nothing, Ok((_, bytes))) => {
            panic!("{name} is back with {} bytes; seed {seed}", bytes.len())
        }
        (Promise::Nothing, Err(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}; seed {seed}")
        }
    }
    true
}

/// Faults at random: frozen and restarted servers, dead workers and daemons, ends that are refused.
fn disturb(machine: &Machine, server: &mut Server, seed: u64, time: Duration) {
    let mut random = StdRng::seed_from_u64(seed ^ 0xd157);
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(random.random_range(50..800)));
        match random.random_range(0..10) {
            0 | 1 => {
                server.stop();
                std::thread::sleep(Duration::from_millis(random.random_range(50..1500)));
                server.cont();
            }
            2 | 3 => server.restart(),
            4 | 5 => {
                if let Some(pid) = machine.connection("z:").and_then(|c| c["worker_pid"].as_i64()) {
                    kill(i32::try_from(pid).unwrap());
                }
            }
            6 => {
                // Whoever asks for the list starts a daemon where there is none.
                machine.list();
                kill(machine.daemon());
            }
            what => {
                let wait = ["end", "z:", "--wait=1"];
                machine.run(if what == 7 { &wait } else { &wait[..2] });
                // Whatever came of it.
                if machine.status("z:").is_empty() {
                    machine.map("z:", server);
                }
            }
        }
    }
    // All is well again, so that what is pending can arrive.
    server.cont();
    if machine.status("z:").is_empty() {
        machine.map("z:", server);
    }
}
