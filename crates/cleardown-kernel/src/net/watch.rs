//! News of the network, told by the kernel.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::interface::{Interface, named_in};
use super::socket::Socket;
use super::wire::{AF_UNSPEC, DELADDR, DELLINK, DELROUTE, Message, Messages, NEWADDR, NEWLINK, NEWROUTE};

const LINKS: u32 = 0x1;
const ADDRESSES: u32 = 0x10 | 0x100;
const ROUTES: u32 = 0x40 | 0x400;

/// Something has changed. What exactly, a fresh look tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An interface is new or has changed (up, down, name, MTU).
    Link(Interface),
    /// An interface is gone.
    LinkGone(Interface),
    /// Addresses have changed.
    Addresses,
    /// Routes have changed.
    Routes,
    /// More has happened than the kernel could keep for us: look at everything.
    Missed,
}

/// News of the calling thread's network namespace since the watch was made.
#[derive(Debug)]
pub struct Watch {
    socket: Socket,
    /// Registered with the runtime at the first wait, so that blocking callers need none.
    registered: Option<AsyncFd<std::os::fd::OwnedFd>>,
    pending: VecDeque<Event>,
}

impl Watch {
    /// A watch on links, addresses and routes.
    ///
    /// # Errors
    /// What socket(2) and bind(2) answer.
    pub fn new() -> io::Result<Self> {
        Watch::on(LINKS | ADDRESSES | ROUTES)
    }

    /// A watch on links alone.
    ///
    /// # Errors
    /// What socket(2) and bind(2) answer.
    pub fn links() -> io::Result<Self> {
        Watch::on(LINKS)
    }

    fn on(groups: u32) -> io::Result<Self> {
        Ok(Watch { socket: Socket::listening(groups)?, registered: None, pending: VecDeque::new() })
    }

    /// The next event. Cancel safe: no event is lost. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What epoll(7) and recv(2) answer.
    pub async fn next(&mut self) -> io::Result<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            let news = self.take()?;
            if news.is_empty() {
                self.wait().await?;
            }
            self.pending.extend(news);
        }
    }

    async fn wait(&mut self) -> io::Result<()> {
        if self.registered.is_none() {
            let descriptor = rustix::io::fcntl_dupfd_cloexec(&self.socket, 0)?;
            // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
            let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE)? };
            self.registered = Some(registered);
        }
        if let Some(registered) = &self.registered {
            // `take` has just emptied the socket, or does so next.
            registered.readable().await?.clear_ready();
        }
        Ok(())
    }

    /// What has happened up to now, at most one datagram's worth; never waits. Events that repeat are told once.
    pub(super) fn take(&mut self) -> io::Result<Vec<Event>> {
        let mut buffer = vec![0; 32 << 10];
        match self.socket.receive(&mut buffer) {
            Ok(length) => Ok(events(&buffer[..length])),
            Err(error) if error.raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => Ok(Vec::new()),
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                Ok(vec![Event::Missed])
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(vec![Event::Missed]),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn events(datagram: &[u8]) -> Vec<Event> {
    let mut events: Vec<Event> = Messages::of(datagram).filter_map(|message| event(&message)).collect();
    events.dedup();
    events
}

fn event(message: &Message<'_>) -> Option<Event> {
    match message.kind {
        // A bridge tells of its ports with the same kinds and another family.
        NEWLINK | DELLINK if message.u8_at(0) != AF_UNSPEC => None,
        NEWLINK => named_in(message).map(Event::Link),
        DELLINK => named_in(message).map(Event::LinkGone),
        NEWADDR | DELADDR => Some(Event::Addresses),
        NEWROUTE | DELROUTE => Some(Event::Routes),
        _ => None,
    }
}
