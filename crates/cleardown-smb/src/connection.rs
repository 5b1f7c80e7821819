//! A connection to a server: requests go out as they come, one task reads, and each answer finds who waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use cleardown_share::ShareError;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};

use crate::credits::Window;
use crate::crypto::Security;
use crate::negotiate::Negotiated;
use crate::status;
use crate::transport::{Receiver, Transport};
use crate::wire::create::Created;
use crate::wire::frame::{
    AT_CREDITS, AT_FLAGS, AT_MESSAGE, AT_SESSION, FLAG_ASYNC, FLAG_RESPONSE, FLAG_SIGNED, FRONT, Frame,
    Header, Reply, TRANSFORM,
};
use crate::wire::{Command, FileId, Malformed, request};

/// How long the server may be silent while requests wait before it is asked for a sign of life, and again as long
/// before the connection is given up.
const SILENCE: Duration = Duration::from_secs(10);

/// Message id of what the server sends unasked.
const UNSOLICITED: u64 = u64::MAX;

/// Who waits for an answer.
struct Waiter {
    answer: oneshot::Sender<Reply>,
    /// Opens a file that nothing else closes if nobody waits any more: on this tree, encrypted or not.
    opens: Option<(u32, bool)>,
    /// Known once the server has said that it will take time.
    async_id: Option<u64>,
}

#[derive(Default)]
struct Pending {
    waiters: HashMap<u64, Waiter>,
    /// Why nothing more can be sent.
    dead: Option<String>,
}

/// What the server sends unasked: the message of an oplock or lease break.
pub(crate) type OnBreak = Box<dyn Fn(Bytes) + Send + Sync>;

/// A request under way: its message id, and where its answer comes.
pub(crate) type Call = (u64, oneshot::Receiver<Reply>);

/// A connection. Its two tasks end when it dies.
pub(crate) struct Connection {
    transport: Transport,
    window: Window,
    pending: Mutex<Pending>,
    pub(crate) negotiated: OnceLock<Negotiated>,
    pub(crate) security: OnceLock<Security>,
    pub(crate) on_break: OnceLock<OnBreak>,
    session: AtomicU64,
    /// Milliseconds from `born` to the last byte from the server, and to the last sign of life asked for.
    heard: AtomicU64,
    asked: AtomicU64,
    born: Instant,
    dead: watch::Sender<bool>,
}

impl Connection {
    /// Takes a connected socket over.
    pub(crate) fn start(stream: TcpStream) -> std::io::Result<Arc<Connection>> {
        let (transport, receiver) = Transport::new(stream)?;
        let connection = Arc::new(Connection {
            transport,
            window: Window::new(),
            pending: Mutex::default(),
            negotiated: OnceLock::new(),
            security: OnceLock::new(),
            on_break: OnceLock::new(),
            session: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            born: Instant::now(),
            dead: watch::Sender::new(false),
        });
        tokio::spawn(connection.clone().run(receiver));
        Ok(connection)
    }

    /// Reads and writes until the connection dies.
    async fn run(self: Arc<Self>, receiver: Receiver) {
        let mut dead = self.dead.subscribe();
        let why = tokio::select! {
            why = self.read(receiver) => why,
            error = self.transport.write_rest() => format!("sending failed: {error}"),
            _ = dead.wait_for(|dead| *dead) => "the connection was dropped".into(),
        };
        self.kill(&why);
    }

    /// Ends the connection; everybody who waits is told why.
    pub(crate) fn kill(&self, why: &str) {
        let waiters = {
            let mut pending = self.pending.lock();
            pending.dead.get_or_insert_with(|| why.to_owned());
            std::mem::take(&mut pending.waiters)
        };
        drop(waiters);
        self.window.close();
        self.transport.shut();
        self.dead.send_replace(true);
    }

    /// Returns when the connection is dead.
    pub(crate) async fn died(&self) {
        let _ = self.dead.subscribe().wait_for(|dead| *dead).await;
    }

