//! The worker's half.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;

use super::channel::{Channel, register};
use super::message::{FromWorker, Reply, Request, ToWorker};

/// A listening socket, made by the daemon and handed to the worker as its standard input: so the daemon can
/// connect before the worker has got anywhere.
#[derive(Debug)]
pub struct Listener {
    socket: AsyncFd<OwnedFd>,
}

impl Listener {
    /// Makes the listening socket at `path`, mode 0600, in place of what a dead worker left there.
    ///
    /// # Errors
    /// What bind(2) and listen(2) answer.
    pub fn bind(path: &Path) -> io::Result<OwnedFd> {
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match rustix::fs::unlink(path) {
            Err(rustix::io::Errno::NOENT) => {}
            other => other?,
        }
        // Before bind, so that the file never has any other mode (unix(7): it comes from the socket's inode).
        rustix::fs::fchmod(&socket, rustix::fs::Mode::from_raw_mode(0o600))?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        rustix::net::listen(&socket, 8)?;
        Ok(socket)
    }

    /// Serves a listening socket. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What fcntl(2) and epoll_ctl(2) answer.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Listener { socket: register(socket)? })
    }

    /// The next daemon. Strangers (other users than ours and root) are turned away without a word. Cancel safe.
    ///
    /// # Errors
    /// What accept(2) answers when the socket is broken.
    pub async fn accept(&self) -> io::Result<Peer> {
        loop {
            let mut guard = self.socket.readable().await?;
            let Ok(accepted) =
                guard.try_io(|socket| Ok(rustix::net::accept_with(socket, SocketFlags::CLOEXEC)?))
            else {
                continue;
            };
            match accepted {
                Ok(socket) if is_ours(socket.as_fd()) => return Ok(Peer { channel: Channel::new(socket)? }),
                Ok(_) => tracing::warn!("another user tried to talk to this worker"),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether the other end is our own user or root.
pub(super) fn is_ours(socket: BorrowedFd<'_>) -> bool {
    rustix::net::sockopt::socket_peercred(socket)
        .is_ok_and(|peer| peer.uid.is_root() || peer.uid == rustix::process::geteuid())
}

/// A connected daemon.
#[derive(Debug)]
pub struct Peer {
    channel: Channel,
}

/// A request as it came in.
#[derive(Debug)]
pub struct Incoming {
    /// To be given back with the reply.
    pub id: u64,
    /// What is asked.
    pub request: Request,
    /// The descriptors beside it.
    pub descriptors: Vec<OwnedFd>,
}

impl Peer {
    /// The next request; none when the daemon is gone. Cancel safe.
    ///
    /// # Errors
    /// A message that is none: the conversation is over.
    pub async fn receive(&self) -> io::Result<Option<Incoming>> {
        let Some(frame) = self.channel.receive().await? else { return Ok(None) };
        let ToWorker { id, request, .. } = frame.parse()?;
        Ok(Some(Incoming { id, request, descriptors: frame.descriptors }))
    }

    /// Sends a reply or an event, with descriptors.
    ///
    /// # Errors
    /// `EPIPE` when the daemon is gone.
    pub async fn send(&self, message: &FromWorker, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.channel.send(message, descriptors).await
    }

    /// Sends a reply without descriptors.
    ///
    /// # Errors
    /// `EPIPE` when the daemon is gone.
    pub async fn reply(&self, id: u64, reply: Reply) -> io::Result<()> {
        self.send(&FromWorker::Reply { id, reply }, &[]).await
    }
}
