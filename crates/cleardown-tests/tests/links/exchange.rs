//! A machine in a namespace of its own, and somebody who answers its calls.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::Command;

use cleardown_testkit::{Namespace, Snapshot};
use cleardown_tests::{Answer, Machine, Running, Who, eventually, programs_folder};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, connect, ipproto, recv, send, socket};
use rustix::process::Signal;
use serde_json::Value;

/// What the peer calls itself, inside the link.
pub(crate) const PEER: &str = "192.0.2.1";

/// A caller's machine and the peer's process.
pub(crate) struct Exchange {
    pub(crate) machine: Machine,
    peer: Option<Running>,
    before: Snapshot,
}

impl Exchange {
    /// A peer that wants the password `tiger` of the user `eve`, and an entry `office` that leads to it.
    pub(crate) fn new(entry: &[&str]) -> Exchange {
        let namespace = Namespace::new();
        let before = namespace.snapshot();
        let machine = Machine::new(Who::Root).in_namespace(namespace);
        machine.file("password", "tiger\n");
        let mut exchange = Exchange { machine, peer: None, before };
        exchange.start_peer();
        let device = format!("unix:{}", exchange.line().display());
        let mut add = vec!["phonebook", "add", "office", "--device", &device, "--user", "eve"];
        add.extend(entry);
        exchange.machine.run(&add).ok();
        exchange
    }

    pub(crate) fn line(&self) -> PathBuf {
        self.machine.path("line")
    }

    pub(crate) fn start_peer(&mut self) {
        self.start_peer_with(&[]);
    }

    /// A peer in place of the present one, with more arguments.
    pub(crate) fn start_peer_with(&mut self, more: &[&str]) {
        self.peer = None;
        let _ = std::fs::remove_file(self.line());
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"tiger\n").unwrap();
        drop(writer);
        let mut command = Command::new(programs_folder().join("cleardownd"));
        let descriptor = reader.as_raw_fd();
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty()).unwrap();
        let descriptor = descriptor.to_string();
        command.arg("ppp-peer").arg("--listen").arg(self.line());
        command.args(["--user", "eve", "--password-fd", &descriptor]).args(more);
        self.peer = Some(Running::start(command));
        drop(reader);
        eventually("the peer listens", || self.line().exists());
    }

    pub(crate) fn signal_peer(&self, signal: Signal) {
        self.peer.as_ref().unwrap().signal(signal);
    }

    /// The peer is gone, and with it its end of the line.
    pub(crate) fn kill_peer(&mut self) {
        self.peer = None;
    }

    pub(crate) fn dial_args(&self) -> Vec<String> {
        let password = self.machine.path("password").display().to_string();
        ["dial", "office", "--json", "--password-file", &password].map(str::to_owned).to_vec()
    }

    pub(crate) fn try_dial(&self) -> Answer {
        let args = self.dial_args();
        self.machine.run(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Dials, and gives back the line of the list.
    pub(crate) fn dial(&self) -> Value {
        self.try_dial().ok();
        self.connection().unwrap()
    }

    pub(crate) fn connection(&self) -> Option<Value> {
        self.machine.connection("office")
    }

    /// Whether the peer answers a ping through the link.
    pub(crate) fn reaches_peer(&self) -> bool {
        self.machine.namespace().run(|| ping(PEER.parse().unwrap()).is_ok_and(|answered| answered))
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.connection().is_some()
    }

    pub(crate) fn end(&self, more: &[&str]) -> Answer {
        self.machine.run(&[&["end", "office", "--json"], more].concat())
    }

    /// Ends it, with everything proven.
    pub(crate) fn end_proven(&self) {
        let answer = self.end(&[]).ok();
        let ended = &answer.json()["ended"][0];
        let facts =
            ["peer_acknowledged", "interface_gone", "routes_reverted", "dns_reverted", "worker_reaped"];
        for fact in facts {
            assert_eq!(ended["proof"][fact], true, "{fact}: {answer}");
        }
        assert_eq!(ended["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
        self.nothing_is_left();
    }

    /// The network is as it was before, no worker runs, and nothing is to be undone.
    pub(crate) fn nothing_is_left(&self) {
        assert_eq!(self.before, self.machine.namespace().snapshot());
        assert_eq!(self.journal(), 0, "the journal");
        let workers: Vec<_> =
            self.machine.processes().into_iter().filter(|(_, line)| line.contains(" worker ")).collect();
        assert!(workers.is_empty(), "{workers:?}");
    }

    /// Records of links that the next daemon would take up.
    pub(crate) fn journal(&self) -> usize {
        std::fs::read_dir(self.machine.path("run/links")).map_or(0, Iterator::count)
    }
}

/// Sends an echo request (RFC 792) of 84 octets with its IP header, and waits for the answer.
pub(crate) fn ping(address: Ipv4Addr) -> rustix::io::Result<bool> {
    const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };
    let socket = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))?;
    connect(&socket, &SocketAddrV4::new(address, 0))?;
    let mut request = [0; 64];
    request[0] = 8;
    request[2..4].copy_from_slice(&(!0x0800_u16).to_be_bytes());
    send(&socket, &request, SendFlags::empty())?;
    let mut reply = [0; 128];
    while poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&PATIENCE))? > 0 {
        let (length, _) = recv(&socket, &mut reply[..], RecvFlags::empty())?;
        // Behind the IP header: an echo reply.
        if length == 84 && reply[20] == 0 {
            return Ok(true);
        }
    }
    Ok(false)
}
