//! Change notification: one open folder and one waiting request per watched folder (MS-SMB2 2.2.35).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use cleardown_share::{Event, ShareError, SharePath, ShareResult};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connection::Call;
use crate::core::{Core, State, retry};
use crate::link::Link;
use crate::share::open_once;
use crate::wire::create::{Create, access, option};
use crate::wire::frame::{Frame, Reply};
use crate::wire::{Command, FileId, Malformed, request};
use crate::{names, status};

/// Watched folders at most; each holds a credit and an open folder on the server.
const MOST: usize = 512;
/// Room for the names of changes; when more have changed the server says "something".
const ROOM: u32 = 16 * 1024;

/// The watched folders, each with what ends its watch.
#[derive(Default)]
pub(crate) struct Watches {
    stops: Mutex<HashMap<SharePath, Watch>>,
}

/// A watched folder: dropping `stop` ends the task.
struct Watch {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// A folder that is open, with a request that waits for changes.
struct Armed {
    link: Arc<Link>,
    dir: FileId,
    call: Call,
}

/// Starts watching; changes after this returns are reported.
pub(crate) async fn watch(core: &Arc<Core>, dir: &SharePath) -> ShareResult<()> {
    {
        let stops = core.watches.stops.lock();
        if stops.contains_key(dir) {
            return Ok(());
        }
        if stops.len() >= MOST {
            return Err(ShareError::server(libc::ENOSPC, "too many folders are watched"));
        }
    }
    let armed = retry!(core, |link, deadline| arm(core, &link, dir, deadline).await)?;
    let (stop, stopped) = oneshot::channel();
    let mut stops = core.watches.stops.lock();
    let task = core.runtime.spawn(follow(Arc::downgrade(core), dir.clone(), armed, stopped));
    stops.insert(dir.clone(), Watch { stop, task });
    Ok(())
}

/// Stops watching.
pub(crate) fn unwatch(core: &Core, dir: &SharePath) {
    core.watches.stops.lock().remove(dir);
}

/// Stops all watching and waits until the folders are closed: the server answers the end of a session late, or not
/// at all, while requests still wait in it.
pub(crate) async fn unwatch_all(core: &Core, deadline: Instant) {
    let watches: Vec<Watch> = core.watches.stops.lock().drain().map(|(_, watch)| watch).collect();
    let tasks: Vec<_> = watches
        .into_iter()
        .map(|Watch { stop, task }| {
            drop(stop);
            task
        })
        .collect();
    let _ = tokio::time::timeout_at(deadline.into(), futures_util::future::join_all(tasks)).await;
}

async fn arm(core: &Core, link: &Arc<Link>, dir: &SharePath, deadline: Instant) -> ShareResult<Armed> {
    let wire = core.wire_path(dir)?;
    let mut create = Create::open(&wire, access::READ_DATA | access::READ_ATTRIBUTES | access::SYNCHRONIZE);
    create.options = option::DIRECTORY;
    let file = open_once(link, create, deadline).await?.file;
    let call = ask(link, file, deadline).await?;
    // The server answers this after it has taken the other in: from here on no change is missed.
    link.call_one(Frame::one(Command::Echo, link.tree, request::empty), deadline).await?.ok()?;
    Ok(Armed { link: link.clone(), dir: file, call })
}

async fn ask(link: &Link, dir: FileId, deadline: Instant) -> ShareResult<Call> {
    let mut frame =
        Frame::one(Command::ChangeNotify, link.tree, |body| request::change_notify(body, dir, ROOM));
    link.protect(&mut frame);
    Ok(link.connection.start_call(frame, deadline).await?.pop().ok_or(Malformed)?)
}

/// Reports changes until told to stop, over reconnects.
async fn follow(core: Weak<Core>, path: SharePath, mut armed: Armed, mut stopped: oneshot::Receiver<()>) {
    loop {
        let reply = tokio::select! {
            reply = &mut armed.call.1 => reply,
            _ = &mut stopped => {
                armed.link.connection.cancel(armed.call.0);
                armed.link.close_file(armed.dir, Instant::now() + std::time::Duration::from_secs(10)).await;
                return;
            }
        };
        let Some(strong) = core.upgrade() else { return };
        let next = match reply {
            Ok(reply) => report(&strong, &path, &mut armed, &reply).await.then_some(()),
            Err(_) => {
                drop(strong);
                match again(&core, &path, &armed, &mut stopped).await {
                    Some(next) => {
                        armed = next;
                        Some(())
                    }
                    None => None,
                }
            }
        };
        if next.is_none() {
            if let Some(core) = core.upgrade() {
                unwatch(&core, &path);
            }
            return;
        }
    }
}

/// Asks for the next changes, then tells these; false when the folder cannot be watched any more.
async fn report(core: &Arc<Core>, path: &SharePath, armed: &mut Armed, reply: &Reply) -> bool {
    let told = match reply.header.status {
        status::NOTIFY_ENUM_DIR => Ok(Vec::new()),
        _ => reply.ok().and_then(|reply| Ok(request::changes(reply)?)),
    };
    let deadline = Instant::now() + core.config.request_timeout;
    let next = match &told {
        Ok(_) => ask(&armed.link, armed.dir, deadline).await,
        Err(error) => Err(error.clone()),
    };
    let mut changed: Vec<Option<Vec<u8>>> = {
        let hidden = core.hidden.lock();
        let names = told.iter().flatten().filter(|name| !hidden.contains(*name));
        names.filter_map(|name| names::decode(name)).map(Some).collect()
    };
    changed.dedup();
    if told.as_ref().is_ok_and(|names| names.is_empty()) || told.is_err() {
        changed.push(None);
    }
    for name in changed {
        core.emit_wait(Event::Changed { dir: path.clone(), name }).await;
    }
    match next {
        Ok(call) => {
            armed.call = call;
            true
        }
        // Lost with the connection: waiting for the answer says so, and the watch moves to the next link.
        Err(error) if error.transport => {
            let (_, gone) = oneshot::channel();
            armed.call.1 = gone;
            true
        }
        Err(_) => false,
    }
}

/// Watches on the next link; anything may have changed meanwhile.
async fn again(
    core: &Weak<Core>,
    path: &SharePath,
    old: &Armed,
    stopped: &mut oneshot::Receiver<()>,
) -> Option<Armed> {
    let mut states = core.upgrade()?.state.subscribe();
    let generation = old.link.generation;
    let next = states.wait_for(|state| match state {
        State::Up(link) => link.generation > generation,
        State::Down => false,
        State::Closed => true,
    });
    let state = tokio::select! {
        state = next => state.ok()?.clone(),
        _ = stopped => return None,
    };
    let State::Up(link) = state else { return None };
    let core = core.upgrade()?;
    let armed = arm(&core, &link, path, Instant::now() + core.config.request_timeout).await.ok()?;
    core.emit_wait(Event::Changed { dir: path.clone(), name: None }).await;
    Some(armed)
}
