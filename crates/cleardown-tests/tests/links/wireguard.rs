//! WireGuard: from a file of wg-quick to a tunnel, and to its end.

use std::fs;

use cleardown_testkit::Namespace;
use cleardown_testkit::wireguard::{self, Keys, WireGuardGo};
use cleardown_tests::{Machine, Who, needs_root};

use crate::exchange::ping;

/// Whether the machine's own kernel carries tunnels.
fn kernel_has_it(machine: &Machine) -> bool {
    let mut ip = machine.namespace().command("ip");
    let made = ip.args(["link", "add", "probe", "type", "wireguard"]).output().unwrap().status.success();
    if made {
        machine.namespace().ip(&["link", "delete", "probe"]);
    }
    made
}

#[test]
fn a_tunnel_is_imported_dialled_used_and_ended() {
    needs_root!();
    if !wireguard::available() {
        return;
    }
    let us = Keys::new();
    let peer = WireGuardGo::start(&us.public);
    let machine = Machine::new(Who::Root).in_namespace(peer.cable.near.clone());
    let before = machine.namespace().snapshot();
    let file = machine.file(
        "vpn.conf",
        format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.77.0.2/32\nDNS = 10.77.0.53\n\n\
             [Peer]\nPublicKey = {}\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0\n",
            us.private, peer.keys.public
        ),
    );
    machine.run(&["phonebook", "import", file.to_str().unwrap()]).ok();
    let entry = fs::read_to_string(machine.path("config/phonebook/vpn.toml")).unwrap();
    assert!(!entry.contains(&us.private), "{entry}");

    machine.run(&["dial", "vpn"]).ok();
    assert!(machine.namespace().run(|| ping([10, 77, 0, 1].into())).unwrap(), "the peer answers pings");
    let listed = machine.connection("vpn").unwrap();
    let link = &listed["link"];
    assert_eq!((&listed["status"], &link["device_type"]), (&"connected".into(), &"wireguard".into()));
    assert_eq!((&link["addresses"][0], &link["dns"][0]), (&"10.77.0.2/32".into(), &"10.77.0.53".into()));
    let engine = if kernel_has_it(&machine) { "kernel" } else { "embedded" };
    assert_eq!(link["engine"], engine, "{listed}");
    assert!(link["handshake_seconds"].is_u64(), "{listed}");
    for way in ["bytes_in", "bytes_out"] {
        assert!(link[way].as_u64() >= Some(84), "{listed}");
    }
    machine.run(&["status", "vpn"]).ok().says("handshake");
    let way = machine.namespace().ip(&["route", "get", "192.0.2.2"]);
    assert!(way.contains("dev net0"), "the tunnel's own packets go around it: {way}");

    let answer = machine.run(&["end", "vpn", "--json"]).ok();
    let ended = &answer.json()["ended"][0];
    assert_eq!(ended["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
    for fact in ["interface_gone", "routes_reverted", "dns_reverted", "worker_reaped"] {
        assert_eq!(ended["proof"][fact], true, "{fact}: {answer}");
    }
    assert_eq!(before, machine.namespace().snapshot());
}

#[test]
fn an_entry_that_insists_on_the_kernel_is_told_when_it_cannot() {
    needs_root!();
    if !wireguard::available() {
        return;
    }
    let us = Keys::new();
    let machine = Machine::new(Who::Root).in_namespace(Namespace::new());
    let before = machine.namespace().snapshot();
    let text = format!(
        "[Interface]\nPrivateKey = {}\nAddress = 10.77.0.2/32\n\n\
         [Peer]\nPublicKey = {}\nEndpoint = 127.0.0.1:9\nAllowedIPs = 10.77.0.0/24\n",
        us.private, us.public
    );
    let file = machine.file("vpn.conf", text);
    machine.run(&["phonebook", "import", file.to_str().unwrap()]).ok();
    let book = machine.path("config/phonebook/vpn.toml");
    let entry = fs::read_to_string(&book).unwrap();
    let insist = "type = \"wireguard\"\nengine = \"kernel\"";
    fs::write(&book, entry.replacen("type = \"wireguard\"", insist, 1)).unwrap();
    let answer = machine.run(&["dial", "vpn", "--timeout", "1"]);
    assert_ne!(answer.code, 0, "{answer}");
    if !kernel_has_it(&machine) {
        answer.says("this kernel has no WireGuard");
    }
    assert_eq!(before, machine.namespace().snapshot());
}
