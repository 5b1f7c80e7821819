//! Reading folders.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use cleardown_fuse::{DirBuffer, Header, OpenFlags, Reply};
use cleardown_share::{DirEntry, ShareError};

use super::{Begun, Open, begin};
use crate::attrs::type_bits;
use crate::dirs::DirHandle;
use crate::drive::Inner;
use crate::errno::Errno;

/// `.` and `..` come before the server's entries.
const DOTS: usize = 2;

impl Inner {
    pub(super) fn opendir(self: &Arc<Self>, header: Header, reply: Reply) -> Begun {
        begin!(reply, self.opens_allowed());
        let fh = self.arena.shared.header().next_fh.fetch_add(1, Ordering::Relaxed);
        self.handles.lock().insert(fh, Open::Dir(DirHandle::new(header.nodeid)));
        self.table.lock().opened(fh, header.nodeid, libc::O_DIRECTORY);
        reply.opened(fh, OpenFlags::empty());
        Ok(())
    }

    pub(super) fn readdir(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        offset: u64,
        size: u32,
        plus: bool,
    ) -> Begun {
        let handle = begin!(reply, self.dir_handle(fh));
        let offset = begin!(reply, usize::try_from(offset).map_err(|_| Errno(libc::EINVAL)));
        if offset == 0 {
            self.start_reading(&handle);
        }
        match self.fill(&handle, offset, size, plus) {
            Some(Ok(buffer)) => {
                reply.dir(buffer);
                return Ok(());
            }
            Some(Err(error)) => return Err((reply, error.into())),
            None => {}
        }
        let inner = self.clone();
        let work = async move {
            loop {
                let changed = handle.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(filled) = inner.fill(&handle, offset, size, plus) {
                    return Ok(filled?);
                }
                // An adopted handle has no listing yet.
                inner.start_reading(&handle);
                changed.await;
            }
        };
        self.spawn(header, reply, work, |reply, buffer| reply.dir(buffer));
        Ok(())
    }

    /// Entries from `offset` on, as many as fit; none when they are not there yet.
    fn fill(
        &self,
        handle: &DirHandle,
        offset: usize,
        size: u32,
        plus: bool,
    ) -> Option<Result<DirBuffer, ShareError>> {
        let mut buffer = DirBuffer::new(size, plus);
        for (at, name) in [&b"."[..], b".."].into_iter().enumerate().skip(offset) {
            let _ = buffer.push(self.dot(handle.node, at), at as u64 + 1, libc::S_IFDIR, name);
        }
        let mut at = offset.max(DOTS);
        let read = handle.read(at - DOTS, |entry, asked| {
            at += 1;
            !self.push(&mut buffer, handle.node, at as u64, entry, asked, plus)
        });
        match read {
            // Even a folder that cannot be read yet has its dots.
            None if buffer.is_empty() => None,
            None => Some(Ok(buffer)),
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(())) => Some(Ok(buffer)),
        }
    }

    fn dot(&self, node: u64, which: usize) -> u64 {
        let table = self.table.lock();
        let Some(known) = table.get(node) else { return node };
        let parent = known.names.first().map_or(node, |(parent, _)| *parent);
        let node = if which == 0 { node } else { parent };
        table.get(node).map_or(node, |known| known.ino(node))
    }

    /// True when it did not fit.
    fn push(
        &self,
        buffer: &mut DirBuffer,
        parent: u64,
        next: u64,
        entry: &DirEntry,
        asked: Instant,
        plus: bool,
    ) -> bool {
        let kind = type_bits(entry.attr.kind);
        if !plus {
            let known = self.table.lock().child(parent, &entry.name);
            let ino = entry.attr.id.filter(|id| !matches!(*id, 0 | u64::MAX)).or(known).unwrap_or(u64::MAX);
            return buffer.push(ino, next, kind, &entry.name);
        }
        let mut table = self.table.lock();
        let Some(node) = table.enter(parent, &entry.name, &entry.attr, asked) else {
            return buffer.push(entry.attr.id.unwrap_or(u64::MAX), next, kind, &entry.name);
        };
        let Some(known) = table.get(node) else { return false };
        if known.believed().is_none() {
            // Too old to be believed, or changed by us since: the kernel asks when it wants to know.
            return buffer.push(known.ino(node), next, kind, &entry.name);
        }
        let out = self.entry_out(node, known, &entry.attr, asked);
        let full = buffer.push_plus(&out, next, &entry.name);
        match full {
            false => table.count(node),
            true => table.reap(node),
        }
        full
    }
}
