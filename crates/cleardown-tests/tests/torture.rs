//! Writers, renamers, ends, faults of every kind, at random from a seed. Whatever was acknowledged must be there.
//!
//! `CLEARDOWN_TORTURE_SECONDS` and `CLEARDOWN_TORTURE_SEED` (see `cargo xtask torture`).

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cleardown_tests::{Machine, Protocol, Server, Who, eventually, kill};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const WRITERS: u64 = 3;

/// What the server must have under one name.
#[derive(Clone, Copy, Debug)]
enum Promise {
    /// A file whose content has this hash.
    Content(u64),
    /// Nothing: it was removed or renamed.
    Nothing,
    /// After an error nobody knows.
    Unknown,
}

#[derive(Default)]
struct Book {
    promises: BTreeMap<String, Promise>,
    /// What applications were told when something failed, and how often.
    errors: BTreeMap<String, usize>,
}

impl Book {
    /// Notes what came of an operation: `promise` if it was acknowledged.
    fn note<T>(&mut self, name: &str, done: &io::Result<T>, promise: Promise) {
        if let Err(error) = done {
            *self.errors.entry(error.to_string()).or_default() += 1;
        }
        self.promises.insert(name.to_owned(), if done.is_ok() { promise } else { Promise::Unknown });
    }

    fn add(mut self, other: Book) -> Book {
        self.promises.extend(other.promises);
        for (error, times) in other.errors {
            *self.errors.entry(error).or_default() += times;
        }
        self
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
        {
            // Also when it fails: the scope waits for the writers.
            let _then = Stop(&over);
            disturb(&machine, &server, seed, Duration::from_secs(seconds));
        }
        writers.into_iter().map(|writer| writer.join().unwrap()).fold(Book::default(), Book::add)
    });
    eventually("connected", || machine.status("z:") == "connected");
    machine.end("z:");
    let kept = book.promises.iter().filter(|(name, promise)| check(&folder, name, **promise, seed)).count();
    println!("{protocol:?}: {kept} of {} promises were made, and all are kept", book.promises.len());
    println!("{protocol:?}: applications saw {:?}", book.errors);
    assert!(kept > 0, "nothing was ever acknowledged; seed {seed}");
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether there was a promise; it must be kept.
fn check(folder: &Path, name: &str, promise: Promise, seed: u64) -> bool {
    let there = fs::read(folder.join(name));
    match (promise, there) {
        (Promise::Unknown, _) => return false,
        (Promise::Content(wanted), Ok(bytes)) => {
            assert_eq!(hash(&bytes), wanted, "{name} is damaged ({} bytes); seed {seed}", bytes.len());
        }
        (Promise::Content(_), Err(error)) => panic!("{name} is lost: {error}; seed {seed}"),
        (Promise::Nothing, Ok(bytes)) => panic!("{name} is back with {} bytes; seed {seed}", bytes.len()),
        (Promise::Nothing, Err(error)) => {
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{name}; seed {seed}")
        }
    }
    true
}

/// Writes file after file, waiting for each to be acknowledged, and does more with some of them. An error is the
/// application's to see, and no loss.
fn write_on(z: &Path, writer: u64, seed: u64, over: &AtomicBool) -> Book {
    let mut random = StdRng::seed_from_u64(seed);
    let mut book = Book::default();
    for n in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let name = format!("w{writer}-{n}");
        let path = z.join(&name);
        let content: Vec<u8> = (0..random.random_range(1..400_000)).map(|_| random.random()).collect();
        let written = write(OpenOptions::new().create_new(true), &path, &content, &mut random);
        book.note(&name, &written, Promise::Content(hash(&content)));
        if written.is_err() {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        match random.random_range(0..10) {
            0..=2 => {
                let new = format!("{name}.moved");
                let moved = fs::rename(&path, z.join(&new));
                book.note(&name, &moved, Promise::Nothing);
                // A rename whose answer was lost may have happened.
                book.note(&new, &moved, Promise::Content(hash(&content)));
            }
            3 => book.note(&name, &fs::remove_file(&path), Promise::Nothing),
            4 => {
                let content = &content[content.len() / 2..];
                let again = write(OpenOptions::new().truncate(true), &path, content, &mut random);
                book.note(&name, &again, Promise::Content(hash(content)));
            }
            5 => {
                let more = write(OpenOptions::new().append(true), &path, &content, &mut random);
                book.note(&name, &more, Promise::Content(hash(&content.repeat(2))));
            }
            _ => {}
        }
    }
    book
}

fn write(how: &mut OpenOptions, path: &Path, content: &[u8], random: &mut StdRng) -> io::Result<()> {
    let mut file = how.write(true).open(path)?;
    let mut at = 0;
    while at < content.len() {
        let end = content.len().min(at + random.random_range(1..100_000));
        file.write_all(&content[at..end])?;
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
            6 => {
                // Whoever asks for the list starts a daemon where there is none.
                machine.list();
                kill(machine.daemon());
            }
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
