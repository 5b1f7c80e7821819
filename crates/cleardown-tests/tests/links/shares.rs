//! Drives over links: a real server on the other side, which is reached through the link alone.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use cleardown_testkit::Namespace;
use cleardown_tests::{Machine, Protocol, Running, Server, Who, eventually, needs_root};

/// Where the server is, inside the link.
const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Where it is reached there.
const PORT: u16 = 4450;

/// Two machines of ours at the two ends of a line, and Samba on the far one.
struct Branch {
    near: Arc<Namespace>,
    far: Machine,
    line: PathBuf,
    server: Server,
}

impl Branch {
    fn new() -> Branch {
        let far = Machine::new(Who::Root).in_namespace(Namespace::new());
        let server = far.namespace().run(|| {
            let server = Server::start_for(Protocol::Smb, Who::User);
            let Server::Smb(samba, ..) = &server else { unreachable!("it was asked for") };
            forward(PORT, samba.port());
            server
        });
        let line = far.path("line");
        join_pairs(UnixListener::bind(&line).unwrap());
        fs::set_permissions(&line, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let branch = Branch { near: Arc::new(Namespace::new()), far, line, server };
        branch.add_entry(&branch.far, &["ppp.local_address=\"192.0.2.1\"", "ppp.peer_address=\"192.0.2.2\""]);
        branch
    }

    /// Whoever dials it meets the other one who does.
    fn add_entry(&self, machine: &Machine, settings: &[&str]) {
        let device = format!("unix:{}", self.line.display());
        let mut add = vec!["phonebook", "add", "office", "--device", &device];
        settings.iter().for_each(|setting| add.extend(["--set", setting]));
        machine.run(&add).ok();
    }

    /// Dials from both ends.
    fn dial(&self, near: &Machine) {
        let both = [near, &self.far].map(|machine| machine.start(&["dial", "office"]));
        for dialling in both {
            dialling.answer().ok();
        }
    }

    /// Maps the share through the link, and writes a file on it.
    fn map(&self, machine: &Machine) {
        let Server::Smb(_, share, _) = &self.server else { unreachable!("it was asked for") };
        let remote = format!("smb://{FAR}:{PORT}/{share}");
        let at = machine.at("z:").to_string_lossy().into_owned();
        let mut args = vec!["map".to_owned(), "z:".into(), remote, "--at".into(), at.clone()];
        args.extend(self.server.log_on(machine));
        args.extend(["--timeout".to_owned(), "80s".into()]);
        machine.run(&args.iter().map(String::as_str).collect::<Vec<_>>()).ok();
        machine.script(&format!("echo 'over the link' > {at}/note.txt")).answer().ok();
    }

    fn note(&self) -> io::Result<String> {
        fs::read_to_string(self.server.folder().join("note.txt"))
    }
}

/// Joins the first caller with the second, the third with the fourth, and so on.
fn join_pairs(listener: UnixListener) {
    std::thread::spawn(move || {
        while let (Ok((one, _)), Ok((other, _))) = (listener.accept(), listener.accept()) {
            copy_both(
                (one.try_clone().unwrap(), other.try_clone().unwrap()),
                (other, one),
                |stream: &UnixStream| drop(stream.shutdown(std::net::Shutdown::Both)),
            );
        }
    });
}

/// Hands connections to `port`, from wherever, on to the loopback.
fn forward(port: u16, to: u16) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    // Its sockets have to be made in this namespace, where the thread is born.
    std::thread::spawn(move || {
        while let Ok((one, _)) = listener.accept() {
            let Ok(other) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)) else { continue };
            copy_both(
                (one.try_clone().unwrap(), other.try_clone().unwrap()),
                (other, one),
                |stream: &TcpStream| drop(stream.shutdown(std::net::Shutdown::Both)),
            );
        }
    });
}

fn copy_both<S>(there: (S, S), back: (S, S), close: fn(&S))
where
    S: io::Read + io::Write + Send + 'static,
{
    for (mut from, mut to) in [there, back] {
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            close(&from);
            close(&to);
        });
    }
}

