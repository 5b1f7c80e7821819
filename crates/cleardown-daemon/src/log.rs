//! The log of the daemon and its workers: the journal under a service manager, the terminal of whoever runs the daemon by hand,
//! and else the file `log` in the run-time directory.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::FileType;
use tracing_subscriber::EnvFilter;

use crate::options::Options;

/// Beyond so many bytes our file starts anew: a run-time directory is memory.
const LONGEST: i64 = 1 << 20;

/// Starts the log on standard error: warnings and errors, or what `CLEARDOWN_LOG` asks for (`info`,
/// `cleardown_daemon=debug`, ...; see `tracing_subscriber::EnvFilter`).
pub fn start_log() {
    let filter = std::env::var("CLEARDOWN_LOG").unwrap_or_else(|_| "warn".into());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(|| Log).init();
}

/// Sends the log, and that of the workers to come, to the file `log` in the run-time directory, when nobody reads
/// our standard error: neither a service manager nor a person at a terminal.
pub fn log_to_file(options: &Options) {
    if is_managed() || rustix::termios::isatty(io::stderr()) {
        return;
    }
    let mut location = cleardown_ipc::Location::of(cleardown_ipc::Instance::User);
    if let Some(dir) = &options.runtime_dir {
        location.dir = dir.clone();
    }
    if location.prepare().is_err() {
        return; // The daemon will say why.
    }
    if let Ok(file) = open(&location.dir.join("log")) {
        let _ = rustix::stdio::dup2_stderr(&file);
    }
}

/// Ours alone: it names servers and files, and everybody gets to the system's run-time directory.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options().create(true).append(true).mode(0o600).open(path)?;
    // One of an earlier version may be there.
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn is_managed() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Standard error. As a file it is ours (see [`log_to_file`]), and shared with the daemon and all workers.
struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !is_managed() {
            bound(&io::stderr());
        }
        io::stderr().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Empties a file that has grown too long. All write at its end, wherever that is.
fn bound(file: &impl std::os::fd::AsFd) {
    let is_long = |stat: rustix::fs::Stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_size > LONGEST
    };
    if rustix::fs::fstat(file).is_ok_and(is_long) {
        let _ = rustix::fs::ftruncate(file, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_grew_too_long_starts_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = open(&path).unwrap();
        file.write_all(&[b'x'; LONGEST as usize]).unwrap();
        bound(&file);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), LONGEST as u64);
        file.write_all(b"x").unwrap();
        bound(&file);
        file.write_all(b"new\n").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new\n");
    }

    #[test]
    fn a_log_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap().write_all(b"new\n").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), b"before\nnew\n");
    }
}
