//! Many requests in flight on one channel: each gets an id, and its caller the answer with that id.
//!
//! Data that is read goes straight into the caller's buffer, data that is written goes out as it is: the only
//! copies are those of the cipher. Every queue is bounded, and nothing the server sends can make it grow.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};

use crate::wire::{Attrs, Fields, MAX_PACKET, Malformed, Packet, kind, status};

/// Requests waiting to be sent.
const QUEUE: usize = 64;
/// Small requests are sent together up to this size.
const GATHER: usize = 32 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) enum Reply {
    Status {
        code: u32,
        message: Bytes,
    },
    Handle(Bytes),
    /// The caller's buffer with the data appended.
    Data(BytesMut),
    Name(Fields),
    Attrs(Attrs),
    Extended(Fields),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection was gone before the request was sent.
    Unsent,
    /// The connection went before the answer came: the request may have been carried out.
    Lost,
}

struct Waiter {
    reply: oneshot::Sender<Reply>,
    into: Option<BytesMut>,
}

#[derive(Default)]
struct Pending {
    waiters: HashMap<u32, Waiter>,
    dead: bool,
}

struct Frame {
    head: Bytes,
    body: Bytes,
}

/// The client's end of an SFTP channel.
pub(crate) struct Mux {
    out: mpsc::Sender<Frame>,
    pending: Arc<Mutex<Pending>>,
    next: AtomicU32,
    heard: Arc<Mutex<Instant>>,
    /// Why the connection is gone, once it is.
    gone: watch::Sender<Option<String>>,
}

impl Mux {
    /// Takes over a channel on which the versions have been exchanged; `early` is what came after them.
    pub(crate) fn new(read: ChannelReadHalf, write: ChannelWriteHalf<Msg>, early: BytesMut) -> Arc<Self> {
        let (out, frames) = mpsc::channel(QUEUE);
        let mux = Arc::new(Mux {
            out,
            pending: Arc::default(),
            next: AtomicU32::new(1),
            heard: Arc::new(Mutex::new(Instant::now())),
            gone: watch::Sender::new(None),
        });
        tokio::spawn(send_all(frames, write, mux.clone()));
        tokio::spawn(receive_all(read, early, mux.clone()));
        mux
    }

    /// Sends a request (with `body` after its fields) and waits for its answer; `into` takes what is read.
    pub(crate) async fn request(
        &self,
        mut packet: Packet,
        body: Bytes,
        into: Option<BytesMut>,
    ) -> Result<Reply, Failure> {
        let mut gone = self.gone.subscribe();
        let place = tokio::select! {
            biased;
            _ = gone.wait_for(Option::is_some) => return Err(Failure::Unsent),
            place = self.out.reserve() => place.map_err(|_| Failure::Unsent)?,
        };
        let (reply, answer) = oneshot::channel();
        let id = {
            let mut pending = self.pending.lock();
            if pending.dead {
                return Err(Failure::Unsent);
            }
            let mut id = self.next.fetch_add(1, Ordering::Relaxed);
            while pending.waiters.contains_key(&id) {
                id = self.next.fetch_add(1, Ordering::Relaxed);
            }
            pending.waiters.insert(id, Waiter { reply, into });
            id
        };
        packet.set_id(id);
        place.send(Frame { head: packet.finish(body.len()), body });
        answer.await.map_err(|_| Failure::Lost)
    }

    /// Sends a request whose answer nobody waits for, if there is room; true when it was queued.
    pub(crate) fn post(&self, mut packet: Packet) -> bool {
        let Ok(place) = self.out.try_reserve() else { return false };
        packet.set_id(self.next.fetch_add(1, Ordering::Relaxed));
        place.send(Frame { head: packet.finish(0), body: Bytes::new() });
        true
    }

    /// When the server was last heard.
    pub(crate) fn heard(&self) -> Instant {
        *self.heard.lock()
    }

    /// Waits until the connection is gone; says why.
    pub(crate) async fn gone(&self) -> String {
        let mut gone = self.gone.subscribe();
        let why = gone.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_default()
    }

    /// Gives the connection up: every waiter fails.
    pub(crate) fn kill(&self, why: impl Into<String>) {
        let waiters = {
            let mut pending = self.pending.lock();
            pending.dead = true;
            std::mem::take(&mut pending.waiters)
        };
        drop(waiters);
        self.gone.send_if_modified(|gone| {
            let first = gone.is_none();
            gone.get_or_insert_with(|| why.into());
            first
        });
    }

    fn take(&self, id: u32) -> Option<Waiter> {
        self.pending.lock().waiters.remove(&id)
    }
}

