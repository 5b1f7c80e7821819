//! What takes another mount namespace. Such a namespace has a copy of every mount of the machine, and so holds other
//! tests' drives too: these tests are a program of their own, which cargo runs alone, and take turns.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::process::Command;

use cleardown_tests::{Machine, Protocol, Running, Server, Who, eventually, programs_folder};

static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_process_in_another_mount_namespace() {
    cleardown_tests::needs_root!();
    let _turn = TURN.lock();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    std::fs::write(server.folder().join("f"), "held").unwrap();
    let z = machine.map("z:", &server);
    let mut command = machine.program("unshare");
    command.args(["--mount", "--propagation", "private", "bash", "-c"]);
    command.arg(format!("exec 3< {}/f; exec sleep 600", z.display()));
    let holder = Running::start(command);
    eventually("it is listed", || {
        let holders = machine.connection("z:").unwrap()["holders"].as_array().unwrap().clone();
        holders.iter().any(|h| h["pid"] == holder.pid())
    });
    machine.run(&["end", "z:"]).exits(5).says(&holder.pid().to_string());
    drop(holder);
    machine.end("z:");
}

/// With the folders that are used when nothing says otherwise, in namespaces of the test's own.
#[test]
fn root_lists_and_ends_what_users_have() {
    cleardown_tests::needs_root!();
    let _turn = TURN.lock();
    let machine = Machine::new(Who::User);
    let server = Server::start(Protocol::Smb);
    let map = machine.map_args("z:", &server).join(" ");
    let script = format!(
        r#"
        set -e
        mount -t tmpfs tmpfs /run; mkdir -p /run/user; mkdir -m 700 /run/user/65534; chown 65534 /run/user/65534
        user() {{ env XDG_RUNTIME_DIR=/run/user/65534 setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }}
        user {0}/cleardown {map} 2>&1
        user sh -c 'echo kept > {1}/a'
        {0}/cleardown list
        {0}/cleardown status nobody/z:
        {0}/cleardown end nobody/z:
        user {0}/cleardown list
        "#,
        programs_folder().display(),
        machine.at("z:").display(),
    );
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child"]);
    command.args(["bash", "-c", &script]).env_clear().current_dir("/");
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", machine.path("home"));
    let said = Running::start(command).answer().ok();
    let said = said.says("nobody").says("z: ended: every write acknowledged").says("nothing is connected");
    assert!(said.out.matches(machine.at("z:").to_str().unwrap()).count() > 1, "{said}");
    assert_eq!(std::fs::read_to_string(server.folder().join("a")).unwrap(), "kept\n");
}
