//! Processes: who they are, whether they live, how they end.

use std::io;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A process, named so that a reused process id is not taken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, in clock ticks since the boot (`/proc/PID/stat`, field 22).
    pub started: u64,
}

impl Identity {
    /// The process that has this id now.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        Ok(Identity { pid, started: Stat::read(pid)?.started })
    }

    /// This process.
    ///
    /// # Errors
    /// What reading `/proc` answers.
    pub fn own() -> io::Result<Self> {
        Identity::of(std::process::id())
    }
}

/// What `/proc/PID/stat` says and everybody may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: u8,
    pub(crate) kernel_thread: bool,
    pub(crate) started: u64,
}

impl Stat {
    pub(crate) fn read(pid: u32) -> io::Result<Self> {
        let text = std::fs::read(format!("/proc/{pid}/stat"))?;
        Stat::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/PID/stat"))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        // The program's name is in brackets and may hold brackets and spaces itself.
        let after = text.iter().rposition(|b| *b == b')')?;
        let rest = std::str::from_utf8(&text[after + 1..]).ok()?;
        let mut fields = rest.split_ascii_whitespace();
        let state = *fields.next()?.as_bytes().first()?;
        let flags: u64 = fields.nth(5)?.parse().ok()?;
        let started = fields.nth(12)?.parse().ok()?;
        const PF_KTHREAD: u64 = 0x0020_0000;
        Some(Stat { state, kernel_thread: flags & PF_KTHREAD != 0, started })
    }
}

/// A live process, held by a pidfd: signals reach it or nobody.
#[derive(Debug)]
pub struct Process {
    identity: Identity,
    pidfd: OwnedFd,
}

impl Process {
    /// Takes hold of the process; none when it has ended (or its id belongs to another one by now).
    ///
    /// # Errors
    /// What pidfd_open(2) answers, apart from `ESRCH`.
    pub fn open(identity: Identity) -> io::Result<Option<Self>> {
        let pid = i32::try_from(identity.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(None) };
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(None),
            other => other?,
        };
        // Only now: the id cannot be given to another process between the look and the hold.
        let same = Identity::of(identity.pid).is_ok_and(|now| now == identity);
        let process = Process { identity, pidfd };
        Ok((same && !process.has_ended()).then_some(process))
    }

    /// Takes hold of the process with this id.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn of(pid: u32) -> io::Result<Self> {
        Process::open(Identity::of(pid)?)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Which process it is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// The user that it runs as (proc_pid_status(5)).
    ///
    /// # Errors
    /// `NotFound` when it has ended.
    pub fn user(&self) -> io::Result<u32> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.identity.pid))?;
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let effective = users.and_then(|users| users.split_whitespace().nth(1)?.parse().ok());
        // Only now: until here the id was its own.
        effective.filter(|_| !self.has_ended()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether it has ended (a zombie has).
    pub fn has_ended(&self) -> bool {
        self.wait(Duration::ZERO).unwrap_or(true)
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// `ESRCH` when it has ended; `EPERM`.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.pidfd, signal)?)
    }

    /// Waits until it has ended, blocking, at most for `patience`; false when it has not.
    ///
    /// # Errors
    /// What poll(2) answers.
    pub fn wait(&self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        loop {
            let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
            match poll(&mut [PollFd::new(&self.pidfd, PollFlags::IN)], left.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other? > 0),
            }
        }
    }

    /// Waits until it has ended. Cancel safe. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What epoll(7) answers.
    pub async fn ended(&self) -> io::Result<()> {
        let pidfd = rustix::io::fcntl_dupfd_cloexec(&self.pidfd, 0)?;
        // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
        let pidfd = unsafe { AsyncFd::register_with_interest(pidfd, Interest::READABLE)? };
        drop(pidfd.readable().await?);
        Ok(())
    }

    /// Takes the exit status of a child, so that no zombie stays; does nothing for others' children.
    pub fn reap(&self) {
        if let Some(pid) = i32::try_from(self.identity.pid).ok().and_then(Pid::from_raw) {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
        }
    }
}

/// The id of this boot: what was noted under another one is history.
///
/// # Errors
/// What reading `/proc` answers.
pub fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Runs a program to its end and collects what it says, at most for `patience`; then it is killed.
///
/// # Errors
/// `TimedOut`; what starting it answers.
pub fn run(mut command: Command, patience: Duration) -> io::Result<Output> {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // The command may hold our end of a socket that the program waits for.
    drop(command);
    let process = Process::of(child.id());
    let (sender, output) = std::sync::mpsc::sync_channel(1);
    std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
        let _ = sender.send(child.wait_with_output());
    })?;
    output.recv_timeout(patience).unwrap_or_else(|_| {
        if let Ok(process) = process {
            let _ = process.signal(Signal::KILL);
        }
        Err(io::ErrorKind::TimedOut.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse() {
        let line = b"7 (a) b) S 1 7 7 0 -1 2097216 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { state: b'S', kernel_thread: true, started: 4711 }));
        assert_eq!(Stat::parse(b"7 (x"), None);
    }

    #[test]
    fn another_start_time_is_another_process() {
        let own = Identity::own().unwrap();
        assert!(Process::open(own).unwrap().is_some());
        assert!(Process::open(Identity { started: own.started + 1, ..own }).unwrap().is_none());
    }

    #[test]
    fn a_process_has_a_user() {
        use std::os::unix::process::CommandExt;
        let mut child = Command::new("sleep").arg("60").uid(65534).spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        let user = process.user();
        process.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert_eq!(user.unwrap(), 65534);
    }

    #[tokio::test]
    async fn the_end_of_a_process_is_noticed() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process::of(child.id()).unwrap();
        assert!(!process.wait(Duration::from_millis(5)).unwrap());
        process.signal(Signal::KILL).unwrap();
        process.ended().await.unwrap();
        assert!(process.has_ended());
        assert!(process.user().is_err());
        child.wait().unwrap();
        assert!(Process::open(process.identity()).unwrap().is_none());
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello; exec sleep 60"]);
        assert_eq!(run(command, Duration::from_millis(100)).unwrap_err().kind(), io::ErrorKind::TimedOut);
        let output = run(Command::new("true"), Duration::from_secs(20)).unwrap();
        assert!(output.status.success());
    }
}
