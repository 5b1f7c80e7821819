//! Mapping: names, mount points, secrets; then the connection makes itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::drive::Step;
use cleardown_core::request::{MapRequest, Name, Verb};
use cleardown_core::view::Connection;
use cleardown_core::{Error, ErrorKind, LocalName, Result, Scheme};
use cleardown_ipc::{Caller, ProgressSink, Secret};
use cleardown_profile::Drive;

use crate::actor;
use crate::context::{Context, Record};
use crate::daemon::missing;
use crate::handle::Handle;
use crate::registry::in_use;
use crate::spec::{Spec, new_id};

/// The shortest and the longest time for connecting that makes sense.
pub(crate) const TIMEOUTS: std::ops::RangeInclusive<u64> = 100..=3_600_000;

/// Maps a drive, or makes (or joins) a deviceless connection. Dropping the future takes everything back.
pub(crate) async fn map(
    context: &Arc<Context>,
    caller: Caller,
    request: MapRequest,
    secret: Option<Secret>,
    progress: ProgressSink,
) -> Result<Connection> {
    if request.kerberos.is_some() && request.remote.scheme != Scheme::Smb {
        return Err(ErrorKind::BadParameter("Kerberos is for SMB servers only".into()).into());
    }
    if request.name == Name::Deviceless {
        return deviceless(context, caller, &request, secret, progress).await;
    }
    let name = free_name(context, &request, &progress).await?;
    let remembered = context.memory.drive(&name).await?;
    if let Some(old) = &remembered
        && !old.remote.same_place(&request.remote)
        && !request.replace
    {
        let (name, remote) = (old.name.to_string(), old.remote.to_string());
        return Err(ErrorKind::NameRemembered { name, remote }.into());
    }
    let secret = match (secret, &remembered) {
        (None, Some(old)) if old.remote.same_place(&request.remote) && same_user(old, &request) => {
            context.memory.secret(&old.name).await.unwrap_or_default()
        }
        (secret, _) => secret,
    };
    let (at, made_folder) = mount_point(context, request.at.as_deref(), &name).await?;
    let record = record(context, caller, &request, Some((name.clone(), at)), made_folder);
    let kept = remembered.is_some_and(|old| old.remote.same_place(&request.remote));
    let deadline = Duration::from_millis(record.spec.timeout_ms);
    let handle = actor::open(context, record, secret.clone(), kept, deadline, progress.clone()).await?;
    if request.remember {
        remember(context, &handle, &request, name, secret.as_ref(), &progress).await;
    } else if request.replace && !kept {
        context.memory.forget(&name).await?;
    }
    Ok(handle.view())
}

/// The wanted name if it is free (or can be made free), or the first free letter.
async fn free_name(
    context: &Arc<Context>,
    request: &MapRequest,
    progress: &ProgressSink,
) -> Result<LocalName> {
    let name = match &request.name {
        Name::Given(name) => name.clone(),
        Name::FirstFree | Name::Deviceless => {
            let remembered = context.memory.drives().await?;
            let free = |name: &LocalName| {
                context.registry.owner_of(name).is_none()
                    && !remembered.iter().any(|drive| drive.name == *name)
            };
            return LocalName::letters().find(free).ok_or_else(|| ErrorKind::NoFreeName.into());
        }
    };
    let Some(owner) = context.registry.owner_of(&name) else { return Ok(name) };
    if !request.replace {
        return Err(in_use(&owner));
    }
    let deadline = Instant::now() + Duration::from_millis(request.timeout_ms);
    owner.end(Verb::Refuse, Some(deadline), progress.clone()).await?;
    Ok(name)
}

fn same_user(old: &Drive, request: &MapRequest) -> bool {
    let wanted = request.user.as_ref().or(request.remote.user.as_ref());
    wanted.is_none() || wanted == old.user.as_ref().or(old.remote.user.as_ref())
}

fn record(
    context: &Context,
    caller: Caller,
    request: &MapRequest,
    place: Option<(LocalName, PathBuf)>,
    made_folder: bool,
) -> Record {
    // What root makes in a user's instance is that user's.
    let owner = if context.rules.system { caller.uid } else { context.rules.me };
    let (name, at) = place.unzip();
    let spec = Spec {
        id: new_id(),
        name,
        remote: request.remote.clone(),
        user: request.user.clone().or_else(|| request.remote.user.clone()),
        at,
        read_only: request.read_only,
        kerberos: request.kerberos.clone(),
        accept_host_key: request.accept_host_key.clone(),
        owner,
        timeout_ms: request.timeout_ms.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()),
    };
    Record { spec, step: Step::Worker, worker: None, mount: None, made_folder, references: 1 }
}

