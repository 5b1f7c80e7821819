//! Links as the kernel sees them, each test in network namespaces of its own.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::net::IpAddr;
use std::time::Duration;

use cleardown_core::link::Network;
use cleardown_kernel::net::{
    Address, Agreed, Change, Facts, Interface, Method, Path, Tun, apply_all, our_routes, plan, revert_all,
};
use cleardown_testkit::{Cable, Namespace};

const PATIENCE: Duration = Duration::from_secs(10);

fn pair(local: &str, peer: &str) -> Address {
    Address {
        local: format!("{local}/{}", if local.contains(':') { 128 } else { 32 }).parse().unwrap(),
        peer: Some(peer.parse().unwrap()),
    }
}

/// What a PPP link agrees on.
fn agreed() -> Agreed {
    Agreed {
        addresses: vec![pair("198.51.100.1", "198.51.100.2"), pair("fe80::1", "fe80::2")],
        routes: Vec::new(),
        dns: vec!["198.51.100.53".parse().unwrap()],
        mtu: 1400,
    }
}

#[test]
fn a_link_comes_and_leaves_nothing() {
    if !Namespace::available() {
        return;
    }
    let cable = Cable::new();
    let before = cable.near.snapshot();
    cable.near.run(|| {
        let server: IpAddr = "203.0.113.9".parse().unwrap();
        let servers = [Path::to(server).unwrap().unwrap()];
        assert_eq!(servers[0].gateway, Some(Cable::FAR.into()));
        let tun = Tun::create("cd%d").unwrap();
        let network =
            Network { default_route: true, search: vec!["corp.example".into()], ..Network::default() };
        let changes =
            plan(tun.interface(), &network, &agreed(), &servers, Some(Method::of_this_machine(PATIENCE)));
        let journal = serde_json::to_string(&changes).unwrap();
        apply_all(&changes, PATIENCE).unwrap();
        apply_all(&changes, PATIENCE).unwrap();
        assert_eq!(Path::to("192.0.2.200".parse().unwrap()).unwrap().unwrap().interface.name, "net0");
        assert_eq!(Path::to("8.8.8.8".parse().unwrap()).unwrap().unwrap().interface, *tun.interface());
        assert_eq!(Path::to(server).unwrap().unwrap().interface.name, "net0");
        assert!(!Facts::of(&changes, PATIENCE).routes_reverted);
        let read: Vec<Change> = serde_json::from_str(&journal).unwrap();
        let (facts, failed) = revert_all(&read, PATIENCE);
        assert!(facts.complete() && failed.is_empty(), "{facts:?} {failed:?}");
        assert_eq!(our_routes().unwrap(), []);
        assert_eq!(Interface::named(&tun.interface().name).unwrap(), None);
    });
    assert_eq!(cable.near.snapshot(), before);
}
