//! The bodies of simple requests, and what their replies say.

use bytes::{BufMut, Bytes};

use super::frame::Reply;
use super::{Bits, FileId, HEADER, Malformed, put_utf16};

/// LOGOFF, TREE_DISCONNECT, ECHO and CANCEL have the same empty body.
pub(crate) fn empty(body: &mut Vec<u8>) {
    body.put_u16_le(4);
    body.put_u16_le(0);
}

/// TREE_CONNECT (2.2.9) to `\\server\share`.
pub(crate) fn tree_connect(body: &mut Vec<u8>, unc: &[u16]) {
    body.put_u16_le(9);
    body.put_u16_le(0);
    body.put_u16_le((HEADER + 8) as u16);
    body.put_u16_le((unc.len() * 2) as u16);
    put_utf16(body, unc);
}

/// What TREE_CONNECT's reply says (2.2.10): the share's kind and flags, and what we may do there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeReply {
    kind: u8,
    pub(crate) flags: u32,
    capabilities: u32,
    pub(crate) access: u32,
}

impl TreeReply {
    pub(crate) const ENCRYPT: u32 = 0x8000;
    const CAP_DFS: u32 = 8;
    const DISK: u8 = 1;

    /// The share has folders; one of pipes (`IPC$`) or of a printer has none.
    pub(crate) fn is_disk(self) -> bool {
        self.kind == Self::DISK
    }

    /// The share is in a DFS namespace.
    pub(crate) fn is_dfs(self) -> bool {
        self.capabilities & Self::CAP_DFS != 0
    }

    pub(crate) fn read(reply: &Reply) -> Result<TreeReply, Malformed> {
        let body = reply.message.part(HEADER, 16)?;
        Ok(TreeReply {
            kind: body.u8(2)?,
            flags: body.u32(4)?,
            capabilities: body.u32(8)?,
            access: body.u32(12)?,
        })
    }
}

/// CLOSE (2.2.15).
pub(crate) fn close(body: &mut Vec<u8>, file: FileId) {
    body.put_u16_le(24);
    body.put_u16_le(0);
    body.put_u32_le(0);
    body.put_slice(&file.0);
}

/// FLUSH (2.2.17).
pub(crate) fn flush(body: &mut Vec<u8>, file: FileId) {
    body.put_u16_le(24);
    body.put_u16_le(0);
    body.put_u32_le(0);
    body.put_slice(&file.0);
}

/// READ (2.2.19).
pub(crate) fn read(body: &mut Vec<u8>, file: FileId, offset: u64, len: u32) {
    body.put_u16_le(49);
    body.put_u8((HEADER + 16) as u8); // where the data should start: after the fixed part
    body.put_u8(0);
    body.put_u32_le(len);
    body.put_u64_le(offset);
    body.put_slice(&file.0);
    body.put_u32_le(0); // minimum count
    body.put_u32_le(0); // channel
    body.put_u32_le(0); // remaining bytes
    body.put_u32_le(0); // channel information
    body.put_u8(0);
}

/// The data of a READ's reply, at most `asked` bytes of it.
pub(crate) fn read_data(reply: &Reply, asked: u32) -> Result<Bytes, Malformed> {
    let at = usize::from(reply.message.u8(HEADER + 2)?);
    let len = reply.message.u32(HEADER + 4)?;
    if len > asked {
        return Err(Malformed);
    }
    reply.buffer(at, len as usize)
}

/// WRITE (2.2.21); the data follows the body.
pub(crate) fn write(body: &mut Vec<u8>, file: FileId, offset: u64, len: u32) {
    body.put_u16_le(49);
    body.put_u16_le((HEADER + 48) as u16);
    body.put_u32_le(len);
    body.put_u64_le(offset);
    body.put_slice(&file.0);
    body.put_u32_le(0); // channel
    body.put_u32_le(0); // remaining bytes
    body.put_u32_le(0); // channel information
    body.put_u32_le(0); // flags
}

/// The count in a WRITE's reply.
pub(crate) fn written(reply: &Reply) -> Result<u32, Malformed> {
    reply.message.u32(HEADER + 4)
}

/// One element of LOCK (2.2.26.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LockElement {
    pub(crate) offset: u64,
    pub(crate) len: u64,
    pub(crate) flags: u32,
}

impl LockElement {
    pub(crate) const SHARED: u32 = 1;
    pub(crate) const EXCLUSIVE: u32 = 2;
    pub(crate) const UNLOCK: u32 = 4;
    pub(crate) const FAIL_IMMEDIATELY: u32 = 0x10;
}

/// LOCK (2.2.26) of one element.
pub(crate) fn lock(body: &mut Vec<u8>, file: FileId, element: LockElement) {
    body.put_u16_le(48);
    body.put_u16_le(1);
    body.put_u32_le(0); // lock sequence
    body.put_slice(&file.0);
    body.put_u64_le(element.offset);
    body.put_u64_le(element.len);
    body.put_u32_le(element.flags);
    body.put_u32_le(0);
}

/// CHANGE_NOTIFY (2.2.35) of a folder itself, not of what is below it.
pub(crate) fn change_notify(body: &mut Vec<u8>, dir: FileId, buffer: u32) {
    /// Names of files and folders, attributes, size, last write, creation.
    const FILTER: u32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x40;
    body.put_u16_le(32);
    body.put_u16_le(0);
    body.put_u32_le(buffer);
    body.put_slice(&dir.0);
    body.put_u32_le(FILTER);
    body.put_u32_le(0);
}

/// The list of changes in a CHANGE_NOTIFY's reply: names (FILE_NOTIFY_INFORMATION, MS-FSCC 2.7.1).
pub(crate) fn changes(reply: &Reply) -> Result<Vec<Vec<u16>>, Malformed> {
    let at = usize::from(reply.message.u16(HEADER + 2)?);
    let len = reply.message.u32(HEADER + 4)? as usize;
    let list = reply.buffer(at, len)?;
    let mut names = Vec::new();
    let mut at = 0;
    while at < list.len() {
        let next = list.u32(at)? as usize;
        let length = list.u32(at + 8)? as usize;
        names.push(list.utf16(at + 12, length)?);
        match next {
            0 => break,
            next if next >= 12 => at += next,
            _ => return Err(Malformed),
        }
    }
    Ok(names)
}

/// The buffer that QUERY_INFO and QUERY_DIRECTORY answer with.
pub(crate) fn output(reply: &Reply) -> Result<Bytes, Malformed> {
    let at = usize::from(reply.message.u16(HEADER + 2)?);
    let len = reply.message.u32(HEADER + 4)? as usize;
    reply.buffer(at, len)
}
