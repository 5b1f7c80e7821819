//! A Hayes modem on a pseudo-terminal (ITU-T V.250), whose calls end at the test.
//!
//! A pseudo-terminal has no modem lines. DTR falls when the other side sets the speed B0, which the master sees at once in
//! packet mode with EXTPROC (ioctl_tty(2), TIOCPKT_IOCTL); it rises with any other speed.

mod machine;

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use machine::{Act, Machine};

/// How the modem behaves.
#[derive(Clone, Debug)]
pub struct Modem {
    /// How long dialling takes.
    pub dialling: Duration,
    /// What comes of a call.
    pub result: CallResult,
    /// How long hanging up takes.
    pub hanging_up: Duration,
    /// It minds DTR as `&D2` says; without, only the escape sequence gets it out of a call.
    pub minds_dtr: bool,
}

impl Default for Modem {
    fn default() -> Self {
        Modem {
            dialling: Duration::from_millis(20),
            result: CallResult::Connect,
            hanging_up: Duration::from_millis(20),
            minds_dtr: true,
        }
    }
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// `CONNECT 115200`.
    Connect,
    /// `BUSY`.
    Busy,
    /// `NO CARRIER`.
    NoCarrier,
    /// `NO DIALTONE`.
    NoDialTone,
    /// `NO ANSWER`.
    NoAnswer,
    /// Nothing, for ever.
    Silence,
}

/// A modem at work. It is switched off when dropped.
#[derive(Debug)]
pub struct Hayes {
    port: PathBuf,
    shared: Arc<Shared>,
    calls: Receiver<UnixStream>,
    thread: Option<JoinHandle<()>>,
    // Without an open slave the master would see an end whenever nobody has the port.
    _slave: OwnedFd,
}

#[derive(Debug)]
struct Shared {
    machine: Mutex<Machine>,
    wake: UnixStream,
}

impl Hayes {
    /// Switches a modem on.
    ///
    /// # Errors
    /// What openpty(3) and its relatives say.
    pub fn start(modem: Modem) -> io::Result<Hayes> {
        let (master, slave, port) = open_pty()?;
        let (wake, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        let shared = Arc::new(Shared { machine: Mutex::new(Machine::new(modem)), wake });
        let (caller, calls) = channel();
        let thread = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let _ = serve(master, &shared, &woken, &caller);
            })
        };
        Ok(Hayes { port, shared, calls, thread: Some(thread), _slave: slave })
    }

    /// The device file to dial on.
    pub fn port(&self) -> &Path {
        &self.port
    }

    /// The far end of the next call, if there is one within the time.
    pub fn call(&self, patience: Duration) -> Option<UnixStream> {
        self.calls.recv_timeout(patience).ok()
    }

    /// The far end hangs up, or the wire is cut.
    pub fn drop_carrier(&self) {
        self.change(|machine, now| machine.drop_carrier(now));
    }

    /// From now on it hears nothing, neither octets nor DTR (or it does again).
    pub fn wedge(&self, wedged: bool) {
        self.change(|machine, _| machine.wedged = wedged);
    }

    /// How it behaves from now on.
    pub fn behave(&self, modem: Modem) {
        self.change(|machine, _| machine.modem = modem);
    }

    /// It is in command mode with the line free: what a proven end promises.
    pub fn is_at_rest(&self) -> bool {
        self.shared.lock().is_at_rest()
    }

    /// What has happened, one word each: `dial NUMBER`, `connect`, `escape`, `dtr low`, `on hook`, ...
    pub fn history(&self) -> Vec<String> {
        self.shared.lock().history.clone()
    }

    fn change(&self, change: impl FnOnce(&mut Machine, Instant)) {
        change(&mut self.shared.lock(), Instant::now());
        let _ = (&self.shared.wake).write(b"x");
    }
}

