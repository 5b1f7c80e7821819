//! At start: what a former daemon noted, held against what the kernel and the workers say. The kernel is right.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::drive::Found;
use cleardown_core::{Error, Result};
use cleardown_drive::Arena;
use cleardown_ipc::Secret;
use cleardown_kernel::{Identity, Mount, Process, mount, mounts};
use cleardown_worker::control::{self, Phase, Reply, Request, read_secret};
use futures_util::future::join_all;
use rustix::process::Signal;

use crate::actor::{self, Remains};
use crate::context::{Context, Record};
use crate::manager::Kept;
use crate::supervisor;

/// A worker that does not answer within this time is replaced.
const PATIENCE: Duration = Duration::from_secs(5);

/// Descriptors that the service manager has kept, by the names they were stored under.
pub(crate) type Stored = HashMap<String, OwnedFd>;

/// Takes up everything that a former daemon left.
///
/// # Errors
/// The journal or the mount table cannot be read.
pub(crate) async fn reconcile(context: &Arc<Context>, mut stored: Stored) -> Result<()> {
    let contents = context.journal.read().map_err(|e| Error::os("reading the journal", &e))?;
    for (path, why) in &contents.damaged {
        tracing::error!(path = %path.display(), why, "a damaged journal entry was set aside");
    }
    let table = mounts::read().map_err(|e| Error::os("reading the mount table", &e))?;
    let remains = contents.records.into_iter().map(|(id, record)| {
        let mut take = |what: Kept| stored.remove(&what.name(&id));
        let kept = (take(Kept::Fuse), take(Kept::Arena), take(Kept::Secret));
        examine(context, record, kept, &table)
    });
    for remains in join_all(remains.collect::<Vec<_>>()).await {
        let spec = &remains.record.spec;
        tracing::info!(name = spec.shown_name(), found = ?remains.found, "taking up");
        let remembered = context.memory.is_remembered(spec.name.as_ref(), &spec.remote).await;
        actor::adopt(context, remains, remembered);
    }
    crate::link::reconcile(context).await
}

async fn examine(
    context: &Context,
    record: Record,
    (mut fuse, mut arena, secret): (Option<OwnedFd>, Option<OwnedFd>, Option<OwnedFd>),
    table: &[Mount],
) -> Remains {
    let mut secret = secret.and_then(|descriptor| secret_in(&descriptor));
    let mut session = None;
    let mut worker = None;
    match supervisor::find(&context.worker_socket(&record.spec.id), PATIENCE).await {
        Some((found, status)) => {
            secret = ask_secret(&found.client).await.or(secret);
            if let Ok((Reply::Descriptors { present: true }, descriptors)) =
                found.client.request(Request::Descriptors, &[], PATIENCE).await
                && let Ok([its_fuse, its_arena]) = <[OwnedFd; 2]>::try_from(descriptors)
            {
                (fuse, arena) = (Some(its_fuse), Some(its_arena));
            }
            let expected = if record.spec.at.is_some() { Phase::Serving } else { Phase::Connected };
            session = status.session;
            if status.phase == expected {
                worker = Some(found);
            } else {
                kill(&found.process).await;
            }
        }
        None => {
            kill_left(record.worker).await;
        }
    }
    let mount = find_mount(&record, table);
    let found = Found {
        step: record.step,
        worker: worker.is_some(),
        mounted: mount.is_some(),
        kernel: fuse.as_ref().is_some_and(mount::is_alive),
    };
    let arena = arena.and_then(|arena| Arena::open(arena).ok());
    Remains { record, secret, worker, session, fuse, arena, mount, found }
}

pub(crate) async fn ask_secret(client: &control::Client) -> Option<Secret> {
    let (_, descriptors) = client.request(Request::Secret, &[], PATIENCE).await.ok()?;
    let descriptor = descriptors.into_iter().next()?;
    tokio::task::spawn_blocking(move || secret_in(&descriptor)).await.ok()?
}

fn secret_in(descriptor: &OwnedFd) -> Option<Secret> {
    let bytes = read_secret(descriptor, PATIENCE).ok()?;
    std::str::from_utf8(&bytes).ok().map(|text| Secret::new(text.to_owned()))
}

/// The mount as it was noted; or the one in its place, when the note was cut short.
fn find_mount(record: &Record, table: &[Mount]) -> Option<Mount> {
    match &record.mount {
        Some(noted) => noted.find_in(table).map(|found| Mount { unique: noted.unique, ..found.clone() }),
        None => {
            let here = mounts::topmost(table, record.spec.at.as_ref()?);
            here.filter(|mount| mount.is_of(&record.spec.remote.to_string())).cloned()
        }
    }
}

/// Kills a worker that cannot be talked to, if it is still there.
pub(crate) async fn kill_left(worker: Option<Identity>) {
    if let Some(process) = worker.and_then(|worker| Process::open(worker).ok().flatten()) {
        kill(&process).await;
    }
}

async fn kill(process: &Process) {
    let _ = process.signal(Signal::KILL);
    if tokio::time::timeout(PATIENCE, process.ended()).await.is_err() {
        tracing::error!(pid = process.identity().pid, "a worker does not die");
    }
    process.reap();
}
