//! The daemon as its callers see it: calls come in, are checked, and go to the room that answers them.

use std::sync::Arc;

use cleardown_core::view::{Connection, Holders};
use cleardown_core::{Error, ErrorKind, LocalName, Result};
use cleardown_ipc::{Call, Caller, Change, ProgressSink, Service, Values, server};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::handle::Handle;
use crate::{end, holders, link, map, restore, shares};

/// The daemon.
pub(crate) struct Daemon {
    pub(crate) context: Arc<Context>,
    /// Cancelled when somebody has asked the daemon to go.
    pub(crate) quit: CancellationToken,
    /// How many clients (and other reasons to stay) there are.
    pub(crate) clients: watch::Sender<usize>,
}

impl Service for Daemon {
    fn may(&self, caller: Caller, call: &Call) -> Result<()> {
        self.context.rules.check(caller, call)
    }

    fn call(
        self: Arc<Self>,
        caller: Caller,
        call: Call,
        progress: ProgressSink,
    ) -> BoxFuture<'static, Result<Values>> {
        async move {
            self.context.rules.check(caller, &call)?;
            let context = &self.context;
            match call {
                Call::List { remembered_too, with_holders, name } => {
                    let with_holders = with_holders && context.rules.may_see_holders(caller);
                    Values::of(&self.list(remembered_too, with_holders, name.as_deref()).await?)
                }
                Call::Status(name) => {
                    Values::of(&self.status(&name, context.rules.may_see_holders(caller)).await?)
                }
                Call::Holders(name) if context.rules.may_see_holders(caller) => {
                    Values::of(&self.holders(&name).await?)
                }
                Call::Holders(_) => {
                    Err(ErrorKind::NotPermitted("looking at others' processes".into()).into())
                }
                Call::Map(request, secret) => {
                    Values::of(&map::map(context, caller, request, secret, progress).await?)
                }
                Call::Dial(request, secret) => {
                    Values::of(&link::dial(context, caller, request, secret, progress).await?)
                }
                Call::HangUp(request) => {
                    Values::of(&link::hang_up(context, caller, request, progress).await?)
                }
                Call::End(request) => Values::of(&end::end(context, caller, request, progress).await?),
                Call::Remember(name) => {
                    map::remember_by_name(context, &name).await?;
                    Ok(Values::none())
                }
                Call::Forget(name) => {
                    end::forget(context, &name).await?;
                    Ok(Values::none())
                }
                Call::Restore(names) => {
                    Values::of(&restore::restore(context, caller, names, progress).await?)
                }
                Call::KeepRestoring => {
                    self.keep_restoring();
                    Ok(Values::none())
                }
                Call::Shares(request, secret) => Values::of(&shares::shares(context, request, secret).await?),
                Call::Version => Values::of(env!("CARGO_PKG_VERSION")),
                Call::Quit => {
                    self.quit.cancel();
                    Ok(Values::none())
                }
            }
        }
        .boxed()
    }

    fn objects(&self) -> Vec<(String, Connection)> {
        let registry = &self.context.registry;
        let drives = registry.all().into_iter().map(|h| (h.spec.id.clone(), h.view()));
        let links = registry.links().into_iter().map(|l| (l.spec.id.clone(), l.view()));
        drives.chain(links).collect()
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.context.registry.changes()
    }
}

impl Daemon {
    /// Connects what is remembered until it is; the daemon stays for that as it does for a client.
    pub(crate) fn keep_restoring(&self) {
        let (context, here) = (self.context.clone(), server::Count::new(self.clients.clone()));
        tokio::spawn(async move {
            restore::restore_until_done(context).await;
            drop(here);
        });
    }