impl Drop for Hayes {
    fn drop(&mut self) {
        self.change(|machine, _| machine.off = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_pty() -> io::Result<(OwnedFd, OwnedFd, PathBuf)> {
    let (mut master, mut slave) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: both integers are written, and the optional parts are left out.
    if unsafe { libc::openpty(&mut master, &mut slave, null, std::ptr::null_mut(), std::ptr::null_mut()) }
        != 0
    {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: openpty has just made them, and nobody else has them.
    let (master, slave) = unsafe { (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
    for fd in [&master, &slave] {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)?;
    }
    let port = rustix::termios::ttyname(&slave, Vec::new())?;
    let mut settings = tcgetattr(&slave)?;
    settings.make_raw();
    settings.local_modes |= LocalModes::EXTPROC;
    tcsetattr(&slave, OptionalActions::Now, &settings)?;
    let on: libc::c_int = 1;
    // SAFETY: the descriptor is open, and TIOCPKT reads one int.
    if unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCPKT, &on) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((master, slave, PathBuf::from(port.into_string().map_err(io::Error::other)?)))
}

/// The thread: moves octets between the terminal, the machine and the call.
fn serve(
    master: OwnedFd,
    shared: &Shared,
    woken: &UnixStream,
    caller: &Sender<UnixStream>,
) -> io::Result<()> {
    let mut call: Option<UnixStream> = None;
    let mut buffer = [0; 16 << 10];
    loop {
        let (off, wait, online) = {
            let machine = shared.lock();
            (machine.off, machine.deadline(), machine.is_online())
        };
        if off {
            return Ok(());
        }
        let wait = wait.map(|at| Timespec::try_from(at.saturating_duration_since(Instant::now())));
        let wait = wait.transpose().map_err(io::Error::other)?;
        let mut all = vec![PollFd::new(&master, PollFlags::IN), PollFd::new(woken, PollFlags::IN)];
        all.extend(call.as_ref().filter(|_| online).map(|call| PollFd::new(call, PollFlags::IN)));
        poll(&mut all, wait.as_ref())?;
        let ready: Vec<bool> = all.iter().map(|fd| !fd.revents().is_empty()).collect();
        let now = Instant::now();
        if ready[0] {
            from_terminal(&master, shared, &mut buffer, now)?;
        }
        if ready[1] {
            let mut woken = woken;
            let _ = woken.read(&mut buffer);
        }
        if ready.get(2) == Some(&true) {
            match call.as_mut().map_or(Ok(0), |call| call.read(&mut buffer)) {
                Ok(read @ 1..) => write_all(&master, &buffer[..read])?,
                _ => shared.lock().drop_carrier(now),
            }
        }
        shared.lock().timeout(now);
        loop {
            let act = shared.lock().acts.pop_front();
            match act {
                Some(Act::Say(octets)) => write_all(&master, &octets)?,
                Some(Act::Send(octets)) => {
                    if let Some(call) = &mut call {
                        let _ = call.write_all(&octets);
                    }
                }
                Some(Act::Connect) => {
                    let (ours, theirs) = UnixStream::pair()?;
                    call = Some(ours);
                    let _ = caller.send(theirs);
                }
                Some(Act::Disconnect) => call = None,
                None => break,
            }
        }
    }
}

fn from_terminal(master: &OwnedFd, shared: &Shared, buffer: &mut [u8], now: Instant) -> io::Result<()> {
    match rustix::io::read(master, &mut *buffer) {
        Ok(0) => Ok(()),
        Ok(read) if buffer[0] == 0 => {
            shared.lock().input(&buffer[1..read], now);
            Ok(())
        }
        Ok(_) => {
            let speed = tcgetattr(master)?.output_speed();
            shared.lock().dtr(speed != 0, now);
            Ok(())
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::IO) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn write_all(master: impl AsFd, mut octets: &[u8]) -> io::Result<()> {
    while !octets.is_empty() {
        let written = rustix::io::write(&master, octets)?;
        octets = &octets[written..];
    }
    Ok(())
}
