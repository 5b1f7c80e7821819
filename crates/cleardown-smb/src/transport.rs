//! The socket: frames out from whoever has one, frames in to the one reader.
//!
//! A caller whose frame finds nobody else writing sends it itself, with one system call and no change of thread.
//! Only what the socket does not take at once is left to the writer task.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

/// Frames that wait for the socket. Credits bound them: every request in here has paid some.
#[derive(Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    /// Somebody is writing; what is queued is theirs to send.
    busy: bool,
}

/// The sending side of a connected socket.
pub(crate) struct Transport {
    stream: OwnedWriteHalf,
    queue: Mutex<Queue>,
    writable: Notify,
}

/// Buffers that go into one system call.
const GATHER: usize = 32;
/// What is read at once when no large frame is expected.
const SMALL: usize = 16 * 1024;

/// A frame of at least this size gets a buffer of its own, which is used again.
const LARGE: usize = 256 * 1024;
/// So many of those are kept.
const KEPT: usize = 16;
/// Until nothing has come for this long.
const QUIET: Duration = Duration::from_secs(1);

/// The receiving side.
pub(crate) struct Receiver {
    stream: OwnedReadHalf,
    buffer: BytesMut,
    /// Large frames that were handed on. Where nobody reads one any more its memory takes the next: a fresh
    /// megabyte costs 256 page faults.
    used: Vec<Bytes>,
}

impl Transport {
    pub(crate) fn new(stream: TcpStream) -> io::Result<(Transport, Receiver)> {
        stream.set_nodelay(true)?;
        let (reader, stream) = stream.into_split();
        let transport = Transport { stream, queue: Mutex::default(), writable: Notify::new() };
        Ok((transport, Receiver { stream: reader, buffer: BytesMut::new(), used: Vec::new() }))
    }

    /// Closes both directions at once; what is queued is dropped.
    pub(crate) fn shut(&self) {
        self.queue.lock().chunks.clear();
        let _ = rustix::net::shutdown(self.stream.as_ref(), rustix::net::Shutdown::Both);
    }

    /// Sends a frame (its head, and a payload that is not copied), or queues it.
    pub(crate) fn send(&self, head: Bytes, payload: Vec<Bytes>) -> io::Result<()> {
        let mut chunks: VecDeque<_> = [head].into_iter().chain(payload).collect();
        {
            let mut queue = self.queue.lock();
            if queue.busy {
                queue.chunks.append(&mut chunks);
                return Ok(());
            }
            queue.busy = true;
        }
        let result = self.push(&mut chunks);
        let mut queue = self.queue.lock();
        if chunks.is_empty() && queue.chunks.is_empty() {
            queue.busy = false;
        } else {
            // Still busy: the writer task owns the socket now.
            chunks.append(&mut queue.chunks);
            queue.chunks = chunks;
            self.writable.notify_one();
        }
        result
    }

