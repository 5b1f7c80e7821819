//! IOCTL and the control codes that drives use (MS-SMB2 2.2.31, MS-FSCC 2.3).

use bytes::{BufMut, Bytes};

use super::frame::Reply;
use super::info::{TAG_LX_SYMLINK, TAG_SYMLINK};
use super::{Bits, FileId, HEADER, Malformed, put_utf16};

pub(crate) const DFS_GET_REFERRALS: u32 = 0x0006_0194;
pub(crate) const PIPE_TRANSCEIVE: u32 = 0x0011_C017;
pub(crate) const SRV_REQUEST_RESUME_KEY: u32 = 0x0014_0078;
pub(crate) const SRV_COPYCHUNK_WRITE: u32 = 0x0014_80F2;
pub(crate) const VALIDATE_NEGOTIATE_INFO: u32 = 0x0014_0204;
pub(crate) const SET_REPARSE_POINT: u32 = 0x0009_00A4;
pub(crate) const GET_REPARSE_POINT: u32 = 0x0009_00A8;
pub(crate) const SET_SPARSE: u32 = 0x0009_00C4;
pub(crate) const SET_ZERO_DATA: u32 = 0x0009_80C8;
pub(crate) const QUERY_ALLOCATED_RANGES: u32 = 0x0009_40CF;

/// IOCTL that is a file-system control, with this input and room for that much output.
pub(crate) fn request(body: &mut Vec<u8>, code: u32, file: FileId, input: &[u8], room: u32) {
    let at = (HEADER + 56) as u32;
    body.put_u16_le(57);
    body.put_u16_le(0);
    body.put_u32_le(code);
    body.put_slice(&file.0);
    body.put_u32_le(at);
    body.put_u32_le(input.len() as u32);
    body.put_u32_le(0); // maximum input in the answer
    body.put_u32_le(at);
    body.put_u32_le(0);
    body.put_u32_le(room);
    body.put_u32_le(1); // a file-system control
    body.put_u32_le(0);
    body.put_slice(input);
    if input.is_empty() {
        body.put_u8(0);
    }
}

/// The output in an IOCTL's reply.
pub(crate) fn output(reply: &Reply) -> Result<Bytes, Malformed> {
    let body = reply.message.part(HEADER, 48)?;
    reply.buffer(body.u32(32)? as usize, body.u32(36)? as usize)
}

/// One chunk of a server-side copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) len: u32,
}

/// SRV_COPYCHUNK_COPY (MS-SMB2 2.2.31.1).
pub(crate) fn copy_chunks(key: &[u8; 24], chunks: &[Chunk]) -> Vec<u8> {
    let mut data = Vec::with_capacity(32 + chunks.len() * 24);
    data.put_slice(key);
    data.put_u32_le(chunks.len() as u32);
    data.put_u32_le(0);
    for chunk in chunks {
        data.put_u64_le(chunk.from);
        data.put_u64_le(chunk.to);
        data.put_u32_le(chunk.len);
        data.put_u32_le(0);
    }
    data
}

/// SRV_COPYCHUNK_RESPONSE: chunks, bytes of a partial chunk, all bytes; or, with an error, the server's limits.
pub(crate) fn copied(data: &[u8]) -> Result<[u32; 3], Malformed> {
    Ok([data.u32(0)?, data.u32(4)?, data.u32(8)?])
}

/// A pair of offset and length, as several controls want it.
pub(crate) fn range(first: u64, second: u64) -> Vec<u8> {
    let mut data = Vec::with_capacity(16);
    data.put_u64_le(first);
    data.put_u64_le(second);
    data
}

/// FILE_ALLOCATED_RANGE_BUFFERs: offsets and lengths.
pub(crate) fn ranges(data: &[u8]) -> Result<Vec<(u64, u64)>, Malformed> {
    (0..data.len() / 16).map(|i| Ok((data.u64(i * 16)?, data.u64(i * 16 + 8)?))).collect()
}

/// The reparse data of a symbolic link (MS-FSCC 2.1.2.4), relative unless the target starts with a backslash.
pub(crate) fn symlink(target: &[u16]) -> Vec<u8> {
    let bytes = (target.len() * 2) as u16;
    let relative = target.first() != Some(&u16::from(b'\\'));
    let mut data = Vec::with_capacity(20 + 4 * target.len());
    data.put_u32_le(TAG_SYMLINK);
    data.put_u16_le(12 + 2 * bytes);
    data.put_u16_le(0);
    for value in [0, bytes, bytes, bytes] {
        data.put_u16_le(value); // substitute name, print name: offset and length
    }
    data.put_u32_le(u32::from(relative));
    put_utf16(&mut data, target);
    put_utf16(&mut data, target);
    data
}

/// The target in reparse data.
pub(crate) enum Target {
    /// Of a Windows link: with backslashes.
    Windows(Vec<u16>),
    /// Of a WSL link: bytes as they are.
    Unix(Vec<u8>),
}

/// Reads reparse data; none if it is no link.
pub(crate) fn target(data: &[u8]) -> Result<Option<Target>, Malformed> {
    match data.u32(0)? {
        TAG_SYMLINK => {
            let (at, len) = (usize::from(data.u16(12)?), usize::from(data.u16(14)?));
            let name = if len > 0 {
                data.utf16(20 + at, len)?
            } else {
                data.utf16(20 + usize::from(data.u16(8)?), data.u16(10)?.into())?
            };
            Ok(Some(Target::Windows(name)))
        }
        TAG_LX_SYMLINK => {
            let len = usize::from(data.u16(4)?).checked_sub(4).ok_or(Malformed)?;
            Ok(Some(Target::Unix(data.part(12, len)?.to_vec())))
        }
        _ => Ok(None),
    }
}
