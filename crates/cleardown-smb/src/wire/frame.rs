//! Frames: one or more requests that travel together, and the replies in what comes back.

use bytes::{BufMut, Bytes};

use super::{Bits, Command, HEADER, Malformed};

/// Room before the first header for the length word and a transform header, so that sealing happens in place.
pub(crate) const FRONT: usize = 4 + TRANSFORM;
/// Size of the transform header of an encrypted frame (MS-SMB2 2.2.41).
pub(crate) const TRANSFORM: usize = 52;

pub(crate) const FLAG_RESPONSE: u32 = 1;
pub(crate) const FLAG_ASYNC: u32 = 2;
pub(crate) const FLAG_RELATED: u32 = 4;
pub(crate) const FLAG_SIGNED: u32 = 8;

/// Offsets of header fields.
pub(crate) const AT_CHARGE: usize = 6;
pub(crate) const AT_CREDITS: usize = 14;
pub(crate) const AT_FLAGS: usize = 16;
pub(crate) const AT_NEXT: usize = 20;
pub(crate) const AT_MESSAGE: usize = 24;
pub(crate) const AT_TREE: usize = 36;
pub(crate) const AT_SESSION: usize = 40;
pub(crate) const AT_SIGNATURE: usize = 48;

/// One request within a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// Where its header starts in [`Frame::bytes`].
    pub(crate) start: usize,
    pub(crate) command: Command,
    /// Credits that it costs.
    pub(crate) charge: u16,
}

/// Requests on their way out. Headers are filled in by the connection when the message ids are known.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// [`FRONT`] bytes of room, then the messages.
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Vec<Part>,
    /// What follows `bytes` on the wire: the data of a WRITE, neither copied nor joined.
    pub(crate) payload: Vec<Bytes>,
    /// Sealed if the session can, signed if not, whatever the session does otherwise.
    pub(crate) protect: bool,
    /// The frame must be encrypted (the share demands it).
    pub(crate) encrypt: bool,
}

impl Frame {
    /// An empty frame.
    pub(crate) fn new() -> Frame {
        let mut bytes = Vec::with_capacity(FRONT + 256);
        bytes.resize(FRONT, 0);
        Frame { bytes, parts: Vec::with_capacity(1), payload: Vec::new(), protect: false, encrypt: false }
    }

    /// A frame of one request.
    pub(crate) fn one(command: Command, tree: u32, body: impl FnOnce(&mut Vec<u8>)) -> Frame {
        let mut frame = Frame::new();
        frame.add(command, tree, 1, body);
        frame
    }

    /// Adds a request that costs `charge` credits; in a compound each relates to the one before.
    pub(crate) fn add(&mut self, command: Command, tree: u32, charge: u16, body: impl FnOnce(&mut Vec<u8>)) {
        if let Some(last) = self.parts.last().copied() {
            let padded = (self.bytes.len() - last.start).next_multiple_of(8);
            self.bytes.resize(last.start + padded, 0);
            self.put_u32(last.start + AT_NEXT, padded as u32);
        }
        let start = self.bytes.len();
        let related = if self.parts.is_empty() { 0 } else { FLAG_RELATED };
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(b"\xFESMB");
        bytes.put_u16_le(HEADER as u16);
        bytes.put_u16_le(charge);
        bytes.put_u32_le(0);
        bytes.put_u16_le(command as u16);
        bytes.put_u16_le(charge);
        bytes.put_u32_le(related);
        bytes.put_bytes(0, 16); // next command, message id, process id
        bytes[start + 32..start + 36].copy_from_slice(&0xFEFFu32.to_le_bytes());
        bytes.put_u32_le(tree);
        bytes.put_bytes(0, 24); // session id, signature
        body(bytes);
        self.parts.push(Part { start, command, charge });
    }

    /// Credits that the whole frame costs.
    pub(crate) fn charge(&self) -> u32 {
        self.parts.iter().map(|part| u32::from(part.charge)).sum()
    }

    pub(crate) fn put_u16(&mut self, at: usize, value: u16) {
        self.bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn put_u32(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    pub(crate) fn put_u64(&mut self, at: usize, value: u64) {
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
    /// For a CREATE that no CLOSE in the same frame follows: its tree, and whether the frame is encrypted.
    pub(crate) fn opens(&self, part: Part) -> Option<(u32, bool)> {
        let closes = self.parts.last().is_some_and(|last| last.command == Command::Close);
        let tree = self.bytes.u32(part.start + AT_TREE).ok()?;
        (part.command == Command::Create && !closes).then_some((tree, self.encrypt))
    }

    /// Sets a flag in every header.
    pub(crate) fn flag(&mut self, flag: u32) {
        for part in self.parts.clone() {
            let at = part.start + AT_FLAGS;
            let flags = u32::from_le_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"));
            self.put_u32(at, flags | flag);
        }
    }
}

/// The header of a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) status: u32,
    pub(crate) command: u16,
    pub(crate) credits: u16,
    pub(crate) flags: u32,
    pub(crate) next: u32,
    pub(crate) message: u64,
    /// Tree id, or the upper half of the asynchronous id.
    pub(crate) tree: u32,
    pub(crate) async_id: u64,
    pub(crate) session: u64,
}

impl Header {
    /// Reads the header at the start of a message.
    pub(crate) fn read(message: &[u8]) -> Result<Header, Malformed> {
        if message.part(0, 4)? != b"\xFESMB" || message.u16(4)? != HEADER as u16 {
            return Err(Malformed);
        }
        Ok(Header {
            status: message.u32(8)?,
            command: message.u16(12)?,
            credits: message.u16(AT_CREDITS)?,
            flags: message.u32(AT_FLAGS)?,
            next: message.u32(AT_NEXT)?,
            message: message.u64(AT_MESSAGE)?,
            tree: message.u32(AT_TREE)?,
            async_id: message.u64(32)?,
            session: message.u64(AT_SESSION)?,
        })
    }

    /// The length of this message inside a frame of which `left` bytes are left.
    pub(crate) fn length(&self, left: usize) -> Result<usize, Malformed> {
        match self.next as usize {
            0 => Ok(left),
            next if next >= HEADER && next.is_multiple_of(8) && next + HEADER <= left => Ok(next),
            _ => Err(Malformed),
        }
    }
}

/// One reply: its status and the whole message, header included.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) header: Header,
    pub(crate) message: Bytes,
}

impl Reply {
    /// A buffer within the reply, given by offset and length as the wire gives them.
    pub(crate) fn buffer(&self, at: usize, len: usize) -> Result<Bytes, Malformed> {
        if len == 0 {
            return Ok(Bytes::new());
        }
        self.message.part(at, len)?;
        if at < HEADER {
            return Err(Malformed);
        }
        Ok(self.message.slice(at..at + len))
    }
}
