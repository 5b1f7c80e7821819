//! CREATE: the request with its contexts, and the reply (MS-SMB2 2.2.13, 2.2.14).

use bytes::{BufMut, Bytes};

use super::frame::Reply;
use super::{Bits, FileId, HEADER, Malformed, put_utf16};

/// Access rights (MS-SMB2 2.2.13.1).
pub(crate) mod access {
    pub(crate) const READ_DATA: u32 = 0x1;
    pub(crate) const WRITE_DATA: u32 = 0x2;
    pub(crate) const APPEND_DATA: u32 = 0x4;
    pub(crate) const READ_EA: u32 = 0x8;
    pub(crate) const READ_ATTRIBUTES: u32 = 0x80;
    pub(crate) const WRITE_ATTRIBUTES: u32 = 0x100;
    pub(crate) const DELETE: u32 = 0x1_0000;
    pub(crate) const SYNCHRONIZE: u32 = 0x10_0000;
}

/// Create dispositions.
pub(crate) mod disposition {
    pub(crate) const OPEN: u32 = 1;
    pub(crate) const CREATE: u32 = 2;
    pub(crate) const OPEN_IF: u32 = 3;
    pub(crate) const OVERWRITE: u32 = 4;
    pub(crate) const OVERWRITE_IF: u32 = 5;
}

/// Create options.
pub(crate) mod option {
    pub(crate) const DIRECTORY: u32 = 0x1;
    pub(crate) const NON_DIRECTORY: u32 = 0x40;
    pub(crate) const DELETE_ON_CLOSE: u32 = 0x1000;
    pub(crate) const OPEN_REPARSE_POINT: u32 = 0x20_0000;
}

/// Lease state bits (2.2.13.2.8).
pub(crate) mod lease {
    pub(crate) const READ: u32 = 1;
    pub(crate) const HANDLE: u32 = 2;
    pub(crate) const WRITE: u32 = 4;
}

pub(crate) const OPLOCK_NONE: u8 = 0;
pub(crate) const OPLOCK_LEVEL_II: u8 = 1;
pub(crate) const OPLOCK_EXCLUSIVE: u8 = 8;
pub(crate) const OPLOCK_BATCH: u8 = 9;
pub(crate) const OPLOCK_LEASE: u8 = 0xFF;

/// A lease wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseWish {
    pub(crate) key: [u8; 16],
    pub(crate) state: u32,
    /// Version 2 (SMB 3), with the parent folder's key when there is one.
    pub(crate) v2: bool,
}

/// A durable handle: wished for, or claimed after a reconnect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    WishV1,
    WishV2 { create: [u8; 16] },
    ClaimV1 { file: FileId },
    ClaimV2 { file: FileId, create: [u8; 16] },
}

/// A CREATE request.
#[derive(Clone, Debug)]
pub(crate) struct Create<'a> {
    /// The path below the share, in UTF-16 with backslashes; empty for its root.
    pub(crate) path: &'a [u16],
    pub(crate) access: u32,
    pub(crate) attributes: u32,
    pub(crate) disposition: u32,
    pub(crate) options: u32,
    /// The oplock when there is no lease.
    pub(crate) oplock: u8,
    pub(crate) lease: Option<LeaseWish>,
    pub(crate) durable: Option<Durable>,
    /// Ask for the file's id.
    pub(crate) id: bool,
}

