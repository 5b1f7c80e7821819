//! At start: what a former daemon noted of links, held against what kernel and workers say.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::link::Found;
use cleardown_core::{Error, Result};
use cleardown_kernel::Process;
use cleardown_kernel::net::{self, Tun, wireguard};
use cleardown_worker::control::{Reply, Request};
use futures_util::future::join_all;

use super::actor::{self, Remains};
use super::spec::Record;
use super::talk::line_end;
use crate::context::Context;
use crate::reconcile::{ask_secret, kill_left};
use crate::supervisor;

/// A worker that does not answer within this time counts as dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes up every link that a former daemon left.
///
/// # Errors
/// The journal cannot be read.
pub(crate) async fn reconcile(context: &Arc<Context>) -> Result<()> {
    let contents = context.links.read().map_err(|e| Error::os("reading the journal of links", &e))?;
    for (path, why) in &contents.damaged {
        tracing::error!(path = %path.display(), why, "a damaged journal entry was set aside");
    }
    let remains = contents.records.into_iter().filter(|(_, record)| is_within_reach(record));
    let remains = remains.map(|(_, record)| examine(context, record));
    for remains in join_all(remains).await {
        tracing::info!(name = remains.record.spec.name(), found = ?remains.found, "taking up");
        actor::adopt(context, remains);
    }
    if context.rules.system {
        // Lines of resolv.conf outlive a power failure, and the journal does not.
        let sweep = || net::sweep(Path::new("/etc/resolv.conf"));
        if let Ok(Err(error)) = tokio::task::spawn_blocking(sweep).await {
            tracing::warn!(%error, "clearing away what old links left");
        }
    }
    Ok(())
}

/// What the kernel carries in another network goes on there without us, and is left to a daemon of that network.
fn is_within_reach(record: &Record) -> bool {
    let elsewhere = record.spec.is_in_kernel() && is_elsewhere(record);
    if elsewhere {
        let name = record.spec.name();
        tracing::warn!(name, "the kernel carries it in another network namespace: it is left alone");
    }
    !elsewhere
}

fn is_elsewhere(record: &Record) -> bool {
    record.namespace.zip(net::namespace()).is_some_and(|(theirs, ours)| theirs != ours)
}

/// A link that the kernel carries is there as long as its interface is.
fn examine_device(mut record: Record) -> Remains {
    let index = record.interface.as_ref().map(|interface| interface.index);
    let device = index.and_then(|index| wireguard::find(index).ok()?);
    let found = Found {
        step: record.step,
        references: record.references,
        worker: false,
        line_ended: None,
        interface: device.is_some(),
    };
    let agreed = record.agreed.clone();
    // Somebody may have given it another name.
    record.interface = device.or(record.interface);
    Remains { record, secret: None, worker: None, tun: None, agreed, found }
}

/// A worker says itself which process it is, and is its owner's: root must not kill another user's process on its word.
fn is_owners(process: &Process, owner: u32) -> bool {
    let is_theirs = process.user().is_ok_and(|user| user == owner);
    if !is_theirs {
        tracing::warn!(
            pid = process.identity().pid,
            "a worker named a process that is not its owner's, or has ended"
        );
    }
    is_theirs
}

async fn examine(context: &Context, mut record: Record) -> Remains {
    if record.spec.is_in_kernel() {
        return examine_device(record);
    }
    if is_elsewhere(&record) {
        // Interfaces of other networks may have the same names and indices. What is left there goes with the worker.
        tracing::warn!(name = record.spec.name(), "it was dialled in another network namespace");
        (record.interface, record.changes) = (None, Vec::new());
    }
    let mut secret = None;
    let mut tun = None;
    let mut status = None;
    let mut worker = None;
    let answers = supervisor::find(&context.worker_socket(&record.spec.id), PATIENCE).await;
    match answers.filter(|(found, _)| is_owners(&found.process, record.spec.owner)) {
        Some((found, its)) => {
            secret = ask_secret(&found.client).await;
            if let Ok((Reply::Descriptors { present: true }, mut descriptors)) =
                found.client.request(Request::Descriptors, &[], PATIENCE).await
                && !descriptors.is_empty()
            {
                tun = Tun::adopt(descriptors.swap_remove(0)).ok();
            }
            status = its.link;
            worker = Some(found);
        }
        None => {
            kill_left(record.worker).await;
        }
    }
    let name = record.spec.name();
    let found = Found {
        step: record.step,
        references: record.references,
        worker: worker.is_some(),
        line_ended: status.as_ref().and_then(|link| link.end.as_ref()).map(|end| line_end(end, &name)),
        interface: tun.as_ref().is_some_and(|tun| Some(tun.interface()) == record.interface.as_ref()),
    };
    let agreed = status.and_then(|link| link.agreed);
    Remains { record, secret, worker, tun, agreed, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_cannot_pass_for_another_users_process() {
        let own = Process::of(std::process::id()).unwrap();
        let me = rustix::process::geteuid().as_raw();
        assert!(is_owners(&own, me) && !is_owners(&own, me + 1000));
    }
}
