//! Locks: fcntl and flock locks become locks on the server, which its other clients see.
//!
//! A lock is also a promise about data: what others wrote before it was granted is seen after, and what was
//! written under it is on the server before it is given back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use cleardown_fuse::{Header, Lock, LockType, Reply};
use cleardown_share::{Capabilities, LockKind, SharePath, ShareResult};

use super::{Begun, FileHandle, begin};
use crate::calls::Signals;
use crate::drive::Inner;
use crate::errno::{Answer, Errno};
use crate::file::FileState;
use crate::kernel::Tell;
use crate::locks::Held;
use crate::status::ServerState;

/// How long a server that came back may take to give a lock again.
const RETAKE: Duration = Duration::from_secs(3);

/// How the server tells a flock owner from an fcntl owner of the same number.
const FLOCK: u64 = 1 << 63;

fn owner_on_server(held: &Held) -> u64 {
    if held.flock { held.owner | FLOCK } else { held.owner & !FLOCK }
}

fn length(lock: &Lock) -> u64 {
    lock.end.min(i64::MAX as u64).saturating_sub(lock.start).saturating_add(1)
}

fn kind(lock: &Lock) -> LockKind {
    if lock.kind == LockType::Read { LockKind::Shared } else { LockKind::Exclusive }
}

impl Inner {
    pub(super) fn getlk(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        owner: u64,
        lock: Lock,
    ) -> Begun {
        let handle = begin!(reply, self.good_handle(fh));
        let want = Held { owner, fh, flock: false, lock };
        if let Some(held) = handle.file.locks.conflict(&want) {
            reply.lock(&held.lock);
            return Ok(());
        }
        let free = Lock { kind: LockType::Unlock, ..lock };
        let owns = !handle.file.locks.of(owner, false).is_empty();
        if owns || !self.capabilities().contains(Capabilities::LOCKS) {
            reply.lock(&free);
            return Ok(());
        }
        // Protocols cannot ask: the lock is tried and given back.
        let inner = self.clone();
        let work = async move {
            let (owner, start, len) = (owner_on_server(&want), lock.start, length(&lock));
            let taken = inner
                .with(&handle.remote, |file| async move {
                    file.lock(owner, start, len, kind(&lock), false).await?;
                    file.unlock(owner, start, len).await
                })
                .await;
            match taken {
                Ok(()) => Ok(free),
                // Whose it is, nobody says.
                Err(error) if error.errno == libc::EAGAIN => {
                    Ok(Lock { kind: LockType::Write, pid: 0, ..lock })
                }
                Err(error) => Err(error.into()),
            }
        };
        self.spawn(header, reply, work, |reply, lock| reply.lock(&lock));
        Ok(())
    }

