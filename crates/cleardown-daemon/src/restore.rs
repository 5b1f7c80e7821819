//! Bringing back what is remembered.

use std::sync::Arc;
use std::time::Duration;

use cleardown_core::request::MapRequest;
use cleardown_core::view::{Connection, Kind, Status};
use cleardown_core::{Error, ErrorKind, LocalName, Result};
use cleardown_ipc::{Caller, ProgressSink};
use cleardown_profile::{Damaged, Drive};
use futures_util::future::join_all;
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

use crate::context::Context;
use crate::handle::Handle;
use crate::{map, network, sleep};

/// The pauses between attempts grow up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// What came of restoring one name.
#[derive(Debug, Serialize)]
pub(crate) struct Restored {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<Connection>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error>,
}

/// The drive that is remembered under this word, if it is a local name.
pub(crate) async fn remembered(context: &Context, word: &str) -> Result<Option<Drive>> {
    match word.parse::<LocalName>() {
        Ok(name) => context.memory.drive(&name).await,
        Err(_) => Ok(None),
    }
}

/// Connects these names, or all that are remembered; one attempt each, all at the same time.
///
/// # Errors
/// The profile cannot be read.
pub(crate) async fn restore(
    context: &Arc<Context>,
    caller: Caller,
    names: Vec<String>,
    progress: ProgressSink,
) -> Result<Vec<Restored>> {
    let mut wanted = Vec::new();
    if names.is_empty() {
        let (drives, damaged) = context.memory.load().await?;
        wanted.extend(drives.into_iter().map(|drive| (drive.name.to_string(), Ok(Some(drive)))));
        wanted.extend(damaged.into_iter().map(|damaged| (damaged.stem, Err(damaged.error))));
    }
    for name in names {
        let drive = remembered(context, &name).await;
        wanted.push((name, drive));
    }
    let attempts = wanted.into_iter().map(|(name, drive)| {
        let progress = progress.clone();
        async move {
            let outcome = match drive {
                Ok(Some(drive)) => once(context, caller, &drive, progress).await,
                Ok(None) => not_remembered(context, &name).await,
                Err(error) => Err(error),
            };
            let (connection, error) = match outcome {
                Ok(connection) => (Some(connection), None),
                Err(error) => (None, Some(error)),
            };
            Restored { name, connection, error }
        }
    });
    Ok(join_all(attempts).await)
}

async fn once(
    context: &Arc<Context>,
    caller: Caller,
    drive: &Drive,
    progress: ProgressSink,
) -> Result<Connection> {
    if let Some(handle) = context.registry.owner_of(&drive.name)
        && handle.spec.remote.same_place(&drive.remote)
    {
        return try_again(context, &handle).await;
    }
    let mut request = drive.request(MapRequest::TIMEOUT);
    // It is in the profile already: nothing there is to change.
    request.remember = false;
    map::map(context, caller, request, None, progress).await
}

/// A drive that is not remembered can be connected all the same.
async fn not_remembered(context: &Context, name: &str) -> Result<Connection> {
    match name.parse().ok().and_then(|name| context.registry.owner_of(&name)) {
        Some(handle) => try_again(context, &handle).await,
        None => Err(Error::from(ErrorKind::NotConnected(name.into())).because("it is not remembered")),
    }
}

/// A drive that waits for its server tries again at once: whoever asks may know that the cause is mended.
async fn try_again(context: &Context, handle: &Handle) -> Result<Connection> {
    let mut changes = context.registry.changes();
    let is_away = || handle.shown().status == Status::Reconnecting;
    if let Some((_, worker)) = handle.shown().worker.filter(|_| is_away()) {
        sleep::tell_awake(worker).await;
        let back = async { while is_away() && !matches!(changes.recv().await, Err(RecvError::Closed)) {} };
        let _ = tokio::time::timeout(MapRequest::TIMEOUT, back).await;
    }
    let shown = handle.shown();
    match shown.status {
        Status::Reconnecting => {
            let gone = Error::from(ErrorKind::ServerGone(handle.spec.remote.authority()));
            Err(gone.because(shown.reason.unwrap_or_default()))
        }
        _ => Ok(handle.view()),
    }
}

/// Connects all that is remembered, each again and again until it is connected or forgotten. A change of the
/// network shortens the pause.
pub(crate) async fn restore_until_done(context: Arc<Context>) {
    let caller = Caller { uid: context.rules.me, pid: None };
    let drives = context.memory.drives().await.unwrap_or_default();
    let network = network::Watch::new();
    join_all(drives.into_iter().map(|drive| {
        let (context, network) = (context.clone(), &network);
        async move {
            let mut pause = FIRST_PAUSE;
            while let Some(drive) = context.memory.drive(&drive.name).await.unwrap_or_default() {
                let Err(error) = once(&context, caller, &drive, ProgressSink::none()).await else { return };
                tracing::info!(name = %drive.name, %error, "not restored yet");
                if !worth_retrying(&error) {
                    return;
                }
                let _ = tokio::time::timeout(pause, network.changed()).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }))
    .await;
}

/// Whether time may heal it. A wrong password is not tried again: that locks accounts.
fn worth_retrying(error: &Error) -> bool {
    use ErrorKind::*;
    matches!(
        error.kind,
        UnknownHost(_) | NoRoute(_) | Refused(_) | Timeout { .. } | ServerGone(_) | WorkerDied(_) | Os { .. }
    )
}

/// The line of the list for a drive that is only remembered.
pub(crate) fn remembered_view(context: &Context, drive: &Drive) -> Connection {
    Connection {
        remote: drive.remote.to_string(),
        provider: drive.remote.scheme.as_str().to_owned(),
        user: drive.user.clone().or_else(|| drive.remote.user.clone()),
        owner: cleardown_kernel::users::user_name(context.rules.me),
        remembered: true,
        read_only: drive.read_only,
        ..Connection::new(drive.name.to_string(), Kind::Drive, Status::Remembered)
    }
}

/// The line of the list for an entry of the profile that cannot be read: what is wrong with it is the reason.
pub(crate) fn damaged_view(context: &Context, damaged: Damaged) -> Connection {
    Connection {
        reason: Some(damaged.error.to_string()),
        owner: cleardown_kernel::users::user_name(context.rules.me),
        remembered: true,
        ..Connection::new(damaged.stem, Kind::Drive, Status::Failed)
    }
}
