//! Routes: where packets go, and whose routes stay.

use std::net::IpAddr;

use cleardown_core::link::Network;
use cleardown_kernel::net::{Agreed, Path, apply_all, our_routes, revert_all};
use cleardown_testkit::Cable;

use super::{PATIENCE, SERVER, agreed, at_the_near_end, everything, planned};

fn by(address: &str) -> String {
    Path::to(address.parse().unwrap()).unwrap().map(|path| path.interface.name).unwrap_or_default()
}

#[test]
fn everything_goes_into_the_link_but_the_link_itself_and_the_neighbours() {
    at_the_near_end(|cable| {
        let agreed = Agreed {
            addresses: ["10.0.0.2/32", "fd00::2/64"]
                .map(|local| cleardown_kernel::net::Address { local: local.parse().unwrap(), peer: None })
                .into(),
            ..agreed()
        };
        let (tun, changes) = planned(&everything(), &agreed);
        apply_all(&changes, PATIENCE).unwrap();
        for (address, interface) in [
            ("8.8.8.8", "cd0"),
            ("200.0.0.1", "cd0"),
            ("2620::1", "cd0"),
            ("fd00::77", "cd0"),
            (SERVER, "net0"),
            ("192.0.2.2", "net0"),
            ("2001:db8::2", "net0"),
            ("127.0.0.1", "lo"),
        ] {
            assert_eq!(by(address), interface, "{address}");
        }
        let defaults = cable.near.ip(&["route", "show", "default"]);
        assert_eq!(defaults.trim_end(), "default via 192.0.2.2 dev net0", "the present one is untouched");
        revert_all(&changes, PATIENCE);
        drop(tun);
    });
}

#[test]
fn a_metric_says_which_link_comes_first() {
    at_the_near_end(|cable| {
        cable.near.ip(&["route", "del", "default"]);
        cable.near.ip(&["route", "add", "default", "via", "192.0.2.2", "metric", "100"]);
        for (metric, wins) in [(50, "cd0"), (200, "net0")] {
            let network = Network { metric: Some(metric), ..everything() };
            let (tun, changes) = planned(&network, &agreed());
            apply_all(&changes, PATIENCE).unwrap();
            assert_eq!(by("8.8.8.8"), wins);
            assert_eq!(by(SERVER), "net0");
            revert_all(&changes, PATIENCE);
            drop(tun);
        }
        cable.near.ip(&["route", "del", "default"]);
        cable.near.ip(&["route", "add", "default", "via", "192.0.2.2"]);
    });
}

#[test]
fn two_links_to_one_server_do_not_share_their_way_to_it() {
    at_the_near_end(|_| {
        let network = |to: &str| Network { routes: vec![to.parse().unwrap()], ..Network::default() };
        let (first, first_changes) = planned(&network("203.0.0.0/16"), &agreed());
        apply_all(&first_changes, PATIENCE).unwrap();
        let other = Agreed { addresses: Vec::new(), dns: Vec::new(), ..agreed() };
        let wide = Network { addresses: vec!["10.0.0.2/32".parse().unwrap()], ..network("203.0.0.0/8") };
        let (second, second_changes) = planned(&wide, &other);
        apply_all(&second_changes, PATIENCE).unwrap();
        assert_eq!(by(SERVER), "net0");
        revert_all(&first_changes, PATIENCE);
        assert_eq!(by(SERVER), "net0", "the other link needs it still");
        revert_all(&second_changes, PATIENCE);
        assert_eq!(our_routes().unwrap(), []);
        drop((first, second));
    });
}

