//! The rows of work. Each runs in a process of its own, which can be given up when a mount hangs.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::contender::Mount;
use crate::servers::Servers;
use crate::tree::{megabyte, mix, small};

/// How much work.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// MiB of the large file.
    pub(crate) big: u64,
    /// MiB of each file for small reads, for reading again, and for random access.
    pub(crate) medium: u64,
    /// Random accesses at most (five seconds at most, too).
    pub(crate) random: u64,
    /// Small files.
    pub(crate) small: u64,
    /// Entries of the large folder.
    pub(crate) many: u64,
    /// Files of the source tree.
    pub(crate) tree: u64,
}
pub(crate) const FULL: Scale =
    Scale { big: 1024, medium: 256, random: 5000, small: 2000, many: 10_000, tree: 5000 };
pub(crate) const QUICK: Scale =
    Scale { big: 128, medium: 64, random: 1000, small: 300, many: 2000, tree: 600 };

/// What a row took.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Seconds until the application went on.
    pub(crate) app: f64,
    /// Seconds until all of it was on the server.
    pub(crate) server: f64,
    /// Operations or MiB done.
    pub(crate) amount: f64,
}

/// A row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// `MiB/s`, `/s` or `s` (then less is better).
    pub(crate) unit: &'static str,
    /// The row that leaves what this one needs.
    pub(crate) after: Option<&'static str>,
    work: fn(&Place<'_>) -> io::Result<Measured>,
}

/// In the order in which they are done. Each that reads has files of its own, which nobody has read before.
pub(crate) const ROWS: [Row; 13] = [
    Row { name: "read", unit: "MiB/s", after: None, work: read },
    Row { name: "read 4 KiB", unit: "MiB/s", after: None, work: read_pages },
    Row { name: "reread", unit: "MiB/s", after: None, work: reread },
    Row { name: "write", unit: "MiB/s", after: None, work: write },
    Row { name: "random read", unit: "/s", after: None, work: random_read },
    Row { name: "random write", unit: "/s", after: None, work: random_write },
    Row { name: "create", unit: "/s", after: None, work: create },
    Row { name: "read small", unit: "/s", after: None, work: read_small },
    Row { name: "delete", unit: "/s", after: Some("create"), work: delete },
    Row { name: "ls -l", unit: "s", after: None, work: list },
    Row { name: "untar", unit: "s", after: None, work: untar },
    Row { name: "git status", unit: "s", after: None, work: git_status },
    Row { name: "rm -r", unit: "s", after: Some("untar"), work: remove_tree },
];

/// Where: the share as mounted, the server's folder behind it, and the local home with the archive.
struct Place<'a> {
    at: &'a Path,
    server: &'a Path,
    local: &'a Path,
    scale: Scale,
}

impl Place<'_> {
    /// The null file system keeps nothing that could be checked.
    fn null(&self) -> bool {
        self.at == self.server
    }
}

/// A row of a peer may take this long; what takes longer is far behind.
const DEADLINE: Duration = Duration::from_secs(25);
/// A row of ours.
const OUR_DEADLINE: Duration = Duration::from_secs(60);
/// How long data may stay behind after the application went on.
const BEHIND: Duration = Duration::from_secs(20);

