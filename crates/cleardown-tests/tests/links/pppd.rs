//! A link to pppd, in a kernel of its own (user-mode-linux): somebody else's idea of PPP.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cleardown_testkit::{Namespace, Snapshot, pppd};
use cleardown_tests::{Answer, Machine, Who, eventually, needs_root, sha256sum};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::exchange::ping;

/// pppd's end of the link.
const PEER: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
/// Who connects there gets the SHA-256 of what they send.
const CHECKSUM: u16 = 7001;
/// Who connects there gets the file `data`.
const DATA: u16 = 7002;
/// Who connects there has a shell.
const SHELL: u16 = 7003;

/// A machine, and an entry `pppd` that starts the guest: the guest's serial port is the program's standard input and output.
struct Guest {
    machine: Machine,
    folder: TempDir,
    init: PathBuf,
    before: Snapshot,
}

impl Guest {
    /// None where the machine lacks user-mode-linux. `ppp` is what the entry says of PPP.
    fn new(ppp: &str) -> Option<Guest> {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let run = format!(
            "pppd() {{ {}:$1 auth require-mschap-v2; }}\npppd 10.64.0.2 &\n\
             busybox nc -ll -p {CHECKSUM} -e sha256sum &\n\
             busybox nc -ll -p {DATA} -e cat {} &\n\
             busybox nc -ll -p {SHELL} -e sh &\n\
             while :; do [ -e /run/again ] && rm /run/again && pppd 10.64.0.6 & sleep 0.2; done",
            pppd::PPPD.replacen("pppd", "/usr/sbin/pppd", 1).replacen(":10.64.0.2", "", 1),
            data.display()
        );
        let init = pppd::init(folder.path(), "tiger", &run)?;
        let namespace = Namespace::new();
        let before = namespace.snapshot();
        let machine = Machine::new(Who::Root).in_namespace(namespace);
        machine.file("password", "tiger\n");
        machine.folder("config/phonebook");
        // The program's own words go elsewhere.
        let start = format!(
            "exec 63<&0 </dev/null >/dev/null 2>&1; TMPDIR=/dev/shm exec {} {} init={}",
            pppd::KERNEL,
            pppd::ARGUMENTS.join(" "),
            init.display()
        );
        let argv = format!("[\"/bin/bash\", \"-c\", {start:?}]");
        machine.file(
            "config/phonebook/pppd.toml",
            format!(
                "name = \"pppd\"\nuser = \"eve\"\n[device]\ntype = \"command\"\nargv = {argv}\n[ppp]\n{ppp}\n"
            ),
        );
        Some(Guest { machine, folder, init, before })
    }

    fn dial(&self) -> Value {
        let password = self.machine.path("password");
        self.machine.run(&["dial", "pppd", "--json", "--password-file", password.to_str().unwrap()]).ok();
        self.listed().unwrap()
    }

    fn listed(&self) -> Option<Value> {
        self.machine.connection("pppd")
    }

    fn answers_pings(&self) -> bool {
        self.machine.namespace().run(|| ping(PEER)).is_ok_and(|answered| answered)
    }

    fn end(&self, seconds: &str) -> Answer {
        self.machine.run(&["end", "pppd", "--json", "--timeout", seconds])
    }

    /// Sends octets through the link, and gives back what comes until the other side has no more.
    fn exchange(&self, port: u16, octets: &[u8]) -> Vec<u8> {
        self.machine.namespace().run(|| {
            let stream = TcpStream::connect(SocketAddrV4::new(PEER, port)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            (&stream).write_all(octets).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            (&stream).read_to_end(&mut answer).unwrap();
            answer
        })
    }

    /// Has the guest's shell run a command.
    fn shell(&self, command: &str) {
        let said = self.exchange(SHELL, format!("{command} && echo done\n").as_bytes());
        assert_eq!(String::from_utf8_lossy(&said), "done\n", "{command}");
    }

    fn nothing_is_left(&self) {
        assert_eq!(self.before, self.machine.namespace().snapshot());
    }
}

impl Drop for Guest {
    /// Ends the guest's processes, should any be left.
    fn drop(&mut self) {
        let word = format!("init={}", self.init.display());
        let pids = fs::read_dir("/proc").unwrap().flatten();
        for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.windows(word.len()).any(|part| part == word.as_bytes()) {
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        }
    }
}

/// Octets that no compression shortens and no shift hides.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..length.div_ceil(8)).flat_map(|_| next().to_le_bytes()).take(length).collect()
}

