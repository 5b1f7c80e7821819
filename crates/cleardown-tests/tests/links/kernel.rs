//! WireGuard carried by the kernel: on Debian's stock kernel in an emulated machine, for this machine's may lack it. There the
//! same test is run again, and does what it is about.

use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use cleardown_testkit::Snapshot;
use cleardown_testkit::vm::Kernel;
use cleardown_testkit::wireguard::{InKernel, Keys};
use cleardown_tests::{Machine, Who, eventually, kill, needs_root, programs_folder};
use serde_json::Value;

use crate::exchange::ping;
use crate::logind::Logind;

/// Set where the test runs in the emulated machine.
const IN_GUEST: &str = "CLEARDOWN_TEST_IN_GUEST";
const ALL_WELL: &str = "every case of WireGuard in the kernel";

#[test]
fn the_kernel_carries_wireguard() {
    needs_root!();
    if std::env::var_os(IN_GUEST).is_some() {
        return cases();
    }
    let Some(kernel) = Kernel::find(programs_folder().parent().unwrap()) else { return };
    let myself = std::env::current_exe().unwrap();
    let said = kernel.run(&format!(
        "{IN_GUEST}=1 CLEARDOWN_TEST_NO_BUILD=1 '{}' --exact kernel::the_kernel_carries_wireguard --nocapture",
        myself.display()
    ));
    eprintln!("{said}");
    assert!(said.contains(ALL_WELL), "{said}");
}

fn cases() {
    let cases: [(&str, fn()); 7] = [
        ("dialled, used and ended", dialled_used_and_ended),
        ("the machine has slept", the_machine_has_slept),
        ("a wrong key", a_wrong_key),
        ("the daemon is killed in mid-link", the_daemon_is_killed_in_mid_link),
        ("the daemon is killed in mid-dial", the_daemon_is_killed_in_mid_dial),
        ("somebody deletes the interface", somebody_deletes_the_interface),
        ("the entry wants a process", the_entry_wants_a_process),
    ];
    for (name, case) in cases {
        let begun = std::time::Instant::now();
        case();
        eprintln!("{name}: {:.1} s", begun.elapsed().as_secs_f64());
    }
    eprintln!("{ALL_WELL}");
}

/// A machine with an entry `vpn`, and its peer.
struct Stage {
    machine: Machine,
    us: Keys,
    peer: InKernel,
    before: Snapshot,
}

impl Stage {
    fn new() -> Stage {
        let us = Keys::new();
        let peer = InKernel::start(&us.public);
        let machine = Machine::new(Who::Root).in_namespace(peer.cable.near.clone());
        let before = machine.namespace().snapshot();
        let stage = Stage { machine, us, peer, before };
        stage.import("vpn", &stage.peer.keys.public);
        stage
    }