    /// All connections, or those of one local name.
    async fn list(
        &self,
        remembered_too: bool,
        with_holders: bool,
        name: Option<&str>,
    ) -> Result<Vec<Connection>> {
        let registry = &self.context.registry;
        let handles = name.map_or_else(|| registry.all(), |name| registry.called(name));
        join_all(handles.iter().map(|handle| handle.refresh())).await;
        let mut list: Vec<Connection> = handles.iter().map(|handle| handle.view()).collect();
        if with_holders {
            let found = holders::of_all(&handles).await;
            for (view, found) in list.iter_mut().zip(found) {
                view.holders = found.holders;
                view.unseen = found.unseen;
            }
        }
        if remembered_too {
            let (drives, damaged) = self.context.memory.load().await?;
            let meant =
                |drive: &LocalName| name.is_none_or(|name| name.parse().is_ok_and(|name| *drive == name));
            let away = |name: &LocalName| meant(name) && registry.owner_of(name).is_none();
            let drives = drives.iter().filter(|drive| away(&drive.name));
            list.extend(drives.map(|drive| restore::remembered_view(&self.context, drive)));
            // What is no name of a drive shows in the whole list only.
            let damaged =
                damaged.into_iter().filter(|d| d.stem.parse().map_or(name.is_none(), |name| away(&name)));
            list.extend(damaged.map(|damaged| restore::damaged_view(&self.context, damaged)));
        }
        let links = name.map_or_else(|| registry.links(), |name| registry.link(name).into_iter().collect());
        join_all(links.iter().filter(|link| link.shakes_hands()).map(|link| link.refresh())).await;
        match name {
            Some(_) => list.extend(link::fill_in(&self.context, &links).await),
            None => list.extend(link::all(&self.context).await),
        }
        list.sort_by_cached_key(|view| view.name.to_lowercase());
        Ok(list)
    }

    async fn status(&self, name: &str, with_holders: bool) -> Result<Connection> {
        if let Some(found) = self.context.registry.link(name) {
            found.refresh().await;
            let view = link::fill_in(&self.context, &[found]).await.pop();
            return view.ok_or_else(|| not_connected(name));
        }
        let Some(handle) = self.context.registry.called(name).into_iter().next() else {
            if let Some(last) = self.context.registry.link_tombstone(name) {
                return Ok(last);
            }
            let tombstone = self.context.registry.tombstone(name);
            return match restore::remembered(&self.context, name).await? {
                Some(drive) => {
                    let mut view = restore::remembered_view(&self.context, &drive);
                    view.reason = tombstone.and_then(|last| last.reason);
                    Ok(view)
                }
                None => match tombstone {
                    Some(last) => Ok(last),
                    None => {
                        let foreign = link::foreign_called(&self.context, name).await;
                        foreign.ok_or_else(|| not_connected(name))
                    }
                },
            };
        };
        handle.refresh().await;
        let mut view = handle.view();
        if with_holders {
            let found = holders::of(&handle).await;
            view.holders = found.holders;
            view.unseen = found.unseen;
        }
        Ok(view)
    }

    async fn holders(&self, name: &str) -> Result<Holders> {
        if self.context.registry.link(name).is_some() {
            // Nobody holds a link; the drives that are reached over it are in its line.
            return Ok(Holders::default());
        }
        let handle: Arc<Handle> = match self.context.registry.called(name).into_iter().next() {
            Some(handle) => handle,
            None => return Err(missing(&self.context, name).await),
        };
        Ok(holders::of(&handle).await)
    }
}

/// The error for a name that nothing is connected under: it may be remembered.
pub(crate) async fn missing(context: &Context, name: &str) -> Error {
    match restore::remembered(context, name).await {
        Ok(Some(drive)) => ErrorKind::OnlyRemembered(drive.name.to_string()).into(),
        Ok(None) => link::foreign_called(context, name).await.map_or_else(|| not_connected(name), foreign),
        Err(error) => error,
    }
}

/// The error for what another program made.
fn foreign(link: Connection) -> Error {
    let program = link.link.map(|link| link.device).unwrap_or_default();
    let process = link.worker_pid.map(|pid| (program, pid));
    ErrorKind::Foreign { name: link.name, what: link.provider, process }.into()
}

fn not_connected(name: &str) -> Error {
    ErrorKind::NotConnected(name.to_owned()).into()
}
