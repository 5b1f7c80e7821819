//! `torture-writers FOLDER SEED`: writes into the folder until its standard input ends, then prints what it was promised.
//!
//! It is a program of its own because a process that has files open on a drive cannot start servers: between fork and
//! exec the child closes its copies, each close is a question to the drive, and the drive may wait for that server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a part of a test")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cleardown_tests::book::{Book, Promise, hash};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const WRITERS: u64 = 3;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap());
    let seed: u64 = args.next().unwrap().parse().unwrap();
    let over = AtomicBool::new(false);
    let book = std::thread::scope(|scope| {
        let start = |n| {
            let (folder, over) = (&folder, &over);
            scope.spawn(move || write_on(folder, n, seed.wrapping_add(n), over))
        };
        let writers: Vec<_> = (0..WRITERS).map(start).collect();
        let _ = io::stdin().read_to_end(&mut Vec::new());
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).fold(Book::default(), Book::and)
    });
    println!("{}", serde_json::to_string(&book).unwrap());
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
