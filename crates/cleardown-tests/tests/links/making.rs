//! Dialling, listing, using.

use cleardown_tests::{Running, eventually, needs_root, programs_folder};
use rustix::process::Signal;

use crate::exchange::{Exchange, PEER};

#[test]
fn a_link_is_dialled_listed_used_and_ended() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route", "--set", "network.dns=[\"192.0.2.99\"]"]);
    let listed = exchange.dial();
    let link = &listed["link"];
    assert_eq!((&listed["kind"], &listed["status"]), (&"link".into(), &"connected".into()));
    assert_eq!((&link["device_type"], &link["state"]), (&"unix".into(), &"connected".into()));
    assert_eq!(link["addresses"][0], "192.0.2.2/32", "{link}");
    assert_eq!(link["peer_addresses"][0], PEER);
    assert_eq!(link["dns"][0], "192.0.2.99");
    let program = std::fs::read_link(format!("/proc/{}/exe", listed["worker_pid"])).unwrap();
    assert_eq!(program.file_name().unwrap(), "cleardown-link-worker");
    let namespace = exchange.machine.namespace();
    assert!(exchange.reaches_peer(), "the peer answers pings");
    let resolv_conf = std::fs::read_to_string(namespace.resolv_conf()).unwrap();
    assert!(resolv_conf.contains("nameserver 192.0.2.99"), "{resolv_conf}");
    let counted = exchange.connection().unwrap();
    assert!(counted["link"]["bytes_in"].as_u64() >= Some(84), "{counted}");
    exchange.end_proven();
    assert!(!exchange.is_listed());
}

#[test]
fn a_wrong_password_is_said_so_and_leaves_nothing() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    exchange.machine.file("password", "lion\n");
    let answer = exchange.try_dial();
    assert_ne!(answer.code, 0);
    answer.says("691");
    exchange.nothing_is_left();
    exchange.machine.file("password", "tiger\n");
    exchange.dial();
    exchange.end_proven();
}

#[test]
fn an_expired_password_is_changed_on_the_way() {
    needs_root!();
    let mut exchange = Exchange::new(&[]);
    exchange.start_peer_with(&["--expired", "yes"]);
    exchange.try_dial().exits(7).says("648");
    exchange.nothing_is_left();
    let (old, new) = (exchange.machine.path("password"), exchange.machine.file("new", "lion\n"));
    let cleardown = programs_folder().join("cleardown");
    let dial = format!(
        "{} dial office --password-file {} --new-password-fd 3 3<{}",
        cleardown.display(),
        old.display(),
        new.display()
    );
    exchange.machine.script(&dial).answer().ok().says("changing the password");
    assert!(exchange.reaches_peer());
    exchange.end_proven();
    exchange.try_dial().exits(7).says("691");
    exchange.machine.file("password", "lion\n");
    exchange.dial();
    exchange.end_proven();
}

#[test]
fn who_presses_ctrl_c_in_mid_dial_leaves_nothing() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    exchange.signal_peer(Signal::STOP);
    let args = exchange.dial_args();
    let dialling =
        Running::start(exchange.machine.command(&args.iter().map(String::as_str).collect::<Vec<_>>()));
    eventually("it dials", || exchange.connection().is_some_and(|c| c["link"]["state"] != "open_port"));
    dialling.signal(Signal::INT);
    assert_ne!(dialling.answer().code, 0);
    eventually("it is over", || !exchange.is_listed());
    exchange.nothing_is_left();
}

#[test]
fn a_link_that_is_dialled_twice_stays_until_the_second_hang_up() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    let first = exchange.dial();
    let second = exchange.dial();
    assert_eq!((&second["references"], &second["link"]["handle"]), (&2.into(), &first["link"]["handle"]));
    exchange.dial();
    let answer = exchange.end(&["--drop-reference"]).ok();
    let released = serde_json::json!([{"name": "office", "references": 2}]);
    assert_eq!(
        (&answer.json()["released"], answer.json()["ended"].as_array().map(Vec::len)),
        (&released, Some(0))
    );
    let words = exchange.machine.run(&["end", "office", "--drop-reference"]).ok();
    words.says("office goes on: a reference was given back, 1 is left");
    assert!(exchange.reaches_peer());
    // Whoever ends it ends it for all.
    exchange.end_proven();
}

#[test]
fn links_that_others_made_are_listed_and_left_alone() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    let namespace = exchange.machine.namespace();
    namespace.ip(&["tuntap", "add", "tun7", "mode", "tun"]);
    namespace.ip(&["address", "add", "10.77.0.1/24", "dev", "tun7"]);
    exchange.dial();
    let list = exchange.machine.list();
    let foreign: Vec<_> = list.iter().filter(|c| c["link"]["foreign"] == true).collect();
    assert_eq!(foreign.len(), 1, "{list:?}");
    assert_eq!(
        (&foreign[0]["name"], &foreign[0]["link"]["addresses"][0]),
        (&"tun7".into(), &"10.77.0.1/24".into())
    );
    let refused = exchange.machine.run(&["end", "tun7"]).exits(9);
    refused.says("tun7 is a link of kind tun that another program made");
    exchange.machine.run(&["status", "tun7"]).ok().says("made by another program");
    exchange.end(&[]).ok();
    assert!(namespace.ip(&["link", "show", "tun7"]).contains("tun7"));
}
