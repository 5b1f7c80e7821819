//! What a server offers. The daemon itself never talks with servers: a worker is started for the question.

use std::sync::Arc;
use std::time::Duration;

use cleardown_core::request::{Kerberos, SharesRequest};
use cleardown_core::view::Offered;
use cleardown_core::{Error, ErrorKind, Remote, Result, Scheme};
use cleardown_ipc::Secret;
use cleardown_worker::control::{self, Connect, Reply, Request};

use crate::context::Context;
use crate::map::TIMEOUTS;
use crate::spec::new_id;
use crate::supervisor::{self, Worker};

/// How long a worker may take beyond the deadline that it keeps itself.
const SLACK: Duration = Duration::from_secs(2);

/// Asks a server what it offers: as the user in the request, or as whoever we know there.
///
/// # Errors
/// As mapping a drive; [`ErrorKind::NotSupported`] where a protocol has no shares.
pub(crate) async fn shares(
    context: &Arc<Context>,
    request: SharesRequest,
    secret: Option<Secret>,
) -> Result<Vec<Offered>> {
    // Every SMB server has this share, and the question goes there.
    let remote: Remote = format!("{}/IPC$", request.server.trim_end_matches('/')).parse()?;
    if remote.scheme != Scheme::Smb || !remote.path.is_empty() {
        return Err(ErrorKind::NotSupported(format!("{} has no shares to list", request.server)).into());
    }
    let (user, secret, kerberos) = match (request.user, secret) {
        (None, None) => known(context, &remote).await?,
        (user, secret) => (user, secret, None),
    };
    let wish = Connect {
        user: user.or_else(|| remote.user.clone()),
        remote,
        deviceless: true,
        read_only: true,
        kerberos,
        previous: None,
        accept_host_key: None,
        timeout_ms: request.timeout_ms.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()),
        request_timeout_ms: request.timeout_ms,
    };
    let id = format!("shares-{}", new_id());
    let worker = supervisor::start(&*context.spawner, &id, &context.worker_socket(&id));
    // It has its conversation; no later daemon shall find it.
    context.remove_worker_socket(&id);
    // To its end also when the caller leaves: somebody must wait for the process.
    let asked = tokio::spawn(ask(worker?, wish, secret));
    asked.await.unwrap_or_else(|_| Err(ErrorKind::Cancelled.into()))
}

async fn ask(worker: Worker, wish: Connect, secret: Option<Secret>) -> Result<Vec<Offered>> {
    let end = worker.end();
    let patience = Duration::from_millis(wish.timeout_ms) + SLACK;
    let secret = secret.map(|secret| control::secret_descriptor(secret.expose().as_bytes())).transpose();
    let answer = match secret.map_err(|e| Error::os("handing over the password", &e)) {
        Ok(secret) => {
            let beside: Vec<_> = secret.iter().map(std::os::fd::AsFd::as_fd).collect();
            worker.client.request(Request::Shares(wish), &beside, patience).await
        }
        Err(error) => Err(error),
    };
    let _ = worker.client.request(Request::Exit, &[], SLACK).await;
    if tokio::time::timeout(SLACK, end).await.is_err() {
        let _ = worker.process.signal(rustix::process::Signal::KILL);
        worker.end().await;
    }
    match answer?.0 {
        Reply::Shares { shares } => Ok(shares),
        other => {
            Err(Error::from(ErrorKind::WorkerDied("listing shares".into())).because(format!("{other:?}")))
        }
    }
}

/// Whoever is connected with this server, or else is remembered for it.
async fn known(
    context: &Context,
    remote: &Remote,
) -> Result<(Option<String>, Option<Secret>, Option<Kerberos>)> {
    let same = |other: &Remote| {
        other.scheme == remote.scheme
            && other.host.eq_ignore_ascii_case(&remote.host)
            && other.port_or_default() == remote.port_or_default()
            && (remote.user.is_none() || remote.user == other.user)
    };
    if let Some(handle) = context.registry.all().into_iter().find(|handle| same(&handle.spec.remote)) {
        return Ok((handle.spec.user.clone(), handle.secret(), handle.spec.kerberos.clone()));
    }
    match context.memory.drives().await?.into_iter().find(|drive| same(&drive.remote)) {
        Some(drive) => {
            let secret = context.memory.secret(&drive.name).await?;
            let kerberos = drive.kerberos.then(Kerberos::default);
            Ok((drive.user.or(drive.remote.user), secret, kerberos))
        }
        None => Ok((None, None, None)),
    }
}
