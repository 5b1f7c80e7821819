//! The way to the daemon for callers that know nothing of futures.
//!
//! Each thread has a small runtime of its own, and a connection that it keeps: a question costs one round trip and no change
//! of threads. Nothing is shared between threads, so no lock can be left behind by a fork; a forked child lets its copy of the
//! parent's runtime lie (its descriptors are the parent's too) and makes its own.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Once;

use cleardown_client::{Client, Instance, Start};
use cleardown_core::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

struct Session {
    /// The process that made it.
    process: u32,
    runtime: ManuallyDrop<Runtime>,
    clients: Vec<Client>,
}

thread_local! {
    /// Taken out while in use.
    static SESSION: Cell<Option<Session>> = const { Cell::new(None) };
}

impl Session {
    fn new() -> Result<Session> {
        static BESIDE: Once = Once::new();
        BESIDE.call_once(|| crate::library::folder().into_iter().for_each(tell_where));
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| Error::os("starting a runtime", &e))?;
        Ok(Session { process: std::process::id(), runtime: ManuallyDrop::new(runtime), clients: Vec::new() })
    }

    async fn client(clients: &mut Vec<Client>, instance: Instance) -> Result<Client> {
        if let Some(client) = clients.iter().find(|client| client.instance() == instance) {
            return Ok(client.clone());
        }
        let client = Client::connect(instance, Start::OnDemand).await?;
        clients.push(client.clone());
        Ok(client)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.process == std::process::id() {
            self.clients.clear();
            // SAFETY: dropped once, here, and not used afterwards.
            let runtime = unsafe { ManuallyDrop::take(&mut self.runtime) };
            // Never waits for a task that hangs in the kernel.
            runtime.shutdown_background();
        } else {
            std::mem::forget(std::mem::take(&mut self.clients));
        }
    }
}

/// Libraries lie in `lib` (or `lib/TRIPLET`), the daemon in `bin` of the same prefix.
fn tell_where(folder: PathBuf) {
    let near = ["../bin", "../../bin", "."].map(|way| folder.join(way));
    cleardown_client::look_for_daemon_in(near.into());
}

fn with<T>(work: impl FnOnce(&Runtime, &mut Vec<Client>) -> Result<T>) -> Result<T> {
    let kept = SESSION.try_with(Cell::take).ok().flatten();
    let mut session = match kept.filter(|session| session.process == std::process::id()) {
        Some(session) => session,
        None => Session::new()?,
    };
    let Session { runtime, clients, .. } = &mut session;
    let outcome = work(runtime, clients);
    // A thread that is ending keeps nothing any more: the session goes with this call.
    let _ = SESSION.try_with(|place| place.set(Some(session)));
    outcome
}

/// Asks `instance` something that changes nothing. A daemon that went away since the last question is started again.
///
/// # Errors
/// What the daemon answers, or that it cannot be reached.
pub(crate) fn query<T>(instance: Instance, ask: impl AsyncFn(&Client) -> Result<T>) -> Result<T> {
    with(|runtime, clients| {
        runtime.block_on(async {
            let kept = clients.iter().any(|client| client.instance() == instance);
            let answer = ask(&Session::client(clients, instance).await?).await;
            match answer {
                Err(Error { kind: ErrorKind::Daemon(_), .. }) => {
                    clients.retain(|client| client.instance() != instance);
                    if !kept {
                        return answer;
                    }
                    ask(&Session::client(clients, instance).await?).await
                }
                answer => answer,
            }
        })
    })
}

/// Has `instance` do something. Never done twice: where the daemon goes away in the middle, that is the answer.
///
/// # Errors
/// What the daemon answers, or that it cannot be reached.
pub(crate) fn operate<T>(instance: Instance, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    with(|runtime, clients| {
        runtime.block_on(async {
            clients.retain(|client| client.instance() != instance);
            let client = Session::client(clients, instance).await?;
            work(&client).await
        })
    })
}

/// Waits for something that is not the daemon's.
pub(crate) fn wait<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    with(|runtime, _| runtime.block_on(work))
}
