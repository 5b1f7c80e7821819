//! Locks: fcntl and flock locks become locks on the server, which its other clients see.
//!
//! A lock is also a promise about data: what others wrote before it was granted is seen after, and what was
//! written under it is on the server before it is given back.

use std::sync::Arc;

use cleardown_fuse::{Header, Lock, LockType, Reply};
use cleardown_share::{Capabilities, LockKind, SharePath, ShareResult};

use super::{Begun, FileHandle, begin};
use crate::calls::Signals;
use crate::drive::Inner;
use crate::errno::{Answer, Errno};
use crate::file::FileState;
use crate::kernel::Tell;
use crate::locks::Held;

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
        let handle = begin!(reply, self.file_handle(fh));
        let want = Held { owner, flock: false, lock };
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
        let want = Held { owner, flock, lock };
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
        // Given back if we fail, or are dropped because the caller got a signal.
        let mut undo = Undo { file: &handle.file, want, armed: true };
        if self.capabilities().contains(Capabilities::LOCKS) {
            self.lock_on_server(handle, &want, wait).await?;
        }
        undo.armed = false;
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
        self.closing.send_modify(|count| *count += 1);
        self.runtime.spawn(async move {
            for held in held {
                let want = Held { lock: Lock { kind: LockType::Unlock, ..held.lock }, ..held };
                if inner.unlock(&handle, want).await.is_err() {
                    handle.file.locks.take(want);
                }
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
    pub(crate) fn relock(self: &Arc<Self>, file: &Arc<FileState>) {
        let held = file.locks.all();
        if held.is_empty() || !self.capabilities().contains(Capabilities::LOCKS) {
            return;
        }
        let Some(remote) = file.live.lock().first().cloned() else { return };
        let inner = self.clone();
        self.runtime.spawn(async move {
            for held in held {
                let (owner, lock) = (owner_on_server(&held), held.lock);
                let take = |file: Arc<dyn cleardown_share::File>| async move {
                    file.lock(owner, lock.start, length(&lock), kind(&lock), false).await
                };
                if let Err(error) = inner.with(&remote, take).await {
                    tracing::warn!(%error, "a lock was lost with the connection");
                }
            }
        });
    }
}

struct Undo<'a> {
    file: &'a FileState,
    want: Held,
    armed: bool,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        if self.armed {
            let lock = Lock { kind: LockType::Unlock, ..self.want.lock };
            self.file.locks.take(Held { lock, ..self.want });
        }
    }
}
