//! Ending connections, and forgetting them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::drive::Done;
use cleardown_core::request::{EndRequest, Verb, Which};
use cleardown_core::view::{DriveProof, EndReport, Ended, Holder, Proof, Refused, Released};
use cleardown_core::{Error, ErrorKind, LocalName, Result};
use cleardown_ipc::{Call, Caller, ProgressSink};
use futures_util::future::join_all;

use crate::context::Context;
use crate::daemon::missing;
use crate::handle::Handle;
use crate::holders;
use crate::link::{self, LinkHandle};
use crate::restore;

/// Ends connections, all at the same time. Dropping the future takes the wish back where that is possible.
///
/// # Errors
/// The request makes no sense; everything else is in the report.
pub(crate) async fn end(
    context: &Arc<Context>,
    caller: Caller,
    request: EndRequest,
    progress: ProgressSink,
) -> Result<EndReport> {
    if request.drop_reference && request.verb == Verb::Force {
        return Err(ErrorKind::BadParameter("dropping a reference cannot be forced".into()).into());
    }
    let deadline = match (request.timeout_ms, request.verb) {
        (Some(ms), _) => Instant::now().checked_add(Duration::from_millis(ms)),
        (None, Verb::Wait) => None,
        (None, _) => Some(Instant::now() + EndRequest::TIMEOUT),
    };
    let mut report = EndReport::default();
    let mut links: Vec<Arc<LinkHandle>> = Vec::new();
    let mut handles: Vec<Arc<Handle>> = Vec::new();
    match &request.which {
        Which::All => {
            handles = context.registry.all();
            links = context.registry.links();
        }
        Which::Names(names) => {
            for name in names {
                if let Some(link) = context.registry.link(name) {
                    links.retain(|other| other.spec.id != link.spec.id);
                    links.push(link);
                    continue;
                }
                let found = context.registry.called(name);
                if found.is_empty() {
                    match unconnected(context, caller, &request, name).await {
                        Ok(ended) => report.ended.push(ended),
                        Err(error) => report.refused.push(refused(name.clone(), error)),
                    }
                }
                let new = found.into_iter().filter(|f| !handles.iter().any(|h| h.spec.id == f.spec.id));
                handles.extend(new.collect::<Vec<_>>());
            }
        }
    }
    let everything = request.which == Which::All;
    handles
        .retain(|h| permitted(context, caller, h.spec.owner, &h.spec.shown_name(), everything, &mut report));
    links.retain(|l| permitted(context, caller, l.spec.owner, &l.spec.name(), everything, &mut report));
    if request.drop_reference {
        handles.retain(|handle| match drop_reference(context, handle) {
            0 => true,
            references => {
                report.released.push(Released { name: handle.spec.shown_name(), references });
                false
            }
        });
    }
    let ends = handles.iter().map(|handle| end_one(context, handle, &request, deadline, progress.clone()));
    for (handle, outcome) in handles.iter().zip(join_all(ends).await) {
        match outcome {
            Ok(ended) => report.ended.push(ended),
            Err(error) => report.refused.push(in_vain(handle, request.verb, error).await),
        }
    }
    // Drives first: the way to their servers may be one of these links.
    let of_links = link::end_all(context, caller, &links, &request, &progress).await;
    report.extend(of_links);
    Ok(report)
}

/// Whether `caller` may end this; if not, the report says so, unless the caller wants an end of all there is.
fn permitted(
    context: &Context,
    caller: Caller,
    owner: u32,
    name: &str,
    everything: bool,
    report: &mut EndReport,
) -> bool {
    let may = context.rules.may_end(caller, owner);
    if !may && !everything {
        let error = ErrorKind::NotPermitted(format!("ending {name}, which another user has made"));
        report.refused.push(refused(name.to_owned(), error.into()));
    }
    may
}