    #[allow(clippy::too_many_arguments, reason = "as many as fuse(4) gives")]
    pub(super) fn setlk(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        fh: u64,
        owner: u64,
        lock: Lock,
        flock: bool,
        wait: bool,
    ) -> Begun {
        let handle = begin!(reply, self.file_handle(fh));
        let handle = begin!(reply, if lock.kind == LockType::Unlock { Ok(handle) } else { handle.good() });
        let want = Held { owner, fh, flock, lock };
        let inner = self.clone();
        let work = async move {
            match lock.kind {
                LockType::Unlock => inner.unlock(&handle, want).await,
                _ => inner.lock(&handle, want, wait).await,
            }
        };
        let signals = if wait { Signals::AtOnce } else { Signals::Grace };
        self.spawn_with(signals, header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    async fn lock(self: &Arc<Self>, handle: &FileHandle, want: Held, wait: bool) -> Answer<()> {
        let locks = &handle.file.locks;
        let before = locks.of(want.owner, want.flock);
        loop {
            let freed = locks.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if locks.take(want) {
                break;
            }
            if !wait {
                return Err(Errno(libc::EAGAIN));
            }
            freed.await;
        }
        // As before if we fail, or are dropped because the caller got a signal.
        let mut undo = Undo { file: &handle.file, want, before, armed: true };
        if self.capabilities().contains(Capabilities::LOCKS) {
            self.lock_on_server(handle, &want, wait).await?;
        }
        undo.armed = false;
        self.table.lock().locked(handle.node, want);
        self.see_others(&handle.file);
        Ok(())
    }

    async fn lock_on_server(&self, handle: &FileHandle, want: &Held, wait: bool) -> ShareResult<()> {
        let (owner, lock) = (owner_on_server(want), want.lock);
        let take = |file: Arc<dyn cleardown_share::File>| async move {
            file.lock(owner, lock.start, length(&lock), kind(&lock), wait).await
        };
        self.with(&handle.remote, take).await
    }

    /// What others wrote before the lock was granted is to be seen.
    fn see_others(&self, file: &Arc<FileState>) {
        if file.is_held() {
            return;
        }
        file.touch();
        if let Some(known) = self.table.lock().get_mut(file.node)
            && file.pending_end().is_none()
        {
            known.seen = None;
            known.pages = None;
            self.kernel.tell(Tell::Data(file.node));
        }
    }

    async fn unlock(self: &Arc<Self>, handle: &FileHandle, want: Held) -> Answer<()> {
        self.settle(&handle.file).await?;
        self.unlock_on_server(handle, &want).await?;
        handle.file.locks.take(want);
        self.table.lock().locked(handle.node, want);
        Ok(())
    }

    async fn unlock_on_server(&self, handle: &FileHandle, want: &Held) -> ShareResult<()> {
        if !self.capabilities().contains(Capabilities::LOCKS) {
            return Ok(());
        }
        let (owner, start, len) = (owner_on_server(want), want.lock.start, length(&want.lock));
        self.with(&handle.remote, |file| async move { file.unlock(owner, start, len).await }).await
    }

    /// A close gives back all locks of its owner.
    pub(super) fn unlock_all(self: &Arc<Self>, handle: &Arc<FileHandle>, owner: u64, flock: bool) {
        let held = handle.file.locks.of(owner, flock);
        if held.is_empty() {
            return;
        }
        let (inner, handle) = (self.clone(), handle.clone());
        // A successor shall not take again what nobody holds; on the server they go with this worker's connection.
        held.iter().for_each(|held| self.table.lock().locked(handle.node, held.unlocked()));
        self.closing.send_modify(|count| *count += 1);
        // Not closed before: who waits for a lock is not always woken by a close (smbd).
        handle.remote.join();
        self.runtime.spawn(async move {
            for held in held {
                let want = held.unlocked();
                if inner.unlock(&handle, want).await.is_err() {
                    handle.file.locks.take(want);
                }
            }
            if handle.remote.leave() == 0 {
                inner.park(&handle.file, handle.remote.clone());
            }
            inner.closing.send_modify(|count| *count -= 1);
        });
    }

    /// The locks that are held, each with the process that took it and its file.
    pub(crate) fn held_locks(&self, most: usize) -> Vec<(u32, SharePath)> {
        let table = self.table.lock();
        let mut held: Vec<(u32, SharePath)> = Vec::new();
        for (node, known) in table.iter() {
            let Some(file) = &known.file else { continue };
            let mut pids: Vec<u32> = file.locks.all().iter().map(|held| held.lock.pid).collect();
            pids.sort_unstable();
            pids.dedup();
            if let Some(path) = table.path(node).filter(|_| !pids.is_empty()) {
                held.extend(pids.into_iter().map(|pid| (pid, path.clone())));
            }
        }
        held.truncate(most);
        held
    }

    /// After a reconnect the server knows of no locks: takes them again.
    pub(crate) fn relock(self: &Arc<Self>, file: Arc<FileState>) {
        if file.locks.all().is_empty() || !self.capabilities().contains(Capabilities::LOCKS) {
            return;
        }
        let inner = self.clone();
        self.runtime.spawn(async move { inner.take_again(&file).await });
    }

    /// Takes over the locks of an earlier worker's applications. Blocks until the server has said which of them are
    /// held again: none of the requests that rely on them is heard before.
    pub(crate) fn adopt_locks(self: &Arc<Self>) {
        let left = std::mem::take(&mut self.table.lock().left_locked);
        let files: Vec<_> = left
            .into_iter()
            .filter_map(|(node, held)| {
                let handle = self.file_handle(held.first()?.fh).ok().filter(|handle| handle.node == node)?;
                handle.file.locks.adopt(held);
                Some(handle.file.clone())
            })
            .collect();
        if files.is_empty() || !self.capabilities().contains(Capabilities::LOCKS) {
            return;
        }
        let all = futures_util::future::join_all(files.iter().map(|file| self.take_again(file)));
        self.runtime.block_on(all);
    }

    /// Takes a file's locks on the server again. What another client has got meanwhile is lost, and who relied on it
    /// hears so.
    async fn take_again(self: &Arc<Self>, file: &Arc<FileState>) {
        for held in file.locks.all() {
            let taken = match self.file_handle(held.fh) {
                Ok(handle) => tokio::time::timeout(RETAKE, self.insist(&handle, &held)).await,
                Err(errno) => Ok(Err(errno)),
            };
            match taken {
                Ok(Ok(())) => {}
                // Lost again: the next connection is asked.
                Err(_) if *self.server.borrow() != ServerState::Connected => return,
                _ => {
                    tracing::warn!(node = file.node, pid = held.lock.pid, ?taken, "a lock is lost");
                    self.lock_lost(file, held);
                }
            }
        }
    }

    /// Takes a lock again, also if the server still keeps the one of a connection that has gone.
    async fn insist(&self, handle: &FileHandle, held: &Held) -> Answer<()> {
        loop {
            match self.lock_on_server(handle, held, false).await {
                Err(error) if error.errno == libc::EAGAIN => tokio::time::sleep(RETAKE / 20).await,
                done => return Ok(done?),
            }
        }
    }

    /// The lock is not held any more, and its user does not know: the handle fails from now on, and for a lock that
    /// belongs to a process every handle of the file, for it is not known which others are that process's.
    fn lock_lost(&self, file: &Arc<FileState>, held: Held) {
        file.locks.take(held.unlocked());
        let mut table = self.table.lock();
        table.locked(file.node, held.unlocked());
        for (fh, open) in self.handles.lock().iter() {
            if let super::Open::File(handle) = open
                && Arc::ptr_eq(&handle.file, file)
                && (!held.flock || *fh == held.fh)
            {
                handle.lost.store(true, Ordering::Release);
                table.lock_lost(*fh);
            }
        }
        drop(table);
        file.touch();
        self.kernel.tell(Tell::Data(file.node));
    }
}

/// Puts back what was there before, unless it is told that the server has granted what was wanted.
struct Undo<'a> {
    file: &'a FileState,
    want: Held,
    before: Vec<Held>,
    armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.file.locks.restore(self.want, &self.before);
        }
    }
}
