//! Closing: handles that outlive their application for a moment, draining, the end, and the abort.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cleardown_core::view::Loss;
use cleardown_share::{Lease, ShareError, SharePath};

use crate::drive::{Inner, Parked};
use crate::eager;
use crate::file::{FileState, Passing, Remote};
use crate::status::{Drained, Pending, Unwritten};

/// How long a handle under a handle lease is kept for the next open.
pub(crate) const PARK: Duration = Duration::from_secs(2);
/// How many are kept.
const PARKED: usize = 512;

impl Inner {
    /// No application uses this handle any more: keeps it for a moment if the server lets us, if the file is opened time and
    /// again, and if nothing was written: only its closing makes the server tell the new time of modification. Else closes
    /// it: another client may remove the file, but as long as we have it open SMB servers keep its name, and no folder
    /// with it in can be removed.
    pub(crate) fn park(self: &Arc<Self>, file: &Arc<FileState>, remote: Arc<Remote>) {
        let Lease { read, handle, .. } = remote.lease();
        let is_removed = self.table.lock().path(file.node).is_none();
        let is_kept = read && handle && remote.leaves_times() && file.is_in_demand() && !is_removed;
        if !is_kept || self.quiesced.load(Ordering::Acquire) {
            return self.close_remote(file, &remote);
        }
        let oldest = {
            let mut parked = self.parked.lock();
            parked.push_back((Instant::now(), file.clone(), remote));
            if parked.len() > PARKED { parked.pop_front() } else { None }
        };
        if let Some((_, file, remote)) = oldest
            && remote.is_unused()
        {
            self.close_remote(&file, &remote);
        }
        if !self.sweeping.swap(true, Ordering::AcqRel) {
            let inner = self.clone();
            self.runtime.spawn(async move { inner.sweep().await });
        }
    }

