//! Renaming.

use std::sync::Arc;

use bytes::Bytes;
use cleardown_fuse::{Header, Reply};
use cleardown_share::RenameHow;

use super::{Begun, begin};
use crate::drive::Inner;
use crate::errno::Errno;

impl Inner {
    pub(super) fn rename(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        (parent, name): (u64, Bytes),
        (new_parent, new_name): (u64, Bytes),
        flags: u32,
        resent: bool,
    ) -> Begun {
        begin!(reply, self.writable());
        let how = match flags {
            0 => RenameHow::Replace,
            libc::RENAME_NOREPLACE => RenameHow::NoReplace,
            // No protocol exchanges two names.
            _ => return Err((reply, Errno(libc::EINVAL))),
        };
        let from = begin!(reply, self.child_path(parent, &name));
        let to = begin!(reply, self.child_path(new_parent, &new_name));
        let inner = self.clone();
        let work = async move {
            inner.close_parked_below(&from).await;
            inner.close_parked_below(&to).await;
            inner.unwatched_below(&from);
            inner.unwatched_below(&to);
            let over = {
                let table = inner.table.lock();
                let over = table.child(new_parent, &new_name).and_then(|over| table.get(over));
                let same = table.child(parent, &name) == table.child(new_parent, &new_name);
                over.and_then(|over| over.file.clone().filter(|_| over.names.len() <= 1 && !same))
            };
            if let Some(over) = &over
                && how == RenameHow::Replace
            {
                if over.opens() > 0 && !inner.moves_open_files() {
                    inner.make_silly(over, new_parent, &new_name, &to).await?;
                } else if over.opens() == 0 {
                    inner.discard(over).await;
                }
            }
            inner.once(resent, libc::ENOENT, || inner.share.rename(&from, &to, how)).await?;
            inner.renamed((parent, &name), (new_parent, &new_name));
            Ok(())
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    fn renamed(&self, from: (u64, &[u8]), to: (u64, &[u8])) {
        let mut table = self.table.lock();
        let attr = table
            .child(from.0, from.1)
            .and_then(|moved| table.get(moved))
            .and_then(|known| known.seen.as_ref().map(|seen| seen.attr.clone()));
        let over = table.rename(from, to);
        if let Some(known) = over.and_then(|over| table.get_mut(over)) {
            known.seen = None;
        }
        let moved = table.child(to.0, to.1);
        if let Some(known) = moved.and_then(|moved| table.get_mut(moved))
            && let Some(seen) = &mut known.seen
        {
            // The server sets the time of the last change of attributes.
            seen.exact = false;
        }
        if let Some(known) = moved.and_then(|moved| table.get_mut(moved)) {
            known.changed = Some(std::time::Instant::now());
        }
        drop(table);
        self.noted(from.0, from.1, None);
        match attr {
            Some(attr) => self.noted(to.0, to.1, Some(&attr)),
            None => {
                if let Some(folder) = self.table.lock().get_mut(to.0) {
                    folder.cache.forget();
                }
            }
        }
    }
}
