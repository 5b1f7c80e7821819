//! Space: allocation, holes, and where data is.

use cleardown_share::{Access, File, ShareResult};

use crate::file::SmbFile;
use crate::status;
use crate::wire::frame::Reply;
use crate::wire::info::class;
use crate::wire::{Command, ioctl};

impl SmbFile {
    /// A file-system control on this file.
    pub(crate) async fn control(&self, code: u32, input: &[u8], room: u32) -> ShareResult<Reply> {
        self.ask(Command::Ioctl, |body, file| ioctl::request(body, code, file, input, room)).await
    }
}

/// FILE_ATTRIBUTE_SPARSE_FILE.
const SPARSE_FILE: u32 = 0x200;

/// The end of a range; `EFBIG` where there is none.
fn end_of(offset: u64, len: u64) -> ShareResult<u64> {
    let end = offset.checked_add(len).filter(|end| i64::try_from(*end).is_ok());
    end.ok_or_else(|| status::error(status::FILE_TOO_LARGE))
}

/// Reserves room up to the end of a range (SMB cannot say where it starts), and extends the file unless told not to.
pub(crate) async fn allocate(file: &SmbFile, offset: u64, len: u64, keep_size: bool) -> ShareResult<()> {
    let end = end_of(offset, len)?;
    let now = file.stat().await?;
    if end > now.size.max(now.allocated.unwrap_or(0)) {
        file.set(class::ALLOCATION, &end.to_le_bytes()).await?;
    }
    if !keep_size && end > now.size {
        file.set(class::END_OF_FILE, &end.to_le_bytes()).await?;
    }
    Ok(())
}

/// Zeroes a range that lies within the file, and gives its room back.
pub(crate) async fn punch(file: &SmbFile, offset: u64, len: u64) -> ShareResult<()> {
    let end = end_of(offset, len)?.min(file.stat().await?.size);
    if offset >= end {
        return Ok(());
    }
    file.control(ioctl::SET_SPARSE, &[1], 0).await?;
    file.control(ioctl::SET_ZERO_DATA, &ioctl::range(offset, end), 0).await?;
    Ok(())
}

/// The next data or hole.
pub(crate) async fn seek(file: &SmbFile, offset: u64, data: bool) -> ShareResult<u64> {
    let (attr, bits) = file.attributes().await?;
    let size = attr.size;
    if offset >= size {
        return Err(cleardown_share::ShareError::server(libc::ENXIO, "past the end of the file"));
    }
    // Servers tell holes only of files that are marked sparse; on others all counts as data, which is allowed. A
    // file that we may write and that has holes is marked.
    let has_holes = attr.allocated.is_some_and(|allocated| allocated < size);
    if bits & SPARSE_FILE == 0 && has_holes && file.0.access.contains(Access::WRITE) {
        let _ = file.control(ioctl::SET_SPARSE, &[1], 0).await;
    }
    let input = ioctl::range(offset, size - offset);
    let reply = file.control(ioctl::QUERY_ALLOCATED_RANGES, &input, 64 * 1024).await?;
    let ranges = ioctl::ranges(&ioctl::output(&reply)?)?;
    find(&ranges, offset, size, data)
        .ok_or_else(|| cleardown_share::ShareError::server(libc::ENXIO, "no data there"))
}

/// Where data or a hole is next, given the allocated ranges from `offset` on.
fn find(ranges: &[(u64, u64)], offset: u64, size: u64, data: bool) -> Option<u64> {
    if data {
        let mut ends = ranges.iter().filter(|(start, len)| start.saturating_add(*len) > offset);
        return ends.next().map(|(start, _)| offset.max(*start)).filter(|at| *at < size);
    }
    let mut at = offset;
    for (start, len) in ranges {
        if *start > at {
            break;
        }
        at = at.max(start.saturating_add(*len));
    }
    Some(at.min(size))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn data_and_holes_are_found_in_ranges() {
        let ranges = [(0, 10), (10, 10), (40, 10)];
        assert_eq!(find(&ranges, 5, 100, true), Some(5));
        assert_eq!(find(&ranges, 25, 100, true), Some(40));
        assert_eq!(find(&ranges, 60, 100, true), None);
        assert_eq!(find(&ranges, 5, 100, false), Some(20));
        assert_eq!(find(&ranges, 25, 100, false), Some(25));
        assert_eq!(find(&[(0, 1000)], 5, 100, false), Some(100));
    }
}
