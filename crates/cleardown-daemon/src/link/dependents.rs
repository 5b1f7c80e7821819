//! Drives over links: which drives talk to their servers through a link's interface.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::view::{Connection, Kind};
use cleardown_core::{Remote, Result};
use cleardown_ipc::{Call, Instance, Location, Peer};
use cleardown_kernel::net::Path;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::handle::LinkHandle;
use crate::context::Context;
use crate::handle::Handle;

/// How long a user's daemon may take to tell its drives for the list; a slower one is passed over.
const PATIENCE: Duration = Duration::from_secs(1);
/// And before a link is ended: a drive that is not seen would lose its way.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(10);

/// A drive that is reached over a link.
#[derive(Clone, Debug)]
pub(super) struct Dependent {
    /// Its name, with the owner in front when another daemon has it: `eve/z:`.
    pub(super) shown: String,
    /// Its name there.
    pub(super) name: String,
    /// Whose daemon has it; none: this one.
    pub(super) instance: Option<Instance>,
}

/// A drive that may be reached over a link.
struct Drive {
    drive: Dependent,
    host: String,
    /// The addresses that its worker is connected to.
    servers: Vec<IpAddr>,
}

/// For each link the drives whose servers are reached over it: those of this instance, and for the system's links those of all
/// users. Neither a server nor a name service is asked: the addresses are those that the workers have told (see
/// [`Handle::refresh`]), and those that are written in the names.
pub(super) async fn of_all(context: &Context, links: &[Arc<LinkHandle>]) -> Vec<Vec<Dependent>> {
    within(context, links, PATIENCE).await
}

async fn within(context: &Context, links: &[Arc<LinkHandle>], patience: Duration) -> Vec<Vec<Dependent>> {
    let interfaces: Vec<Option<u32>> = links.iter().map(|link| link.connected_interface()).collect();
    if interfaces.iter().all(Option::is_none) {
        return vec![Vec::new(); links.len()];
    }
    let mut drives = own(context);
    if context.rules.system {
        let others = Location::users().into_iter().map(|user| timeout(patience, of_user(user)));
        drives.extend(join_all(others).await.into_iter().flatten().flatten());
    }
    if drives.is_empty() {
        return vec![Vec::new(); links.len()];
    }
    let look = move || {
        let ways: Vec<(Dependent, HashSet<u32>)> =
            drives.iter().map(|drive| (drive.drive.clone(), ways(drive))).collect();
        let over = |interface: Option<u32>| {
            let uses = |ways: &HashSet<u32>| interface.is_some_and(|index| ways.contains(&index));
            ways.iter().filter(|(_, ways)| uses(ways)).map(|(drive, _)| drive.clone()).collect()
        };
        interfaces.into_iter().map(over).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| vec![Vec::new(); links.len()])
}

/// Asks the workers of this instance's drives where they are connected to.
pub(super) async fn ask(context: &Context) {
    let drives = context.registry.all();
    join_all(drives.iter().map(|drive| drive.refresh())).await;
}

/// The drives over one link that is to be ended.
pub(super) async fn of(context: &Context, link: &Arc<LinkHandle>) -> Vec<Dependent> {
    ask(context).await;
    within(context, std::slice::from_ref(link), PATIENCE_AT_THE_END).await.pop().unwrap_or_default()
}

fn own(context: &Context) -> Vec<Drive> {
    let drive = |handle: Arc<Handle>| {
        let name = handle.spec.shown_name();
        Drive {
            drive: Dependent { shown: name.clone(), name, instance: None },
            host: handle.spec.remote.host.clone(),
            servers: handle.shown().servers,
        }
    };
    context.registry.all().into_iter().map(drive).collect()
}

/// The drives of a user, as that user's daemon tells; none when it does not.
async fn of_user(instance: Instance) -> Vec<Drive> {
    let list = async {
        let peer = Peer::connect(&Location::of(instance)).await?;
        peer.query(&Call::List { remembered_too: false, with_holders: false, name: None }).await
    };
    let list: Result<Vec<Connection>> = list.await;
    let list = list.inspect_err(|error| tracing::debug!(%error, ?instance, "a user's drives"));
    let drive = |drive: Connection| {
        let remote: Remote = drive.remote.parse().ok()?;
        Some(Drive {
            drive: Dependent {
                shown: format!("{}/{}", drive.owner, drive.name),
                name: drive.name,
                instance: Some(instance),
            },
            host: remote.host,
            servers: drive.servers.iter().filter_map(|address| address.parse().ok()).collect(),
        })
    };
    list.unwrap_or_default().into_iter().filter(|c| c.kind != Kind::Link).filter_map(drive).collect()
}

/// The interfaces by which packets to a drive's server leave.
fn ways(drive: &Drive) -> HashSet<u32> {
    let written = drive.host.parse::<IpAddr>().ok();
    let way = |address: &IpAddr| Path::to(*address).ok().flatten().map(|path| path.interface.index);
    written.iter().chain(&drive.servers).filter_map(way).collect()
}
