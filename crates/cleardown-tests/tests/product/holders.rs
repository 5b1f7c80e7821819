//! Who is in the way: every kind of holder, by name.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use cleardown_tests::{Machine, Protocol, Running, Server, Stage, Who, eventually, on_every_stage};
use serde_json::Value;

on_every_stage!(every_kind_is_named);

/// A script, the kind of holder it makes, and the WNet number of the refusal.
const KINDS: &[(&str, &str, u64)] = &[
    ("exec 3< Z/f; echo ready; exec sleep 600", "file", 2401),
    ("exec 3>> Z/f; echo ready; exec sleep 600", "file", 2401),
    ("exec 3< Z; echo ready; exec sleep 600", "file", 2401),
    ("exec 3< Z/f; flock --shared 3; exec sleep 600", "lock", 2401),
    ("exec 3< Z/f; exec perl -MFcntl=:flock -e 'flock(STDIN, LOCK_SH) or die; sleep 600' <&3", "lock", 2401),
    (
        "exec perl -MFcntl=:DEFAULT,:seek -e 'open F, \"<\", \"Z/f\" or die; \
         my $l = pack(\"s s x4 q q l x4\", F_RDLCK, SEEK_SET, 0, 1, 0); fcntl(F, F_SETLK, $l) or die; sleep 600'",
        "lock",
        2401,
    ),
    ("cd Z; echo ready; exec sleep 600", "working_directory", 2404),
    ("cp /bin/sleep Z/prog; chmod +x Z/prog 2>/dev/null; echo ready; exec Z/prog 600", "executable", 2404),
];

fn every_kind_is_named(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    std::fs::write(server.folder().join("f"), "held").unwrap();
    std::fs::set_permissions(server.folder().join("f"), Permissions::from_mode(0o666)).unwrap();
    let z = machine.map("z:", server);
    for (script, kind, code) in KINDS {
        let holder = machine.script(&script.replace('Z', z.to_str().unwrap()));
        let found = wait_for(machine, holder.pid(), kind);
        assert_eq!(found["user"], if machine.who() == Who::Root { "root" } else { "nobody" });
        assert!(found["path"].as_str().unwrap().starts_with(z.to_str().unwrap()), "{found}");
        let answer = machine.run(&["end", "z:", "--json"]).exits(5);
        let refused = &answer.json()["refused"][0];
        assert_eq!((&refused["name"], refused["code"].as_u64()), (&"z:".into(), Some(*code)), "{answer}");
        let named = refused["holders"].as_array().unwrap();
        assert!(named.iter().any(|h| h["pid"] == holder.pid() && h["kind"] == *kind), "{answer}");
        machine.run(&["end", "z:"]).exits(5).says(&holder.pid().to_string()).says("held by:");
        assert_eq!(machine.status("z:"), "connected");
        drop(holder);
        eventually("no holders", || {
            machine.connection("z:").unwrap()["holders"].as_array().unwrap().is_empty()
        });
    }
    machine.end("z:");
}

/// The holder of this kind with this process id, once it is there.
fn wait_for(machine: &Machine, pid: u32, kind: &str) -> Value {
    let mut found = Value::Null;
    eventually(&format!("a holder of kind {kind}"), || {
        let list = machine.run(&["holders", "z:", "--json"]).ok().json();
        let holders = list["holders"].as_array().unwrap();
        match holders.iter().find(|h| h["pid"] == pid && h["kind"] == kind) {
            Some(holder) => found = holder.clone(),
            None => return false,
        }
        true
    });
    found
}

#[test]
fn a_mapping_whose_file_is_closed() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    std::fs::write(server.folder().join("m"), vec![1; 8192]).unwrap();
    let z = machine.map("z:", &server);
    let file = std::fs::File::open(z.join("m")).unwrap();
    use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
    // SAFETY: a fresh mapping that is never read, and unmapped once.
    let at =
        unsafe { mmap(std::ptr::null_mut(), 8192, ProtFlags::READ, MapFlags::PRIVATE, &file, 0) }.unwrap();
    drop(file);
    wait_for(&machine, std::process::id(), "mapping");
    machine.run(&["end", "z:"]).exits(5).says("WNet 2401").says("mapping");
    // SAFETY: the mapping from above.
    unsafe { munmap(at, 8192) }.unwrap();
    machine.end("z:");
}

#[test]
fn a_root_directory() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Sftp);
    std::fs::create_dir(server.folder().join("jail")).unwrap();
    let z = machine.map("z:", &server);
    let mut command = machine.program("perl");
    command.args(["-e", &format!("chroot '{}/jail' or die; sleep 600", z.display())]);
    let holder = Running::start(command);
    wait_for(&machine, holder.pid(), "root");
    machine.run(&["end", "z:"]).exits(5).says("root directory");
    drop(holder);
    machine.end("z:");
}

#[test]
fn another_users_process_is_named_to_root() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Sftp);
    std::fs::write(server.folder().join("f"), "held").unwrap();
    let z = machine.map("z:", &server);
    let mut sleeper = machine.program("/bin/bash");
    sleeper.args([
        "-c",
        &format!("exec 3< {}/f; exec setpriv --reuid=65534 --clear-groups sleep 600", z.display()),
    ]);
    let holder = Running::start(sleeper);
    let comm = format!("/proc/{}/comm", holder.pid());
    eventually("it is the other user's", || {
        std::fs::read_to_string(&comm).is_ok_and(|name| name == "sleep\n")
    });
    let found = wait_for(&machine, holder.pid(), "file");
    assert_eq!(found["user"], "nobody");
    drop(holder);
    machine.end("z:");
}
