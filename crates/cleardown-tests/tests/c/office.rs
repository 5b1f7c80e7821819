//! A machine whose phone book leads to peers that answer, alone in a network of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cleardown_testkit::Namespace;
use cleardown_testkit::hayes::{Hayes, Modem};
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

    /// Starts a C program there.
    pub(crate) fn start(&self, program: &Path, args: &[&str]) -> Running {
        self.namespace.run(|| {
            let mut command = self.machine.program(program);
            command.args(args);
            Running::start(command)
        })
    }

    /// The line of a peer.
    pub(crate) fn line(&self, name: &str) -> PathBuf {
        self.machine.path(&format!("{name}.sock"))
    }

    /// A slow modem, which an entry of the phone book has.
    pub(crate) fn modem(&self) -> Hayes {
        let slow = Duration::from_secs(1);
        let modem = Hayes::start(Modem { dialling: slow, hanging_up: slow, ..Modem::default() }).unwrap();
        let port = modem.port().display().to_string();
        let entry =
            format!("name = \"Modem\"\n[device]\ntype = \"modem\"\nport = {port:?}\nnumber = \"1\"\n");
        self.machine.file("config/phonebook/modem.toml", entry);
        modem
    }

    /// Runs a C program there as an ordinary user. In a world of its own, the system's daemon runs at its usual place, and the
    /// group `dip` has these members.
    pub(crate) fn run_as_nobody(&self, program: &Path, args: &[&str], members: &str) -> Answer {
        let script = format!(
            "set -eu; mount -t tmpfs tmpfs /run
             sed 's/^dip:.*/dip:x:30:{members}/' /etc/group > /run/group; mount --bind /run/group /etc/group
             chmod 777 {run}/*.sock; chmod -R a+rX {run}/config
             mkdir -p /run/theirs; chown nobody /run/theirs
             unset CLEARDOWN_RUNTIME_DIR
             {bin}/cleardownd & daemon=$!
             trap 'kill $daemon; wait $daemon || :' EXIT
             for i in $(seq 600); do [ -S /run/cleardown/bus ] && break; sleep 0.1; done
             HOME=/run/theirs setpriv --reuid nobody --clear-groups '{program}' {args}",
            run = self.machine.path("").display(),
            bin = prefix().join("bin").display(),
            program = program.display(),
            args = args.join(" "),
        );
        let script =
            format!("exec unshare -m --propagation private bash -c '{}'", script.replace('\'', "'\\''"));
        self.namespace.run(|| self.machine.script(&script).answer())
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
