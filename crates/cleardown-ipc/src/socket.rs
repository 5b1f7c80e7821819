//! The service's end of a client's socket: messages of a bounded length with few descriptors, after a short greeting.
//!
//! D-Bus allows 128 MiB for a message, and zbus makes room for what a message announces and keeps what descriptors come
//! with it. Everybody may connect to the system's socket: nobody shall have its memory and its descriptors. Whoever sends
//! more is cut off, as a message bus does (dbus-daemon(1), `max_incoming_bytes`, `max_message_unix_fds`).

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, Shutdown, recvmsg, send,
    shutdown,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use zbus::Message;
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

/// The longest request, in bytes.
pub const LONGEST: usize = 1 << 20;
/// Descriptors beside one request: the secret.
const DESCRIPTORS: usize = 1;
/// The bytes that say how long a message is (D-Bus specification, "Message Format").
const HEAD: usize = 16;
/// The longest line of the greeting, and how many there may be.
const LINE: usize = 512;
const LINES: usize = 32;

/// The socket of a client.
#[derive(Debug)]
pub(crate) struct ClientSocket(pub(crate) UnixStream);

impl Socket for ClientSocket {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let stream = Arc::new(self.0);
        let incoming = Incoming {
            stream: stream.clone(),
            greeting: Some(Greeting::default()),
            ahead: Vec::new(),
            descriptors: Vec::new(),
            count: 0,
        };
        Split::new(Reader(incoming), Writer(stream))
    }
}

/// Messages from a client.
#[derive(Debug)]
pub(crate) struct Reader(Incoming);

#[async_trait]
impl ReadHalf for Reader {
    async fn receive_message(
        &mut self,
        seq: u64,
        already_received_bytes: &mut Vec<u8>,
        already_received_fds: &mut Vec<OwnedFd>,
    ) -> zbus::Result<Message> {
        let incoming = &mut self.0;
        incoming.greeting = None;
        incoming.ahead.append(already_received_bytes);
        incoming.descriptors.append(already_received_fds);
        incoming.count = incoming.descriptors.len();
        while incoming.ahead.len() < HEAD {
            let mut room = [0; HEAD];
            let left = HEAD - incoming.ahead.len();
            let (count, mut descriptors) = incoming.receive(&mut room[..left]).await?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            incoming.ahead.extend_from_slice(&room[..count]);
            incoming.descriptors.append(&mut descriptors);
        }
        if length(&incoming.ahead).is_none_or(|length| length > LONGEST) {
            return Err(refused("the request is too long").into());
        }
        incoming.receive_message(seq, &mut Vec::new(), &mut Vec::new()).await
    }

    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        self.0.recvmsg(buffer).await
    }

    fn can_pass_unix_fd(&self) -> bool {
        true
    }
}

/// How long the message with this head says that it is: head, fields up to a multiple of 8, body. None if that is no number.
fn length(head: &[u8]) -> Option<usize> {
    let number = |at: usize| {
        let octets = head.get(at..at + 4)?.try_into().ok()?;
        let number = if head[0] == b'B' { u32::from_be_bytes(octets) } else { u32::from_le_bytes(octets) };
        usize::try_from(number).ok()
    };
    let (body, fields) = (number(4)?, number(12)?);
    HEAD.checked_add(fields)?.checked_next_multiple_of(8)?.checked_add(body)
}

/// What has come from the socket.
#[derive(Debug)]
struct Incoming {
    stream: Arc<UnixStream>,
    /// Until the first message.
    greeting: Option<Greeting>,
    /// What was read of a message to see how long it is, with the descriptors that came with that.
    ahead: Vec<u8>,
    descriptors: Vec<OwnedFd>,
    /// Descriptors that came with this message so far.
    count: usize,
}

impl Incoming {
    async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let (count, descriptors) = loop {
            self.stream.readable().await?;
            match self.stream.try_io(Interest::READABLE, || receive_now(&self.stream, buffer)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => break received?,
            }
        };
        self.count += descriptors.len();
        if self.count > DESCRIPTORS {
            return Err(refused("there are too many descriptors beside a request"));
        }
        if let Some(greeting) = &mut self.greeting {
            greeting.check(&buffer[..count])?;
        }
        Ok((count, descriptors))
    }
}

#[async_trait]
impl ReadHalf for Incoming {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        if self.ahead.is_empty() {
            return self.receive(buffer).await;
        }
        let count = self.ahead.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.ahead[..count]);
        self.ahead.drain(..count);
        Ok((count, std::mem::take(&mut self.descriptors)))
    }
}

fn receive_now(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(stream, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let descriptors = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect();
    if received.flags.contains(ReturnFlags::CTRUNC) {
        return Err(refused("there are too many descriptors beside a request"));
    }
    Ok((received.bytes, descriptors))
}

/// The lines before the first message (D-Bus specification, "Authentication Protocol").
#[derive(Debug, Default)]
struct Greeting {
    line: Vec<u8>,
    lines: usize,
    over: bool,
}

impl Greeting {
    fn check(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            if self.over {
                break;
            }
            self.line.push(*byte);
            if *byte == b'\n' {
                self.over = self.line == b"BEGIN\r\n";
                let is_ended = self.line.ends_with(b"\r\n");
                self.line.clear();
                self.lines += if is_ended { 1 } else { LINES };
            }
            if self.line.len() > LINE || self.lines >= LINES {
                return Err(refused("the greeting is none"));
            }
        }
        Ok(())
    }
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Answers to a client. None has descriptors.
#[derive(Debug)]
pub(crate) struct Writer(Arc<UnixStream>);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _: &[BorrowedFd<'_>]) -> io::Result<usize> {
        loop {
            self.0.writable().await?;
            let sent = self.0.try_io(Interest::WRITABLE, || Ok(send(&self.0, buffer, SendFlags::NOSIGNAL)?));
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        Ok(shutdown(&self.0, Shutdown::Both)?)
    }
}
