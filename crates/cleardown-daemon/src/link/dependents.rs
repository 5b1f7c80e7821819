//! Drives over links: which drives talk to their servers through a link's interface.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cleardown_core::link::RasState;
use cleardown_kernel::net::{Interface, Path};

use super::handle::LinkHandle;
use crate::context::Context;

/// The drives of this instance whose servers are reached over the link. Neither a server nor a name service is asked:
/// the addresses are those that the workers' sockets are connected to, and those that are written in the names.
pub(crate) async fn of(context: &Context, link: &LinkHandle) -> Vec<String> {
    let shown = link.shown();
    let (Some(interface), RasState::Connected) = (shown.interface, shown.ras) else { return Vec::new() };
    let drives: Vec<(String, String, Option<u32>)> = context
        .registry
        .all()
        .iter()
        .map(|drive| {
            let worker = drive.shown().worker.map(|(pid, _)| pid);
            (drive.spec.shown_name(), drive.spec.remote.host.clone(), worker)
        })
        .collect();
    if drives.is_empty() {
        return Vec::new();
    }
    let look = move || {
        let over = |(_, host, worker): &(String, String, Option<u32>)| {
            let written = host.parse::<IpAddr>().ok();
            let connected = worker.map(peers_of).unwrap_or_default();
            written.into_iter().chain(connected).any(|address| goes_over(address, &interface))
        };
        drives.into_iter().filter(over).map(|(name, ..)| name).collect()
    };
    tokio::task::spawn_blocking(look).await.unwrap_or_default()
}

fn goes_over(address: IpAddr, interface: &Interface) -> bool {
    matches!(Path::to(address), Ok(Some(path)) if path.interface.index == interface.index)
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