    pub(crate) fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    /// Why it died.
    pub(crate) fn why(&self) -> String {
        self.pending.lock().dead.clone().unwrap_or_else(|| "the connection was lost".into())
    }

    /// The error of a dead connection.
    fn gone(&self) -> ShareError {
        ShareError::transport(libc::EIO, self.why())
    }

    pub(crate) fn set_session(&self, session: u64) {
        self.session.store(session, Ordering::Relaxed);
    }

    /// The largest payload of one request that the server has shown itself willing to give credits for.
    pub(crate) fn affordable(&self) -> u32 {
        self.window.affordable()
    }

    /// Sends a frame and waits for the answers to all its parts, whatever their status.
    pub(crate) async fn call(&self, frame: Frame, deadline: Instant) -> Result<Vec<Reply>, ShareError> {
        let calls = self.start_call(frame, deadline).await?;
        let mut replies = Vec::with_capacity(calls.len());
        for call in calls {
            replies.push(self.answer(call.1, Some(deadline)).await?);
        }
        Ok(replies)
    }

    /// Sends a frame of one request and waits for its answer, whatever its status.
    pub(crate) async fn call_one(&self, frame: Frame, deadline: Instant) -> Result<Reply, ShareError> {
        let call = self.start_call(frame, deadline).await?.pop().ok_or(Malformed)?;
        self.answer(call.1, Some(deadline)).await
    }

    /// As [`Connection::call_one`], and what was sent, for the hash over the exchange that makes the keys.
    pub(crate) async fn call_seen(
        &self,
        mut frame: Frame,
        deadline: Instant,
    ) -> Result<(Vec<u8>, Reply), ShareError> {
        self.pay(&frame, deadline).await?;
        let call = self.register(&mut frame)?.pop().ok_or(Malformed)?;
        let sent = frame.bytes[FRONT..].to_vec();
        self.emit(frame, false)?;
        Ok((sent, self.answer(call.1, Some(deadline)).await?))
    }

    /// Sends a frame; the message ids of its parts, and where their answers come.
    pub(crate) async fn start_call(&self, frame: Frame, deadline: Instant) -> Result<Vec<Call>, ShareError> {
        self.pay(&frame, deadline).await?;
        self.send(frame)
    }

