//! Holders, looked up away from the runtime's threads: one pass over `/proc` for any number of connections.

use std::sync::Arc;
use std::time::Duration;

use cleardown_core::view::Holders;
use cleardown_kernel::{Files, Mount};

use crate::handle::Handle;

/// How long a look at all processes may take: reading about one that hangs in the kernel may hang too. Whoever
/// wants to unmount asks the kernel in any case.
const PATIENCE: Duration = Duration::from_secs(5);

/// The holders of each connection, in their order.
pub(crate) async fn of_all(handles: &[Arc<Handle>]) -> Vec<Holders> {
    let mounts: Vec<Option<Mount>> = handles.iter().map(|handle| handle.mount()).collect();
    let targets: Vec<Mount> = mounts.iter().flatten().cloned().collect();
    let workers = handles.iter().filter_map(|handle| handle.shown().worker.map(|(pid, _)| pid)).collect();
    let closed = handles.iter().all(|handle| handle.files() == Files::Closed);
    let files = if closed { Files::Closed } else { Files::MayBeOpen };
    let mut found = scan(targets, workers, files).await.into_iter();
    let mut all = Vec::with_capacity(handles.len());
    for (handle, mount) in handles.iter().zip(&mounts) {
        let mut holders = mount.as_ref().and_then(|_| found.next()).unwrap_or_default();
        if let Some(mount) = mount {
            add_locks(handle, mount, &mut holders);
        }
        all.push(holders);
    }
    all
}

/// Adds the locks that the worker last told of; see [`Handle::refresh`].
pub(crate) fn add_locks(handle: &Handle, mount: &Mount, holders: &mut Holders) {
    let locks: Vec<_> =
        handle.shown().locks.into_iter().map(|(pid, path)| (pid, mount.at.join(path))).collect();
    cleardown_kernel::add_locks(holders, &locks);
}

/// The holders of one connection, as they are now.
pub(crate) async fn of(handle: &Arc<Handle>) -> Holders {
    handle.refresh().await;
    of_all(std::slice::from_ref(handle)).await.pop().unwrap_or_default()
}

/// The holders of these mounts, without the daemon and these workers.
pub(crate) async fn scan(targets: Vec<Mount>, mut except: Vec<u32>, files: Files) -> Vec<Holders> {
    if targets.is_empty() {
        return Vec::new();
    }
    except.push(std::process::id());
    let number = targets.len();
    let scan = tokio::task::spawn_blocking(move || cleardown_kernel::holders(&targets, &except, files));
    match tokio::time::timeout(PATIENCE, scan).await {
        Ok(Ok(found)) => found,
        _ => vec![
            Holders {
                holders: Vec::new(),
                unseen: vec!["processes could not be looked at in time".into()]
            };
            number
        ],
    }
}
