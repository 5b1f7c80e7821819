//! Appending to a file that other clients may lengthen too.
//!
//! The kernel chooses the offset by the size that it was last told. While a lease lets nobody else write that is the
//! file's end. Otherwise the server is asked to append; the application waits for its answer, and nothing is held back
//! in the arena, for where it will be is not known before.

use std::sync::Arc;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, OpenHow};

use super::FileHandle;
use crate::drive::Inner;
use crate::errno::{Answer, Errno};
use crate::kernel::Tell;

/// So much is looked through for an append whose answer was lost.
const SEARCHED: u64 = 16 << 20;
/// How often it is looked for, while others go on lengthening the file.
const TRIES: u32 = 16;

impl Inner {
    /// Appends on the server. `offset` is where the kernel takes the end to be, and `again` says that it may have been
    /// done before.
    pub(super) async fn append_on_server(
        self: &Arc<Self>,
        handle: &FileHandle,
        offset: u64,
        data: Bytes,
        mut again: bool,
    ) -> Answer<()> {
        self.settle(&handle.file).await?;
        if data.is_empty() {
            return Ok(());
        }
        let (expected, mut left, mut tries) = (offset + data.len() as u64, data, 0);
        // Where it ended when it was looked through. What a server that was cut off from us had still to do may have come after.
        let mut ends = None;
        let size = loop {
            if again {
                let (missing, size) = self.missing(handle, offset, left).await?;
                if missing.is_empty() {
                    break size;
                }
                (left, ends) = (missing, Some(size));
            }
            let appended = match (self.server_file(&handle.remote).await, ends) {
                (Ok(file), None) => file.append(left.clone()).await,
                (Ok(file), Some(end)) => file.append_at(end, left.clone()).await,
                (Err(error), _) => Err(error),
            };
            match appended {
                Ok(size) => break size,
                Err(error) if error.transport && self.again(&mut tries).await => again = true,
                Err(error) if error.errno == libc::EAGAIN && ends.is_some() && tries < TRIES => tries += 1,
                Err(error) if error.errno == libc::ESTALE && tries < 3 => {
                    tries += 1;
                    self.with(&handle.remote, |file| async move { file.stat().await }).await?;
                }
                Err(error) => return Err(error.into()),
            }
        };
        self.changed_locally(handle.node, |_| size);
        if size != expected {
            // The kernel has put it elsewhere in its pages.
            self.kernel.tell(Tell::Data(handle.node));
        }
        Ok(())
    }

    /// What of an append did not reach the server before its answer was lost, and the file's size.
    async fn missing(&self, handle: &FileHandle, offset: u64, data: Bytes) -> Answer<(Bytes, u64)> {
        let path = self.node_path(handle.node)?;
        let how = OpenHow { access: Access::READ, disposition: Disposition::Open, mode: 0, lease: false };
        let opened = self.ask(|| self.share.open(&path, how)).await?;
        let size = opened.attr.size;
        let len = size.saturating_sub(offset);
        let behind = match u32::try_from(len).ok().filter(|_| len <= SEARCHED) {
            Some(len) => opened.file.read(offset, len).await,
            None => return Err(Errno(libc::EIO)),
        };
        let _ = opened.file.close().await;
        let behind = behind?;
        let missing = match () {
            () if data.starts_with(&behind) => data.slice(behind.len()..),
            () if behind.windows(data.len()).any(|part| part == &data[..]) => Bytes::new(),
            () => data,
        };
        Ok((missing, size))
    }
}
