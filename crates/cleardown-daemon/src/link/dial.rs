//! Dialling: which entry, with which secret; then the link makes itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::link::{Device, Entry, RasState};
use cleardown_core::request::{DialRequest, Dialled};
use cleardown_core::view::Connection;
use cleardown_core::{Code, ErrorKind, Result};
use cleardown_ipc::{Caller, ProgressSink, Secret};

use super::actor;
use super::handle::{LinkHandle, What};
use super::network;
use super::spec::LinkSpec;
use crate::context::Context;

/// How much longer than its own timeout an ending link is waited for before the same entry is dialled anew.
const PATIENCE: Duration = Duration::from_secs(15);

/// Dials, or takes a further reference to what is connected. Dropping the future in mid-dial hangs up.
///
/// # Errors
/// There is no such entry, its device is in use, or why the dial failed.
pub(crate) async fn dial(
    context: &Arc<Context>,
    caller: Caller,
    request: DialRequest,
    secret: Option<Secret>,
    progress: ProgressSink,
) -> Result<Connection> {
    let (entry, stored) = entry(context, caller, &request).await?;
    let name = entry.name.clone();
    while let Some(link) = context.registry.link(name.as_str()) {
        if !link.is_ending() {
            // It may begin to end in this moment: then it is waited for, and dialled anew.
            let deadline = Instant::now() + Duration::from_secs(24 * 3600);
            if !context.rules.may_end(caller, link.spec.owner) {
                let what = format!("joining {name}, which another user has dialled");
                return Err(ErrorKind::NotPermitted(what).into());
            }
            match link.ask(What::Dial, deadline, progress.clone()).await {
                Ok(_) => return Ok(link.view(None, Vec::new())),
                Err(error) if !matches!(error.kind, ErrorKind::Ending(_) | ErrorKind::NotConnected(_)) => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        let patience = link.spec.plan().hang_up_timeout() + PATIENCE;
        if tokio::time::timeout(patience, link.over()).await.is_err() {
            return Err(ErrorKind::Ending(name.to_string()).into());
        }
    }
    free_device(context, &entry)?;
    // Before anybody's telephone rings.
    network::permitted()?;
    // What root dials in a user's instance is that user's.
    let owner = if context.rules.system { caller.uid } else { context.rules.me };
    let spec = LinkSpec::new(entry, owner, request.timeout_ms);
    let link = actor::open(context, spec, secret.or(stored), progress).await?;
    Ok(link.view(None, Vec::new()))
}

/// The entry with the caller's user and number in it, and the secret that is stored for it.
async fn entry(context: &Context, caller: Caller, request: &DialRequest) -> Result<(Entry, Option<Secret>)> {
    let (mut entry, secret) = match &request.entry {
        Dialled::Given(entry) => (Entry::clone(entry), None),
        Dialled::Named(name) => {
            let entry = context.memory.entry(name).await?;
            let entry = entry.ok_or_else(|| ErrorKind::NoSuchEntry(name.to_string()))?;
            // Another user's password is not this one's; and nobody may send the system's to a number of their own.
            let same_user = request.user.is_none() || request.user == entry.user;
            let same_peer = request.number.is_none() || context.rules.may_change(caller);
            let secret = if same_user && same_peer { context.memory.entry_secret(name).await? } else { None };
            (entry, secret)
        }
    };
    if request.user.is_some() {
        entry.user.clone_from(&request.user);
    }
    if let Some(number) = &request.number {
        match &mut entry.device {
            Device::Modem { number: own, .. } => own.clone_from(number),
            other => {
                let why = format!("a {} has no number to dial", other.kind());
                return Err(ErrorKind::BadParameter(why).into());
            }
        }
    }
    let problems = entry.problems();
    if !problems.is_empty() {
        return Err(ErrorKind::BadEntry { name: entry.name.to_string(), problems }.into());
    }
    Ok((entry, secret))
}

/// A port carries one link.
fn free_device(context: &Context, entry: &Entry) -> Result<()> {
    let Some(port) = port(&entry.device) else { return Ok(()) };
    let uses = |link: &Arc<LinkHandle>| port_of(link) == Some(port);
    let Some(other) = context.registry.links().into_iter().find(uses) else { return Ok(()) };
    let error = ErrorKind::Link {
        entry: entry.name.to_string(),
        code: Code::PORT_NOT_AVAILABLE,
        during: RasState::OpenPort,
    };
    Err(cleardown_core::Error::from(error).because(format!("{} uses {port}", other.spec.name())))
}

fn port(device: &Device) -> Option<&str> {
    match device {
        Device::Modem { port, .. } | Device::Serial { port, .. } => {
            Some(port.strip_prefix("/dev/").unwrap_or(port))
        }
        _ => None,
    }
}

fn port_of(link: &LinkHandle) -> Option<&str> {
    port(&link.spec.entry.device)
}
