//! The mount table, watched: a mount that somebody else takes away is noticed, without a timer.

use std::sync::Arc;

use cleardown_kernel::mounts;

use crate::context::Context;

/// Tells connections when their mounts have gone, for as long as the future lives.
pub(crate) async fn watch(context: Arc<Context>) {
    let watch = match mounts::Watch::new() {
        Ok(watch) => watch,
        Err(error) => return tracing::error!(%error, "the mount table is not watched"),
    };
    loop {
        check(&context);
        if let Err(error) = watch.changed().await {
            return tracing::error!(%error, "the mount table is not watched any more");
        }
    }
}

/// Looks once.
pub(crate) fn check(context: &Context) {
    let handles: Vec<_> =
        context.registry.all().into_iter().filter_map(|h| h.mount().map(|mount| (h, mount))).collect();
    if handles.is_empty() {
        return;
    }
    let Ok(table) = mounts::read() else { return };
    for (handle, mount) in handles {
        if mount.find_in(&table).is_none() {
            handle.mount_is_gone();
        }
    }
}