/// A deviceless connection; a further wish for the same one adds a reference.
async fn deviceless(
    context: &Arc<Context>,
    caller: Caller,
    request: &MapRequest,
    secret: Option<Secret>,
    progress: ProgressSink,
) -> Result<Connection> {
    if request.remember || request.at.is_some() {
        return Err(ErrorKind::BadParameter(
            "a deviceless connection has no folder and is never remembered".into(),
        )
        .into());
    }
    let record = record(context, caller, request, None, false);
    let same = |other: &Handle| {
        other.spec.remote.same_place(&record.spec.remote) && other.spec.user == record.spec.user
    };
    if let Some(handle) = context.registry.deviceless(same) {
        if handle.show(|shown| shown.references = shown.references.saturating_add(1)) {
            context.registry.changed(&handle);
        }
        return Ok(handle.view());
    }
    let deadline = Duration::from_millis(record.spec.timeout_ms);
    Ok(actor::open(context, record, secret, false, deadline, progress).await?.view())
}

/// The connection is there; remembering it may fail without harm to it, and says so.
async fn remember(
    context: &Arc<Context>,
    handle: &Handle,
    request: &MapRequest,
    name: LocalName,
    secret: Option<&Secret>,
    progress: &ProgressSink,
) {
    let drive = Drive {
        name,
        remote: request.remote.clone(),
        user: request.user.clone(),
        at: request.at.clone(),
        read_only: request.read_only,
        kerberos: request.kerberos.is_some(),
    };
    match context.memory.remember(drive, secret).await {
        Ok(warning) => {
            if handle.show(|shown| shown.remembered = true) {
                context.registry.changed(handle);
            }
            if let Some(warning) = warning {
                progress.stage(&handle.spec.shown_name(), &format!("warning: {warning}"));
            }
        }
        Err(error) => {
            tracing::warn!(%error, "remembering a drive");
            progress.stage(&handle.spec.shown_name(), &format!("warning: it is not remembered: {error}"));
        }
    }
}

/// Puts a connected drive into the profile.
///
/// # Errors
/// There is no drive of this name, or the profile cannot be written.
pub(crate) async fn remember_by_name(context: &Arc<Context>, word: &str) -> Result<()> {
    let name: LocalName = word.parse()?;
    let Some(handle) = context.registry.owner_of(&name) else { return Err(missing(context, word).await) };
    let spec = &handle.spec;
    let default = default_folder(context).ok().map(|folder| folder.join(name.stem()));
    let at = spec.at.as_ref().filter(|at| Some(*at) != default.as_ref());
    let drive = Drive {
        name,
        remote: spec.remote.clone(),
        user: spec.user.clone(),
        at: at.map(|at| at.display().to_string()),
        read_only: spec.read_only,
        kerberos: spec.kerberos.is_some(),
    };
    context.memory.remember(drive, handle.secret().as_ref()).await?;
    if handle.show(|shown| shown.remembered = true) {
        context.registry.changed(&handle);
    }
    Ok(())
}

/// The mount point, and whether it is ours to make (and to remove).
async fn mount_point(context: &Context, wanted: Option<&str>, name: &LocalName) -> Result<(PathBuf, bool)> {
    let at = match wanted {
        Some(at) => PathBuf::from(at),
        None => default_folder(context)?.join(name.stem()),
    };
    let bad =
        |why: &str| Error::from(ErrorKind::MountPoint { path: at.display().to_string(), why: why.into() });
    if !at.is_absolute() || at.components().any(|c| matches!(c, std::path::Component::ParentDir)) {
        return Err(bad("it must be an absolute path"));
    }
    if context.registry.all().iter().any(|other| other.spec.at.as_ref() == Some(&at) && !other.name_is_free())
    {
        return Err(bad("another connection is mounted there"));
    }
    let looked = at.clone();
    let missing = tokio::task::spawn_blocking(move || !exists(&looked));
    let missing = tokio::time::timeout(Duration::from_secs(5), missing).await;
    match missing {
        Ok(Ok(missing)) => Ok((at, missing)),
        _ => Err(bad("the file system there does not answer")),
    }
}

fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}

fn default_folder(context: &Context) -> Result<PathBuf> {
    if context.rules.system {
        return Ok("/mnt/cleardown".into());
    }
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let home = home.ok_or_else(|| {
        Error::from(ErrorKind::BadParameter("there is no home folder: give --at DIR".into()))
    })?;
    Ok(home.join("Network"))
}
