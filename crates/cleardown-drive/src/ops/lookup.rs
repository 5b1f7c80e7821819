//! Names and attributes: lookup, getattr, setattr.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cleardown_fuse::{Header, Reply, SetTime, SetattrIn};
use cleardown_share::{Access, Attr, Capabilities, SetAttr, ShareError};

use super::{Begun, begin, left};
use crate::attrs::{now, share_time};
use crate::dirs::Listed;
use crate::drive::Inner;
use crate::errno::{Answer, Errno};
use crate::file::{FileState, Remote};

/// What we know of a name without asking.
enum Known {
    Entry(Box<cleardown_fuse::EntryOut>),
    Missing,
    Ask,
}

/// A handle that is asked something, for as long as this lives.
struct InUse {
    inner: Arc<Inner>,
    file: Arc<FileState>,
    remote: Arc<Remote>,
}

impl Drop for InUse {
    fn drop(&mut self) {
        if self.remote.leave() == 0 {
            self.inner.park(&self.file, self.remote.clone());
        }
    }
}

impl Inner {
    pub(super) fn lookup(self: &Arc<Self>, header: Header, reply: Reply, name: Bytes) -> Begun {
        let parent = header.nodeid;
        let path = begin!(reply, self.child_path(parent, &name));
        match self.known(parent, &name) {
            Known::Entry(entry) => {
                reply.entry(&entry);
                return Ok(());
            }
            Known::Missing => return Err((reply, Errno(libc::ENOENT))),
            Known::Ask => self.count_lookup(parent),
        }
        let inner = self.clone();
        let work = async move {
            let asked = Instant::now();
            match inner.ask(|| inner.share.stat(&path)).await {
                Ok(attr) => inner.entry(parent, &name, &attr, asked),
                Err(error) if error.errno == libc::ENOENT => {
                    inner.table.lock().unname(parent, &name);
                    Err(Errno(libc::ENOENT))
                }
                Err(error) => Err(error.into()),
            }
        };
        self.spawn(header, reply, work, |reply, entry| reply.entry(&entry));
        Ok(())
    }

    fn known(&self, parent: u64, name: &[u8]) -> Known {
        let mut table = self.table.lock();
        let Some(folder) = table.get(parent) else { return Known::Ask };
        let listed = folder.cache.find(&table.key(name));
        let names_valid = folder.cache.is_valid();
        if let Some(child) = table.child(parent, name)
            && let Some(node) = table.get(child)
            && let Some(attr) = node.believed().cloned()
            && (!names_valid || listed != Listed::Missing)
        {
            table.count(child);
            let Some(node) = table.get(child) else { return Known::Ask };
            let asked = node.seen.as_ref().map_or_else(Instant::now, |seen| seen.asked);
            return Known::Entry(Box::new(self.entry_out(child, node, &attr, asked)));
        }
        match listed {
            Listed::There(spelled, attr, asked) if !left(asked).is_zero() => {
                let Some(node) = table.enter(parent, &spelled, &attr, asked) else { return Known::Ask };
                table.count(node);
                let Some(known) = table.get(node) else { return Known::Ask };
                if known.seen.as_ref().is_some_and(|seen| !seen.exact) && known.believed().is_none() {
                    // We have changed it since it was listed, and do not know its times.
                    table.forget(node, 1);
                    return Known::Ask;
                }
                Known::Entry(Box::new(self.entry_out(node, known, &attr, asked)))
            }
            Listed::Missing => Known::Missing,
            _ => Known::Ask,
        }
    }

    pub(super) fn getattr(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: Option<u64>,
        statx: bool,
    ) -> Begun {
        let node = header.nodeid;
        let answer = move |reply: Reply, (attr, asked): (cleardown_fuse::Attr, Instant)| match statx {
            true => reply.statx(&attr, left(asked)),
            false => reply.attr(&attr, left(asked)),
        };
        let known = {
            let table = self.table.lock();
            table.get(node).and_then(|known| {
                let attr = known.believed()?;
                let held = known.file.as_ref().is_some_and(|file| file.is_held());
                let asked = if held { Instant::now() } else { known.seen.as_ref()?.asked };
                Some((self.fuse_attr(attr, known.ino(node)), asked))
            })
        };
        if let Some(known) = known {
            answer(reply, known);
            return Ok(());
        }
        let inner = self.clone();
        let work = async move {
            if let Some(file) = inner.known_file(node).filter(|file| file.pending_end().is_some()) {
                // The answer could be older than the data, and come after it.
                if inner.settled(&file).await.is_err() {
                    // Who writes is to be told, and not who asks.
                    let mut queue = file.queue.lock();
                    queue.unseen = queue.error.is_some();
                }
            }
            let asked = Instant::now();
            let attr = inner.fetch(node, fh).await?;
            inner.seen(node, &attr, asked).map(|attr| (attr, asked))
        };
        self.spawn(header, reply, work, answer);
        Ok(())
    }