/// Does a row in a child process.
pub(crate) fn in_child(
    name: &str,
    contender: &str,
    mount: &mut Mount,
    servers: &Servers,
    scale: &Scale,
) -> io::Result<Measured> {
    let server = if mount.null { &mount.path } else { servers.folder() };
    let mut child = Command::new(std::env::current_exe()?)
        .args(["row", name])
        .args([&mount.path, server, servers.home.path()])
        .arg(serde_json::to_string(scale)?)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let deadline = if contender.starts_with("cleardown") { OUR_DEADLINE } else { DEADLINE };
    let end = Instant::now() + deadline;
    while child.try_wait()?.is_none() {
        let stopped = crate::stop::check();
        if Instant::now() >= end || stopped.is_err() {
            child.kill()?;
            // Ending the mount is what frees a process that hangs on it.
            mount.end();
            child.wait()?;
            stopped?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, format!("> {} s", deadline.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The child's part.
pub(crate) fn child(name: &str, at: &Path, server: &Path, local: &Path, scale: &str) -> io::Result<()> {
    let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| io::Error::other("no such row"))?;
    let place = Place { at, server, local, scale: serde_json::from_str(scale)? };
    // A drive that learns how a program reads is to learn nothing from the rows before.
    rustix::thread::set_name(&CString::new(name)?)?;
    println!("{}", serde_json::to_string(&(row.work)(&place)?)?);
    Ok(())
}

/// Times the application's part, then waits until the server has it all.
fn timed(work: impl FnOnce() -> io::Result<f64>, arrived: impl Fn() -> bool) -> io::Result<Measured> {
    let start = Instant::now();
    let amount = work()?;
    let app = start.elapsed();
    while !arrived() {
        if start.elapsed() > app + BEHIND {
            return Err(io::Error::other("it never arrived on the server"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    // Looking costs time too; what was there at the first look was there when the application went on.
    let server = start.elapsed().as_secs_f64();
    let app = app.as_secs_f64();
    Ok(Measured { app, server: if server < app * 1.03 + 0.02 { app } else { server }, amount })
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("wrong data in {what}"))
}

/// Opens a file of which the page cache holds nothing.
fn open_cold(place: &Place<'_>, name: &str) -> io::Result<File> {
    let file = File::open(place.at.join(name))?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    Ok(file)
}

fn read(place: &Place<'_>) -> io::Result<Measured> {
    let mut file = open_cold(place, "prepared/big.bin")?;
    let mut buffer = vec![0; 1 << 20];
    let read = || {
        for number in 0..place.scale.big {
            file.read_exact(&mut buffer)?;
            // A sample: the check must not cost what it measures.
            if !place.null() && buffer[..8] != mix(number << 17).to_le_bytes() {
                return Err(wrong("a read"));
            }
        }
        if file.read(&mut buffer)? == 0 { Ok(place.scale.big as f64) } else { Err(wrong("its size")) }
    };
    timed(read, || true)
}

/// From front to back with small buffers.
fn read_pages(place: &Place<'_>) -> io::Result<Measured> {
    let mut file = open_cold(place, "prepared/pages.bin")?;
    let mut buffer = [0; 4096];
    let read = || {
        for number in 0..place.scale.medium * 256 {
            file.read_exact(&mut buffer)?;
            let word = number >> 8 << 17 | (number & 255) << 9;
            if !place.null() && buffer[..8] != mix(word).to_le_bytes() {
                return Err(wrong("a read"));
            }
        }
        Ok(place.scale.medium as f64)
    };
    timed(read, || true)
}

/// What was read twice before, once more.
fn reread(place: &Place<'_>) -> io::Result<Measured> {
    let read = || {
        let mut file = File::open(place.at.join("prepared/again.bin"))?;
        let read = io::copy(&mut file, &mut io::sink())?;
        if read == place.scale.medium << 20 { Ok(place.scale.medium as f64) } else { Err(wrong("its size")) }
    };
    read()?;
    read()?;
    timed(read, || true)
}

fn write(place: &Place<'_>) -> io::Result<Measured> {
    let (name, size) = ("work/big.bin", place.scale.big << 20);
    let data: Vec<_> = (0..16).map(megabyte).collect();
    let work = || {
        let mut file = File::create(place.at.join(name))?;
        for number in 0..place.scale.big {
            file.write_all(&data[number as usize % data.len()])?;
        }
        file.sync_all()?;
        Ok(place.scale.big as f64)
    };
    let measured = timed(work, || fs::metadata(place.server.join(name)).is_ok_and(|m| m.len() == size))?;
    let mut back = File::open(place.server.join(name))?;
    let mut buffer = vec![0; 1 << 20];
    for number in 0..place.scale.big {
        back.read_exact(&mut buffer)?;
        if !place.null() && buffer != data[number as usize % data.len()] {
            return Err(wrong("what arrived"));
        }
    }
    fs::remove_file(place.at.join(name))?;
    Ok(measured)
}

/// Offsets of 4 KiB blocks; ends after five seconds.
fn blocks(place: &Place<'_>) -> impl Iterator<Item = u64> {
    let (count, end) = (place.scale.medium * 256, Instant::now() + Duration::from_secs(5));
    (0..place.scale.random)
        .take_while(move |_| Instant::now() < end)
        .map(move |number| mix(number) % count * 4096)
}

fn random_read(place: &Place<'_>) -> io::Result<Measured> {
    let file = open_cold(place, "prepared/random.bin")?;
    let mut buffer = [0; 4096];
    let work = || {
        let mut done = 0.0;
        for offset in blocks(place) {
            file.read_exact_at(&mut buffer, offset)?;
            if !place.null() && buffer[..8] != mix(offset / 8).to_le_bytes() {
                return Err(wrong("a read"));
            }
            done += 1.0;
        }
        Ok(done)
    };
    timed(work, || true)
}

fn random_write(place: &Place<'_>) -> io::Result<Measured> {
    let name = "prepared/overwritten.bin";
    let file = OpenOptions::new().write(true).open(place.at.join(name))?;
    let last = std::cell::Cell::new(0);
    let work = || {
        let mut done = 0.0;
        for offset in blocks(place) {
            file.write_all_at(&[!(offset >> 12) as u8; 4096], offset)?;
            last.set(offset);
            done += 1.0;
        }
        file.sync_all()?;
        drop(file);
        Ok(done)
    };
    let there = || {
        let mut buffer = [0; 4096];
        let file = File::open(place.server.join(name));
        let read = file.and_then(|file| file.read_exact_at(&mut buffer, last.get()));
        place.null() || read.is_ok() && buffer == [!(last.get() >> 12) as u8; 4096]
    };
    timed(work, there)
}

fn create(place: &Place<'_>) -> io::Result<Measured> {
    let data: Vec<_> = (0..place.scale.small).map(small).collect();
    let dir = place.at.join("work/small");
    let work = || {
        fs::create_dir(&dir)?;
        for (number, data) in data.iter().enumerate() {
            fs::write(dir.join(number.to_string()), data)?;
        }
        Ok(data.len() as f64)
    };
    let there = || holds(&place.server.join("work/small"), data.len() as u64, data.len() as u64 * 4096);
    let measured = timed(work, there)?;
    for (number, data) in data.iter().enumerate() {
        if fs::read(place.server.join(format!("work/small/{number}")))? != *data {
            return Err(wrong("a small file"));
        }
    }
    Ok(measured)
}

fn read_small(place: &Place<'_>) -> io::Result<Measured> {
    let work = || {
        for number in 0..place.scale.small {
            let data = fs::read(place.at.join(format!("prepared/small/{number}")))?;
            if data.len() != 4096 || data[..8] != mix(number << 17).to_le_bytes() {
                return Err(wrong("a small file"));
            }
        }
        Ok(place.scale.small as f64)
    };
    timed(work, || true)
}

fn delete(place: &Place<'_>) -> io::Result<Measured> {
    let work = || {
        for number in 0..place.scale.small {
            fs::remove_file(place.at.join(format!("work/small/{number}")))?;
        }
        Ok(place.scale.small as f64)
    };
    timed(work, || fs::read_dir(place.server.join("work/small")).is_ok_and(|mut dir| dir.next().is_none()))
}

fn list(place: &Place<'_>) -> io::Result<Measured> {
    let mut lines = 0;
    let work = || {
        let output = Command::new("ls").arg("-l").arg(place.at.join("prepared/many")).output()?;
        lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
        Ok(1.0)
    };
    let measured = timed(work, || true)?;
    if lines as u64 == place.scale.many + 1 { Ok(measured) } else { Err(wrong("the listing")) }
}

fn untar(place: &Place<'_>) -> io::Result<Measured> {
    let (files, bytes) = sizes(&place.local.join("tree"));
    let work = || {
        let mut tar = Command::new("tar");
        tar.args(["--no-same-owner", "-xf"])
            .arg(place.local.join("tree.tar"))
            .arg("-C")
            .arg(place.at.join("work"));
        run(&mut tar)
    };
    timed(work, || holds(&place.server.join("work/tree"), files, bytes))
}

fn git_status(place: &Place<'_>) -> io::Result<Measured> {
    let mut git = Command::new("git");
    git.args(["--no-optional-locks", "-c", "safe.directory=*", "-c", "core.checkStat=minimal"]);
    git.args(["-c", "core.trustctime=false", "-c", "core.fileMode=false", "status", "--porcelain"]);
    git.current_dir(place.at.join("prepared/repo"));
    let mut output = Vec::new();
    let measured = timed(
        || {
            output = git.output()?.stdout;
            Ok(1.0)
        },
        || true,
    )?;
    if output.is_empty() { Ok(measured) } else { Err(wrong("git's status")) }
}

fn remove_tree(place: &Place<'_>) -> io::Result<Measured> {
    let work = || run(Command::new("rm").arg("-r").arg(place.at.join("work/tree")));
    timed(work, || !place.server.join("work/tree").exists())
}

fn run(command: &mut Command) -> io::Result<f64> {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(1.0),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(io::Error::other(said.lines().next().unwrap_or("it failed").to_owned()))
        }
    }
}

/// Whether this many files of this many bytes have arrived.
fn holds(dir: &Path, files: u64, bytes: u64) -> bool {
    sizes(dir) == (files, bytes)
}

/// Number and size of the files in a tree.
fn sizes(dir: &Path) -> (u64, u64) {
    let mut total = (0, 0);
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let (files, bytes) = if metadata.is_dir() { sizes(&entry.path()) } else { (1, metadata.size()) };
        total = (total.0 + files, total.1 + bytes);
    }
    total
}
