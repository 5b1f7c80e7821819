//! Files, replaced atomically: a reader sees the old content or the new one, also after a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cleardown_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

/// No file of the profile is anywhere near this long; a longer one is not ours.
const LONGEST: u64 = 64 * 1024;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Who may read a file, beside root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner.
    Owner,
    /// Everybody who gets to its folder.
    Everybody,
}

impl Access {
    fn file(self) -> u32 {
        match self {
            Access::Owner => 0o600,
            Access::Everybody => 0o644,
        }
    }

    fn folder(self) -> u32 {
        match self {
            Access::Owner => 0o700,
            Access::Everybody => 0o755,
        }
    }
}

/// Puts `content` into `folder/name`; the folder is made if it is not there.
pub(crate) fn write(folder: &Path, name: &str, content: &[u8], access: Access) -> Result<()> {
    let target = folder.join(name);
    let during = format!("writing {}", target.display());
    replace(folder, &target, content, access).map_err(|e| out_of_reach(during, &e))
}

/// The folder and what is above it. The system's profile has parts that everybody may read, a user's is their own.
fn make(folder: &Path, access: Access) -> io::Result<()> {
    let above = if rustix::process::geteuid().is_root() { Access::Everybody } else { Access::Owner };
    if let Some(parent) = folder.parent() {
        DirBuilder::new().recursive(true).mode(above.folder()).create(parent)?;
    }
    DirBuilder::new().recursive(true).mode(access.folder()).create(folder)
}

fn replace(folder: &Path, target: &Path, content: &[u8], access: Access) -> io::Result<()> {
    make(folder, access)?;
    // The name starts with a dot, which no local name does: what a crash leaves is never read as an entry.
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let draft = folder.join(format!(".{}-{count}.new", std::process::id()));
    let _ = fs::remove_file(&draft);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(access.file()).open(&draft)?;
    let written = file
        .write_all(content)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft, target))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}

/// The content of `folder/name`, or none when there is no such file.
pub(crate) fn read(folder: &Path, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let path = folder.join(name);
    let during = || format!("reading {}", path.display());
    let mut file = match File::open(&path) {
        Ok(file) => file.take(LONGEST + 1),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(out_of_reach(during(), &e)),
    };
    // Allocated once, so that growing leaves no copies of a secret behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.read_to_end(&mut content).map_err(|e| out_of_reach(during(), &e))?;
    if content.len() as u64 > LONGEST {
        return Err(out_of_reach(during(), &rustix::io::Errno::FBIG.into()));
    }
    Ok(Some(content))
}

/// Removes `folder/name`; true when it was there.
pub(crate) fn remove(folder: &Path, name: &str) -> Result<bool> {
    let path = folder.join(name);
    match fs::remove_file(&path).and_then(|()| File::open(folder)?.sync_all()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(out_of_reach(format!("removing {}", path.display()), &e)),
    }
}

/// The names of the files in `folder` that end in `suffix`, without it, sorted; nothing if there is no folder.
pub(crate) fn names(folder: &Path, suffix: &str) -> Result<Vec<String>> {
    let during = || format!("reading {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(out_of_reach(during(), &e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| out_of_reach(during(), &e))?.file_name();
        let stem = name.to_str().and_then(|name| name.strip_suffix(suffix));
        names.extend(stem.filter(|stem| !stem.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

fn out_of_reach(during: String, error: &io::Error) -> Error {
    Error::from(ErrorKind::ProfileFile(during)).because(error)
}
