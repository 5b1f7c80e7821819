//! Messages with descriptors over a `SOCK_SEQPACKET` socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::unix::AsyncFd;

/// The longest message, in bytes of JSON. Longer ones are neither sent nor accepted.
pub const MAX_MESSAGE: usize = 16 << 20;

/// Up to here a message travels in the packet; a longer one in a memfd beside it, so that a list of very many
/// files does not meet the limit of the socket's buffer.
const INLINE: usize = 32 << 10;

/// The packet that stands for a message in a memfd. No JSON starts with it.
const SPILLED: &[u8] = b"@";

/// Descriptors per message: the FUSE descriptor, the arena, a spilled message and one to spare.
const DESCRIPTORS: usize = 4;

/// A message as received: its JSON and its descriptors.
#[derive(Debug)]
pub struct Frame {
    bytes: Vec<u8>,
    /// The descriptors beside it, in the sender's order.
    pub descriptors: Vec<OwnedFd>,
}

impl Frame {
    /// Reads the JSON.
    ///
    /// # Errors
    /// `InvalidData` when it is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// One end of the conversation. Sending and receiving may go on at the same time, each from one task.
#[derive(Debug)]
pub struct Channel {
    socket: AsyncFd<OwnedFd>,
}

impl Channel {
    /// Takes a connected `SOCK_SEQPACKET` socket. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What fcntl(2) and epoll_ctl(2) answer.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Channel { socket: register(socket)? })
    }

    /// Sends a message with descriptors, waiting for room.
    ///
    /// # Errors
    /// `EPIPE` when the other end is gone; `InvalidInput` above [`MAX_MESSAGE`].
    pub async fn send<T: Serialize + Sync>(
        &self,
        message: &T,
        descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let bytes = serde_json::to_vec(message)?;
        if bytes.len() > MAX_MESSAGE || descriptors.len() >= DESCRIPTORS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the message is too long"));
        }
        if bytes.len() <= INLINE {
            return self.send_packet(&bytes, descriptors).await;
        }
        let spill = memfd_create("cleardown-message", MemfdFlags::CLOEXEC)?;
        write_all(&spill, &bytes)?;
        let all: Vec<_> = std::iter::once(spill.as_fd()).chain(descriptors.iter().copied()).collect();
        self.send_packet(SPILLED, &all).await
    }

    async fn send_packet(&self, packet: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        loop {
            let mut guard = self.socket.writable().await?;
            let sent = guard.try_io(|socket| {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !descriptors.is_empty() {
                    control.push(SendAncillaryMessage::ScmRights(descriptors));
                }
                Ok(sendmsg(socket, &[IoSlice::new(packet)], &mut control, SendFlags::NOSIGNAL)?)
            });
            if let Ok(sent) = sent {
                return sent.map(drop);
            }
        }
    }

    /// The next message; none when the other end has closed. Cancel safe.
    ///
    /// # Errors
    /// `InvalidData` when a packet breaks the rules (too long, too many descriptors).
    pub async fn receive(&self) -> io::Result<Option<Frame>> {
        loop {
            let mut guard = self.socket.readable().await?;
            if let Ok(frame) = guard.try_io(|socket| receive_packet(socket.as_fd())) {
                return frame;
            }
        }
    }
}

/// Makes a descriptor non-blocking and gives it to the runtime.
pub(super) fn register(socket: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    rustix::io::ioctl_fionbio(&socket, true)?;
    // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register(socket)? })
}

fn receive_packet(socket: BorrowedFd<'_>) -> io::Result<Option<Frame>> {
    let mut room = [0; INLINE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let packet = recvmsg(socket, &mut [IoSliceMut::new(&mut room)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if packet.bytes == 0 {
        return Ok(None);
    }
    if packet.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(invalid("a packet is too long"));
    }
    let mut bytes = room[..packet.bytes].to_vec();
    if bytes == SPILLED {
        if descriptors.is_empty() {
            return Err(invalid("a long message came without its descriptor"));
        }
        bytes = read_spilled(descriptors.remove(0))?;
    }
    Ok(Some(Frame { bytes, descriptors }))
}

fn read_spilled(spill: OwnedFd) -> io::Result<Vec<u8>> {
    // A memfd, and nothing that could block: the peer is our own user, and yet may be confused.
    let size = usize::try_from(rustix::fs::fstat(&spill)?.st_size).unwrap_or(usize::MAX);
    if size > MAX_MESSAGE || rustix::fs::fcntl_get_seals(&spill).is_err() {
        return Err(invalid("a message is too long"));
    }
    let mut bytes = vec![0; size];
    let mut done = 0;
    while done < size {
        match rustix::io::pread(&spill, &mut bytes[done..], done as u64)? {
            0 => return Err(invalid("a long message was cut short")),
            n => done += n,
        }
    }
    Ok(bytes)
}

fn write_all(file: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        done += rustix::io::pwrite(file, &bytes[done..], done as u64)?;
    }
    Ok(())
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    fn pair() -> (Channel, Channel) {
        let (a, b) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (Channel::new(a).unwrap(), Channel::new(b).unwrap())
    }

    #[tokio::test]
    async fn messages_and_descriptors_arrive_together() {
        let (a, b) = pair();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        a.send(&"hello", &[writer.as_fd()]).await.unwrap();
        drop(writer);
        let frame = b.receive().await.unwrap().unwrap();
        assert_eq!(frame.parse::<String>().unwrap(), "hello");
        rustix::io::write(&frame.descriptors[0], b"x").unwrap();
        assert_eq!(rustix::io::read(&reader, &mut [0u8; 2]).unwrap(), 1);
        drop(a);
        assert!(b.receive().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_long_message_keeps_its_descriptors() {
        let (a, b) = pair();
        let long = "x".repeat(3 << 20);
        let (reader, _writer) = rustix::pipe::pipe().unwrap();
        a.send(&long, &[reader.as_fd()]).await.unwrap();
        let frame = b.receive().await.unwrap().unwrap();
        assert_eq!(frame.parse::<String>().unwrap(), long);
        assert_eq!(frame.descriptors.len(), 1);
        assert!(a.send(&"x".repeat(MAX_MESSAGE), &[]).await.is_err());
    }

    #[tokio::test]
    async fn a_packet_that_breaks_the_rules_is_an_error() {
        let (a, b) = pair();
        a.send_packet(SPILLED, &[]).await.unwrap();
        assert_eq!(b.receive().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        a.send_packet(&vec![b' '; INLINE + 1], &[]).await.unwrap();
        assert_eq!(b.receive().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
        a.send_packet(b"{nonsense", &[]).await.unwrap();
        assert!(b.receive().await.unwrap().unwrap().parse::<String>().is_err());
    }
}