async fn send_all(mut frames: mpsc::Receiver<Frame>, write: ChannelWriteHalf<Msg>, mux: Arc<Mux>) {
    let why = tokio::select! {
        why = mux.gone() => why,
        why = send_frames(&mut frames, &write) => why,
    };
    mux.kill(why);
}

async fn send_frames(frames: &mut mpsc::Receiver<Frame>, write: &ChannelWriteHalf<Msg>) -> String {
    while let Some(first) = frames.recv().await {
        let mut gathered = BytesMut::from(first.head);
        let mut body = first.body;
        while body.is_empty() && gathered.len() < GATHER {
            let Ok(next) = frames.try_recv() else { break };
            gathered.extend_from_slice(&next.head);
            body = next.body;
        }
        for bytes in [gathered.freeze(), body] {
            if let Err(error) = write.data_bytes(bytes).await {
                return error.to_string();
            }
        }
    }
    "the session was dropped".into()
}

async fn receive_all(mut read: ChannelReadHalf, early: BytesMut, mux: Arc<Mux>) {
    let mut inflow = Inflow { buffer: early, filling: None };
    let why = loop {
        if let Err(Malformed) = inflow.dispatch(&mux) {
            break "the server sent nonsense".to_owned();
        }
        let message = tokio::select! { message = read.wait() => message, why = mux.gone() => break why };
        match message {
            Some(ChannelMsg::Data { data }) => {
                *mux.heard.lock() = Instant::now();
                inflow.take(data);
            }
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                break "the server closed the connection".into();
            }
            Some(_) => {}
        }
    };
    mux.kill(why);
}

/// A DATA packet on its way into its caller's buffer.
struct Filling {
    left: usize,
    buffer: BytesMut,
    reply: Option<oneshot::Sender<Reply>>,
}

/// What has come in and is not yet a whole packet.
struct Inflow {
    buffer: BytesMut,
    filling: Option<Filling>,
}

impl Inflow {
    fn take(&mut self, mut data: Bytes) {
        if let Some(filling) = &mut self.filling {
            let part = data.split_to(data.len().min(filling.left));
            filling.buffer.extend_from_slice(&part);
            filling.left -= part.len();
        }
        self.buffer.extend_from_slice(&data);
    }

    /// Hands out all whole packets.
    fn dispatch(&mut self, mux: &Mux) -> Result<(), Malformed> {
        loop {
            if let Some(Filling { buffer, reply: Some(reply), .. }) = self.filling.take_if(|it| it.left == 0)
            {
                let _ = reply.send(Reply::Data(buffer));
            }
            if self.filling.is_some() || !self.next(mux)? {
                return Ok(());
            }
        }
    }

    /// Takes one packet off the buffer; false when more bytes are needed.
    fn next(&mut self, mux: &Mux) -> Result<bool, Malformed> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(false) };
        let length = u32::from_be_bytes(*length) as usize;
        if !(5..=MAX_PACKET).contains(&length) {
            return Err(Malformed);
        }
        if self.buffer.get(4) == Some(&kind::DATA) {
            return self.data(mux, length);
        }
        if self.buffer.len() < 4 + length {
            return Ok(false);
        }
        self.buffer.advance(4);
        let mut fields = Fields(self.buffer.split_to(length).freeze());
        let (kind, id) = (fields.byte()?, fields.u32()?);
        let reply = parse(kind, fields)?;
        match (mux.take(id), reply) {
            (Some(waiter), reply) => {
                if let Err(Reply::Handle(handle)) = waiter.reply.send(reply) {
                    mux.close(&handle);
                }
            }
            (None, _) => tracing::trace!(id, "an answer nobody waits for"),
        }
        Ok(true)
    }

    fn data(&mut self, mux: &Mux, length: usize) -> Result<bool, Malformed> {
        if self.buffer.len() < 13 {
            return Ok(false);
        }
        self.buffer.advance(5);
        let (id, size) = (self.buffer.get_u32(), self.buffer.get_u32() as usize);
        if size + 9 != length {
            return Err(Malformed);
        }
        let (buffer, reply) = match mux.take(id) {
            Some(Waiter { reply, into: Some(buffer) }) => (buffer, Some(reply)),
            Some(Waiter { into: None, .. }) => return Err(Malformed),
            None => (BytesMut::new(), None),
        };
        if reply.is_some() && size > buffer.capacity() - buffer.len() {
            return Err(Malformed);
        }
        let mut filling = Filling { left: size, buffer, reply };
        let part = self.buffer.split_to(self.buffer.len().min(size));
        filling.buffer.extend_from_slice(&part);
        filling.left -= part.len();
        self.filling = Some(filling);
        Ok(true)
    }
}

