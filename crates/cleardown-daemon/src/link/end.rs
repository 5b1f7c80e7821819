//! Ending links, and giving references to them back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::link::Done;
use cleardown_core::request::{EndRequest, HangUpRequest, Verb, Which};
use cleardown_core::view::{EndReport, Released};
use cleardown_core::{Code, Error, ErrorKind, Result};
use cleardown_ipc::{Call, Caller, Instance, Location, Peer, ProgressSink};
use futures_util::future::join_all;

use super::dependents;
use super::handle::{LinkHandle, What};
use crate::context::Context;
use crate::end::{self, refused};

/// Ends these links, all at the same time, with the drives that are reached over them where that is wanted.
pub(crate) async fn end_all(
    context: &Arc<Context>,
    caller: Caller,
    links: &[Arc<LinkHandle>],
    request: &EndRequest,
    progress: &ProgressSink,
) -> EndReport {
    let ends = links.iter().map(|link| async move {
        let mut report = EndReport::default();
        if let Err(error) = end_one(context, caller, link, request, progress, &mut report).await {
            report.refused.push(refused(link.spec.name(), error));
        }
        report
    });
    let mut whole = EndReport::default();
    join_all(ends).await.into_iter().for_each(|report| whole.extend(report));
    whole
}

async fn end_one(
    context: &Arc<Context>,
    caller: Caller,
    link: &Arc<LinkHandle>,
    request: &EndRequest,
    progress: &ProgressSink,
    report: &mut EndReport,
) -> Result<()> {
    let begun = Instant::now();
    let last = !request.drop_reference || link.shown().references <= 1;
    if last {
        end_dependents(context, caller, link, request, progress, report).await?;
    }
    let what = if request.drop_reference { What::HangUp } else { What::End };
    let deadline = deadline(link, request.timeout_ms, begun);
    match link.ask(what, deadline, progress.clone()).await? {
        Done::Ended(ended) => report.ended.push(ended),
        Done::Released(references) => report.released.push(Released { name: link.spec.name(), references }),
        Done::Dialled => {
            return Err(ErrorKind::Daemon("an end was answered with a beginning".into()).into());
        }
    }
    Ok(())
}

/// Drives whose servers are reached over the link: ended first when that is wanted, and otherwise a reason to refuse.
async fn end_dependents(
    context: &Arc<Context>,
    caller: Caller,
    link: &Arc<LinkHandle>,
    request: &EndRequest,
    progress: &ProgressSink,
    report: &mut EndReport,
) -> Result<()> {
    let drives = dependents::of(context, link).await;
    if drives.is_empty() {
        return Ok(());
    }
    let refusal = |drives: Vec<String>| Error::from(ErrorKind::Dependents { name: link.spec.name(), drives });
    if !request.with_dependents && request.verb != Verb::Force {
        return Err(refusal(drives.into_iter().map(|drive| drive.shown).collect()));
    }
    let mut by_daemon: HashMap<Option<Instance>, Vec<String>> = HashMap::new();
    for drive in drives {
        by_daemon.entry(drive.instance).or_default().push(drive.name);
    }
    let ends = by_daemon.into_iter().map(|(instance, names)| async move {
        let first = EndRequest {
            which: Which::Names(names),
            forget: false,
            drop_reference: false,
            with_dependents: false,
            ..request.clone()
        };
        match instance {
            None => Box::pin(end::end(context, caller, first, progress.clone())).await,
            Some(instance) => end_of_user(context, caller, instance, first, progress).await,
        }
    });
    let mut left = Vec::new();
    for ends in join_all(ends).await {
        let ends = ends?;
        left.extend(ends.refused.iter().map(|refused| refused.name.clone()));
        report.extend(ends);
    }
    if left.is_empty() { Ok(()) } else { Err(refusal(left)) }
}

/// Has a user's daemon end drives, on behalf of somebody who may.
async fn end_of_user(
    context: &Context,
    caller: Caller,
    instance: Instance,
    request: EndRequest,
    progress: &ProgressSink,
) -> Result<EndReport> {
    let Location { uid, .. } = Location::of(instance);
    if !context.rules.may_end(caller, uid) {
        let what = format!("ending {}, which other users have made", names(&request));
        return Err(ErrorKind::NotPermitted(what).into());
    }
    let patience = request.timeout_ms.map_or(EndRequest::TIMEOUT, Duration::from_millis);
    let patience =
        (request.timeout_ms.is_some() || request.verb != Verb::Wait).then_some(patience + USERS_SLACK);
    let peer = Peer::connect(&Location::of(instance)).await?;
    peer.operate(&Call::End(request), patience, |step| progress.report(step)).await
}

fn names(request: &EndRequest) -> String {
    match &request.which {
        Which::Names(names) => names.join(", "),
        Which::All => "all".to_owned(),
    }
}

/// What a user's daemon may take beyond the deadline, which it keeps itself.
const USERS_SLACK: Duration = Duration::from_secs(5);

/// Gives a reference back; the last one ends the link.
///
/// # Errors
/// The link is gone (668), or another user's.
pub(crate) async fn hang_up(
    context: &Arc<Context>,
    caller: Caller,
    request: HangUpRequest,
    progress: ProgressSink,
) -> Result<EndReport> {
    let Some(link) = context.registry.link(&format!("#{}", request.handle)) else {
        return Err(unknown_handle(request.handle));
    };
    if !context.rules.may_end(caller, link.spec.owner) {
        let what = format!("hanging up {}, which another user has dialled", link.spec.name());
        return Err(ErrorKind::NotPermitted(what).into());
    }
    let end = EndRequest {
        timeout_ms: request.timeout_ms,
        drop_reference: true,
        ..EndRequest::of(Which::Names(Vec::new()))
    };
    Ok(end_all(context, caller, &[link], &end, &progress).await)
}

/// The first moment of 2026, in microseconds: no handle is older.
const FIRST_HANDLE: u64 = 1_767_225_600_000_000;

/// A handle that no link has. Every handle is a moment in the past, and none is used twice: so it is known whether it can have
/// been issued at all.
fn unknown_handle(handle: u64) -> Error {
    let during = cleardown_core::link::RasState::Disconnected;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let issued = handle >= FIRST_HANDLE && u128::from(handle) <= now.as_micros();
    let code = if issued { Code::NO_CONNECTION } else { Code::INVALID_HANDLE };
    ErrorKind::Link { entry: format!("#{handle}"), code, during }.into()
}

fn deadline(link: &LinkHandle, timeout_ms: Option<u64>, begun: Instant) -> Instant {
    let patience = timeout_ms.map_or_else(|| link.spec.plan().hang_up_timeout(), Duration::from_millis);
    let day = Duration::from_secs(24 * 3600);
    begun + patience.min(day)
}