    /// Enters what the server said, and returns what the kernel is to believe.
    fn seen(&self, node: u64, attr: &Attr, asked: Instant) -> Answer<cleardown_fuse::Attr> {
        let out = {
            let mut table = self.table.lock();
            table.saw(node, attr, asked);
            let known = table.get(node).ok_or(Errno(libc::ESTALE))?;
            let attr = known.seen.as_ref().map_or(attr, |seen| &seen.attr);
            self.fuse_attr(attr, known.ino(node))
        };
        self.tell_foreign();
        Ok(out)
    }

    /// Asks the server for a node's attributes: through an open handle if there is one, else by path.
    async fn fetch(self: &Arc<Self>, node: u64, fh: Option<u64>) -> Answer<Attr> {
        if let Some(used) = self.live_handle(node, fh) {
            return Ok(self.with(&used.remote, |file| async move { file.stat().await }).await?);
        }
        let path = self.node_path(node)?;
        Ok(self.ask(|| self.share.stat(&path)).await?)
    }

    /// An open handle of a node, which is not closed meanwhile: an SFTP server may give its number to the next file.
    fn live_handle(self: &Arc<Self>, node: u64, fh: Option<u64>) -> Option<InUse> {
        let in_use = |file: &Arc<FileState>, remote: &Arc<Remote>| {
            remote.join();
            InUse { inner: self.clone(), file: file.clone(), remote: remote.clone() }
        };
        if let Some(handle) = fh.and_then(|fh| self.file_handle(fh).ok()) {
            return Some(in_use(&handle.file, &handle.remote));
        }
        let file = self.known_file(node)?;
        let live = file.live.lock();
        let remote = live.iter().find(|remote| !remote.is_unused()).or(live.first())?;
        Some(in_use(&file, remote))
    }

    pub(super) fn setattr(self: &Arc<Self>, header: Header, reply: Reply, set: SetattrIn) -> Begun {
        begin!(reply, self.writable());
        let node = header.nodeid;
        let wanted = begin!(reply, self.set_attr_of(&set));
        if let Some(Ok(handle)) = set.fh.map(|fh| self.file_handle(fh)) {
            begin!(reply, handle.good());
        }
        let inner = self.clone();
        let work = async move {
            let asked = Instant::now();
            let attr = inner.change(node, set.fh, &wanted).await?;
            inner.seen(node, &attr, asked).map(|attr| (attr, asked))
        };
        self.spawn(header, reply, work, |reply, (attr, asked)| reply.attr(&attr, left(asked)));
        Ok(())
    }

    /// What the server is to be asked. Where it has no numeric owners, files can only be given to those whom they
    /// seem to belong to already.
    fn set_attr_of(&self, set: &SetattrIn) -> Answer<SetAttr> {
        let ids = self.capabilities().contains(Capabilities::IDS);
        let login = self.share.login_ids();
        let owner = |wanted: Option<u32>, login: Option<u32>, ours: u32| match wanted {
            Some(id) if !ids && id == ours => Ok(None),
            Some(id) if id == ours => Ok(login.or(wanted)),
            Some(_) if !ids => Err(Errno(libc::EPERM)),
            other => Ok(other),
        };
        let time = |wanted: Option<SetTime>| {
            wanted.map(|wanted| match wanted {
                SetTime::At(time) => share_time(time),
                SetTime::Now => now(),
            })
        };
        Ok(SetAttr {
            size: set.size,
            mode: set.mode.map(|mode| mode & 0o7777),
            uid: owner(set.uid, login.map(|ids| ids.0), self.options.uid)?,
            gid: owner(set.gid, login.map(|ids| ids.1), self.options.gid)?,
            accessed: time(set.atime),
            modified: time(set.mtime),
            created: None,
        })
    }

    /// Whether this sets a time that the server then leaves alone.
    fn stays(&self, set: &SetAttr) -> bool {
        set.modified.is_some() && self.capabilities().contains(Capabilities::TIMES_STAY)
    }

