//! Drives over links: which drives talk to their servers through a link's interface.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::Remote;
use cleardown_core::link::RasState;
use cleardown_core::view::{Connection, Kind};
use cleardown_ipc::{Call, Instance, Location, Peer, value};
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
    worker: Option<u32>,
}

/// For each link the drives whose servers are reached over it: those of this instance, and for the system's links those of all
/// users. Neither a server nor a name service is asked: the addresses are those that the workers' sockets are connected to, and
/// those that are written in the names.
pub(super) async fn of_all(context: &Context, links: &[Arc<LinkHandle>]) -> Vec<Vec<Dependent>> {
    within(context, links, PATIENCE).await
}

async fn within(context: &Context, links: &[Arc<LinkHandle>], patience: Duration) -> Vec<Vec<Dependent>> {
    let interfaces: Vec<Option<u32>> = links.iter().map(|link| connected_interface(link)).collect();
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
            drives.into_iter().map(|Drive { drive, host, worker }| (drive, ways(&host, worker))).collect();
        let over = |interface: Option<u32>| {
            let uses = |ways: &HashSet<u32>| interface.is_some_and(|index| ways.contains(&index));
            ways.iter().filter(|(_, ways)| uses(ways)).map(|(drive, _)| drive.clone()).collect()
        };
        interfaces.into_iter().map(over).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| vec![Vec::new(); links.len()])
}

/// The drives over one link that is to be ended.
pub(super) async fn of(context: &Context, link: &Arc<LinkHandle>) -> Vec<Dependent> {
    within(context, std::slice::from_ref(link), PATIENCE_AT_THE_END).await.pop().unwrap_or_default()
}

fn own(context: &Context) -> Vec<Drive> {
    let drive = |handle: Arc<Handle>| {
        let name = handle.spec.shown_name();
        Drive {
            drive: Dependent { shown: name.clone(), name, instance: None },
            host: handle.spec.remote.host.clone(),
            worker: handle.shown().worker.map(|(pid, _)| pid),
        }
    };
    context.registry.all().into_iter().map(drive).collect()
}

/// The drives of a user, as that user's daemon tells; none when it does not.
async fn of_user(instance: Instance) -> Vec<Drive> {
    let list = async {
        let peer = Peer::connect(&Location::of(instance)).await?;
        let list = peer.query(&Call::List { remembered_too: false, with_holders: false, name: None }).await?;
        value::from_json::<Vec<Connection>>(list)
    };
    let list = list.await.inspect_err(|error| tracing::debug!(%error, ?instance, "a user's drives"));
    let drive = |drive: Connection| {
        let remote: Remote = drive.remote.parse().ok()?;
        Some(Drive {
            drive: Dependent {
                shown: format!("{}/{}", drive.owner, drive.name),
                name: drive.name,
                instance: Some(instance),
            },
            host: remote.host,
            worker: drive.worker_pid,
        })
    };
    list.unwrap_or_default().into_iter().filter(|c| c.kind != Kind::Link).filter_map(drive).collect()
}

fn connected_interface(link: &LinkHandle) -> Option<u32> {
    let shown = link.shown();
    shown.interface.filter(|_| shown.ras == RasState::Connected).map(|interface| interface.index)
}

/// The interfaces by which packets to a drive's server leave.
fn ways(host: &str, worker: Option<u32>) -> HashSet<u32> {
    let written = host.parse::<IpAddr>().ok();
    let connected = worker.map(peers_of).unwrap_or_default();
    let way = |address| Path::to(address).ok().flatten().map(|path| path.interface.index);
    written.into_iter().chain(connected).filter_map(way).collect()
}

/// The addresses that a process's TCP sockets are connected to (proc_pid_net(5)).
fn peers_of(pid: u32) -> HashSet<IpAddr> {
    let sockets = sockets_of(pid);
    let tables = ["tcp", "tcp6"].map(|table| format!("/proc/{pid}/net/{table}"));
    let text: String = tables.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    text.lines().filter_map(|line| peer(line, &sockets)).collect()
}

fn sockets_of(pid: u32) -> HashSet<u64> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return HashSet::new() };
    let inode = |entry: std::fs::DirEntry| {
        let target = std::fs::read_link(entry.path()).ok()?;
        target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    entries.flatten().filter_map(inode).collect()
}

/// The remote address of a line of `/proc/net/tcp` or `tcp6`, when its socket is established and one of these.
fn peer(line: &str, sockets: &HashSet<u64>) -> Option<IpAddr> {
    const ESTABLISHED: &str = "01";
    let mut fields = line.split_ascii_whitespace();
    let remote = fields.nth(2)?;
    let state = fields.next()?;
    let inode: u64 = fields.nth(5)?.parse().ok()?;
    if state != ESTABLISHED || !sockets.contains(&inode) {
        return None;
    }
    address(remote.split(':').next()?)
}

/// Words of four octets, each as a number in the machine's own order, in hexadecimal.
fn address(hex: &str) -> Option<IpAddr> {
    let mut octets = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        octets.extend(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    match octets.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_connection_is_found_with_its_peer() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(peers_of(std::process::id()).contains(&IpAddr::from([127, 0, 0, 1])));
        let other = "0: 0100007F:1F90 0200A8C0:01BD 01 00000000:00000000 00:00000000 00000000 0 0 77 1";
        let native = if cfg!(target_endian = "little") { [192, 168, 0, 2] } else { [2, 0, 168, 192] };
        assert_eq!(peer(other, &HashSet::from([77])), Some(IpAddr::from(native)));
        assert_eq!(peer(other, &HashSet::from([78])), None);
        assert_eq!(address("00000000000000000000000001000000"), Some(Ipv6Addr::LOCALHOST.into()));
    }
}
