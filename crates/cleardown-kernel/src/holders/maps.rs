//! Reading `/proc/PID/maps` and `/proc/PID/ns/mnt` without waiting for ever.
//!
//! The kernel answers under the process's own memory lock, and a process that maps a file of a frozen server may
//! hold that lock for as long as the server is frozen. So a thread does the reading; one that does not come back
//! in time (a program being started holds a lock in the same way) is left behind, and the process is asked nothing more until it has come back.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long one process may take; normally it takes microseconds.
const PATIENCE: Duration = Duration::from_millis(250);

/// Processes that a thread is stuck on.
static STUCK: Mutex<Option<HashSet<u32>>> = Mutex::new(None);

fn stuck<T>(look: impl FnOnce(&mut HashSet<u32>) -> T) -> T {
    look(STUCK.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

/// Reads one process after another.
#[derive(Default)]
pub(super) struct Reader {
    thread: Option<(Sender<(u32, &'static str)>, Receiver<io::Result<Vec<u8>>>)>,
}

impl Reader {
    /// The process's mappings (`maps`) or mount namespace (`ns/mnt`).
    ///
    /// # Errors
    /// `TimedOut` when it does not answer; what reading the file answers.
    pub(super) fn read(&mut self, pid: u32, what: &'static str) -> io::Result<Vec<u8>> {
        if stuck(|pids| pids.contains(&pid)) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (questions, answers) = match &mut self.thread {
            Some(thread) => thread,
            none => none.insert(start()?),
        };
        if questions.send((pid, what)).is_err() {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        match answers.recv_timeout(PATIENCE) {
            Ok(answer) => answer,
            Err(_) => {
                // The thread takes it off the list when it comes back, if it ever does.
                stuck(|pids| pids.insert(pid));
                self.thread = None;
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}

fn start() -> io::Result<(Sender<(u32, &'static str)>, Receiver<io::Result<Vec<u8>>>)> {
    let (questions, asked) = mpsc::channel::<(u32, &'static str)>();
    let (reply, answers) = mpsc::channel();
    std::thread::Builder::new().name("maps".into()).stack_size(256 << 10).spawn(move || {
        for (pid, what) in asked {
            let path = format!("/proc/{pid}/{what}");
            let link = |link: std::path::PathBuf| link.into_os_string().into_encoded_bytes();
            let answer =
                if what == "maps" { std::fs::read(path) } else { std::fs::read_link(path).map(link) };
            if reply.send(answer).is_err() {
                stuck(|pids| pids.remove(&pid));
                return;
            }
        }
    })?;
    Ok((questions, answers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_and_passes_over_who_is_stuck() {
        let mut reader = Reader::default();
        let own = std::process::id();
        assert!(!reader.read(own, "maps").unwrap().is_empty());
        assert_eq!(reader.read(u32::MAX, "maps").unwrap_err().kind(), io::ErrorKind::NotFound);
        stuck(|pids| pids.insert(u32::MAX));
        assert_eq!(reader.read(u32::MAX, "maps").unwrap_err().kind(), io::ErrorKind::TimedOut);
        stuck(|pids| pids.remove(&u32::MAX));
        assert!(!reader.read(own, "maps").unwrap().is_empty());
    }
}