    /// A file was changed through a handle, or by its path. Times that were set are set through all others that may write,
    /// too, or each would set its own when it is closed.
    async fn keep_times(&self, file: &FileState, through: Option<&Arc<Remote>>, set: &SetAttr) {
        if !self.stays(set) {
            if let Some(remote) = through.filter(|_| set.size.is_some()) {
                remote.changes();
            }
            return;
        }
        let times = &SetAttr { modified: set.modified, ..SetAttr::default() };
        let live = file.live.lock().clone();
        for remote in &live {
            let is_set = match through {
                Some(own) if Arc::ptr_eq(own, remote) => true,
                _ if !remote.access.contains(Access::WRITE) => false,
                _ => self.with(remote, |file| async move { file.set_attr(times).await }).await.is_ok(),
            };
            if is_set {
                remote.times_set();
            }
        }
    }

    /// Brings the time of modification up to date where the server does not, since it was set through this handle.
    pub(super) async fn catch_up(&self, remote: &Remote) -> Answer<()> {
        if remote.is_behind() {
            let (asked, times) = (Instant::now(), &SetAttr { modified: Some(now()), ..SetAttr::default() });
            // What is written meanwhile is later than that.
            remote.times_set();
            let set = self.with(remote, |file| async move { file.set_attr(times).await }).await;
            let attr = set.inspect_err(|_| remote.changes())?;
            let mut table = self.table.lock();
            table.saw(remote.node, &attr, asked);
            if let Some(known) = table.get_mut(remote.node) {
                known.changed = Some(Instant::now());
            }
        }
        Ok(())
    }

    async fn change(self: &Arc<Self>, node: u64, fh: Option<u64>, set: &SetAttr) -> Answer<Attr> {
        let asked = Instant::now();
        if *set == SetAttr::default() {
            return self.fetch(node, fh).await;
        }
        let file = self.known_file(node);
        if let Some(file) = file.as_ref().filter(|_| self.stays(set)) {
            // One that has written would set the time once more when it is closed.
            self.close_unused(file).await;
        }
        let used = self
            .live_handle(node, fh)
            .filter(|used| set.size.is_none() || used.remote.access.contains(Access::WRITE));
        let handle = used.as_ref().map(|used| used.remote.clone());
        // The server leaves the time alone where it was set before, and whoever else has that handle may never write.
        let undated = set.size.is_some() && set.modified.is_none();
        let dated = match handle.as_ref().filter(|remote| undated && remote.keeps_times()) {
            Some(_) => &SetAttr { modified: Some(now()), ..set.clone() },
            None => set,
        };
        let ask = async || match &handle {
            Some(remote) => self.with(remote, |file| async move { file.set_attr(dated).await }).await,
            None => {
                let path = self.node_path(node).map_err(|_| gone())?;
                self.ask(|| self.share.set_attr(&path, dated)).await
            }
        };
        let mut changed = match &file {
            Some(file) => {
                // A write that comes later would change size and times again; and a server that is killed before the file
                // is closed would forget a time that it has set while a write was under way.
                self.settle(file).await?;
                ask().await
            }
            None => ask().await,
        };
        if changed.is_ok()
            && let Some(file) = &file
        {
            self.keep_times(file, handle.as_ref(), dated).await;
        }
        if let Err(error) = &changed
            && error.errno == libc::EOPNOTSUPP
            && set.mode.is_some()
            && (SetAttr { mode: None, ..set.clone() }) == SetAttr::default()
        {
            // chmod where the server keeps no modes: nothing happens, as on other such file systems.
            return self.fetch(node, fh).await;
        }
        if let Ok(attr) = &mut changed {
            let mut table = self.table.lock();
            if let Some(known) = table.get_mut(node) {
                if set.size.is_some() {
                    known.wrote();
                }
                if dated.modified.is_some() {
                    known.set_date(attr.modified);
                }
                let exact = known.date(attr, asked);
                known.seen = Some(crate::nodes::Seen { attr: attr.clone(), asked: Instant::now(), exact });
                known.changed = Some(Instant::now());
                known.pages = None;
            }
            if let Some(file) = &file
                && set.size.is_some()
            {
                file.touch();
            }
        }
        Ok(changed?)
    }
}

fn gone() -> ShareError {
    ShareError::server(libc::ESTALE, "the file was removed")
}
