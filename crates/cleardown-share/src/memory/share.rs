//! The [`Share`] trait over a server in memory.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::attr::{Attr, DirEntry, SetAttr, StatFs};
use crate::error::{ShareError, ShareResult};
use crate::memory::MemoryShare;
use crate::memory::faults::Op;
use crate::memory::file::MemoryFile;
use crate::memory::session::{Line, lock};
use crate::memory::tree::{Content, Errno, Tree};
use crate::path::SharePath;
use crate::share::{
    Access, Capabilities, Disposition, Event, Lease, OpenHow, Opened, RenameHow, SessionInfo, Share,
};

/// Entries per batch of a listing.
const BATCH: usize = 256;
const NONE: Lease = Lease { read: false, write: false, handle: false };
const READ_ONLY: Lease = Lease { read: true, write: false, handle: true };

impl MemoryShare {
    /// A call that changes names: other clients lose their leases on the files concerned, and are told.
    async fn changing<T>(
        &self,
        op: Op,
        paths: &[&SharePath],
        work: impl FnOnce(&mut Tree) -> Result<T, Errno> + Send,
    ) -> ShareResult<T> {
        self.session
            .call(op, async || {
                self.session.writable()?;
                for path in paths {
                    let found = self.session.server.tree().find(path);
                    if let Ok(ino) = found {
                        self.session.break_leases(ino, NONE).await;
                    }
                }
                let done = work(&mut self.session.server.tree())?;
                paths.iter().for_each(|path| self.session.changed(path));
                Ok(done)
            })
            .await
    }

    async fn open_file(&self, path: &SharePath, how: OpenHow) -> Result<Opened, Errno> {
        let may_change = how.disposition != Disposition::Open;
        if how.access.contains(Access::WRITE) || may_change {
            self.session.writable()?;
        }
        let found = self.session.server.tree().find(path);
        if let Ok(ino) = found {
            let truncates = matches!(how.disposition, Disposition::Truncate | Disposition::CreateOrTruncate);
            self.session.break_leases(ino, if truncates { NONE } else { READ_ONLY }).await;
        }
        let (file, created, attr) = {
            let mut tree = self.session.server.tree();
            let (ino, created) = tree.open(path, how.disposition, how.mode)?;
            let leased = how.lease && self.session.needs(Capabilities::LEASES).is_ok();
            if leased {
                self.session.take_lease(&mut tree, ino, path);
            }
            let file = MemoryFile {
                session: self.session.clone(),
                ino,
                handle: self.session.next_handle.fetch_add(1, Ordering::Relaxed),
                path: path.clone(),
                access: how.access,
                leased,
                closed: AtomicBool::new(false),
            };
            (file, created, tree.attr(ino)?)
        };
        if created || may_change {
            self.session.changed(path);
        }
        Ok(Opened { file: Arc::new(file), attr, created })
    }
}

#[async_trait]
impl Share for MemoryShare {
    fn session(&self) -> SessionInfo {
        SessionInfo { dialect: "memory".into(), encryption: None, signing: None, user: "tester".into() }
    }

    fn capabilities(&self) -> Capabilities {
        lock(&self.session.settings).capabilities
    }

    fn transfer_size(&self) -> u32 {
        lock(&self.session.settings).transfer_size
    }

    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        lock(&self.session.receiver).take()
    }

    fn lease_break_done(&self, ticket: u64) {
        self.session.break_done(ticket);
    }

    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        let find = async || {
            let mut tree = self.session.server.tree();
            let ino = tree.find(path)?;
            tree.attr(ino)
        };
        self.session.call(Op::Stat, find).await
    }

    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        let _listing = self.session.faults.listing();
        let entries = self.session.call(Op::List, async || self.session.server.tree().list(path)).await?;
        loop {
            for batch in entries.chunks(BATCH) {
                if into.send(batch.to_vec()).await.is_err() {
                    return Ok(());
                }
            }
            if entries.is_empty() || !self.session.faults.is_endless() {
                return Ok(());
            }
        }
    }

    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        self.session.call(Op::Open, async || self.open_file(path, how).await).await
    }

    async fn create_dir(&self, path: &SharePath, mode: u32) -> ShareResult<Attr> {
        let dir = Content::Dir(BTreeMap::new());
        self.changing(Op::CreateDir, &[path], |tree| tree.create(path, dir, mode)).await
    }

    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        self.changing(Op::RemoveFile, &[path], |tree| tree.remove_file(path)).await
    }

    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        self.changing(Op::RemoveDir, &[path], |tree| tree.remove_dir(path)).await
    }

    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
        self.changing(Op::Rename, &[from, to], |tree| tree.rename(from, to, how)).await
    }

    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        let link = |tree: &mut Tree| {
            self.session.needs(Capabilities::HARD_LINKS)?;
            tree.hard_link(from, to)
        };
        self.changing(Op::HardLink, &[to], link).await
    }

    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        let link = |tree: &mut Tree| {
            self.session.needs(Capabilities::SYMLINKS)?;
            tree.create(path, Content::Link(target.to_vec()), 0o777)
        };
        self.changing(Op::Symlink, &[path], link).await
    }

    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        self.session.call(Op::ReadLink, async || self.session.server.tree().read_link(path)).await
    }

    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        let change = |tree: &mut Tree| {
            let ino = tree.find(path)?;
            tree.set_attr(ino, set)
        };
        self.changing(Op::SetAttr, &[path], change).await
    }

    async fn stat_fs(&self) -> ShareResult<StatFs> {
        self.session.call(Op::StatFs, async || Ok(self.session.server.tree().stat_fs())).await
    }

    async fn watch(&self, dir: &SharePath) -> ShareResult<()> {
        let watch = async || {
            self.session.needs(Capabilities::CHANGE_NOTIFY)?;
            let ino = self.session.server.tree().find(dir)?;
            self.session.watch(ino, dir);
            Ok(())
        };
        self.session.call(Op::Watch, watch).await
    }

    async fn unwatch(&self, dir: &SharePath) {
        self.session.unwatch(dir);
    }

    async fn probe(&self) -> ShareResult<Duration> {
        self.session.call(Op::Probe, async || Ok(Duration::ZERO)).await
    }

    async fn close(&self) -> ShareResult<bool> {
        self.session.call(Op::Close, async || Ok(())).await?;
        self.session.line.send_replace(Line::Closed);
        self.session.forget();
        Ok(true)
    }

    fn abort(&self) {
        self.session.line.send_replace(Line::Closed);
        self.session.forget();
        self.session.tell(Event::Disconnected(ShareError::transport(libc::ENOTCONN, "aborted")));
    }
}
