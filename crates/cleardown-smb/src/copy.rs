//! Server-side copy (MS-SMB2 3.3.5.15.6): the data never travels.

use cleardown_share::{File, ShareError, ShareResult};

use crate::core::retry;
use crate::file::SmbFile;
use crate::status;
use crate::wire::frame::Frame;
use crate::wire::ioctl::{self, Chunk};
use crate::wire::{Bits, Command, Malformed};

/// Bytes per chunk and chunks per request, as servers usually limit them.
const CHUNK: u32 = 1 << 20;
const CHUNKS: u64 = 16;

/// Copies a range of one file into another; returns the bytes copied, fewer at the end of the source.
pub(crate) async fn copy(
    source: &SmbFile,
    from: u64,
    target: &SmbFile,
    to: u64,
    len: u64,
) -> ShareResult<u64> {
    let size = source.stat().await?.size;
    let len = len.min(size.saturating_sub(from));
    if to.checked_add(len).is_none() {
        return Err(status::error(status::FILE_TOO_LARGE));
    }
    let mut done = 0;
    while done < len {
        let count = batch(source, from + done, target, to + done, len - done).await?;
        if count == 0 {
            break;
        }
        done += count;
    }
    Ok(done)
}

/// One request's worth. Key and copy go over the same link: a key is good for one open file of one session.
async fn batch(source: &SmbFile, from: u64, target: &SmbFile, to: u64, len: u64) -> ShareResult<u64> {
    let chunks: Vec<Chunk> = (0..len.div_ceil(CHUNK.into()).min(CHUNKS))
        .map(|i| i * u64::from(CHUNK))
        .map(|at| Chunk { from: from + at, to: to + at, len: (len - at).min(CHUNK.into()) as u32 })
        .collect();
    retry!(source.0.core, |link, deadline| {
        let (source, target) = (source.0.on(&link)?, target.0.on(&link)?);
        let frame = Frame::one(Command::Ioctl, link.tree, |body| {
            ioctl::request(body, ioctl::SRV_REQUEST_RESUME_KEY, source, &[], 32);
        });
        let reply = link.call_one(frame, deadline).await?;
        let key: [u8; 24] = ioctl::output(reply.ok()?)?.array(0)?;
        let input = ioctl::copy_chunks(&key, &chunks);
        let frame = Frame::one(Command::Ioctl, link.tree, |body| {
            ioctl::request(body, ioctl::SRV_COPYCHUNK_WRITE, target, &input, 12);
        });
        let reply = link.call_one(frame, deadline).await?;
        let [_, _, bytes] = ioctl::copied(&ioctl::output(reply.ok()?)?)?;
        if u64::from(bytes) > len { Err(ShareError::from(Malformed)) } else { Ok(u64::from(bytes)) }
    })
}
