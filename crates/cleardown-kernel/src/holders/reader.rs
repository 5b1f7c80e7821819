//! Reading `/proc/PID` without waiting for ever.
//!
//! The kernel answers some questions under the process's own locks, and a process that maps or starts a file of a frozen
//! server may hold those for as long as the server is frozen. So a thread does the reading; one that does not come back in
//! time is left behind, and that question is not asked again until it has come back. The others are.

use std::collections::HashSet;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long one answer may take; normally it takes microseconds.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long all late answers of one search may take together; then each has [`HASTE`].
const TOGETHER: Duration = Duration::from_secs(1);
const HASTE: Duration = Duration::from_millis(5);

/// What a thread is stuck on.
static STUCK: Mutex<Option<HashSet<(u32, &'static str)>>> = Mutex::new(None);

pub(super) fn stuck<T>(look: impl FnOnce(&mut HashSet<(u32, &'static str)>) -> T) -> T {
    look(STUCK.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default())
}

type Job = Box<dyn FnOnce() + Send>;

/// Asks about one process after another.
pub(crate) struct Reader {
    thread: Option<Sender<Job>>,
    left: Duration,
}

impl Default for Reader {
    fn default() -> Self {
        Reader { thread: None, left: TOGETHER }
    }
}

impl Reader {
    /// What `read` finds out; `what` names the question.
    ///
    /// # Errors
    /// `TimedOut` when the kernel does not answer; what `read` answers.
    pub(crate) fn ask<T: Send + 'static>(
        &mut self,
        pid: u32,
        what: &'static str,
        read: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if stuck(|all| all.contains(&(pid, what))) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (reply, answer) = mpsc::sync_channel(0);
        let job = move || {
            if reply.send(read()).is_err() {
                stuck(|all| all.remove(&(pid, what)));
            }
        };
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(start()?),
        };
        thread.send(Box::new(job)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        let (asked, patience) = (Instant::now(), PATIENCE.min(self.left.max(HASTE)));
        answer.recv_timeout(patience).unwrap_or_else(|_| {
            // The thread takes it off the list when it comes back, if it ever does.
            stuck(|all| all.insert((pid, what)));
            self.thread = None;
            self.left = self.left.saturating_sub(asked.elapsed());
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}

fn start() -> io::Result<Sender<Job>> {
    let (jobs, queue) = mpsc::channel::<Job>();
    let work = move || queue.into_iter().for_each(|job| job());
    std::thread::Builder::new().name("holders".into()).stack_size(256 << 10).spawn(work)?;
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_late_is_not_asked_again_until_he_has_answered() {
        let mut reader = Reader::default();
        let (go, wait) = mpsc::channel::<()>();
        let late = move || Ok(wait.recv().is_ok());
        assert_eq!(reader.ask(u32::MAX, "a", late).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(reader.ask(u32::MAX, "a", || Ok(())).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(reader.ask(u32::MAX, "b", || Ok(7)).unwrap(), 7);
        go.send(()).unwrap();
        while stuck(|all| all.contains(&(u32::MAX, "a"))) {
            std::thread::yield_now();
        }
        assert_eq!(reader.ask(u32::MAX, "a", || Ok(8)).unwrap(), 8);
    }
}
