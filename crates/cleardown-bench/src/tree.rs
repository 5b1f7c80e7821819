//! What lies on the server before anybody mounts it; the same in every run.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::servers::Servers;
use crate::work::Scale;

/// A megabyte whose content tells where in the file it belongs.
pub(crate) fn megabyte(number: u64) -> Vec<u8> {
    words(number, 1 << 17)
}

fn words(number: u64, count: u64) -> Vec<u8> {
    (0..count).flat_map(|word| mix(number << 17 | word).to_le_bytes()).collect()
}

/// splitmix64: numbers that look random, the same every time.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Fills the server's folder, and makes the archive to unpack (in the home).
pub(crate) fn prepare(servers: &Servers, scale: &Scale) -> io::Result<()> {
    let all = servers.folder().join("prepared");
    fs::create_dir_all(&all)?;
    big(&all.join("big.bin"), scale.big)?;
    for name in ["pages.bin", "again.bin", "random.bin"] {
        big(&all.join(name), scale.medium)?;
    }
    fs::create_dir(all.join("small"))?;
    for number in 0..scale.small {
        fs::write(all.join(format!("small/{number}")), small(number))?;
    }
    fs::create_dir(all.join("many"))?;
    for number in 0..scale.many {
        fs::write(all.join(format!("many/a file with number {number:05}")), b"")?;
    }
    let home = servers.home.path();
    source(&home.join("tree"), scale.tree)?;
    shell(home, "tar -cf tree.tar tree")?;
    let repository = all.join("repo");
    shell(home, &format!("cp -a tree '{}'", repository.display()))?;
    shell(
        &repository,
        "git init -q && git add -A && git -c user.name=b -c user.email=b@localhost commit -qm tree",
    )?;
    clean(servers)
}

/// Removes what contenders have written, and makes the folder for the next.
pub(crate) fn clean(servers: &Servers) -> io::Result<()> {
    let work = servers.folder().join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir(work)?;
    // Written by the row of random writes.
    let copy = servers.folder().join("prepared/overwritten.bin");
    fs::copy(servers.folder().join("prepared/random.bin"), copy).map(drop)
}

/// The content of a small file.
pub(crate) fn small(number: u64) -> Vec<u8> {
    words(number, 512)
}

fn big(path: &Path, megabytes: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    (0..megabytes).try_for_each(|number| file.write_all(&megabyte(number)))?;
    file.flush()
}

/// A tree like that of a program's sources: folders of some twenty files of 1 to 15 kB, nested.
fn source(root: &Path, files: u64) -> io::Result<()> {
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    let text: Vec<u8> = megabyte(7).iter().map(|byte| b' ' + byte % 90).collect();
    for number in 0..files {
        let folder = number / 20;
        let dir = root.join(format!("part{}", folder % 16)).join(format!("module{folder}"));
        fs::create_dir_all(&dir)?;
        let from = (mix(number) % 900_000) as usize;
        let length = 1_000 + (mix(number + files) % 14_000) as usize;
        let mut file = File::create(dir.join(format!("source_{number}.c")))?;
        file.write_all(&text[from..from + length])?;
        file.set_modified(old)?;
    }
    Ok(())
}

fn shell(at: &Path, script: &str) -> io::Result<()> {
    let done = Command::new("sh").args(["-ec", script]).current_dir(at).status()?;
    if done.success() { Ok(()) } else { Err(io::Error::other(format!("failed: {script}"))) }
}
