//! The sleep of the machine: what is pending is written before, and connections are looked at after.

use std::sync::Arc;
use std::time::Duration;

use cleardown_ipc::Logind;
use cleardown_worker::control::{Client, Reply, Request};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::context::Context;

/// How long a worker may take to hear that the machine is awake.
const AWAKE: Duration = Duration::from_secs(5);

/// Follows the login manager for as long as the future lives, where there is one.
pub(crate) async fn watch(context: Arc<Context>) {
    let mut logind = match Logind::find().await {
        Ok(logind) => logind,
        Err(error) => return tracing::info!(%error, "nobody tells when the machine sleeps"),
    };
    loop {
        let refused = |error: &_| tracing::info!(%error, "the machine's sleep does not wait for us");
        let inhibitor = logind.inhibit().await.inspect_err(refused).ok();
        if !heard(&mut logind, true).await {
            return;
        }
        prepare(&context, logind.longest_delay()).await;
        drop(inhibitor);
        if !heard(&mut logind, false).await {
            return;
        }
        wake(&context).await;
    }
}

/// Waits for this news; false when there will be none.
async fn heard(logind: &mut Logind, wanted: bool) -> bool {
    loop {
        match logind.news().await {
            Some(news) if news == wanted => return true,
            Some(_) => {}
            None => {
                tracing::warn!("nobody tells any more when the machine sleeps");
                return false;
            }
        }
    }
}

/// Has all drives write what is pending, and ends in time for the machine to sleep.
async fn prepare(context: &Context, delay: Duration) {
    tracing::info!("the machine is about to sleep");
    let deadline_ms = u64::try_from((delay * 3 / 4).as_millis()).unwrap_or(u64::MAX);
    let ready = context.registry.all().into_iter().map(|drive| async move {
        let Some((_, worker)) = drive.shown().worker else { return };
        let name = drive.spec.shown_name();
        match worker.request(Request::Sleep { deadline_ms }, &[], delay).await {
            Ok((Reply::Drained { acknowledged: true, .. }, _)) => {}
            Ok((Reply::Drained { failed, .. }, _)) => {
                let bytes: u64 = failed.iter().map(|file| file.bytes).sum();
                tracing::warn!(
                    name,
                    bytes,
                    "the machine sleeps before the server has acknowledged everything"
                );
            }
            // Without a file system, or not yet.
            other => tracing::debug!(name, ?other, "not ready for the machine's sleep"),
        }
    });
    if timeout(delay * 9 / 10, join_all(ready)).await.is_err() {
        tracing::warn!("a worker is not ready for the machine's sleep");
    }
}

/// Has everybody look at once whether the other end is still there.
async fn wake(context: &Arc<Context>) {
    tracing::info!("the machine is awake");
    let drives = context.registry.all().into_iter().filter_map(|drive| drive.shown().worker);
    let links = context.registry.links();
    let in_kernel = links.iter().map(|link| link.check_in_kernel());
    let workers = drives.chain(links.iter().filter_map(|link| link.shown().worker));
    let told = join_all(workers.map(|(_, worker)| tell_awake(worker)));
    futures_util::join!(told, join_all(in_kernel));
}

/// Has a worker look at once whether its other end is there, and try again if it is not.
pub(crate) async fn tell_awake(worker: Client) {
    if let Err(error) = worker.request(Request::Wake, &[], AWAKE).await {
        tracing::debug!(%error, "telling a worker that the machine is awake");
    }
}
