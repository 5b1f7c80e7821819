//! What a program said.

use std::io::{ErrorKind, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// No command of these tests takes longer; one that does is killed, and the test fails.
const PATIENCE: Duration = Duration::from_secs(90);

/// A program that has ended.
#[derive(Debug)]
pub struct Answer {
    /// The command line, for messages.
    pub command: String,
    /// Its exit code; 128 plus the signal that killed it.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// Asserts that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Answer {
        self.exits(0)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Answer {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that a text is in its output.
    #[track_caller]
    pub fn says(self, text: &str) -> Answer {
        assert!(self.out.contains(text) || self.err.contains(text), "{text:?} is missing: {self}");
        self
    }

    /// Its standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} gave {} after {:?}\n{}{}", self.command, self.code, self.took, self.out, self.err)
    }
}

/// A program that runs; killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    command: String,
    started: Instant,
}

impl Running {
    /// Starts a command with its output caught.
    pub fn start(mut command: Command) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words: Vec<_> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Running { child: Some(child), command: words.join(" "), started: Instant::now() }
    }

    fn child(&self) -> &Child {
        self.child.as_ref().expect("taken only by the last call")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(self.child()), signal);
    }

    /// Whether it has a handler for a signal (proc(5), `SigCgt`).
    pub fn catches(&self, signal: Signal) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        caught & (1 << (signal.as_raw() - 1)) != 0
    }

    /// True while it runs.
    pub fn runs(&mut self) -> bool {
        let child = self.child.as_mut().expect("taken only by the last call");
        child.try_wait().unwrap().is_none()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn answer(mut self) -> Answer {
        let mut child = self.child.take().expect("taken only here");
        let mut out = Reader::start(child.stdout.take().unwrap());
        let mut err = Reader::start(child.stderr.take().unwrap());
        let end = self.started + PATIENCE;
        let status = loop {
            // What it has left running may keep its pipes open.
            if let Some(status) = child.try_wait().unwrap().filter(|_| out.is_over() && err.is_over()) {
                break status;
            }
            if Instant::now() > end {
                let ended = child.try_wait().unwrap();
                let _ = child.kill();
                let state = ended
                    .map_or("runs".into(), |status| format!("has ended, {status}, and its pipes are open"));
                panic!("{} hangs ({state}): {}{}", self.command, out.text(), err.text());
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let took = self.started.elapsed();
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        Answer { command: std::mem::take(&mut self.command), code, out: out.text(), err: err.text(), took }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A thread that reads a pipe, so that its writer need not wait.
struct Reader {
    pieces: Receiver<Vec<u8>>,
    read: Vec<u8>,
    over: bool,
}

impl Reader {
    fn start(mut pipe: impl Read + Send + 'static) -> Reader {
        let (piece, pieces) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                match pipe.read(&mut buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(len @ 1..) if piece.send(buffer[..len].to_vec()).is_ok() => {}
                    _ => return,
                }
            }
        });
        Reader { pieces, read: Vec::new(), over: false }
    }

    /// Whether all is read, and nobody has the pipe open for writing.
    fn is_over(&mut self) -> bool {
        while !self.over {
            match self.pieces.try_recv() {
                Ok(piece) => self.read.extend(piece),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => self.over = true,
            }
        }
        self.over
    }

    /// What has come so far.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}
