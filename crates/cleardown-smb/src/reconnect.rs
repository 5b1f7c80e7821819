//! Losing the server, and coming back: a new session, the files opened again, and the drive told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_core::ErrorKind;
use cleardown_share::{Event, Pace, ShareError};

use crate::core::{Core, State};
use crate::file::{At, Handle, Identity};
use crate::lease as leases;
use crate::link::{Link, reach};
use crate::lock;
use crate::share::{create_for, open_once};
use crate::wire::create::Durable;

/// Watches over the share's links until it is closed or let go.
pub(crate) fn supervise(core: &Arc<Core>, link: Arc<Link>) {
    let weak = Arc::downgrade(core);
    core.runtime.spawn(async move {
        let mut link = link;
        loop {
            link.connection.died().await;
            match again(&weak, &link).await {
                Some(next) => link = next,
                None => return,
            }
        }
    });
}

/// Reconnects after the loss of `old`; none if the share is closed.
async fn again(core: &Weak<Core>, old: &Arc<Link>) -> Option<Arc<Link>> {
    {
        let core = core.upgrade()?;
        let was_up = core.state.send_if_modified(|state| {
            let is_up = matches!(state, State::Up(_));
            if is_up {
                *state = State::Down;
            }
            is_up
        });
        if !was_up {
            return None;
        }
        core.leases.lost();
        core.emit(Event::Disconnected(ShareError::transport(libc::EIO, old.connection.why())));
    }
    let (mut pace, mut told) = (Pace::default(), String::new());
    loop {
        let core = core.upgrade()?;
        let wait = match attempt(&core, old).await {
            Ok(link) => return publish(&core, link),
            Err(error) => failed(&core, &error, &mut pace, &mut told),
        };
        let (mut states, hurry) = (core.state.subscribe(), core.hurry.clone());
        drop(core);
        tokio::select! {
            _ = states.wait_for(|state| matches!(state, State::Closed)) => return None,
            () = hurry.notified() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Says why the server does not let us in, if that is why; the wait for the next attempt.
fn failed(core: &Arc<Core>, error: &cleardown_core::Error, pace: &mut Pace, told: &mut String) -> Duration {
    tracing::debug!(%error, "reconnecting failed");
    let wait = match error.kind {
        ErrorKind::Authentication { .. } => pace.refused(),
        // Found out without the server, or at the KDC, which locks nobody for it.
        ErrorKind::Kerberos { .. } => pace.away(),
        _ => return pace.away(),
    };
    let why = error.to_string();
    if *told != why {
        core.emit(Event::Disconnected(ShareError::transport(libc::EIO, why.clone())));
        *told = why;
    }
    wait
}

async fn attempt(core: &Arc<Core>, old: &Link) -> Result<Arc<Link>, cleardown_core::Error> {
    let deadline = Instant::now() + core.config.timeout;
    let target = core.target.lock().clone();
    let quiet = crate::Config { progress: Arc::new(|_| {}), ..core.config.clone() };
    // Not always the old link's: an attempt may have failed later than its log-on.
    let previous = Some(core.sessions.lock().last);
    let link = reach(&quiet, core.client, &target, previous, old.generation + 1, deadline).await?;
    let link = Arc::new(link);
    core.sessions.lock().begun(link.granted.id);
    leases::listen(core, &link);
    for handle in core.files.all() {
        reopen(core, &link, &handle, deadline).await;
    }
    if link.connection.is_dead() {
        return Err(ErrorKind::ServerGone(target.host).into());
    }
    Ok(link)
}

/// Makes the new link the share's, unless the share was closed meanwhile.
fn publish(core: &Arc<Core>, link: Arc<Link>) -> Option<Arc<Link>> {
    *core.last_info.lock() = link.info();
    let is_published = core.state.send_if_modified(|state| {
        let is_down = matches!(state, State::Down);
        if is_down {
            *state = State::Up(link.clone());
        }
        is_down
    });
    if !is_published {
        return None;
    }
    core.emit(Event::Reconnected);
    Some(link)
}

/// Opens a file again: the durable handle if the server kept it, else the path if it still names the same file.
/// What cannot be opened again stays on its dead link, and its calls fail with `ESTALE`.
async fn reopen(core: &Arc<Core>, link: &Arc<Link>, handle: &Arc<Handle>, deadline: Instant) {
    let path = handle.path.lock().clone();
    let Ok(wire) = core.wire_path(&path) else { return };
    let at = *handle.at.lock();
    let breaks = core.leases.breaks(&handle.key);
    let mut kept = false;
    let mut result = None;
    if at.durable {
        let mut create =
            core.caching(link, create_for(&wire, handle.access), handle.key, handle.create, true);
        create.durable = Some(match create.durable {
            Some(Durable::WishV2 { create }) => Durable::ClaimV2 { file: at.file, create },
            _ => Durable::ClaimV1 { file: at.file },
        });
        create.id = false;
        result = open_once(link, create, deadline).await.ok();
        kept = result.is_some();
        core.claimed.fetch_add(u64::from(kept), Ordering::Relaxed);
    }
    let created = match result {
        Some(created) => created,
        None => {
            let create =
                core.caching(link, create_for(&wire, handle.access), handle.key, handle.create, true);
            let Ok(created) = open_once(link, create, deadline).await else { return };
            if Identity::from(&created) != *handle.identity.lock() {
                link.close_file(created.file, deadline).await;
                return;
            }
            created
        }
    };
    let oplock = core.granted(&created, &handle.key, breaks);
    let durable = created.durable || kept;
    handle.moved_to(At { file: created.file, generation: link.generation, oplock, durable });
    if !kept && !lock::retake(handle, link, deadline).await {
        tracing::warn!(%path, "a lock could not be taken again after a reconnect");
    }
}