    /// Waits for the credits that a frame costs.
    async fn pay(&self, frame: &Frame, deadline: Instant) -> Result<(), ShareError> {
        let wait = self.window.take(frame.charge());
        match tokio::time::timeout_at(deadline.into(), wait).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.gone()),
            Err(_) => Err(ShareError::transport(libc::ETIMEDOUT, "the server gives no credits")),
        }
    }

    /// Waits for an answer; with a deadline, a server that is silent is found out.
    pub(crate) async fn answer(
        &self,
        mut answer: oneshot::Receiver<Reply>,
        deadline: Option<Instant>,
    ) -> Result<Reply, ShareError> {
        let Some(deadline) = deadline else {
            return answer.await.map_err(|_| self.gone());
        };
        loop {
            let now = Instant::now();
            if now >= deadline {
                return Err(ShareError::transport(libc::ETIMEDOUT, "the server did not answer in time"));
            }
            let until = deadline.min(now + SILENCE);
            match tokio::time::timeout_at(until.into(), &mut answer).await {
                Ok(reply) => return reply.map_err(|_| self.gone()),
                Err(_) => self.check_silence(),
            }
        }
    }

    /// Asks a server that has been silent for a sign of life; gives up on one that has been asked and stays silent.
    fn check_silence(&self) {
        let now = self.clock();
        let heard = self.heard.load(Ordering::Relaxed);
        let silence = SILENCE.as_millis() as u64;
        if now.saturating_sub(heard) < silence - 100 {
            return;
        }
        let asked = self.asked.load(Ordering::Relaxed);
        if asked > heard {
            if now.saturating_sub(asked) >= silence - 100 {
                self.kill("the server is silent");
            }
        } else {
            self.asked.store(now.max(heard + 1), Ordering::Relaxed);
            let echo = Frame::one(Command::Echo, 0, request::empty);
            if self.window.take_now(echo.charge()) {
                let _ = self.send(echo);
            }
        }
    }

    fn clock(&self) -> u64 {
        self.born.elapsed().as_millis() as u64
    }

    /// Sends a frame whose credits are paid.
    fn send(&self, mut frame: Frame) -> Result<Vec<Call>, ShareError> {
        let calls = self.register(&mut frame)?;
        self.emit(frame, false)?;
        Ok(calls)
    }

    /// Fills the headers in, and notes who waits for which answer.
    fn register(&self, frame: &mut Frame) -> Result<Vec<Call>, ShareError> {
        let session = self.session.load(Ordering::Relaxed);
        let mut calls = Vec::with_capacity(frame.parts.len());
        {
            let mut pending = self.pending.lock();
            if let Some(why) = &pending.dead {
                return Err(ShareError::transport(libc::EIO, why.clone()));
            }
            for part in frame.parts.clone() {
                let id = self.window.ids(part.charge);
                frame.put_u16(part.start + AT_CREDITS, self.window.ask(part.charge));
                frame.put_u64(part.start + AT_MESSAGE, id);
                frame.put_u64(part.start + AT_SESSION, session);
                let (answer, receiver) = oneshot::channel();
                let opens = frame.opens(part);
                pending.waiters.insert(id, Waiter { answer, opens, async_id: None });
                calls.push((id, receiver));
            }
        }
        Ok(calls)
    }

    /// Signs or seals a frame with complete headers and hands it to the socket.
    fn emit(&self, mut frame: Frame, is_cancel: bool) -> Result<(), ShareError> {
        let mut skip = TRANSFORM;
        if let Some(security) = self.security.get() {
            let seal = security.encrypt || frame.encrypt;
            let sign = !seal && (security.sign || frame.protect);
            if (seal && security.sealer.is_some()) || (sign && security.signer.is_some()) {
                frame.payload.drain(..).for_each(|piece| frame.bytes.extend_from_slice(&piece));
            }
            match (&security.sealer, &security.signer) {
                (Some(sealer), _) if seal => {
                    sealer.seal(&mut frame.bytes[4..], security.session)?;
                    skip = 0;
                }
                (_, Some(signer)) if sign => {
                    frame.flag(FLAG_SIGNED);
                    for (index, part) in frame.parts.iter().enumerate() {
                        let end = frame.parts.get(index + 1).map_or(frame.bytes.len(), |next| next.start);
                        signer.sign(&mut frame.bytes[part.start..end], is_cancel);
                    }
                }
                _ => {}
            }
        }
        debug_assert_eq!(FRONT, TRANSFORM + 4);
        let length = frame.bytes.len() - skip - 4 + frame.payload.iter().map(Bytes::len).sum::<usize>();
        frame.bytes[skip..skip + 4].copy_from_slice(&(length as u32).to_be_bytes());
        let mut head = Bytes::from(frame.bytes);
        let head = head.split_off(skip);
        self.transport.send(head, frame.payload).map_err(|error| {
            self.kill(&format!("sending failed: {error}"));
            self.gone()
        })
    }

    /// Asks the server to give up on a request that it has not answered yet.
    pub(crate) fn cancel(&self, id: u64) {
        let async_id = match self.pending.lock().waiters.get(&id) {
            Some(waiter) => waiter.async_id,
            None => return,
        };
        let mut frame = Frame::one(Command::Cancel, 0, request::empty);
        let start = frame.parts[0].start;
        frame.put_u16(start + crate::wire::frame::AT_CHARGE, 0);
        frame.put_u16(start + AT_CREDITS, 0);
        frame.put_u64(start + AT_MESSAGE, id);
        frame.put_u64(start + AT_SESSION, self.session.load(Ordering::Relaxed));
        if let Some(async_id) = async_id {
            frame.put_u32(start + AT_FLAGS, FLAG_ASYNC);
            frame.put_u64(start + 32, async_id);
        }
        let _ = self.emit(frame, true);
    }

    /// Reads frames until there are no more; why.
    async fn read(self: &Arc<Self>, mut receiver: Receiver) -> String {
        loop {
            match receiver.receive().await {
                Ok(frame) => {
                    self.heard.store(self.clock(), Ordering::Relaxed);
                    match self.dispatch(frame) {
                        Ok(frame) => receiver.keep(frame),
                        Err(Malformed) => {
                            return "the server sent what makes no sense, or is not from it".into();
                        }
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return "the server closed the connection".into();
                }
                Err(error) => return format!("receiving failed: {error}"),
            }
        }
    }

    /// Opens, checks and takes apart a frame, and hands each message to who waits for it.
    fn dispatch(self: &Arc<Self>, mut frame: BytesMut) -> Result<Bytes, Malformed> {
        let security = self.security.get();
        let sealed = frame.starts_with(b"\xFDSMB");
        if sealed {
            let security = security.ok_or(Malformed)?;
            security.sealer.as_ref().ok_or(Malformed)?.open(&mut frame, security.session)?;
            bytes::Buf::advance(&mut frame, TRANSFORM);
        }
        let mut verdicts = Vec::with_capacity(1);
        let mut at = 0;
        loop {
            let message = frame.get_mut(at..).ok_or(Malformed)?;
            let header = Header::read(message)?;
            let length = header.length(message.len())?;
            if header.flags & FLAG_RESPONSE == 0 && header.message != UNSOLICITED {
                return Err(Malformed);
            }
            if let Some(security) = security.filter(|_| !sealed) {
                check_signature(security, &header, &mut message[..length])?;
            }
            verdicts.push((at, length, header));
            if header.next == 0 {
                break;
            }
            at += length;
        }
        let frame = frame.freeze();
        for (at, length, header) in verdicts {
            self.deliver(Reply { header, message: frame.slice(at..at + length) });
        }
        Ok(frame)
    }

    fn deliver(self: &Arc<Self>, reply: Reply) {
        let header = reply.header;
        if header.message == UNSOLICITED {
            if let (true, Some(on_break)) =
                (header.command == Command::OplockBreak as u16, self.on_break.get())
            {
                on_break(reply.message);
            }
            return;
        }
        let waiter = {
            let mut pending = self.pending.lock();
            if header.status == status::PENDING && header.flags & FLAG_ASYNC != 0 {
                if let Some(waiter) = pending.waiters.get_mut(&header.message) {
                    waiter.async_id = Some(header.async_id);
                }
                None
            } else {
                pending.waiters.remove(&header.message)
            }
        };
        self.window.grant(header.credits);
        let Some(waiter) = waiter else { return };
        if let Err(orphan) = waiter.answer.send(reply)
            && let Some((tree, encrypt)) = waiter.opens
            && status::is_success(header.status)
            && let Ok(created) = Created::read(&orphan)
        {
            self.close_orphan(tree, encrypt, created.file);
        }
    }

    /// Closes a file whose opener has given up before the answer came.
    fn close_orphan(self: &Arc<Self>, tree: u32, encrypt: bool, file: FileId) {
        let connection = self.clone();
        tokio::spawn(async move {
            let mut frame = Frame::one(Command::Close, tree, |body| request::close(body, file));
            frame.encrypt = encrypt;
            let _ = connection.call(frame, Instant::now() + SILENCE).await;
        });
    }
}

/// Refuses an answer that should be signed, or sealed, and is not.
fn check_signature(security: &Security, header: &Header, message: &mut [u8]) -> Result<(), Malformed> {
    let unsigned_by_rule =
        header.message == UNSOLICITED || (header.status == status::PENDING && header.flags & FLAG_ASYNC != 0);
    let Some(signer) = security.signer.as_ref().filter(|_| !unsigned_by_rule) else { return Ok(()) };
    if header.flags & FLAG_SIGNED != 0 {
        return if signer.verify(message) { Ok(()) } else { Err(Malformed) };
    }
    let must = security.sign || security.encrypt;
    // A server that has forgotten the session cannot sign with its keys.
    if must && !status::is_session_gone(header.status) { Err(Malformed) } else { Ok(()) }
}
