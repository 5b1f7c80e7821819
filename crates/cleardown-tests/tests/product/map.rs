//! Mapping: what works, and each thing that can go wrong with its own number, exit code and words.

use std::fs;
use std::net::TcpListener;

use cleardown_testkit::{Options, ShareDef, User};
use cleardown_tests::{Machine, Protocol, Server, Stage, Who, is_mounted, on_every_stage};

on_every_stage!(a_drive_appears_and_goes, a_taken_name_is_refused, read_only_is_read_only);

fn a_drive_appears_and_goes(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    fs::write(server.folder().join("there"), "from the server").unwrap();
    let read = machine.script(&format!("cat {0}/there && echo here > {0}/here", z.display())).answer().ok();
    assert_eq!(read.out, "from the server");
    assert_eq!(fs::read_to_string(server.folder().join("here")).unwrap(), "here\n");
    let listed = machine.connection("z:").unwrap();
    assert_eq!(listed["status"], "connected");
    assert_eq!(listed["where"].as_str(), z.to_str());
    machine.end("z:");
    assert!(machine.list().is_empty());
    machine.run(&["end", "z:"]).exits(4).says("2250");
}

fn a_taken_name_is_refused(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    machine.map_with("z:", server, &[]).exits(10).says("WNet 85").says("z:");
    machine.map_with("Z:", server, &[]).exits(10).says("WNet 85");
    // With --replace the old one is ended first.
    machine.map_with("z:", server, &["--replace"]).ok();
    assert_eq!(machine.list().len(), 1);
    machine.end("z:");
}

fn read_only_is_read_only(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    fs::write(server.folder().join("a"), "a").unwrap();
    machine.map_with("z:", server, &["--read-only"]).ok();
    let z = machine.at("z:");
    machine.script(&format!("cat {}/a", z.display())).answer().ok();
    machine.script(&format!("touch {}/b", z.display())).answer().exits(1).says("Read-only file system");
    machine.end("z:");
}

#[test]
fn the_first_free_letter() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    let log_on = server.log_on(&machine);
    for name in ["z:", "y:"] {
        let at = machine.path(&format!("mnt/free-{}", &name[..1]));
        let remote = server.remote();
        let mut args = vec!["map", "*", &remote, "--at", at.to_str().unwrap()];
        args.extend(log_on.iter().map(String::as_str));
        machine.run(&args).ok().says(name);
    }
    machine.run(&["end", "--all"]).ok();
    assert!(machine.list().is_empty());
}

#[test]
fn a_deviceless_connection_has_no_mount() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let remote = server.remote();
    let mut args = vec!["map", "-", &remote];
    let log_on = server.log_on(&machine);
    args.extend(log_on.iter().map(String::as_str));
    machine.run(&args).ok();
    let listed = machine.list();
    assert_eq!((listed.len(), &listed[0]["kind"]), (1, &"deviceless".into()));
    assert!(listed[0]["where"].is_null());
    machine.run(&["end", &remote]).ok();
    assert!(machine.list().is_empty());
}

/// The share of pipes, which every SMB server has: to log on, and nothing to see.
#[test]
fn a_share_without_folders_is_a_session_and_no_drive() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let pipes = server.pipes();
    let log_on = server.log_on(&machine);
    let log_on: Vec<&str> = log_on.iter().map(String::as_str).collect();
    machine.run(&[&["map", "z:", &pipes], &log_on[..]].concat()).exits(1).says("WNet 66").says("no folders");
    assert!(machine.list().is_empty());
    machine.run(&[&["map", "-", &pipes], &log_on[..]].concat()).ok();
    assert_eq!(machine.list()[0]["kind"], "deviceless");
    let report = machine.run(&["end", &pipes, "--json"]).ok().json();
    assert_eq!(report["ended"][0]["proof"]["session_closed"], true, "{report}");
}

#[test]
fn two_drives_of_one_server_with_two_users() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let eve = Server::start(Protocol::Smb);
    let Server::Smb(samba, share, _) = eve else { unreachable!() };
    let eve = Server::Smb(samba, share.clone(), User::eve());
    machine.map("z:", &eve);
    let Server::Smb(samba, ..) = eve else { unreachable!() };
    let adam = Server::Smb(samba, share, User::adam());
    machine.map("y:", &adam);
    let user = |name: &str| machine.connection(name).unwrap()["user"].as_str().unwrap().to_lowercase();
    assert!(user("z:").contains("eve") && user("y:").contains("adam"));
    machine.end("z:");
    machine.end("y:");
}

#[test]
fn a_wrong_password_is_said_to_be_one() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let file = machine.file("wrong", "not this one\n");
    let remote = server.remote();
    let args = ["map", "z:", &remote, "--user", "eve", "--password-file", file.to_str().unwrap()];
    machine.run(&args).exits(7).says("WNet 1326").says("hint:");
    machine.run(&args[..5]).exits(7).says("no password was given");
    nothing_is_left(&machine);
}

#[test]
fn a_share_that_does_not_exist() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let Server::Smb(samba, _, user) = server else { unreachable!() };
    let remote = samba.remote("nothing");
    let file = machine.file("password", &user.password);
    let args = ["map", "z:", &remote, "--user", &user.name, "--password-file", file.to_str().unwrap()];
    machine.run(&args).exits(1).says("WNet 67").says("does not exist");
    nothing_is_left(&machine);
}

#[test]
fn an_sftp_folder_that_does_not_exist() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Sftp);
    server.log_on(&machine);
    machine.run(&["map", "z:", &format!("{}/nothing", server.remote())]).exits(1).says("WNet 67");
    nothing_is_left(&machine);
}

