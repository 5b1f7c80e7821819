//! A holder in another mount namespace. Such a namespace has a copy of every mount of the machine, and so holds other
//! tests' drives too: this test is a program of its own, and cargo runs it alone.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use cleardown_tests::{Machine, Protocol, Running, Server, Who, eventually};

#[test]
fn a_process_in_another_mount_namespace() {
    cleardown_tests::needs_root!();
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