    /// Closes parked handles in time; ends when there are none.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(PARK / 4).await;
            let mut due = Vec::new();
            {
                let mut parked = self.parked.lock();
                while parked.front().is_some_and(|(since, ..)| since.elapsed() >= PARK) {
                    due.extend(parked.pop_front());
                }
                if parked.is_empty() && due.is_empty() {
                    self.sweeping.store(false, Ordering::Release);
                    return;
                }
            }
            for (_, file, remote) in due {
                if remote.is_unused() {
                    self.close_remote(&file, &remote);
                }
            }
        }
    }

    /// Closes a handle on the server, in the background and once its data is there.
    fn close_remote(self: &Arc<Self>, file: &Arc<FileState>, remote: &Arc<Remote>) {
        let Some(passing) = self.retire(file, remote) else { return };
        let (inner, file, remote) = (self.clone(), file.clone(), remote.clone());
        self.closing.send_modify(|count| *count += 1);
        // Sent at once where nothing is pending: a look at the file comes to the server after it.
        let work = async move {
            let is_removed = inner.table.lock().path(file.node).is_none();
            match is_removed && file.opens() == 0 {
                // Nobody can read it any more, so nothing that could not be written is lost.
                true => inner.discard(&file).await,
                false => drop(inner.settled(&file).await),
            }
            close(&remote).await;
            drop(passing);
            inner.table.lock().reap(file.node);
            inner.closing.send_modify(|count| *count -= 1);
        };
        eager::spawn(&self.runtime, work);
    }

    /// Takes an unused handle out of the file's, to be closed; none when it was out already, or is used again.
    fn retire(&self, file: &Arc<FileState>, remote: &Arc<Remote>) -> Option<Passing> {
        let mut live = file.live.lock();
        if !remote.is_unused() {
            return None;
        }
        let at = live.iter().position(|other| Arc::ptr_eq(other, remote))?;
        let passing = file.passing();
        live.swap_remove(at);
        if !live.iter().any(|remote| remote.lease().read) {
            file.hold(false);
        }
        Some(passing)
    }

    /// Closes a file's handles that no application uses, and waits for the server.
    pub(crate) async fn close_unused(self: &Arc<Self>, file: &Arc<FileState>) {
        let unused: Vec<_> = file.live.lock().iter().filter(|remote| remote.is_unused()).cloned().collect();
        for remote in unused {
            if let Some(_passing) = self.retire(file, &remote) {
                close(&remote).await;
            }
        }
    }

    /// Closes parked handles of files at or below a path: a server may refuse to rename a folder with open files.
    pub(crate) async fn close_parked_below(self: &Arc<Self>, path: &SharePath) {
        let files: Vec<_> = {
            let parked = self.parked.lock();
            let table = self.table.lock();
            let Some(top) = table.find(path) else { return };
            // A folder in which nothing is known, as after the removal of all that was in it, has none.
            if table.get(top).is_some_and(|known| known.dir && known.children.is_empty()) {
                return;
            }
            let below = |(_, file, _): &&Parked| table.is_below(file.node, top);
            parked.iter().filter(below).map(|(_, file, _)| file.clone()).collect()
        };
        for file in files {
            self.close_unused(&file).await;
        }
    }

    fn files(&self) -> Vec<Arc<FileState>> {
        self.table.lock().iter().filter_map(|(_, node)| node.file.clone()).collect()
    }

    fn with_pending(&self) -> Vec<Arc<FileState>> {
        self.files().into_iter().filter(|file| !file.queue.lock().is_empty()).collect()
    }

    fn path_of(&self, node: u64) -> SharePath {
        let path = self.table.lock().path(node);
        path.or_else(|| SharePath::parse(format!("(removed file {node})").as_bytes())).unwrap_or_default()
    }

    /// Files with bytes that the server has not acknowledged.
    pub(crate) fn pending_files(&self, most: usize) -> Vec<Loss> {
        let files = self.with_pending();
        let loss = |file: Arc<FileState>| Loss {
            path: self.path_of(file.node).to_string(),
            bytes: file.queue.lock().bytes(),
        };
        files.into_iter().take(most).map(loss).collect()
    }

    pub(crate) async fn drain(
        self: &Arc<Self>,
        deadline: Instant,
        mut progress: impl FnMut(Pending) + Send,
    ) -> Drained {
        let (begin, start) = (self.arena.pending_bytes(), Instant::now());
        let until = tokio::time::Instant::from_std(deadline);
        let mut failed = Vec::new();
        let all = async {
            loop {
                let files = self.with_pending();
                let refused: Vec<ShareError> =
                    futures_util::future::join_all(files.iter().map(|file| self.settled(file)))
                        .await
                        .into_iter()
                        .filter_map(Result::err)
                        .collect();
                // What applications have written meanwhile belongs to it.
                if !refused.is_empty() || self.arena.pending_bytes() == 0 || self.is_aborted() {
                    return;
                }
            }
        };
        let ticks = async {
            loop {
                let left = self.arena.pending_bytes();
                let millis = start.elapsed().as_millis().max(1) as u64;
                let rate = begin.saturating_sub(left).saturating_mul(1000) / millis;
                progress(Pending { bytes_left: left, rate });
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! { () = all => {}, () = ticks => {}, () = tokio::time::sleep_until(until) => {} }
        let closed = tokio::time::timeout_at(until, self.close_parked()).await.is_ok();
        for file in self.with_pending() {
            let path = self.path_of(file.node);
            let queue = file.queue.lock();
            let (errno, status) = match &queue.error {
                Some(error) => (error.errno, error.status.clone()),
                None => (libc::ETIMEDOUT, "the server did not acknowledge it in time".to_owned()),
            };
            failed.push(Unwritten { path, bytes: queue.bytes(), errno, status });
        }
        let left = self.arena.pending_bytes();
        progress(Pending { bytes_left: left, rate: 0 });
        Drained {
            flushed_bytes: begin.saturating_sub(left),
            acknowledged: left == 0 && failed.is_empty() && closed && !self.is_aborted(),
            failed,
        }
    }

    /// Closes what no application uses, and waits until the server has closed it.
    async fn close_parked(self: &Arc<Self>) {
        let parked: Vec<_> = self.parked.lock().drain(..).collect();
        for (_, file, remote) in parked {
            if remote.is_unused() {
                self.close_remote(&file, &remote);
            }
        }
        let _ = self.closing.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(crate) async fn close(self: &Arc<Self>, deadline: Instant) -> bool {
        let until = tokio::time::Instant::from_std(deadline);
        let closing = async {
            self.close_parked().await;
            let mut rest = Vec::new();
            for file in self.files() {
                rest.append(&mut file.live.lock());
            }
            futures_util::future::join_all(rest.iter().map(|remote| close(remote))).await;
            self.share.close().await
        };
        match tokio::time::timeout_at(until, closing).await {
            Ok(Ok(confirmed)) => confirmed,
            Ok(Err(error)) => {
                tracing::warn!(%error, "logging off failed");
                false
            }
            Err(_) => false,
        }
    }

    pub(crate) fn abort_all(self: &Arc<Self>) -> Vec<Loss> {
        let lost = self.pending_files(usize::MAX);
        self.set_aborted();
        self.share.abort();
        for file in self.with_pending() {
            let mut queue = file.queue.lock();
            queue.discard = true;
            self.drop_waiting(&mut queue);
            drop(queue);
            file.changed.notify_waiters();
        }
        lost
    }
}

async fn close(remote: &Remote) {
    let Some(server) = remote.take() else { return };
    if let Err(error) = server.close().await {
        tracing::debug!(%error, "closing a handle failed");
    }
}