/// How many octets go each way: `CLEARDOWN_TEST_MEGABYTES`, or few enough for every run.
fn transfer() -> usize {
    let wish = std::env::var("CLEARDOWN_TEST_MEGABYTES").ok().and_then(|text| text.parse::<usize>().ok());
    wish.unwrap_or(3) * 1_000_000
}

#[test]
fn pppd_is_dialled_carries_much_negotiates_anew_and_says_farewell() {
    needs_root!();
    let Some(guest) = Guest::new("") else { return };
    let data = noise(transfer());
    fs::write(guest.folder.path().join("data"), &data).unwrap();
    let listed = guest.dial();
    assert_eq!(listed["link"]["addresses"][0], "10.64.0.2/32", "{listed}");
    assert_eq!(listed["link"]["dns"][0], "10.64.0.53", "{listed}");
    assert!(guest.answers_pings(), "pppd's kernel answers pings");

    let begun = Instant::now();
    let ours = sha256sum(&guest.folder.path().join("data"));
    let theirs = guest.exchange(CHECKSUM, &data);
    assert_eq!(theirs[..64], ours.as_bytes()[..64]);
    assert!(guest.exchange(DATA, b"") == data, "what came back differs");
    eprintln!("{} octets each way in {:?}", data.len(), begun.elapsed());
    let counted = guest.listed().unwrap();
    for way in ["bytes_in", "bytes_out"] {
        assert!(counted["link"][way].as_u64() > Some(data.len() as u64), "{counted}");
    }

    // Another pppd on the same line: it asks for everything anew, its kernel makes a new interface, and it gives another
    // address, which takes the place of the one before.
    let renewed = "(sleep 0.3; killall -9 pppd; sleep 0.5; touch /run/again) >/dev/null 2>&1 & true";
    guest.shell(renewed);
    eventually("the old pppd is gone", || !guest.answers_pings());
    eventually("the new one carries", || guest.answers_pings());
    let after = guest.listed().unwrap();
    for same in ["handle", "interface", "state"] {
        assert_eq!(listed["link"][same], after["link"][same], "{same}");
    }
    let addresses = || guest.listed().unwrap()["link"]["addresses"].as_array().unwrap().clone();
    let as_many = listed["link"]["addresses"].as_array().map(Vec::len);
    eventually("the new address is in the old one's place", || {
        let now = addresses();
        Some(now.len()) == as_many && now.contains(&"10.64.0.6/32".into())
    });
    let interface = listed["link"]["interface"].as_str().unwrap();
    let kernels =
        guest.machine.program("ip").args(["-4", "-o", "address", "show", interface]).output().unwrap();
    let kernels = String::from_utf8_lossy(&kernels.stdout);
    assert!(kernels.contains("10.64.0.6 peer 10.64.0.1/32") && kernels.lines().count() == 1, "{kernels}");
    assert_eq!((&after["status"], &after["worker_pid"]), (&"connected".into(), &listed["worker_pid"]));

    let answer = guest.end("60").ok();
    assert_eq!(answer.json()["ended"][0]["proof"]["peer_acknowledged"], true, "{answer}");
    guest.nothing_is_left();
}

#[test]
fn a_killed_pppd_is_noticed() {
    needs_root!();
    let Some(guest) = Guest::new("echo_seconds = 1\necho_failures = 3") else { return };
    guest.dial();
    guest.shell("(sleep 0.3; killall -9 pppd) >/dev/null 2>&1 & true");
    eventually("the link is over", || guest.listed().is_none());
    guest.machine.run(&["status", "pppd"]).says("829");
    guest.nothing_is_left();
}

#[test]
fn a_frozen_pppd_costs_the_deadline() {
    needs_root!();
    let Some(guest) = Guest::new("") else { return };
    guest.dial();
    guest.shell("killall -STOP pppd");
    // Its kernel carries on.
    assert!(guest.answers_pings());
    let answer = guest.end("4").exits(3);
    let ended = &answer.json()["ended"][0];
    assert_eq!(ended["unproven"], serde_json::json!(["the peer acknowledged the end"]), "{answer}");
    assert_eq!(ended["proof"]["interface_gone"], true, "{answer}");
    guest.nothing_is_left();
}
