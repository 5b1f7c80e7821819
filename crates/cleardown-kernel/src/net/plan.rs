//! What has to be changed for a link, computed and not done.

use std::net::IpAddr;

use cleardown_core::link::Network;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::change::Change;
use super::dns::{Dns, Method};
use super::interface::{Address, Interface};
use super::route::{Path, Route};

/// The smallest MTU that IPv6 works with (RFC 8200, section 5); below it the kernel has no IPv6 on an interface.
const IPV6_MTU: u16 = 1280;

/// What link and peer have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Our addresses, each with the peer's where they come in pairs (PPP).
    pub addresses: Vec<Address>,
    /// The networks behind the peer (WireGuard's allowed addresses).
    pub routes: Vec<IpNet>,
    /// The name servers that the peer tells.
    pub dns: Vec<IpAddr>,
    /// The longest packet that it takes, in octets.
    pub mtu: u16,
}

/// The changes for a link, in the order in which they are to be made.
///
/// - The entry's MTU counts where it is smaller than the agreed one.
/// - A route to everything: without a metric it becomes two routes, one for each half of all addresses. They are more
///   exact than any default route, which so stays as it is, and no packet mark is needed. With a metric it is an
///   ordinary default route, for links that shall come after (or before) others.
/// - IPv6 gets such a route only with an address beyond the link itself: with a link-local one alone, packets would leave with
///   another interface's address and never be answered.
/// - `servers` are the ways that the tunnel's own packets take now. Each whose address lies in a network that is
///   routed into the link gets a route of its own on its present way, with the interface's index as its metric, so
///   that two links to one server do not share it.
/// - `resolving` tells how names are resolved here ([`Method::of_this_machine`]); none: no name servers are set.
pub fn plan(
    interface: &Interface,
    network: &Network,
    agreed: &Agreed,
    servers: &[Path],
    resolving: Option<Method>,
) -> Vec<Change> {
    let mtu = network.mtu.map_or(agreed.mtu, |wanted| wanted.min(agreed.mtu));
    let addresses = wanted_addresses(network, agreed, mtu);
    let targets = targets(network, agreed, &addresses);
    let mut changes = vec![Change::Interface { interface: interface.clone(), mtu: mtu.into() }];
    changes.extend(
        addresses.into_iter().map(|address| Change::Address { interface: interface.clone(), address }),
    );
    changes.extend(outside(interface, servers, &targets).map(Change::Route));
    let takes_all = targets.iter().any(|target| target.prefix_len() == 0);
    let routes = targets.into_iter().flat_map(|target| split(target, network.metric));
    changes.extend(routes.map(|to| {
        Change::Route(Route { to, interface: interface.clone(), gateway: None, metric: network.metric })
    }));
    changes.extend(name_servers(interface, network, agreed, resolving, takes_all).map(Change::Dns));
    changes
}

/// The agreed ones and the entry's, each once.
fn wanted_addresses(network: &Network, agreed: &Agreed, mtu: u16) -> Vec<Address> {
    let entry = network.addresses.iter().map(|net| Address { local: *net, peer: None });
    let mut addresses: Vec<Address> = Vec::new();
    for address in agreed.addresses.iter().copied().chain(entry) {
        let known = addresses.iter().any(|known| known.local.addr() == address.local.addr());
        if !known && (address.local.addr().is_ipv4() || mtu >= IPV6_MTU) {
            addresses.push(address);
        }
    }
    addresses
}

/// The networks to route, each once, of the families that the link has.
fn targets(network: &Network, agreed: &Agreed, addresses: &[Address]) -> Vec<IpNet> {
    let everything = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    let everything = everything.into_iter().filter(|_| network.default_route);
    let mut targets: Vec<IpNet> = Vec::new();
    for target in everything.chain(network.routes.iter().chain(&agreed.routes).map(IpNet::trunc)) {
        if !targets.contains(&target) && can_carry(addresses, target) {
            targets.push(target);
        }
    }
    targets
}

fn can_carry(addresses: &[Address], target: IpNet) -> bool {
    addresses.iter().any(|address| match (address.local.addr(), target) {
        (IpAddr::V4(_), IpNet::V4(_)) => true,
        (IpAddr::V6(ours), IpNet::V6(target)) => target.prefix_len() > 0 || !ours.is_unicast_link_local(),
        _ => false,
    })
}

/// Everything in two halves, when it has no metric to compete with.
fn split(target: IpNet, metric: Option<u32>) -> Vec<IpNet> {
    match target.subnets(1) {
        Ok(halves) if target.prefix_len() == 0 && metric.is_none() => halves.collect(),
        _ => vec![target],
    }
}

/// Routes around the link for its own packets.
fn outside<'a>(
    interface: &Interface,
    servers: &'a [Path],
    targets: &'a [IpNet],
) -> impl Iterator<Item = Route> + use<'a> {
    let metric = interface.index;
    let own = interface.index;
    let swallowed = move |path: &&Path| {
        !path.is_local
            && path.interface.index != own
            && targets.iter().any(|target| target.contains(&path.to))
    };
    servers.iter().filter(swallowed).map(move |path| Route {
        to: IpNet::from(path.to),
        interface: path.interface.clone(),
        gateway: path.gateway,
        metric: Some(metric),
    })
}

fn name_servers(
    interface: &Interface,
    network: &Network,
    agreed: &Agreed,
    resolving: Option<Method>,
    takes_all: bool,
) -> Option<Dns> {
    let told = agreed.dns.iter().filter(|_| network.peer_dns);
    let mut servers: Vec<IpAddr> = Vec::new();
    for server in network.dns.iter().chain(told) {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    let wanted = !servers.is_empty() || !network.search.is_empty();
    let method = resolving.filter(|_| wanted)?;
    let (interface, search) = (interface.clone(), network.search.clone());
    Some(Dns { interface, method, servers, search, takes_all })
}
