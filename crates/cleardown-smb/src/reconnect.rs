//! Losing the server, and coming back: a new session, the files opened again, and the drive told.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_share::{Event, ShareError};

use crate::core::{Core, State};
use crate::file::{At, Handle, Identity};
use crate::lease as leases;
use crate::link::{Link, reach};
use crate::lock;
use crate::share::{create_for, open_once};
use crate::wire::create::Durable;

/// Waits between attempts, the last for ever.
const BACK_OFF: [u64; 6] = [50, 200, 500, 1000, 2000, 5000];

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
    for wait in BACK_OFF.into_iter().chain(std::iter::repeat(BACK_OFF[BACK_OFF.len() - 1])) {
        let core = core.upgrade()?;
        match attempt(&core, old).await {
            Ok(link) => return publish(&core, link),
            Err(error) => tracing::debug!(%error, "reconnecting failed"),
        }
        let (mut states, hurry) = (core.state.subscribe(), core.hurry.clone());
        drop(core);
        tokio::select! {
            _ = states.wait_for(|state| matches!(state, State::Closed)) => return None,
            () = hurry.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
        }
    }
    None
}

async fn attempt(core: &Arc<Core>, old: &Link) -> Result<Arc<Link>, cleardown_core::Error> {
    let deadline = Instant::now() + core.config.timeout;
    let target = core.target.lock().clone();
    let quiet = crate::Config { progress: Arc::new(|_| {}), ..core.config.clone() };
    let link = reach(&quiet, core.client, &target, old.granted.id, old.generation + 1, deadline).await?;
    let link = Arc::new(link);
    leases::listen(core, &link);
    for handle in core.files.all() {
        reopen(core, &link, &handle, deadline).await;
    }
    if link.connection.is_dead() {
        return Err(cleardown_core::ErrorKind::ServerGone(target.host).into());
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
