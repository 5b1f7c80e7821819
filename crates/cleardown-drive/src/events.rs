//! What the server tells us unasked: broken leases, changes by others, the connection itself.

use std::sync::Arc;
use std::time::Duration;

use cleardown_share::{Event, Lease, SharePath};
use tokio::sync::mpsc;

use crate::dirs::OURS;
use crate::drive::Inner;
use crate::kernel::Tell;
use crate::status::ServerState;

/// Folders that the server watches for us at most.
const WATCHES: usize = 64;
/// How long the kernel has for dropping what a broken lease covered.
const TOLD: Duration = Duration::from_secs(2);

/// Heeds events until the share is dropped.
pub(crate) async fn heed(inner: std::sync::Weak<Inner>, mut events: mpsc::Receiver<Event>) {
    while let Some(event) = events.recv().await {
        let Some(inner) = inner.upgrade() else { return };
        match event {
            Event::LeaseBroken { path, lease, ticket } => inner.lease_broken(&path, lease, ticket),
            Event::Changed { dir, name } => inner.folder_changed(&dir, name.as_deref()),
            Event::Disconnected(error) => {
                drop(inner.server.send_replace(ServerState::Reconnecting(error.status)));
            }
            Event::Reconnected => inner.reconnected(),
        }
    }
}

impl Inner {
    fn lease_broken(self: &Arc<Self>, path: &SharePath, lease: Lease, ticket: Option<u64>) {
        let file = {
            let mut table = self.table.lock();
            let node = table.find(path);
            let known = node.and_then(|node| table.get_mut(node));
            known.and_then(|known| {
                if !lease.read {
                    known.pages = None;
                    known.seen = None;
                }
                known.file.clone()
            })
        };
        let acknowledge = move |inner: &Inner| {
            if let Some(ticket) = ticket {
                inner.kernel.tell(Tell::Acknowledge(ticket));
            }
        };
        let Some(file) = file else { return acknowledge(self) };
        {
            // Under the lock of who adds a handle, and asks for its lease then.
            let live = file.live.lock();
            live.iter().for_each(|remote| remote.narrow_lease(lease));
            if !lease.read {
                file.hold(false);
                file.touch();
                self.kernel.tell(Tell::Data(file.node));
            }
        }
        let inner = self.clone();
        self.runtime.spawn(async move {
            // The other client is to see what was written here.
            if let Err(error) = inner.settled(&file).await {
                tracing::warn!(%error, "a lease was broken while data could not be written");
            }
            if !lease.handle {
                inner.close_unused(&file).await;
            }
            acknowledge(&inner);
            let share = inner.share.clone();
            drop(inner);
            if let Some(ticket) = ticket {
                // The kernel may make its being told wait for a request that waits for the other client.
                tokio::time::sleep(TOLD).await;
                share.lease_break_done(ticket);
            }
        });
    }

    fn folder_changed(&self, dir: &SharePath, name: Option<&[u8]>) {
        let mut tell = Vec::new();
        {
            let mut table = self.table.lock();
            let Some(folder) = table.find(dir) else { return };
            let key = name.map(|name| table.key(name));
            if let (Some(known), Some(key)) = (table.get_mut(folder), &key)
                && known.cache.is_ours(key)
            {
                return;
            }
            let child = name.and_then(|name| table.child(folder, name));
            let known = child.and_then(|child| table.get_mut(child));
            if let (Some(child), Some(known)) = (child, known) {
                if known.changed.is_some_and(|changed| changed.elapsed() < OURS) {
                    if let Some(folder) = table.get_mut(folder) {
                        folder.cache.doubt();
                    }
                    return;
                }
                if !known.file.as_ref().is_some_and(|file| file.is_held()) {
                    known.seen = None;
                    tell.push(Tell::Data(child));
                }
            }
            let Some(known) = table.get_mut(folder) else { return };
            known.cache.forget();
            match name {
                Some(name) => tell.push(Tell::Name(folder, name.to_vec())),
                None => {
                    // Perhaps it was the last that we are told: watching is asked for again.
                    known.cache.set_watched(false);
                    let names: Vec<_> = known.children.iter().map(|(n, c)| (n.clone(), *c)).collect();
                    for (name, child) in names {
                        if let Some(known) = table.get_mut(child)
                            && !known.file.as_ref().is_some_and(|file| file.is_held())
                        {
                            known.seen = None;
                        }
                        tell.push(Tell::Name(folder, name));
                    }
                }
            }
            tell.push(Tell::Attributes(folder));
        }
        tell.into_iter().for_each(|message| self.kernel.tell(message));
    }

    fn reconnected(self: &Arc<Self>) {
        let mut files = Vec::new();
        {
            let mut table = self.table.lock();
            let nodes: Vec<_> = table.iter().map(|(node, _)| node).collect();
            for node in nodes {
                let Some(known) = table.get_mut(node) else { continue };
                known.cache.forget();
                known.cache.set_watched(false);
                if let Some(seen) = &mut known.seen {
                    seen.exact = false;
                }
                files.extend(known.file.clone());
            }
        }
        self.watched.lock().clear();
        for file in files {
            if file.is_held() {
                file.hold(false);
                file.touch();
                file.live.lock().iter().for_each(|remote| remote.narrow_lease(Lease::default()));
                self.kernel.tell(Tell::Data(file.node));
            }
            self.relock(file.clone());
            self.pump(&file);
        }
        self.server.send_replace(ServerState::Connected);
    }

    /// Has the server tell us of changes in a folder; a few folders, the latest ones.
    pub(crate) async fn watch(self: &Arc<Self>, node: u64, path: &SharePath) {
        if !self.capabilities().contains(cleardown_share::Capabilities::CHANGE_NOTIFY) {
            return;
        }
        if let Err(error) = self.share.watch(path).await {
            tracing::debug!(%error, "watching a folder failed");
            return;
        }
        let oldest = {
            let mut watched = self.watched.lock();
            watched.retain(|(other, _)| *other != node);
            watched.push_back((node, path.clone()));
            if watched.len() > WATCHES { watched.pop_front() } else { None }
        };
        self.set_watched(node, true);
        if let Some((node, path)) = oldest {
            self.set_watched(node, false);
            self.share.unwatch(&path).await;
        }
    }

    /// A folder is about to be removed or renamed: watches there end.
    pub(crate) fn unwatched_below(&self, path: &SharePath) {
        let mut ended = Vec::new();
        self.watched.lock().retain(|(node, at)| {
            let below = at.starts_with(path);
            if below {
                ended.push(*node);
            }
            !below
        });
        ended.into_iter().for_each(|node| self.set_watched(node, false));
    }

    fn set_watched(&self, node: u64, watched: bool) {
        if let Some(known) = self.table.lock().get_mut(node) {
            known.cache.set_watched(watched);
        }
    }
}
