//! Folders that are open here, for listing or watching. A server removes a folder only when its last handle is closed,
//! and renames none while one below it is open: whoever does that waits until ours are closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_share::SharePath;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::core::Core;
use crate::watch;

/// How long to wait for folders to be closed before looking for watches again.
const AGAIN: Duration = Duration::from_millis(50);

/// The folders that are open on the server for us.
#[derive(Default)]
pub(crate) struct Folders {
    open: Mutex<Vec<SharePath>>,
    closed: Notify,
}

/// An open folder; to be dropped when the server has closed it.
pub(crate) struct OpenFolder {
    folders: Arc<Folders>,
    path: SharePath,
}

impl Folders {
    /// A folder is about to be opened.
    pub(crate) fn open(self: &Arc<Self>, path: &SharePath) -> OpenFolder {
        self.open.lock().push(path.clone());
        OpenFolder { folders: self.clone(), path: path.clone() }
    }

    async fn none_below(&self, path: &SharePath) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if !self.open.lock().iter().any(|open| open.starts_with(path)) {
                return;
            }
            closed.await;
        }
    }
}

impl Drop for OpenFolder {
    fn drop(&mut self) {
        let mut open = self.folders.open.lock();
        if let Some(at) = open.iter().position(|path| *path == self.path) {
            open.swap_remove(at);
        }
        drop(open);
        self.folders.closed.notify_waiters();
    }
}

/// Ends our watches at and below a path, and waits until no folder there is open for us, or the deadline.
pub(crate) async fn leave(core: &Core, path: &SharePath, deadline: Instant) {
    let left = async {
        loop {
            watch::unwatch_below(core, path).await;
            // A watch that is only being set up shows a moment later.
            if tokio::time::timeout(AGAIN, core.folders.none_below(path)).await.is_ok() {
                return;
            }
        }
    };
    let _ = tokio::time::timeout_at(deadline.into(), left).await;
}
