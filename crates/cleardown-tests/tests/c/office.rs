//! A machine whose phone book leads to peers that answer, alone in a network of its own.

use std::path::Path;
use std::process::Command;

use cleardown_testkit::Namespace;
use cleardown_tests::{Answer, Machine, Running, Who, eventually};

use crate::kit::{prefix, run_alone};

pub(crate) struct Office {
    namespace: Namespace,
    machine: Machine,
    /// The other ends; killed when dropped.
    _peers: Vec<Running>,
}

impl Office {
    /// The entries `First` and `Second` lead to peers, `Dead` to nobody.
    pub(crate) fn open() -> Office {
        let (namespace, machine) = (Namespace::new(), Machine::new(Who::Root));
        machine.folder("config/phonebook");
        let peers = ["First", "Second"].map(|name| {
            let socket = machine.path(&format!("{name}.sock"));
            entry(&machine, name, &socket);
            let mut peer: Command = namespace.command(prefix().join("bin/cleardownd"));
            peer.arg("ppp-peer").arg("--listen").arg(&socket);
            let peer = Running::start(peer);
            eventually("the peer listens", || socket.exists());
            peer
        });
        entry(&machine, "Dead", &machine.path("nobody.sock"));
        Office { namespace, machine, _peers: peers.into() }
    }

    /// Runs a C program there.
    pub(crate) fn run(&self, program: &Path, args: &[&str]) -> Answer {
        self.namespace.run(|| run_alone(&self.machine, program, args))
    }

    /// Runs a shell script there.
    pub(crate) fn script(&self, script: &str) -> Answer {
        self.namespace.run(|| self.machine.script(script).answer())
    }

    /// The names of the links, as the list shows them.
    pub(crate) fn links(&self) -> Vec<String> {
        let list = self.namespace.run(|| self.machine.list());
        list.iter().map(|link| link["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The network interfaces besides the loopback.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        let lines = self.namespace.ip(&["-o", "link", "show"]);
        let names = lines.lines().filter_map(|line| line.split(": ").nth(1)).map(str::to_owned);
        names.filter(|name| name != "lo").collect()
    }
}

fn entry(machine: &Machine, name: &str, socket: &Path) {
    let text =
        format!("name = {name:?}\n[device]\ntype = \"unix\"\npath = {:?}\n", socket.display().to_string());
    machine.file(&format!("config/phonebook/{}.toml", name.to_lowercase()), text);
}
