//! Appending. SMB has no write that goes to the end of a file (an offset of -1 means that on named pipes and in Windows'
//! own interface only): the end is asked for, and written to. Between the two, other drives of ours are kept away by a
//! lock on a byte that no file has. Clients that do not know it are kept away by nothing, as with Linux's own client.

use bytes::Bytes;
use cleardown_share::{File, LockKind, ShareError, ShareResult};

use crate::file::SmbFile;
use crate::lock;

/// Behind the largest file, and behind the ranges that Linux' applications can lock.
const TURN: (u64, u64) = (1 << 63, 1);
/// No application has this number.
const OWNER: u64 = u64::MAX;

/// See [`cleardown_share::File::append`], and `append_at` where the end is known.
pub(crate) async fn append(file: &SmbFile, data: Bytes, ends: Option<u64>) -> ShareResult<u64> {
    lock::lock(&file.0, OWNER, TURN, LockKind::Exclusive, true).await?;
    let written = async {
        let at = file.stat().await?.size;
        if ends.is_some_and(|end| end != at) {
            return Err(ShareError::server(libc::EAGAIN, "the file ends elsewhere"));
        }
        let end = at.checked_add(data.len() as u64).filter(|end| *end <= i64::MAX as u64);
        let end = end.ok_or_else(|| ShareError::server(libc::EFBIG, "beyond the largest file"))?;
        file.write(at, data).await?;
        Ok(end)
    };
    let written = written.await;
    let freed = lock::unlock(&file.0, OWNER, TURN).await;
    // A lock that cannot be given back goes with the connection.
    written.and_then(
        |end| if freed.as_ref().is_err_and(|e| !e.transport) { freed.map(|()| end) } else { Ok(end) },
    )
}
