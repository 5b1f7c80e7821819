//! Started and kept by others: a service manager with a socket and a descriptor store (systemd's protocol, spoken here by
//! the test), and a message bus that starts the daemon when somebody calls it.

use std::fs;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Child, Command, Stdio};

use cleardown_tests::{
    Machine, Running, Stage, Who, eventually, kill, needs_root, on_every_stage, programs_folder, sha256sum,
};
use command_fds::{CommandFdExt, FdMapping};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

on_every_stage!(nothing_is_lost_when_daemon_and_worker_die_at_once);

fn nothing_is_lost_when_daemon_and_worker_die_at_once(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let mut manager = Manager::of(machine);
    manager.start(machine);
    let z = machine.map("z:", server);
    eventually("descriptors are kept", || manager.kept().len() >= 2);

    let application = machine.script(&format!(
        "set -e; cd {}; for i in $(seq 60); do head -c 20000 /dev/urandom; sleep 0.05; done | tee big | sha256sum; \
         sync big",
        z.display()
    ));
    let big = server.folder().join("big");
    eventually("the application has begun", || fs::metadata(&big).is_ok_and(|m| m.len() > 0));
    let worker = machine.worker("z:");
    kill(machine.daemon());
    kill(worker);

    manager.start(machine);
    let sum = application.answer().ok().out;
    eventually("a new worker carries it", || machine.status("z:") == "connected");
    assert_ne!(machine.worker("z:"), worker);
    machine.end("z:");
    assert_eq!(sha256sum(&big), sum);
    eventually("the store is empty", || manager.kept().is_empty());
}

/// A service manager: it opens the socket, keeps descriptors, and starts the daemon.
struct Manager {
    notices: UnixDatagram,
    socket: UnixListener,
    store: Vec<(String, OwnedFd)>,
    daemon: Option<Child>,
}

impl Manager {
    fn of(machine: &Machine) -> Manager {
        let notices = UnixDatagram::bind(machine.path("notify")).unwrap();
        notices.set_nonblocking(true).unwrap();
        let socket = UnixListener::bind(machine.path("run/bus")).unwrap();
        for path in [machine.path("notify"), machine.path("run/bus")] {
            chown(&path, Some(machine.who().uid()), Some(machine.who().uid())).unwrap();
        }
        Manager { notices, socket, store: Vec::new(), daemon: None }
    }

    /// Starts the daemon as systemd would: what it is handed begins at descriptor 3 (sd_listen_fds(3)).
    fn start(&mut self, machine: &Machine) {
        self.kept();
        let handed: Vec<(String, OwnedFd)> = std::iter::once(("bus", self.socket.as_fd()))
            .chain(self.store.iter().map(|(name, fd)| (name.as_str(), fd.as_fd())))
            .map(|(name, fd)| (name.to_owned(), fd.try_clone_to_owned().unwrap()))
            .collect();
        let names: Vec<&str> = handed.iter().map(|(name, _)| name.as_str()).collect();
        let mut command = machine.program("/bin/sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$0\" --stay"]).arg(programs_folder().join("cleardownd"));
        command.env("LISTEN_FDS", handed.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        command.env("NOTIFY_SOCKET", machine.path("notify"));
        let mapped = handed.into_iter().zip(3..);
        let mapped = mapped.map(|((_, parent_fd), child_fd)| FdMapping { parent_fd, child_fd }).collect();
        command.fd_mappings(mapped).unwrap();
        if let Some(mut former) = self.daemon.replace(command.stdin(Stdio::null()).spawn().unwrap()) {
            former.wait().unwrap();
        }
    }

    /// What it keeps now, after reading all notices.
    fn kept(&mut self) -> Vec<String> {
        while let Some((text, fd)) = receive(&self.notices) {
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let Some(name) = field("FDNAME=") else { continue };
            match fd {
                Some(fd) if text.contains("FDSTORE=1") => self.store.push((name, fd)),
                _ if text.contains("FDSTOREREMOVE=1") => self.store.retain(|(kept, _)| *kept != name),
                _ => {}
            }
        }
        self.store.iter().map(|(name, _)| name.clone()).collect()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

fn receive(socket: &UnixDatagram) -> Option<(String, Option<OwnedFd>)> {
    let mut bytes = [0; 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags).ok()?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    Some((String::from_utf8_lossy(&bytes[..received.bytes]).into_owned(), descriptor))
}

#[test]
fn a_call_on_the_session_bus_starts_the_daemon() {
    needs_root!();
    let machine = Machine::new(Who::User);
    let bus = Bus::start(&machine);
    let call = |method: &str| {
        let mut command = bus.program(&machine, "busctl");
        command.args([&format!("--address={}", bus.address), "call", "org.cleardown.Cleardown1"]);
        command.args(["/org/cleardown/Cleardown1", "org.cleardown.Manager1", method]);
        Running::start(command).answer()
    };
    call("Version").ok().says(env!("CARGO_PKG_VERSION"));
    // The command line finds the same daemon, by its private socket.
    let mut command = bus.program(&machine, programs_folder().join("cleardown"));
    command.args(["list", "--json"]);
    assert_eq!(Running::start(command).answer().ok().json()["connections"].as_array().map(Vec::len), Some(0));
    call("Quit").ok();
}

/// A session bus of the machine's user, which knows the file that packages install.
struct Bus {
    daemon: Child,
    address: String,
}

impl Bus {
    fn start(machine: &Machine) -> Bus {
        let services = machine.folder("services");
        let installed = include_str!("../../../../dist/user/org.cleardown.Cleardown1.service");
        assert!(installed.contains("/usr/bin/cleardownd"), "{installed}");
        let ours = programs_folder().join("cleardownd");
        // No systemd here: the bus itself is to start it.
        let ours = installed.replace("/usr/bin/cleardownd", &ours.to_string_lossy());
        let ours: String =
            ours.lines().filter(|l| !l.starts_with("Systemd")).map(|l| format!("{l}\n")).collect();
        fs::write(services.join("org.cleardown.Cleardown1.service"), ours).unwrap();
        let address = format!("unix:path={}", machine.path("session").display());
        let configuration = machine.file(
            "session.conf",
            format!(
                "<busconfig><type>session</type><listen>{address}</listen><servicedir>{}</servicedir>\
                 <policy context='default'><allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>\
                 <allow user='*'/></policy></busconfig>",
                services.display()
            ),
        );
        fs::set_permissions(machine.folder("xdg"), fs::Permissions::from_mode(0o700)).unwrap();
        let mut bus = Bus { daemon: Command::new("true").spawn().unwrap(), address };
        bus.daemon.wait().unwrap();
        let mut command = bus.program(machine, "dbus-daemon");
        command.arg("--nofork").arg(format!("--config-file={}", configuration.display()));
        bus.daemon = command.stdin(Stdio::null()).spawn().unwrap();
        eventually("the bus listens", || machine.path("session").exists());
        bus
    }

    /// A program in this session, whose Cleardown is the user's ordinary one.
    fn program(&self, machine: &Machine, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = machine.program(program);
        command.env_remove("CLEARDOWN_RUNTIME_DIR").env("XDG_RUNTIME_DIR", machine.path("xdg"));
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