impl Mux {
    /// Closes a handle that nobody holds any more.
    pub(crate) fn close(&self, handle: &[u8]) {
        let _ = self.post(crate::wire::request(kind::CLOSE).string(handle));
    }
}

pub(crate) fn parse(kind: u8, mut fields: Fields) -> Result<Reply, Malformed> {
    Ok(match kind {
        kind::STATUS => {
            let code = fields.u32()?;
            // Old servers leave the text out.
            Reply::Status { code, message: fields.string().unwrap_or_default() }
        }
        kind::HANDLE => {
            Reply::Handle(fields.string().and_then(|h| if h.len() <= 256 { Ok(h) } else { Err(Malformed) })?)
        }
        kind::NAME => Reply::Name(fields),
        kind::ATTRS => Reply::Attrs(fields.attrs()?),
        kind::EXTENDED_REPLY => Reply::Extended(fields),
        _ => return Err(Malformed),
    })
}

impl Reply {
    /// The end of a file or listing.
    pub(crate) fn is_end(&self) -> bool {
        matches!(self, Reply::Status { code: status::EOF, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::request;
    use proptest::prelude::*;

    fn idle() -> (Arc<Mux>, mpsc::Receiver<Frame>) {
        let (out, frames) = mpsc::channel(QUEUE);
        let mux = Mux {
            out,
            pending: Arc::default(),
            next: AtomicU32::new(1),
            heard: Arc::new(Mutex::new(Instant::now())),
            gone: watch::Sender::new(None),
        };
        (Arc::new(mux), frames)
    }

    fn feed(mux: &Mux, bytes: &[u8], chunk: usize) -> Result<(), Malformed> {
        let mut inflow = Inflow { buffer: BytesMut::new(), filling: None };
        for part in bytes.chunks(chunk.max(1)) {
            inflow.take(Bytes::copy_from_slice(part));
            inflow.dispatch(mux)?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn data_lands_in_its_buffer_however_it_is_cut() {
        for chunk in [1, 3, 13, 64, 5000] {
            let (mux, mut frames) = idle();
            let reading = tokio::spawn({
                let mux = mux.clone();
                async move {
                    mux.request(request(kind::READ), Bytes::new(), Some(BytesMut::with_capacity(3000))).await
                }
            });
            let frame = frames.recv().await.unwrap();
            let mut answer = Packet::new(kind::DATA).u32(0).string([7; 3000]);
            answer.set_id(u32::from_be_bytes(frame.head[5..9].try_into().unwrap()));
            feed(&mux, &answer.finish(0), chunk).unwrap();
            match reading.await.unwrap() {
                Ok(Reply::Data(data)) => assert_eq!(&data[..], &[7; 3000]),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn more_data_than_was_asked_for_is_refused() {
        let (mux, mut frames) = idle();
        let _reading = tokio::spawn({
            let mux = mux.clone();
            async move { mux.request(request(kind::READ), Bytes::new(), Some(BytesMut::with_capacity(10))).await }
        });
        frames.recv().await.unwrap();
        let answer = Packet::new(kind::DATA).u32(1).string([7; 3000]).finish(0);
        assert_eq!(feed(&mux, &answer, 64), Err(Malformed));
    }

    #[tokio::test]
    async fn a_dead_connection_fails_its_waiters() {
        let (mux, mut frames) = idle();
        let waiting = tokio::spawn({
            let mux = mux.clone();
            async move { mux.request(request(kind::LSTAT), Bytes::new(), None).await }
        });
        frames.recv().await.unwrap();
        mux.kill("cut");
        assert_eq!(waiting.await.unwrap().unwrap_err(), Failure::Lost);
        let late = mux.request(request(kind::LSTAT), Bytes::new(), None).await;
        assert_eq!(late.unwrap_err(), Failure::Unsent);
        assert_eq!(mux.gone().await, "cut");
    }

    proptest! {
        #[test]
        fn hostile_bytes_do_no_harm(bytes in any::<Vec<u8>>(), chunk in 1usize..40) {
            let (mux, _frames) = idle();
            let _ = feed(&mux, &bytes, chunk);
        }

        #[test]
        fn hostile_packets_do_no_harm(kind in prop_oneof![101u8..=105, Just(201u8)], body in any::<Vec<u8>>()) {
            let (mux, _frames) = idle();
            let mut packet = BytesMut::new();
            packet.extend_from_slice(&(body.len() as u32 + 1).to_be_bytes());
            packet.extend_from_slice(&[kind]);
            packet.extend_from_slice(&body);
            let _ = feed(&mux, &packet, 7);
        }
    }
}
