//! `torture-writers FOLDER SEED`: works in the folder until its standard input ends, then prints what it was promised. A
//! line there says that faults begin.
//!
//! It is a program of its own because a process that has files open on a drive cannot start servers: between fork and
//! exec the child closes its copies, each close is a question to the drive, and the drive may wait for that server.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "this is a part of a test")]

mod writer;

use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cleardown_tests::book::Book;

use crate::writer::Writer;

const WRITERS: u64 = 3;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap());
    let seed: u64 = args.next().unwrap().parse().unwrap();
    let (faults, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let book = std::thread::scope(|scope| {
        let start = |n| {
            let (folder, faults, over) = (&folder, &faults, &over);
            scope.spawn(move || write_on(Writer::new(folder, n, seed, faults), over))
        };
        let writers: Vec<_> = (0..WRITERS).map(start).collect();
        let _ = io::stdin().read_line(&mut String::new());
        faults.store(true, Ordering::Relaxed);
        let _ = io::stdin().read_to_end(&mut Vec::new());
        over.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).fold(Book::default(), Book::and)
    });
    println!("{}", serde_json::to_string(&book).unwrap());
}

/// One writer, and somebody who looks at what it is working on all the time.
fn write_on(mut writer: Writer<'_>, over: &AtomicBool) -> Book {
    let current = writer.current.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| look_on(&current, over));
        while !over.load(Ordering::Relaxed) {
            writer.work();
        }
    });
    writer.book
}

fn look_on(current: &Mutex<PathBuf>, over: &AtomicBool) {
    for n in 0_u64.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let path = current.lock().unwrap().clone();
        let _ = fs::metadata(&path);
        if n % 8 == 0 {
            let _ = fs::read(&path);
        }
        std::thread::sleep(Duration::from_micros(n * 137 % 2000));
    }
}
