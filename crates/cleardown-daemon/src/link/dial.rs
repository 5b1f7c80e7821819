//! Dialling: which entry, with which secret; then the link makes itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::link::{Device, Entry};
use cleardown_core::request::{DialRequest, Dialled};
use cleardown_core::view::Connection;
use cleardown_core::{ErrorKind, Result};
use cleardown_ipc::{Caller, ProgressSink, Secret};

use super::actor;
use super::engine;
use super::handle::{LinkHandle, What};
use super::network;
use super::spec::LinkSpec;
use crate::context::Context;

/// How much longer than its own timeout an ending link is waited for before the same entry is dialled anew.
const PATIENCE: Duration = Duration::from_secs(15);

/// PATH_MAX (limits.h).
const LONGEST_PATH: usize = 4096;

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
    let phonebook = phonebook(context, &request)?;
    let secret = secret.or(stored);
    // What root dials in a user's instance is that user's.
    let owner = if context.rules.system { caller.uid } else { context.rules.me };
    loop {
        if let Some(link) = context.registry.link(entry.name.as_str()) {
            match join(context, caller, &link, progress.clone()).await? {
                true => return Ok(link.view()),
                false => continue,
            }
        }
        // Before anybody's telephone rings.
        network::permitted()?;
        let engine = engine::choose(&entry, owner).await?;
        let spec = LinkSpec::new(entry.clone(), owner, request.timeout_ms, phonebook.clone());
        let spec = LinkSpec { engine, ..spec };
        match actor::open(context, spec, secret.clone(), progress.clone()).await {
            // Somebody else was quicker: that link is joined.
            Err(error) if matches!(error.kind, ErrorKind::NameInUse { .. }) => {}
            opened => return Ok(opened?.view()),
        }
    }
}

/// Takes a further reference to a link. False when it is ending: then it is over when this returns, and may be dialled anew.
async fn join(context: &Context, caller: Caller, link: &LinkHandle, progress: ProgressSink) -> Result<bool> {
    if !link.is_ending() {
        if !context.rules.may_end(caller, link.spec.owner) {
            let what = format!("joining {}, which another user has dialled", link.spec.name());
            return Err(ErrorKind::NotPermitted(what).into());
        }
        let deadline = Instant::now() + Duration::from_secs(24 * 3600);
        match link.ask(What::Dial, deadline, progress).await {
            Ok(_) => return Ok(true),
            // It began to end in this moment.
            Err(error) if matches!(error.kind, ErrorKind::Ending(_) | ErrorKind::NotConnected(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let patience = link.spec.plan().hang_up_timeout() + PATIENCE;
    match tokio::time::timeout(patience, link.over()).await {
        Ok(()) => Ok(false),
        Err(_) => Err(ErrorKind::Ending(link.spec.name()).into()),
    }
}

/// The phone book of what is dialled: the daemon's own, or what the caller says.
fn phonebook(context: &Context, request: &DialRequest) -> Result<Option<String>> {
    match (&request.entry, &request.phonebook) {
        (Dialled::Named(_), _) => Ok(context.memory.book().map(|folder| folder.display().to_string())),
        (Dialled::Given(_), Some(path)) if path.len() > LONGEST_PATH || path.contains(char::is_control) => {
            Err(ErrorKind::BadParameter("the phone book's path is none".into()).into())
        }
        (Dialled::Given(_), given) => Ok(given.clone()),
    }
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
