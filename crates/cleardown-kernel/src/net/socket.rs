//! A conversation with the kernel over rtnetlink(7), or generic netlink.
//!
//! Blocking, and rightly so: the kernel does what a request asks inside the call that sends it, so that an
//! asynchronous socket would block its caller all the same. Only news ([`super::Watch`]) have to be waited for.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::Protocol;
use rustix::net::netlink::{GENERIC, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

use super::wire::{Attributes, DUMP_INTERRUPTED, Message, Messages, NLMSG_DONE, NLMSG_ERROR, Request};

/// Only a kernel in trouble takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The kernel's datagrams are never longer: it sizes dumps by the buffer, up to 32 KiB.
const DATAGRAM: usize = 64 << 10;

/// A torn dump is made again this often.
const TRIES: usize = 10;

/// A message that came in, kept.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) kind: u16,
    payload: Vec<u8>,
}

impl Reply {
    pub(super) fn message(&self) -> Message<'_> {
        Message { kind: self.kind, flags: 0, sequence: 0, payload: &self.payload }
    }
}

/// A socket for requests, or for news.
#[derive(Debug)]
pub(super) struct Socket {
    descriptor: OwnedFd,
    sequence: u32,
    /// Where answers come in.
    room: Vec<u8>,
}

impl Socket {
    /// A socket for requests in the calling thread's network namespace.
    pub(super) fn open() -> io::Result<Self> {
        // NETLINK_ROUTE is protocol 0, and none means that too.
        Socket::for_requests(None)
    }

    /// The same for generic netlink.
    pub(super) fn generic() -> io::Result<Self> {
        Socket::for_requests(Some(GENERIC))
    }

    fn for_requests(protocol: Option<Protocol>) -> io::Result<Self> {
        let socket = Socket::bound(protocol, 0, SocketFlags::CLOEXEC)?;
        set_socket_timeout(&socket.descriptor, Timeout::Recv, Some(PATIENCE))?;
        // Old kernels know neither: then errors say less, and dumps more.
        let _ = socket.option(libc::NETLINK_EXT_ACK);
        let _ = socket.option(libc::NETLINK_CAP_ACK);
        let _ = socket.option(libc::NETLINK_GET_STRICT_CHK);
        Ok(socket)
    }

    /// A socket for news of these groups (the `RTMGRP_*` bits); reading it never blocks.
    pub(super) fn listening(groups: u32) -> io::Result<Self> {
        Socket::bound(None, groups, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }

    fn bound(protocol: Option<Protocol>, groups: u32, flags: SocketFlags) -> io::Result<Self> {
        let descriptor = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        bind(&descriptor, &SocketAddrNetlink::new(0, groups))?;
        Ok(Socket { descriptor, sequence: 0, room: Vec::new() })
    }

    fn option(&self, name: libc::c_int) -> io::Result<()> {
        let on: libc::c_int = 1;
        // SAFETY: the value is an int that outlives the call, and its length is told.
        let answer = unsafe {
            libc::setsockopt(
                self.descriptor.as_raw_fd(),
                libc::SOL_NETLINK,
                name,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            )
        };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Asks the kernel and returns what it answers; nothing for a request that only wants to be carried out.
    pub(super) fn ask(&mut self, request: &Request) -> io::Result<Vec<Reply>> {
        for _ in 0..TRIES {
            self.sequence = self.sequence.wrapping_add(1);
            let bytes = request.clone().finish(self.sequence);
            send(&self.descriptor, &bytes, SendFlags::empty())?;
            if let Some(replies) = self.replies(request.is_dump())? {
                return Ok(replies);
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "the network changes too fast to be listed"))
    }

    /// None: a torn dump.
    fn replies(&mut self, dump: bool) -> io::Result<Option<Vec<Reply>>> {
        let mut replies = Vec::new();
        let mut torn = false;
        self.room.resize(DATAGRAM, 0);
        loop {
            let length = receive(&self.descriptor, &mut self.room)?;
            for message in Messages::of(&self.room[..length]).filter(|m| m.sequence == self.sequence) {
                torn |= message.flags & DUMP_INTERRUPTED != 0;
                match message.kind {
                    NLMSG_DONE | NLMSG_ERROR => {
                        outcome(&message)?;
                        return Ok((!torn).then_some(replies));
                    }
                    kind => replies.push(Reply { kind, payload: message.payload.to_vec() }),
                }
            }
            if !dump && !replies.is_empty() {
                return Ok(Some(replies));
            }
        }
    }

    /// One datagram.
    pub(super) fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        receive(&self.descriptor, room)
    }
}

fn receive(socket: &OwnedFd, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match recv(socket, &mut *room, RecvFlags::TRUNC) {
            Err(rustix::io::Errno::INTR) => {}
            Ok((_, length)) if length > room.len() => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a netlink datagram is too long"));
            }
            Ok((_, length)) => return Ok(length),
            Err(errno) => return Err(errno.into()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// The number at the start of an error or of a dump's end, and the kernel's words for it.
fn outcome(message: &Message<'_>) -> io::Result<()> {
    const HEADER_OF_REQUEST: usize = 16;
    const NLMSGERR_ATTR_MSG: u16 = 1;
    let error = message.u32_at(0).cast_signed();
    if error == 0 {
        return Ok(());
    }
    let errno = io::Error::from_raw_os_error(error.checked_neg().unwrap_or(libc::EIO));
    if message.kind == NLMSG_ERROR
        && let Some(attributes) = message.payload.get(4 + HEADER_OF_REQUEST..)
        && let Some(words) = Attributes::of(attributes).text(NLMSGERR_ATTR_MSG)
    {
        tracing::debug!(%errno, words, "the kernel refuses a change of the network");
    }
    Err(errno)
}

/// Asks once.
pub(super) fn ask(request: &Request) -> io::Result<Vec<Reply>> {
    Socket::open()?.ask(request)
}

/// Asks for something that may be there already, or be gone already: these errors are as good as success, and false.
pub(super) fn ask_unless(request: &Request, harmless: &[i32]) -> io::Result<bool> {
    match ask(request) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error().is_some_and(|errno| harmless.contains(&errno)) => Ok(false),
        Err(error) => Err(error),
    }
}