async fn end_one(
    context: &Context,
    handle: &Arc<Handle>,
    request: &EndRequest,
    deadline: Option<Instant>,
    progress: ProgressSink,
) -> Result<Ended> {
    let begun = Instant::now();
    let mut ended = match handle.end(request.verb, deadline, progress).await? {
        Done::Ended(ended) => ended,
        Done::Detached(left) => detached(handle, &left, begun.elapsed()),
        Done::Opened => return Err(ErrorKind::Daemon("an end was answered with a beginning".into()).into()),
    };
    if request.forget
        && let Some(name) = &handle.spec.name
    {
        ended.forgotten = context.memory.forget(name).await?;
    }
    Ok(ended)
}

/// A refusal; after a wait in vain with those who were waited for.
async fn in_vain(handle: &Arc<Handle>, verb: Verb, mut error: Error) -> Refused {
    let mut held = Vec::new();
    if verb == Verb::Wait && matches!(error.kind, ErrorKind::Deadline { .. }) {
        held = holders::of(handle).await.holders;
        error =
            held.iter().fold(error, |error, holder| error.because(format!("it is still in use by {holder}")));
    }
    let mut refused = refused(handle.spec.shown_name(), error);
    refused.holders.append(&mut held);
    refused
}

/// Takes a reference to a deviceless connection away, and says how many are left; 0 when it was the last, which an end takes.
fn drop_reference(context: &Context, handle: &Handle) -> u32 {
    if handle.spec.name.is_some() {
        return 0;
    }
    let mut left = 0;
    let changed = handle.show(|shown| {
        if shown.references > 1 {
            shown.references -= 1;
            left = shown.references;
        }
    });
    if changed {
        context.registry.changed(handle);
    }
    left
}

fn detached(handle: &Handle, left: &[Holder], took: Duration) -> Ended {
    Ended {
        name: handle.spec.shown_name(),
        proof: Proof::Drive(DriveProof { mount_gone: true, ..DriveProof::default() }),
        lost: Vec::new(),
        unproven: left.iter().map(|holder| format!("still in use by {holder}")).collect(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        forgotten: false,
    }
}

pub(crate) fn refused(name: String, error: Error) -> Refused {
    let holders = match &error.kind {
        ErrorKind::Busy { holders, .. } => holders.clone(),
        _ => Vec::new(),
    };
    Refused { name, code: error.code(), reason: error.to_string(), holders, error }
}

/// A name that nothing is connected under: it may be remembered, and then be forgotten.
async fn unconnected(context: &Context, caller: Caller, request: &EndRequest, name: &str) -> Result<Ended> {
    let Some(drive) = restore::remembered(context, name).await?.filter(|_| request.forget) else {
        return Err(missing(context, name).await);
    };
    // Who may end what they have dialled may not change the profile for that.
    context.rules.check(caller, &Call::Forget(name.to_owned()))?;
    context.memory.forget(&drive.name).await?;
    let proof = DriveProof {
        flushed_bytes: 0,
        acknowledged: true,
        mount_gone: true,
        session_closed: true,
        worker_reaped: true,
    };
    let name = drive.name.to_string();
    Ok(Ended {
        name,
        proof: Proof::Drive(proof),
        lost: Vec::new(),
        unproven: Vec::new(),
        took_ms: 0,
        forgotten: true,
    })
}

/// Removes a name from the profile; a connection of that name stays.
///
/// # Errors
/// [`ErrorKind::NotConnected`] when it is not remembered.
pub(crate) async fn forget(context: &Context, name: &str) -> Result<()> {
    let name: LocalName = name.parse()?;
    if !context.memory.forget(&name).await? {
        return Err(
            Error::from(ErrorKind::NotConnected(name.to_string())).because("it is not remembered either")
        );
    }
    if let Some(handle) = context.registry.owner_of(&name)
        && handle.show(|shown| shown.remembered = false)
    {
        context.registry.changed(&handle);
    }
    Ok(())
}