    /// Writes as much as the socket takes now.
    fn push(&self, chunks: &mut VecDeque<Bytes>) -> io::Result<()> {
        while !chunks.is_empty() {
            let mut slices = [IoSlice::new(&[]); GATHER];
            let count = chunks.len().min(GATHER);
            for (slice, chunk) in slices.iter_mut().zip(chunks.iter()) {
                *slice = IoSlice::new(chunk);
            }
            match self.stream.try_write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => advance(chunks, sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what is left over whenever the socket has room; ends with the socket's error.
    pub(crate) async fn write_rest(&self) -> io::Error {
        loop {
            self.writable.notified().await;
            loop {
                if let Err(error) = self.stream.writable().await {
                    return error;
                }
                let mut chunks = std::mem::take(&mut self.queue.lock().chunks);
                let result = self.push(&mut chunks);
                let mut queue = self.queue.lock();
                chunks.append(&mut queue.chunks);
                queue.chunks = chunks;
                if let Err(error) = result {
                    return error;
                }
                if queue.chunks.is_empty() {
                    queue.busy = false;
                    break;
                }
            }
        }
    }
}

impl Receiver {
    /// The next frame, without its length word. A large one is read straight into a buffer of its size.
    pub(crate) async fn receive(&mut self) -> io::Result<BytesMut> {
        loop {
            let buffer = &mut self.buffer;
            let wanted = match buffer.first_chunk::<4>() {
                Some([0, length @ ..]) => {
                    let [a, b, c] = length.map(usize::from);
                    4 + (a << 16 | b << 8 | c)
                }
                Some(_) => return Err(io::Error::new(io::ErrorKind::InvalidData, "no SMB frame")),
                None => 4,
            };
            if wanted > 4 && buffer.len() >= wanted {
                let mut frame = buffer.split_to(wanted);
                frame.advance(4);
                if wanted >= LARGE && buffer.is_empty() {
                    // Its memory stays whole, and nothing of the next frame comes into what is left of it.
                    *buffer = BytesMut::new();
                }
                return Ok(frame);
            }
            if wanted == 4 && buffer.len() >= 4 {
                buffer.advance(4); // an empty frame is a keep-alive
                continue;
            }
            self.fill(wanted).await?;
        }
    }

    /// A frame was handed on.
    pub(crate) fn keep(&mut self, frame: Bytes) {
        if frame.len() >= LARGE && self.used.len() < KEPT {
            self.used.push(frame);
        }
    }

    /// A buffer with at least this much room.
    fn take(&mut self, room: usize) -> BytesMut {
        let free = self.used.iter().position(Bytes::is_unique).filter(|_| room >= LARGE);
        if let Some(mut buffer) = free.and_then(|at| self.used.swap_remove(at).try_into_mut().ok()) {
            buffer.clear();
            // One that is too small would be copied to grow.
            if buffer.try_reclaim(room) {
                return buffer;
            }
        }
        BytesMut::with_capacity(room)
    }

    /// Reads once, at least one byte.
    async fn fill(&mut self, wanted: usize) -> io::Result<()> {
        let missing = wanted - self.buffer.len();
        if self.buffer.capacity() - self.buffer.len() < missing.max(64) {
            let mut larger = self.take(wanted.max(self.buffer.len() + SMALL));
            larger.extend_from_slice(&self.buffer);
            self.buffer = larger;
        }
        if !self.used.is_empty() && tokio::time::timeout(QUIET, self.stream.readable()).await.is_err() {
            self.used.clear();
        }
        // What came of the next frame along with a large one would have to be copied.
        let most = if wanted >= LARGE { missing } else { usize::MAX };
        match self.stream.read_buf(&mut (&mut self.buffer).limit(most)).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Drops what was sent from the front.
fn advance(chunks: &mut VecDeque<Bytes>, mut sent: usize) {
    while let Some(front) = chunks.front_mut() {
        if sent < front.len() {
            front.advance(sent);
            return;
        }
        sent -= front.len();
        chunks.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// A frame of this length, its length word before it.
    fn frame(len: usize, fill: u8) -> Vec<u8> {
        let mut frame = (len as u32).to_be_bytes().to_vec();
        frame.resize(4 + len, fill);
        frame
    }

    #[tokio::test]
    async fn a_large_frame_is_read_to_its_end_and_no_further() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        let (_transport, mut receiver) = Transport::new(ours).unwrap();
        let sizes = [4 * LARGE, LARGE, LARGE, 100, LARGE];
        let bytes: Vec<u8> = sizes.iter().zip(1..).flat_map(|(size, fill)| frame(*size, fill)).collect();
        tokio::spawn(async move { server.write_all(&bytes).await });
        for (size, fill) in sizes.into_iter().zip(1..) {
            let frame = receiver.receive().await.unwrap();
            assert!(frame.len() == size && frame.iter().all(|byte| *byte == fill));
            if size >= LARGE {
                assert_eq!(receiver.buffer.capacity(), 0, "the next one gets memory of its own");
            }
            receiver.keep(frame.freeze());
        }
    }
}
