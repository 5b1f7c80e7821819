//! Writers, renamers, ends, faults of every kind, at random from a seed. Whatever was acknowledged must be there.
//!
//! `CLEARDOWN_TORTURE_SECONDS` and `CLEARDOWN_TORTURE_SEED` (see `cargo xtask torture`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cleardown_tests::{Machine, Protocol, Server, Who, eventually, kill};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const WRITERS: u64 = 3;

/// What the server must have of one file: its size and hash, or (after an error) nothing that we may demand.
type Book = BTreeMap<String, Option<u64>>;

#[test]
fn nothing_acknowledged_is_lost_over_smb() {
    cleardown_tests::needs_root!();
    torture(Protocol::Smb);
}

#[test]
fn nothing_acknowledged_is_lost_over_sftp() {
    cleardown_tests::needs_root!();
    torture(Protocol::Sftp);
}

fn torture(protocol: Protocol) {
    let read = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = read("CLEARDOWN_TORTURE_SECONDS").unwrap_or(10);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = read("CLEARDOWN_TORTURE_SEED").unwrap_or(clock.as_secs());
    println!("{protocol:?}: {seconds} s with seed {seed}");

    let machine = Machine::new(Who::Root);
    let server = Mutex::new(Server::start(protocol));
    // A folder that only the server has: nothing is ever written below a mount point that is not mounted.
    let folder = server.lock().unwrap().folder().join("data");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let z = machine.map("z:", &server.lock().unwrap()).join("data");
    let over = AtomicBool::new(false);
    let book = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| {
                let (z, over) = (&z, &over);
                scope.spawn(move || write_on(z, n, seed.wrapping_add(n), over))
            })
            .collect();
        disturb(&machine, &server, seed, Duration::from_secs(seconds));
        over.store(true, Ordering::Relaxed);
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Book>()
    });
    eventually("connected", || machine.status("z:") == "connected");
    machine.end("z:");
    let mut checked = 0;
    for (name, wanted) in &book {
        let Some(wanted) = wanted else { continue };
        let bytes = fs::read(folder.join(name))
            .unwrap_or_else(|error| panic!("{name} is lost: {error}; seed {seed}"));
        assert_eq!(hash(&bytes), *wanted, "{name} is damaged; seed {seed}");
        checked += 1;
    }
    println!("{protocol:?}: {checked} of {} files were acknowledged, and all are there", book.len());
    assert!(checked > 0, "nothing was ever acknowledged; seed {seed}");
}

/// Writes file after file, waiting for each to be acknowledged; an error is the application's to see, and no loss.
fn write_on(z: &Path, writer: u64, seed: u64, over: &AtomicBool) -> Book {
    let mut random = StdRng::seed_from_u64(seed);
    let mut book = Book::new();
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("w{writer}-{n}");
        let content: Vec<u8> = (0..random.random_range(1..400_000)).map(|_| random.random()).collect();
        let written = write(z, &name, &content, &mut random);
        book.insert(name.clone(), written.is_ok().then(|| hash(&content)));
        if written.is_ok() && random.random_bool(0.3) {
            let new = format!("{name}.moved");
            let moved = fs::rename(z.join(&name), z.join(&new));
            // A rename whose answer was lost may have happened.
            let promised = book.insert(name, None).flatten();
            book.insert(new, promised.filter(|_| moved.is_ok()));
        }
        if written.is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    book
}

fn write(z: &Path, name: &str, content: &[u8], random: &mut StdRng) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(z.join(name))?;
    let mut at = 0;
    while at < content.len() {
        let end = content.len().min(at + random.random_range(1..100_000));
        file.write_all_at(&content[at..end], at as u64)?;
        at = end;
    }
    if random.random_bool(0.5) {
        file.sync_all()?;
    }
    close(file)
}

/// Closes, and hears what close(2) says.
fn close(file: File) -> io::Result<()> {
    use std::os::fd::IntoRawFd;
    // SAFETY: the descriptor is ours alone and not used afterwards.
    match unsafe { libc::close(file.into_raw_fd()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Faults at random: frozen and restarted servers, dead workers and daemons, ends that are refused.
fn disturb(machine: &Machine, server: &Mutex<Server>, seed: u64, time: Duration) {
    let mut random = StdRng::seed_from_u64(seed ^ 0xd157);
    let end = Instant::now() + time;
    while Instant::now() < end {
        std::thread::sleep(Duration::from_millis(random.random_range(50..800)));
        match random.random_range(0..10) {
            0 | 1 => {
                server.lock().unwrap().stop();
                std::thread::sleep(Duration::from_millis(random.random_range(50..1500)));
                server.lock().unwrap().cont();
            }
            2 | 3 => server.lock().unwrap().restart(),
            4 | 5 => {
                if let Some(pid) = machine.connection("z:").and_then(|c| c["worker_pid"].as_i64()) {
                    kill(i32::try_from(pid).unwrap());
                }
            }
            6 => kill(machine.daemon()),
            7 => drop(machine.run(&["end", "z:", "--wait=1"])),
            _ => {
                let answer = machine.run(&["end", "z:"]);
                if answer.code == 0 {
                    machine.map("z:", &server.lock().unwrap());
                }
            }
        }
    }
    // All is well again, so that what is pending can arrive.
    server.lock().unwrap().cont();
    if machine.status("z:").is_empty() {
        machine.map("z:", &server.lock().unwrap());
    }
}