impl<'a> Create<'a> {
    /// Opens what exists, for these rights.
    pub(crate) fn open(path: &'a [u16], access: u32) -> Create<'a> {
        Create {
            path,
            access,
            attributes: 0,
            disposition: disposition::OPEN,
            options: option::OPEN_REPARSE_POINT,
            oplock: OPLOCK_NONE,
            lease: None,
            durable: None,
            id: false,
        }
    }

    /// Appends the body.
    pub(crate) fn body(&self, body: &mut Vec<u8>) {
        const FIXED: usize = 56;
        let start = body.len();
        let oplock = if self.lease.is_some() { OPLOCK_LEASE } else { self.oplock };
        body.put_u16_le(57);
        body.put_u8(0);
        body.put_u8(oplock);
        body.put_u32_le(2); // impersonation
        body.put_bytes(0, 16);
        body.put_u32_le(self.access);
        body.put_u32_le(self.attributes);
        body.put_u32_le(7); // share: read, write, delete
        body.put_u32_le(self.disposition);
        body.put_u32_le(self.options);
        body.put_u16_le((HEADER + FIXED) as u16);
        body.put_u16_le((self.path.len() * 2) as u16);
        body.put_u64_le(0); // offset and length of the contexts
        put_utf16(body, self.path);
        let contexts = self.contexts();
        if contexts.is_empty() {
            if self.path.is_empty() {
                body.put_u8(0); // the buffer is never empty
            }
            return;
        }
        body.resize(start + (body.len() - start).next_multiple_of(8), 0);
        let at = body.len() - start;
        body[start + 48..start + 52].copy_from_slice(&((HEADER + at) as u32).to_le_bytes());
        put_contexts(body, &contexts);
        let len = body.len() - start - at;
        body[start + 52..start + 56].copy_from_slice(&(len as u32).to_le_bytes());
    }

    fn contexts(&self) -> Vec<(&'static [u8; 4], Vec<u8>)> {
        let mut contexts = Vec::new();
        match self.durable {
            None => {}
            Some(Durable::WishV1) => contexts.push((b"DHnQ", vec![0; 16])),
            Some(Durable::ClaimV1 { file }) => contexts.push((b"DHnC", file.0.to_vec())),
            Some(Durable::WishV2 { create }) => {
                let mut data = vec![0; 16]; // the server's own timeout, no flags, reserved
                data.extend_from_slice(&create);
                contexts.push((b"DH2Q", data));
            }
            Some(Durable::ClaimV2 { file, create }) => {
                let mut data = file.0.to_vec();
                data.extend_from_slice(&create);
                data.put_u32_le(0);
                contexts.push((b"DH2C", data));
            }
        }
        if let Some(wish) = self.lease {
            let mut data = wish.key.to_vec();
            data.put_u32_le(wish.state);
            data.put_u32_le(0);
            data.put_u64_le(0);
            if wish.v2 {
                data.put_bytes(0, 20); // no parent key, epoch 0
            }
            contexts.push((b"RqLs", data));
        }
        if self.id {
            contexts.push((b"QFid", Vec::new()));
        }
        contexts
    }
}

/// Appends create contexts (2.2.13.2).
fn put_contexts(body: &mut Vec<u8>, contexts: &[(&'static [u8; 4], Vec<u8>)]) {
    for (index, (name, data)) in contexts.iter().enumerate() {
        let start = body.len();
        let len = 24 + data.len();
        let next = if index + 1 == contexts.len() { 0 } else { len.next_multiple_of(8) };
        body.put_u32_le(next as u32);
        body.put_u16_le(16);
        body.put_u16_le(4);
        body.put_u16_le(0);
        body.put_u16_le(if data.is_empty() { 0 } else { 24 });
        body.put_u32_le(data.len() as u32);
        body.put_slice(&name[..]);
        body.put_u32_le(0);
        body.put_slice(data);
        if next > 0 {
            body.resize(start + next, 0);
        }
    }
}

/// What CREATE's reply says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) oplock: u8,
    /// 0 superseded, 1 opened, 2 created, 3 overwritten.
    pub(crate) action: u32,
    pub(crate) times: [i64; 4],
    pub(crate) allocated: u64,
    pub(crate) size: u64,
    pub(crate) attributes: u32,
    pub(crate) file: FileId,
    /// The lease's state, when there is one.
    pub(crate) lease: Option<u32>,
    /// The handle is durable.
    pub(crate) durable: bool,
    /// The file's id on the server's disk.
    pub(crate) id: Option<u64>,
}

impl Created {
    pub(crate) const ACTION_CREATED: u32 = 2;

    pub(crate) fn read(reply: &Reply) -> Result<Created, Malformed> {
        let body = reply.message.part(HEADER, 88)?;
        let mut created = Created {
            oplock: body.u8(2)?,
            action: body.u32(4)?,
            times: [body.i64(8)?, body.i64(16)?, body.i64(24)?, body.i64(32)?],
            allocated: body.u64(40)?,
            size: body.u64(48)?,
            attributes: body.u32(56)?,
            file: FileId(body.array(64)?),
            lease: None,
            durable: false,
            id: None,
        };
        let contexts = reply.buffer(body.u32(80)? as usize, body.u32(84)? as usize)?;
        created.read_contexts(&contexts)?;
        Ok(created)
    }

    fn read_contexts(&mut self, contexts: &Bytes) -> Result<(), Malformed> {
        let mut rest = &contexts[..];
        while !rest.is_empty() {
            let next = rest.u32(0)? as usize;
            let name = rest.part(rest.u16(4)?.into(), rest.u16(6)?.into())?;
            let data = match rest.u32(12)? as usize {
                0 => &[],
                len => rest.part(rest.u16(10)?.into(), len)?,
            };
            match name {
                b"RqLs" => self.lease = Some(data.u32(16)?),
                b"DHnQ" | b"DH2Q" => self.durable = true,
                b"QFid" => self.id = Some(data.u64(0)?),
                _ => {}
            }
            match next {
                0 => break,
                next if next >= 16 => rest = rest.get(next..).ok_or(Malformed)?,
                _ => return Err(Malformed),
            }
        }
        Ok(())
    }
}
