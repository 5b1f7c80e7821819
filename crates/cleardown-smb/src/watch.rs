//! Change notification: one open folder and one waiting request per watched folder (MS-SMB2 2.2.35).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cleardown_share::{Event, ShareError, SharePath, ShareResult};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connection::Call;
use crate::core::{Core, State, retry};
use crate::folders::OpenFolder;
use crate::link::Link;
use crate::share::open_once;
use crate::wire::create::{Create, access, option};
use crate::wire::frame::{Frame, Reply};
use crate::wire::{Command, FileId, Malformed, request};
use crate::{names, status};

/// Watched folders at most; each holds a credit and an open folder on the server.
const MOST: usize = 512;
/// Room for the names of changes; when more have changed the server says "something".
const ROOM: u32 = 64 * 1024;
/// Changes so soon after each other are gathered: the server keeps them until they are asked for, and telling us of each
/// costs it as much as the change itself.
const BUSY: Duration = Duration::from_millis(100);
/// For this long.
const GATHER: Duration = Duration::from_millis(50);
/// How long closing a watched folder may take.
const CLOSING: Duration = Duration::from_secs(10);

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
    _open: OpenFolder,
}

impl Armed {
    async fn close(self) {
        let deadline = Instant::now() + CLOSING;
        self.link.close_file(self.dir, deadline).await;
    }
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

/// Stops watching a folder, and waits until it is closed.
pub(crate) async fn unwatch(core: &Core, dir: &SharePath) {
    let watch = core.watches.stops.lock().remove(dir);
    end(watch).await;
}

/// Stops watching at and below a path, and waits until those folders are closed.
pub(crate) async fn unwatch_below(core: &Core, path: &SharePath) {
    let below: Vec<Watch> = {
        let mut stops = core.watches.stops.lock();
        let paths: Vec<SharePath> = stops.keys().filter(|dir| dir.starts_with(path)).cloned().collect();
        paths.iter().filter_map(|dir| stops.remove(dir)).collect()
    };
    end(below).await;
}

async fn end(watches: impl IntoIterator<Item = Watch>) {
    let tasks: Vec<_> = watches
        .into_iter()
        .map(|Watch { stop, task }| {
            drop(stop);
            task
        })
        .collect();
    futures_util::future::join_all(tasks).await;
}

/// Stops all watching and waits until the folders are closed: the server answers the end of a session late, or not
/// at all, while requests still wait in it.
pub(crate) async fn unwatch_all(core: &Core, deadline: Instant) {
    let watches: Vec<Watch> = core.watches.stops.lock().drain().map(|(_, watch)| watch).collect();
    let _ = tokio::time::timeout_at(deadline.into(), end(watches)).await;
}

async fn arm(core: &Core, link: &Arc<Link>, dir: &SharePath, deadline: Instant) -> ShareResult<Armed> {
    let wire = core.wire_path(dir)?;
    let mut create = Create::open(&wire, access::READ_DATA | access::READ_ATTRIBUTES | access::SYNCHRONIZE);
    create.options = option::DIRECTORY;
    let open = core.folders.open(dir);
    let file = open_once(link, create, deadline).await?.file;
    let waiting = async {
        let call = ask(link, file, deadline).await?;
        // The server answers this after it has taken the other in: from here on no change is missed.
        link.call_one(Frame::one(Command::Echo, link.tree, request::empty), deadline).await?.ok()?;
        Ok(call)
    };
    match waiting.await {
        Ok(call) => Ok(Armed { link: link.clone(), dir: file, call, _open: open }),
        Err(error) => {
            link.close_file(file, deadline).await;
            Err(error)
        }
    }
}

async fn ask(link: &Link, dir: FileId, deadline: Instant) -> ShareResult<Call> {
    let mut frame =
        Frame::one(Command::ChangeNotify, link.tree, |body| request::change_notify(body, dir, ROOM));
    link.protect(&mut frame);
    Ok(link.connection.start_call(frame, deadline).await?.pop().ok_or(Malformed)?)
}

/// Reports changes until told to stop, over reconnects.
async fn follow(core: Weak<Core>, path: SharePath, mut armed: Armed, mut stopped: oneshot::Receiver<()>) {
    let mut last: Option<Instant> = None;
    loop {
        let reply = tokio::select! {
            reply = &mut armed.call.1 => reply,
            _ = &mut stopped => {
                armed.link.connection.cancel(armed.call.0);
                return armed.close().await;
            }
        };
        let Some(strong) = core.upgrade() else { return };
        let is_busy = last.replace(Instant::now()).is_some_and(|last| last.elapsed() < BUSY);
        let goes_on = match reply {
            Ok(reply) => {
                let told = tell(&strong, &path, &reply).await;
                if is_busy && tokio::time::timeout(GATHER, &mut stopped).await.is_ok() {
                    return armed.close().await;
                }
                go_on(&strong, &mut armed, told).await
            }
            Err(_) => {
                drop(strong);
                match again(&core, &path, &armed, &mut stopped).await {
                    Some(next) => {
                        armed = next;
                        true
                    }
                    None => false,
                }
            }
        };
        if !goes_on {
            break;
        }
    }
    armed.close().await;
    let Some(core) = core.upgrade() else { return };
    if core.watches.stops.lock().remove(&path).is_some() {
        // Nobody asked for this end: what is known of the folder is not to be believed any more.
        core.emit_wait(Event::Changed { dir: path, name: None }).await;
    }
}

/// Tells the drive what has changed.
async fn tell(core: &Arc<Core>, path: &SharePath, reply: &Reply) -> ShareResult<()> {
    let names = match reply.header.status {
        status::NOTIFY_ENUM_DIR => Vec::new(),
        _ => request::changes(reply.ok()?)?,
    };
    let mut changed: Vec<Option<Vec<u8>>> = {
        let hidden = core.hidden.lock();
        let shown = names.iter().filter(|name| !hidden.contains(*name));
        shown.filter_map(|name| names::decode(name)).map(Some).collect()
    };
    changed.dedup();
    if names.is_empty() {
        changed.push(None);
    }
    for name in changed {
        core.emit_wait(Event::Changed { dir: path.clone(), name }).await;
    }
    Ok(())
}

/// Asks for the next changes; false when the folder cannot be watched any more.
async fn go_on(core: &Core, armed: &mut Armed, told: ShareResult<()>) -> bool {
    let deadline = Instant::now() + core.config.request_timeout;
    let next = match told {
        Ok(()) => ask(&armed.link, armed.dir, deadline).await,
        Err(error) => Err(error),
    };
    match next {
        Ok(call) => armed.call = call,
        // Lost with the connection: waiting for the answer says so, and the watch moves to the next link.
        Err(error) if error.transport => armed.call.1 = oneshot::channel().1,
        Err(_) => return false,
    }
    true
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
