//! Lines: what carries a link's octets. A serial device, a command's standard input and output, or a socket; all of
//! them are one descriptor that can be read and written.

mod serial;

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::Stdio;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::net::{TcpStream, UnixStream};
use tokio::process::{Child, Command};

pub use serial::{Serial, Speed};

/// Which line to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A serial device.
    Serial {
        /// Its device file.
        device: PathBuf,
        /// Bits per second.
        speed: Speed,
        /// Hardware flow control (RTS/CTS).
        flow_control: bool,
    },
    /// A program whose standard input and output are the line (`ssh host pppd notty`).
    Command {
        /// The program and its arguments; no shell looks at them.
        argv: Vec<String>,
    },
    /// A TCP connection, to `host:port`.
    Tcp {
        /// Where.
        address: String,
    },
    /// A Unix stream socket.
    Unix {
        /// Its path.
        path: PathBuf,
    },
}

/// An open line.
#[derive(Debug)]
pub struct Open {
    descriptor: AsyncFd<OwnedFd>,
    serial: Option<Serial>,
    child: Option<Child>,
    server: Option<IpAddr>,
}

impl Line {
    /// Opens the line.
    ///
    /// # Errors
    /// What open(2), connect(2) or exec(3) say; `EBUSY` when another process has taken the serial device.
    pub async fn open(&self) -> io::Result<Open> {
        match self {
            Line::Serial { device, speed, flow_control } => {
                let (descriptor, serial) = Serial::open(device, *speed, *flow_control)?;
                Open::new(descriptor, Some(serial), None)
            }
            Line::Command { argv } => {
                let (program, arguments) =
                    argv.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
                let flags = SocketFlags::CLOEXEC;
                let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
                let child = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::from(theirs.try_clone()?))
                    .stdout(Stdio::from(theirs))
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn()?;
                Open::new(ours, None, Some(child))
            }
            Line::Tcp { address } => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                let server = stream.peer_addr()?.ip();
                let open = Open::new(stream.into_std()?.into(), None, None)?;
                Ok(Open { server: Some(server), ..open })
            }
            Line::Unix { path } => Open::new(UnixStream::connect(path).await?.into_std()?.into(), None, None),
        }
    }
}

impl Open {
    /// Takes any connected stream, for example one end of a socket pair.
    ///
    /// # Errors
    /// What fcntl(2) and epoll_ctl(2) say.
    pub fn stream(descriptor: OwnedFd) -> io::Result<Open> {
        Open::new(descriptor, None, None)
    }

    fn new(descriptor: OwnedFd, serial: Option<Serial>, child: Option<Child>) -> io::Result<Open> {
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        // SAFETY: the `AsyncFd` owns the descriptor, which so stays open and the same while it is registered.
        let descriptor = unsafe { AsyncFd::register(descriptor)? };
        Ok(Open { descriptor, serial, child, server: None })
    }

    /// The serial device's own side: modem lines and speed.
    pub fn serial(&self) -> Option<&Serial> {
        self.serial.as_ref()
    }

    /// The server at the other end of a TCP connection.
    pub fn server(&self) -> Option<IpAddr> {
        self.server
    }

    /// Reads what is there, waiting for the first octet; 0 when the other side has closed (or the carrier fell).
    ///
    /// # Errors
    /// What read(2) says. A hung-up terminal is an end, not an error.
    pub async fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.descriptor.readable().await?;
            if let Ok(read) = guard.try_io(|fd| Ok(rustix::io::read(fd, &mut *into)?)) {
                return match read {
                    Err(error) if error.raw_os_error() == Some(libc::EIO) => Ok(0),
                    read => read,
                };
            }
        }
    }

    /// Writes as much as goes, waiting until something does.
    ///
    /// # Errors
    /// What write(2) says.
    pub async fn write(&self, from: &[u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.descriptor.writable().await?;
            if let Ok(written) = guard.try_io(|fd| Ok(rustix::io::write(fd, from)?)) {
                return written;
            }
        }
    }

    /// Gives the line back: the program is ended and reaped, the terminal gets its old settings.
    pub async fn close(mut self) {
        if let Some(serial) = &self.serial {
            serial.restore(self.descriptor.as_fd());
        }
        drop(self.descriptor);
        if let Some(child) = &mut self.child {
            // Its standard input is closed now: most programs go by themselves.
            let patience = std::time::Duration::from_millis(500);
            if tokio::time::timeout(patience, child.wait()).await.is_err() {
                let _ = child.kill().await;
            }
        }
    }
}

impl AsFd for Open {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
