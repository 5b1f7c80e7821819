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

/// The routes around a link of these changes, when its servers are to be reached these ways.
pub fn around(interface: &Interface, changes: &[Change], servers: &[Path]) -> Vec<Route> {
    let into = |change: &Change| match change {
        Change::Route(route) if route.interface == *interface => Some(route.to),
        _ => None,
    };
    let targets: Vec<IpNet> = changes.iter().filter_map(into).collect();
    outside(interface, servers, &targets).collect()
}

fn name_servers(
    interface: &Interface,
    network: &Network,
    agreed: &Agreed,
    resolving: Option<Method>,
    takes_all: bool,
) -> Option<Dns> {
    // A broken peer tells 0.0.0.0, a hostile one this machine itself.
    let sensible = |server: &&IpAddr| {
        let server = server.to_canonical();
        !server.is_unspecified() && !server.is_loopback() && !server.is_multicast()
    };
    let told = agreed.dns.iter().filter(|_| network.peer_dns).filter(sensible);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn interface() -> Interface {
        Interface { index: 7, name: "cd0".into() }
    }

    fn address(local: &str) -> Address {
        Address { local: local.parse().unwrap(), peer: None }
    }

    /// PPP: a pair of IPv4 addresses, and a link-local IPv6 address.
    fn ppp() -> Agreed {
        let pair = Address { peer: Some("10.0.0.1".parse().unwrap()), ..address("10.0.0.2/32") };
        let dns = vec!["10.0.0.53".parse().unwrap(), "10.0.0.54".parse().unwrap()];
        Agreed { addresses: vec![pair, address("fe80::2/128")], routes: Vec::new(), dns, mtu: 1500 }
    }

    fn by_gateway(to: &str) -> Path {
        Path {
            to: to.parse().unwrap(),
            interface: Interface { index: 2, name: "eth0".into() },
            gateway: Some("192.0.2.2".parse().unwrap()),
            source: Some("192.0.2.1".parse().unwrap()),
            is_local: false,
        }
    }

    /// One line for each change.
    fn shown(network: &Network, agreed: &Agreed, servers: &[Path]) -> Vec<String> {
        let file = Method::File { path: "/r".into(), file: "/r".into() };
        let line = |change| match change {
            Change::Interface { mtu, .. } => format!("mtu {mtu}"),
            Change::Address { address: Address { local, peer: Some(peer) }, .. } => {
                format!("{local} - {peer}")
            }
            Change::Address { address: Address { local, peer: None }, .. } => local.to_string(),
            Change::Route(Route { to, interface, metric, .. }) => {
                format!("{to} {}{}", interface.name, metric.map(|m| format!(" {m}")).unwrap_or_default())
            }
            Change::Dns(dns) => format!("dns {:?} {:?} {}", dns.servers, dns.search, dns.takes_all),
        };
        plan(&interface(), network, agreed, servers, Some(file)).into_iter().map(line).collect()
    }

    #[test]
    fn a_link_takes_nothing_that_it_is_not_given() {
        let network = Network { peer_dns: false, ..Network::default() };
        let lines = shown(&network, &ppp(), &[by_gateway("203.0.113.1")]);
        assert_eq!(lines, ["mtu 1500", "10.0.0.2/32 - 10.0.0.1", "fe80::2/128"]);
    }

    #[test]
    fn everything_goes_in_two_halves_and_the_tunnel_itself_around_it() {
        let network = Network { default_route: true, ..Network::default() };
        let lines = shown(&network, &ppp(), &[by_gateway("203.0.113.1")]);
        assert_eq!(
            lines[3..],
            [
                "203.0.113.1/32 eth0 7",
                "0.0.0.0/1 cd0",
                "128.0.0.0/1 cd0",
                "dns [10.0.0.53, 10.0.0.54] [] true"
            ]
        );
    }

    #[test]
    fn with_a_metric_it_is_an_ordinary_default_route() {
        let network = Network { default_route: true, metric: Some(700), ..Network::default() };
        let agreed = Agreed { addresses: vec![address("10.0.0.2/24"), address("2001:db8::2/64")], ..ppp() };
        assert_eq!(shown(&network, &agreed, &[])[3..5], ["0.0.0.0/0 cd0 700", "::/0 cd0 700"]);
    }

    #[test]
    fn allowed_addresses_become_routes_once_each() {
        let everything = ["0.0.0.0/0", "::/0", "10.1.2.3/16", "10.1.0.0/16"];
        let routes = everything.map(|net| net.parse().unwrap()).to_vec();
        let agreed = Agreed { addresses: vec![address("10.0.0.2/32")], routes, dns: Vec::new(), mtu: 1420 };
        let lines = shown(&Network::default(), &agreed, &[by_gateway("10.1.0.9"), by_gateway("2001:db8::9")]);
        assert_eq!(
            lines[2..],
            ["10.1.0.9/32 eth0 7", "0.0.0.0/1 cd0", "128.0.0.0/1 cd0", "10.1.0.0/16 cd0"],
            "and no IPv6 without an address"
        );
    }

    #[test]
    fn a_server_that_is_not_swallowed_keeps_its_way() {
        let network = Network { routes: vec!["10.9.0.0/16".parse().unwrap()], ..Network::default() };
        let lines = shown(&network, &ppp(), &[by_gateway("203.0.113.1")]);
        assert_eq!(lines[3], "10.9.0.0/16 cd0");
        let here = Path { is_local: true, ..by_gateway("10.9.0.1") };
        let nested = Path { interface: interface(), ..by_gateway("10.9.0.1") };
        assert_eq!(shown(&network, &ppp(), &[here, nested])[3], "10.9.0.0/16 cd0");
    }

    #[test]
    fn below_its_mtu_there_is_no_ipv6() {
        let network = Network { mtu: Some(576), ..Network::default() };
        let lines = shown(&network, &ppp(), &[]);
        assert_eq!(lines[..2], ["mtu 576", "10.0.0.2/32 - 10.0.0.1"]);
        assert!(lines[2].starts_with("dns"));
        let larger = Network { mtu: Some(9000), ..Network::default() };
        assert_eq!(shown(&larger, &ppp(), &[])[0], "mtu 1500", "the peer takes no more");
    }

    #[test]
    fn a_peer_names_no_nonsense_as_name_server() {
        let nonsense = ["0.0.0.0", "127.0.0.1", "::", "::ffff:127.0.0.1", "ff02::1", "224.0.0.1"];
        let dns = nonsense.iter().chain(&["10.0.0.53"]).map(|server| server.parse().unwrap()).collect();
        let lines = shown(&Network::default(), &Agreed { dns, ..ppp() }, &[]);
        assert_eq!(lines[3], "dns [10.0.0.53] [] false");
        let own = Network { dns: vec!["127.0.0.1".parse().unwrap()], peer_dns: false, ..Network::default() };
        assert_eq!(shown(&own, &ppp(), &[])[3], "dns [127.0.0.1] [] false", "the user may");
    }

    #[test]
    fn the_entrys_name_servers_come_first() {
        let network = Network {
            dns: vec!["10.0.0.54".parse().unwrap()],
            search: vec!["corp.example".into()],
            ..Network::default()
        };
        let lines = shown(&network, &ppp(), &[]);
        assert_eq!(lines[3], r#"dns [10.0.0.54, 10.0.0.53] ["corp.example"] false"#);
        let alone = plan(&interface(), &network, &ppp(), &[], None);
        assert!(!alone.iter().any(|change| matches!(change, Change::Dns(_))));
    }
}