    /// An entry that takes everything to a peer with this key.
    fn import(&self, name: &str, peer: &str) {
        let text = format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.77.0.2/32\nDNS = 10.77.0.53\n\n\
             [Peer]\nPublicKey = {peer}\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0\n",
            self.us.private
        );
        let file = self.machine.file(&format!("{name}.conf"), text);
        self.machine.run(&["phonebook", "import", file.to_str().unwrap()]).ok();
    }

    /// An entry whose peer never answers, for it is somebody else.
    fn import_stranger(&self) {
        self.import("stranger", &Keys::new().public);
    }

    fn reaches_peer(&self) -> bool {
        self.machine.namespace().run(|| ping([10, 77, 0, 1].into()).is_ok_and(|answered| answered))
    }

    fn vpn(&self) -> Value {
        self.machine.connection("vpn").expect("it is listed")
    }

    /// What wg(8) says of our end.
    fn wg(&self, arguments: &[&str]) -> String {
        let output = self.machine.namespace().command("wg").args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The names of our interfaces.
    fn interfaces(&self) -> Vec<String> {
        let links = self.machine.namespace().ip(&["-o", "link", "show"]);
        let names = links.lines().filter_map(|line| line.split(": ").nth(1));
        names.filter(|name| name.starts_with("cd")).map(str::to_owned).collect()
    }

    fn journal(&self) -> Vec<String> {
        let files = fs::read_dir(self.machine.path("run/links")).into_iter().flatten().flatten();
        files.map(|file| fs::read_to_string(file.path()).unwrap_or_default()).collect()
    }

    fn no_worker_runs(&self) {
        let all = self.machine.processes();
        assert!(!all.iter().any(|(_, line)| line.contains(" worker ")), "{all:?}");
    }

    fn end_proven(&self) {
        let answer = self.machine.run(&["end", "vpn", "--json"]).ok();
        let ended = &answer.json()["ended"][0];
        for fact in ["interface_gone", "routes_reverted", "dns_reverted", "worker_reaped"] {
            assert_eq!(ended["proof"][fact], true, "{fact}: {answer}");
        }
        assert_eq!(ended["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
        self.nothing_is_left();
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.before, self.machine.namespace().snapshot());
        assert_eq!(self.journal(), Vec::<String>::new());
        self.no_worker_runs();
    }
}

fn dialled_used_and_ended() {
    let stage = Stage::new();
    stage.machine.run(&["dial", "vpn"]).ok();
    assert!(stage.reaches_peer());
    let listed = stage.vpn();
    let link = &listed["link"];
    assert_eq!((&link["engine"], &listed["worker_pid"]), (&"kernel".into(), &Value::Null));
    assert_eq!(listed["status"], "connected", "{listed}");
    assert_eq!((&link["addresses"][0], &link["dns"][0]), (&"10.77.0.2/32".into(), &"10.77.0.53".into()));
    assert!(link["handshake_seconds"].is_u64(), "{listed}");
    for way in ["bytes_in", "bytes_out"] {
        assert!(link[way].as_u64() >= Some(84), "{listed}");
    }
    stage.machine.run(&["status", "vpn"]).ok().says("engine").says("kernel");
    stage.no_worker_runs();
    let [name] = &stage.interfaces()[..] else { panic!("{:?}", stage.interfaces()) };
    assert_eq!(link["interface"], name.as_str());
    assert!(stage.machine.namespace().ip(&["-d", "link", "show", name]).contains("wireguard"));
    // The call is over: where the entry says nothing of it, nothing is sent that nobody needs.
    let keepalive = stage.wg(&["show", name, "persistent-keepalive"]);
    assert!(keepalive.ends_with("off"), "{keepalive}");
    let way = stage.machine.namespace().ip(&["route", "get", "192.0.2.2"]);
    assert!(way.contains("dev net0"), "the tunnel's own packets go around it: {way}");
    let journal = stage.journal().concat();
    assert!(journal.contains("\"kernel\"") && !journal.contains(&stage.us.private), "{journal}");
    stage.end_proven();
}

/// The kernel forgets a tunnel's keys when the machine goes to sleep: after it hands are shaken anew, before anybody sends.
fn the_machine_has_slept() {
    let logind = Logind::start();
    let stage = Stage::new();
    stage.machine.run(&["dial", "vpn"]).ok();
    let [name] = &stage.interfaces()[..] else { panic!("{:?}", stage.interfaces()) };
    let shaken = || -> u64 {
        let said = stage.wg(&["show", name, "latest-handshakes"]);
        said.split_whitespace().last().unwrap().parse().unwrap()
    };
    let first = shaken();
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    eventually("another second has begun", || now() > first);
    // Another key and back again has the same effect.
    for key in [&Keys::new().private, &stage.us.private] {
        let file = stage.machine.file("key", key.as_str());
        stage.wg(&["set", name, "private-key", file.to_str().unwrap()]);
    }
    eventually("the daemon wants to know", || logind.is_asked_to_wait());
    assert_eq!(shaken(), first);
    logind.say(true);
    logind.say(false);
    eventually("hands are shaken anew", || shaken() > first);
    let keepalive = stage.wg(&["show", name, "persistent-keepalive"]);
    assert!(keepalive.ends_with("off"), "{keepalive}");
    assert!(stage.reaches_peer());
    stage.end_proven();
}

fn a_wrong_key() {
    let stage = Stage::new();
    stage.import_stranger();
    let answer = stage.machine.run(&["dial", "stranger"]);
    assert_ne!(answer.code, 0, "{answer}");
    answer.says("678");
    stage.nothing_is_left();
    stage.machine.run(&["dial", "vpn"]).ok();
    assert!(stage.reaches_peer(), "the next dial works");
    stage.end_proven();
}

fn the_daemon_is_killed_in_mid_link() {
    let stage = Stage::new();
    stage.machine.run(&["dial", "vpn"]).ok();
    stage.machine.run(&["dial", "vpn"]).ok();
    let before = stage.vpn();
    kill(stage.machine.daemon());
    assert!(stage.reaches_peer(), "the kernel needs no daemon");
    let after = stage.vpn();
    for same in ["status", "references", "worker_pid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    for same in ["handle", "addresses", "routes", "dns", "interface", "engine"] {
        assert_eq!(before["link"][same], after["link"][same], "{same}");
    }
    assert!(after["link"]["handshake_seconds"].is_u64(), "{after}");
    stage.end_proven();
}

fn the_daemon_is_killed_in_mid_dial() {
    let stage = Stage::new();
    stage.import_stranger();
    let dial = stage.machine.start(&["dial", "stranger"]);
    eventually("the interface is there", || !stage.interfaces().is_empty());
    kill(stage.machine.daemon());
    drop(dial);
    assert!(!stage.interfaces().is_empty(), "the kernel's interface belongs to no process");
    eventually("the next daemon clears away", || stage.machine.connection("stranger").is_none());
    stage.nothing_is_left();
}

fn somebody_deletes_the_interface() {
    let stage = Stage::new();
    stage.machine.run(&["dial", "vpn"]).ok();
    let [name] = &stage.interfaces()[..] else { panic!("{:?}", stage.interfaces()) };
    stage.machine.namespace().ip(&["link", "delete", name]);
    eventually("the link ends", || stage.machine.status("vpn") != "connected");
    eventually("nothing of it is left", || stage.journal().is_empty());
    stage.machine.run(&["status", "vpn"]).says("somebody removed its interface");
    stage.nothing_is_left();
}

fn the_entry_wants_a_process() {
    let tun = Command::new("/run/modprobe").arg("tun").status().unwrap();
    assert!(tun.success(), "the module tun");
    let stage = Stage::new();
    let file = stage.machine.path("config/phonebook/vpn.toml");
    let entry = fs::read_to_string(&file).unwrap();
    let entry = entry.replacen("type = \"wireguard\"", "type = \"wireguard\"\nengine = \"embedded\"", 1);
    fs::write(&file, entry).unwrap();
    stage.machine.run(&["dial", "vpn"]).ok();
    assert!(stage.reaches_peer());
    let listed = stage.vpn();
    assert_eq!(listed["link"]["engine"], "embedded", "{listed}");
    assert!(listed["worker_pid"].is_u64(), "{listed}");
    stage.end_proven();
}
