//! A serial device: raw mode, speed, DTR and carrier detect (termios(3), ioctl_tty(2)).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::termios::{
    ControlModes, OptionalActions, QueueSelector, Termios, ioctl_tiocexcl, ioctl_tiocnxcl, tcflush,
    tcgetattr, tcsetattr,
};

/// Bits per second, as the device takes them (any value: Linux has had BOTHER for long).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed(pub u32);

/// What must be known of an open serial device.
#[derive(Debug)]
pub struct Serial {
    descriptor: OwnedFd,
    before: Termios,
    raw: Termios,
    speed: Speed,
    has_lines: bool,
}

impl Serial {
    /// Opens a device for ourselves alone, raw, at `speed`. Returns the descriptor for the octets.
    pub(super) fn open(device: &Path, speed: Speed, flow_control: bool) -> io::Result<(OwnedFd, Serial)> {
        // Without O_NONBLOCK the open would wait for a carrier that only dialling brings.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(device, flags, Mode::empty())?;
        // Root opens what is exclusive all the same, and so is kept out by a lock (flock(2)) as well.
        flock(&descriptor, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => rustix::io::Errno::BUSY,
            other => other,
        })?;
        ioctl_tiocexcl(&descriptor)?;
        let before = tcgetattr(&descriptor)?;
        let mut raw = before.clone();
        raw.make_raw();
        raw.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD | ControlModes::HUPCL;
        raw.control_modes.set(ControlModes::CRTSCTS, flow_control);
        raw.set_speed(speed.0)?;
        tcsetattr(&descriptor, OptionalActions::Now, &raw)?;
        tcflush(&descriptor, QueueSelector::IOFlush)?;
        let has_lines = modem_lines(descriptor.as_fd()).is_ok();
        let ours = descriptor.try_clone()?;
        Ok((descriptor, Serial { descriptor: ours, before, raw, speed, has_lines }))
    }

    /// The device has modem lines (a pseudo-terminal has none).
    pub fn has_lines(&self) -> bool {
        self.has_lines
    }

    /// Carrier detect; none where there are no lines.
    pub fn carrier(&self) -> Option<bool> {
        modem_lines(self.descriptor.as_fd()).ok().map(|lines| lines & libc::TIOCM_CAR != 0)
    }

    /// Raises or drops DTR; where there are no lines, the speed B0 says the same.
    ///
    /// # Errors
    /// What the ioctl says.
    pub fn set_dtr(&self, on: bool) -> io::Result<()> {
        if !self.has_lines {
            let mut termios = self.raw.clone();
            termios.set_speed(if on { self.speed.0 } else { 0 })?;
            return Ok(tcsetattr(&self.descriptor, OptionalActions::Now, &termios)?);
        }
        let line: libc::c_int = libc::TIOCM_DTR;
        let request = if on { libc::TIOCMBIS } else { libc::TIOCMBIC };
        // SAFETY: the descriptor is open, and both requests read one int.
        let done = unsafe { libc::ioctl(self.descriptor.as_raw_fd(), request, &line) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// From now on the fall of the carrier ends the stream (CLOCAL off), or not any more.
    ///
    /// # Errors
    /// What tcsetattr(3) says.
    pub fn mind_carrier(&self, mind: bool) -> io::Result<()> {
        let mut termios = self.raw.clone();
        termios.control_modes.set(ControlModes::CLOCAL, !(mind && self.has_lines));
        Ok(tcsetattr(&self.descriptor, OptionalActions::Now, &termios)?)
    }

    /// Lets others open the device, and ourselves once more.
    pub(crate) fn release(&self) {
        let _ = ioctl_tiocnxcl(&self.descriptor);
        let _ = flock(&self.descriptor, FlockOperation::Unlock);
    }

    /// Gives the terminal its old settings back, as far as it still answers.
    pub(super) fn restore(&self, descriptor: BorrowedFd<'_>) {
        let _ = tcsetattr(descriptor, OptionalActions::Now, &self.before);
        self.release();
    }
}

fn modem_lines(descriptor: BorrowedFd<'_>) -> io::Result<libc::c_int> {
    let mut lines: libc::c_int = 0;
    // SAFETY: the descriptor is open, and TIOCMGET writes one int.
    let done = unsafe { libc::ioctl(descriptor.as_raw_fd(), libc::TIOCMGET, &mut lines) };
    if done == 0 { Ok(lines) } else { Err(io::Error::last_os_error()) }
}