#[test]
fn a_drive_keeps_its_link_or_goes_first() {
    needs_root!();
    let branch = Branch::new();
    let machine = Machine::new(Who::Root).in_namespace(branch.near.clone());
    let before = machine.namespace().snapshot();
    branch.add_entry(&machine, &[]);
    branch.dial(&machine);
    branch.map(&machine);
    assert_eq!(machine.connection("office").unwrap()["link"]["drives"], serde_json::json!(["z:"]));

    machine.run(&["end", "office"]).exits(5).says("carries the drives z:");
    machine
        .script(&format!("cat {}/note.txt", machine.at("z:").display()))
        .answer()
        .ok()
        .says("over the link");

    let answer = machine.run(&["end", "office", "--with-dependents", "--json", "--timeout", "60"]).ok();
    let ended = answer.json()["ended"].clone();
    assert_eq!((&ended[0]["name"], &ended[1]["name"]), (&"z:".into(), &"office".into()), "{answer}");
    for fact in ["acknowledged", "mount_gone", "session_closed", "worker_reaped"] {
        assert_eq!(ended[0]["proof"][fact], true, "{fact}: {answer}");
    }
    assert_eq!(ended[1]["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
    assert_eq!(branch.note().unwrap(), "over the link\n");
    assert_eq!(before, machine.namespace().snapshot());
}

/// Root and an ordinary user on one machine, who may dial, each with an instance at its usual place.
fn root_and_user(namespace: &Arc<Namespace>) -> (Machine, Machine) {
    let group = fs::read_to_string("/etc/group").unwrap();
    let members = |line: &str| match line.starts_with("dip:") {
        true => format!("{line}nobody\n"),
        false => format!("{line}\n"),
    };
    let machine = |who| Machine::new(who).in_namespace(namespace.clone()).at_home();
    let (root, user) = (machine(Who::Root), machine(Who::User));
    let groups = root.file("group", group.lines().map(members).collect::<String>());
    let prepare = format!(
        "mount -t tmpfs none /run && mkdir -p /run/user/{0} && chown {0} /run/user/{0} && chmod 700 /run/user/{0} && \
         chmod 644 {1} && mount --bind {1} /etc/group",
        Who::User.uid(),
        groups.display()
    );
    let mut command: Command = root.program("/bin/sh");
    command.args(["-c", &prepare]);
    Running::start(command).answer().ok();
    (root, user)
}

#[test]
fn drives_of_users_keep_the_links_of_root_or_go_first() {
    needs_root!();
    let branch = Branch::new();
    let (root, user) = root_and_user(&branch.near);
    branch.add_entry(&root, &[]);
    branch.dial(&root);
    branch.map(&user);
    assert_eq!(root.connection("office").unwrap()["link"]["drives"], serde_json::json!(["nobody/z:"]));
    root.run(&["end", "office"]).exits(5).says("carries the drives nobody/z:");
    let answer = root.run(&["end", "office", "--with-dependents", "--json", "--timeout", "60"]).ok();
    let ended = answer.json()["ended"].clone();
    assert_eq!((&ended[0]["name"], &ended[1]["name"]), (&"z:".into(), &"office".into()), "{answer}");
    assert_eq!(ended[0]["proof"]["acknowledged"], true, "{answer}");
    assert_eq!(ended[1]["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
    assert_eq!(branch.note().unwrap(), "over the link\n");
}

#[test]
fn an_ordinary_user_dials_through_the_systems_daemon() {
    needs_root!();
    let branch = Branch::new();
    let (root, user) = root_and_user(&branch.near);
    // It runs already, as a service would.
    root.run(&["list"]).ok();
    let before = root.namespace().snapshot();
    branch.add_entry(&user, &[]);
    branch.dial(&user);
    let listed = root.connection("office").expect("root sees it");
    assert_eq!(listed["owner"], "nobody");
    let worker = listed["worker_pid"].as_u64().unwrap();
    let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
    let uid = Who::User.uid();
    assert!(status.contains(&format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n")), "{status}");
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    branch.map(&user);
    user.run(&["end", "office"]).exits(5).says("carries the drives nobody/z:");
    let answer = user.run(&["end", "office", "--with-dependents", "--json", "--timeout", "60"]).ok();
    assert_eq!(answer.json()["ended"][1]["proof"]["interface_gone"], true, "{answer}");
    eventually("the network is as before", || before == root.namespace().snapshot());
}