#[test]
fn an_unknown_host_key_is_refused_without_a_terminal() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Sftp);
    server.log_on(&machine);
    fs::remove_file(machine.path("home/.ssh/known_hosts")).unwrap();
    machine.run(&["map", "z:", &server.remote()]).exits(1).says("WNet 1208").says("SHA256:");
    let other = Server::start(Protocol::Sftp);
    let Server::Sftp(sshd) = &other else { unreachable!() };
    let key = fs::read_to_string(sshd.known_hosts()).unwrap();
    let key = key.split_once(' ').unwrap().1;
    let Server::Sftp(sshd) = &server else { unreachable!() };
    machine.file("home/.ssh/known_hosts", format!("[127.0.0.1]:{} {key}", sshd.port()));
    machine.run(&["map", "z:", &server.remote()]).exits(1).says("CHANGED");
    nothing_is_left(&machine);
}

#[test]
fn nobody_listens_there() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let port = cleardown_testkit::Port::free().unwrap();
    for scheme in ["smb", "sftp"] {
        let remote = format!("{scheme}://127.0.0.1:{}/x", port.number());
        machine.run(&["map", "z:", &remote]).exits(1).says("WNet 1225").says("refused");
    }
    nothing_is_left(&machine);
}

#[test]
fn a_server_that_says_nothing_runs_into_the_deadline() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    // The kernel accepts; nobody ever answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for scheme in ["smb", "sftp"] {
        let remote = format!("{scheme}://127.0.0.1:{port}/x");
        let answer = machine.run(&["map", "z:", &remote, "--timeout", "1"]).exits(3).says("WNet 121");
        let answer = answer.says(&format!("127.0.0.1:{port} did not answer"));
        assert!(answer.took.as_secs() < 30, "{answer}");
    }
    nothing_is_left(&machine);
}

#[test]
fn no_such_host() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    machine
        .run(&["map", "z:", "//no-such-host.invalid/x"])
        .exits(1)
        .says("WNet 53")
        .says("no-such-host.invalid");
    nothing_is_left(&machine);
}

#[test]
fn no_route_to_the_host() {
    cleardown_tests::needs_root!();
    // A network namespace of its own has no routes at all, not even to itself.
    let machine = Machine::new(Who::Root);
    let mut command = machine.program("unshare");
    let cleardown = machine.command(&[]).get_program().to_owned();
    command.arg("--net").arg(cleardown).args(["map", "z:", "//192.0.2.1/x"]);
    cleardown_tests::Running::start(command).answer().exits(1).says("WNet 1231");
    nothing_is_left(&machine);
}

#[test]
fn names_that_are_none() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    machine.run(&["map", "a/b", "//fs1/x"]).exits(2).says("WNet 1200").says("hint:");
    machine.run(&["map", "z:", "fs1"]).exits(2).says("WNet 67").says("hint: write //server/share");
    let secret = machine.run(&["map", "z:", "smb://eve:secret@fs1/x"]).exits(2).says("eve:...@fs1");
    assert!(!secret.err.contains("secret"), "{secret}");
    machine.run(&["map", "z:"]).exits(2);
}

#[test]
fn mount_points_that_are_none() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let full = machine.folder("full");
    machine.file("full/precious", "do not hide me");
    let at = |path: &str| {
        let remote = server.remote();
        let mut args = vec!["map", "z:", &remote, "--at", path];
        let log_on = server.log_on(&machine);
        args.extend(log_on.iter().map(String::as_str));
        machine.run(&args)
    };
    at(full.to_str().unwrap()).exits(1).says("WNet 145").says("not empty");
    at(machine.path("full/precious").to_str().unwrap()).exits(1).says("WNet 1200");
    at("/proc/self/x").exits(1).says("WNet 1200");
    assert!(!is_mounted(&full));
    nothing_is_left(&machine);
}

#[test]
fn every_kind_of_samba() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let share = || vec![ShareDef::new("files")];
    let kinds = [
        ("SMB 2.1", Options { max_protocol: "SMB2_10".into(), shares: share(), ..Options::default() }),
        ("SMB 3.0", Options { max_protocol: "SMB3_00".into(), shares: share(), ..Options::default() }),
        ("SMB 3.1.1", Options { signing: true, shares: share(), ..Options::default() }),
        ("SMB 3.1.1", Options { encrypt: true, shares: share(), ..Options::default() }),
    ];
    for (dialect, options) in kinds {
        let (signing, encrypt) = (options.signing, options.encrypt);
        let server = Server::samba(options);
        let z = machine.map("z:", &server);
        let listed = machine.connection("z:").unwrap();
        assert!(listed["dialect"].as_str().unwrap().starts_with(dialect), "{listed}");
        assert!(!signing || !listed["signing"].is_null(), "{listed}");
        assert!(!encrypt || !listed["encryption"].is_null(), "{listed}");
        machine.script(&format!("seq 100000 > {0}/n && cmp {0}/n <(seq 100000)", z.display())).answer().ok();
        machine.end("z:");
    }
}

#[test]
fn guests_come_in_without_a_password() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let share = ShareDef { guest: true, ..ShareDef::new("open") };
    let server = Server::samba(Options { guest: true, shares: vec![share], ..Options::default() });
    let at = machine.at("z:");
    machine.run(&["map", "z:", &server.remote(), "--at", at.to_str().unwrap()]).ok();
    machine.script(&format!("echo hello > {}/from-guest", at.display())).answer().ok();
    machine.end("z:");
}

/// A map that failed leaves no drive, no mount and no worker.
fn nothing_is_left(machine: &Machine) {
    assert!(machine.list().is_empty());
    assert!(!is_mounted(&machine.at("z:")));
    let workers: Vec<_> =
        machine.processes().into_iter().filter(|(_, line)| line.contains(" worker ")).collect();
    assert!(workers.is_empty(), "{workers:?}");
}
