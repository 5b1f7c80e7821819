//! Links as the kernel has them, each test in network namespaces of its own.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail at once, or say that it is skipped"
)]

mod crash;
mod foreign;
mod interface;
mod resolved;
mod resolver;
mod routes;

use std::time::Duration;

use cleardown_core::link::Network;
use cleardown_kernel::net::{Address, Agreed, Change, Method, Path, Tun, interfaces, plan};
use cleardown_testkit::Cable;

const PATIENCE: Duration = Duration::from_secs(20);

/// Where the tunnel's server is, behind the far end of the cable.
const SERVER: &str = "203.0.113.9";

/// What a PPP link agrees on.
fn agreed() -> Agreed {
    let pair = |local: &str, peer: &str| Address {
        local: local.parse().unwrap(),
        peer: Some(peer.parse().unwrap()),
    };
    Agreed {
        addresses: vec![pair("198.51.100.1/32", "198.51.100.2"), pair("fe80::1/128", "fe80::2")],
        routes: Vec::new(),
        dns: vec!["198.51.100.53".parse().unwrap()],
        mtu: 1400,
    }
}

/// An entry that takes everything.
fn everything() -> Network {
    Network { default_route: true, search: vec!["corp.example".into()], ..Network::default() }
}

/// Makes an interface and plans a link to [`SERVER`] on it.
fn planned(network: &Network, agreed: &Agreed) -> (Tun, Vec<Change>) {
    let servers = [Path::to(SERVER.parse().unwrap()).unwrap().unwrap()];
    let tun = Tun::create("cd%d").unwrap();
    let changes = plan(tun.interface(), network, agreed, &servers, Some(Method::of_this_machine(PATIENCE)));
    (tun, changes)
}

/// Drops an interface and waits for its end: a process that another test has just forked may hold a descriptor of it for
/// another moment.
fn die(tun: Tun) {
    let interface = tun.interface().clone();
    drop(tun);
    assert!(interface.wait_gone(PATIENCE).unwrap());
}

fn has_tun() -> bool {
    let has = std::path::Path::new("/dev/net/tun").exists();
    if !has {
        eprintln!("SKIPPED: needs /dev/net/tun");
    }
    has
}

/// Runs at the near end of a cable, and demands that nothing of it is left there.
fn at_the_near_end(test: impl FnOnce(&Cable) + Send) {
    if cleardown_testkit::Namespace::available() && has_tun() {
        let cable = Cable::new();
        let before = cable.near.snapshot();
        cable.near.run(|| {
            test(&cable);
            for tun in interfaces().unwrap().iter().filter(|details| details.kind.as_deref() == Some("tun")) {
                assert!(tun.interface.wait_gone(PATIENCE).unwrap(), "{tun:?} is left");
            }
        });
        assert_eq!(cable.near.snapshot(), before);
    }
}
