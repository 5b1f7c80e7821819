//! QUERY_DIRECTORY and its entries (MS-SMB2 2.2.33, MS-FSCC 2.4.17).

use bytes::BufMut;

use cleardown_share::Attr;

use super::info::{Facts, attribute};
use super::{Bits, FileId, HEADER, Malformed, put_utf16};

const ID_BOTH_DIRECTORY: u8 = 37;

/// QUERY_DIRECTORY of all entries.
pub(crate) fn query(body: &mut Vec<u8>, dir: FileId, room: u32) {
    body.put_u16_le(33);
    body.put_u8(ID_BOTH_DIRECTORY);
    body.put_u8(0);
    body.put_u32_le(0);
    body.put_slice(&dir.0);
    body.put_u16_le((HEADER + 32) as u16);
    body.put_u16_le(2);
    body.put_u32_le(room);
    put_utf16(body, &[u16::from(b'*')]);
}

/// The entries of one answer: names as the wire has them, and attributes; `.` and `..` left out.
pub(crate) fn entries(data: &[u8]) -> Result<Vec<(Vec<u16>, Attr)>, Malformed> {
    let mut entries = Vec::with_capacity(data.len() / 128);
    let mut rest = data;
    while !rest.is_empty() {
        let next = rest.u32(0)? as usize;
        let name = rest.utf16(104, rest.u32(60)? as usize)?;
        let attributes = rest.u32(56)?;
        let is_reparse_point = attributes & attribute::REPARSE_POINT != 0;
        let facts = Facts {
            times: [rest.i64(8)?, rest.i64(16)?, rest.i64(24)?, rest.i64(32)?],
            size: rest.u64(40)?,
            allocated: rest.u64(48)?,
            attributes,
            // For a reparse point the EaSize field holds the tag (MS-FSCC 2.4.17).
            tag: if is_reparse_point { rest.u32(64)? } else { 0 },
            id: Some(rest.u64(96)?),
            links: None,
        };
        const DOT: u16 = b'.' as u16;
        if !matches!(name[..], [DOT] | [DOT, DOT] | []) {
            entries.push((name, facts.into()));
        }
        match next {
            0 => break,
            next if next >= 104 => rest = rest.get(next..).ok_or(Malformed)?,
            _ => return Err(Malformed),
        }
    }
    Ok(entries)
}