#[test]
fn others_routes_stay() {
    at_the_near_end(|cable| {
        let before = cable.near.snapshot();
        let (tun, changes) = planned(&everything(), &agreed());
        // Somebody has the way to the server already, and somebody adds one to what we route.
        cable.near.ip(&["route", "add", SERVER, "via", "192.0.2.2", "dev", "net0"]);
        apply_all(&changes, PATIENCE).unwrap();
        cable.near.ip(&["route", "add", "0.0.0.0/1", "via", "192.0.2.2", "metric", "5"]);
        let (facts, failed) = revert_all(&changes, PATIENCE);
        assert!(facts.complete() && failed.is_empty(), "{facts:?} {failed:?}");
        drop(tun);
        let left: Vec<String> = cable.near.snapshot().routes;
        let mut left: Vec<&String> = left.iter().filter(|route| !before.routes.contains(route)).collect();
        left.sort();
        assert_eq!(left, ["0.0.0.0/1 via 192.0.2.2 dev net0 metric 5", "203.0.113.9 via 192.0.2.2 dev net0"]);
        cable.near.ip(&["route", "del", SERVER]);
        cable.near.ip(&["route", "del", "0.0.0.0/1"]);
    });
}

#[test]
fn the_way_to_an_address_is_told_without_sending() {
    at_the_near_end(|cable| {
        let path = |to: IpAddr| Path::to(to).unwrap();
        let far = path(SERVER.parse().unwrap()).unwrap();
        assert_eq!(
            (far.gateway, far.source, far.is_local),
            (Some(Cable::FAR.into()), Some(Cable::NEAR.into()), false)
        );
        let neighbour = path(Cable::FAR6.into()).unwrap();
        assert_eq!((neighbour.gateway, neighbour.interface.name.as_str()), (None, "net0"));
        assert!(path(Cable::NEAR.into()).unwrap().is_local && path(Cable::NEAR6.into()).unwrap().is_local);
        assert_eq!(path("::ffff:203.0.113.9".parse().unwrap()), Some(far));
        cable.near.ip(&["route", "add", "unreachable", "203.0.113.66"]);
        assert_eq!(path("203.0.113.66".parse().unwrap()), None);
        cable.near.ip(&["route", "del", "unreachable", "203.0.113.66"]);
        cable.near.ip(&["-6", "route", "add", "unreachable", "2001:db8:ffff::1"]);
        assert_eq!(path("2001:db8:ffff::1".parse().unwrap()), None);
        cable.near.ip(&["-6", "route", "del", "unreachable", "2001:db8:ffff::1"]);
        cleardown_testkit::Namespace::new()
            .run(|| assert_eq!(Path::to(SERVER.parse().unwrap()).unwrap(), None, "no route at all"));
    });
}

/// ICMPv6's router advertisement (RFC 4861, section 4.2) to all nodes, from a router that wants to be everybody's for
/// half an hour.
fn advertisement() -> Vec<u8> {
    let source: std::net::Ipv6Addr = "fe80::2".parse().unwrap();
    let all_nodes: std::net::Ipv6Addr = "ff02::1".parse().unwrap();
    let mut icmp = vec![134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0];
    let pseudo = [&source.octets()[..], &all_nodes.octets(), &[0, 0, 0, 16, 0, 0, 0, 58], &icmp].concat();
    let sum: u32 = pseudo.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    icmp[2..4].copy_from_slice(&(!u16::try_from(folded).unwrap()).to_be_bytes());
    let header = [0x60, 0, 0, 0, 0, 16, 58, 255];
    [&header[..], &source.octets(), &all_nodes.octets(), &icmp].concat()
}

#[test]
fn a_peer_does_not_make_itself_our_router() {
    at_the_near_end(|cable| {
        for (accept, routers) in [(None, 0), (Some("1"), 1)] {
            let (tun, changes) = planned(&Network::default(), &agreed());
            apply_all(&changes, PATIENCE).unwrap();
            if let Some(accept) = accept {
                // What would happen otherwise.
                std::fs::write("/proc/sys/net/ipv6/conf/cd0/accept_ra", accept).unwrap();
            }
            let packet = advertisement();
            assert_eq!(rustix::io::write(&tun, &packet).unwrap(), packet.len());
            let defaults = cable.near.ip(&["-6", "route", "show", "default", "dev", "cd0"]);
            assert_eq!(defaults.lines().count(), routers, "{defaults}");
            revert_all(&changes, PATIENCE);
        }
    });
}
