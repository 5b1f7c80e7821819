//! Name servers in resolv.conf(5) itself.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Dns;
use super::lines::Parts;

/// A longer file is not ours to understand.
const LONGEST: u64 = 1 << 20;

/// Links may come or go at the same time.
static TURN: Mutex<()> = Mutex::new(());

/// The file behind symbolic links, which need not exist.
pub(super) fn behind_links(path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 40;
    let mut file = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = fs::read_link(&file) else { break };
        file = file.parent().unwrap_or(Path::new("/")).join(next);
    }
    fs::canonicalize(&file).unwrap_or(file)
}

pub(super) fn add(file: &Path, dns: &Dns) -> io::Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let old = read(file)?;
    let mut parts = Parts::parse(old.as_deref().unwrap_or_default());
    parts.made |= old.is_none();
    write(file, &parts.with(dns).render())
}

/// Takes our lines out of the file that they were written to, and out of the one that stands in its place by now.
pub(super) fn remove(path: &Path, file: &Path, dns: &Dns) -> io::Result<()> {
    candidates(path, file).iter().try_for_each(|file| edit(file, |parts| parts.without(dns)))
}

/// Takes the lines of links out that this says no to.
pub(super) fn retain(path: &Path, keep: impl Fn(&str, u32) -> bool) -> io::Result<()> {
    edit(&behind_links(path), |parts| parts.retain(keep))
}

pub(super) fn is_reverted(path: &Path, file: &Path, dns: &Dns) -> io::Result<bool> {
    for file in candidates(path, file) {
        if read(&file)?.is_some_and(|text| Parts::parse(&text).has(dns)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn candidates(path: &Path, file: &Path) -> Vec<PathBuf> {
    let mut files = vec![file.to_owned(), behind_links(path)];
    files.dedup();
    files
}

/// Changes what is ours in a file, which goes with the last of our lines when it came with the first.
fn edit(file: &Path, change: impl FnOnce(Parts) -> Parts) -> io::Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(text) = read(file)? else { return Ok(()) };
    let old = Parts::parse(&text);
    let mut new = change(old.clone());
    if new == old {
        return Ok(());
    }
    if new.is_free() && new.made {
        new.made = false;
        if new.rest.is_empty() {
            return fs::remove_file(file);
        }
    }
    write(file, &new.render())
}

/// None when there is no such file.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    // A pipe in the file's place must not hold us up.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut text = Vec::new();
    if !file.metadata()?.is_file() || file.take(LONGEST + 1).read_to_end(&mut text)? as u64 > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "resolv.conf is no file of a sensible size"));
    }
    Ok(Some(text))
}

/// Exchanges the file in one step, with the old one's owner and mode. Where it is a mount point, as in containers, it
/// is written in place.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path).ok();
    match exchange(path, old.as_ref(), text) {
        Err(error) if old.is_some() && error.raw_os_error() == Some(libc::EBUSY) => overwrite(path, text),
        other => other,
    }
}

fn exchange(path: &Path, old: Option<&Metadata>, text: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    // Daemons in other mount namespaces may share the folder.
    let new = path.with_file_name(format!(".{}.cleardown-{}", name.to_string_lossy(), std::process::id()));
    let outcome = fill(&new, old, text).and_then(|()| fs::rename(&new, path));
    if outcome.is_err() {
        let _ = fs::remove_file(&new);
    }
    outcome
}

fn fill(path: &Path, old: Option<&Metadata>, text: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    if let Some(old) = old {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    let mode = old.map_or(0o644, |old| old.mode() & 0o7777);
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()
}

fn overwrite(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).open(path)?;
    file.write_all(text)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}
