//! What the daemon and its workers have to say, and where.

use std::fs;

use cleardown_tests::{Machine, Protocol, Running, Server, Who, eventually};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn daemon_and_workers_log_to_a_file_when_nobody_reads_them() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    let log = || fs::read_to_string(machine.path("run/log")).unwrap_or_default();
    // The first command starts the daemon, which has its environment.
    let mut first = machine.command(&["list"]);
    first.env("CLEARDOWN_LOG", "info");
    Running::start(first).answer().ok();
    machine.map("z:", &server);
    kill_process(Pid::from_raw(machine.worker("z:")).unwrap(), Signal::TERM).unwrap();
    eventually("the worker has said something", || log().contains("told to terminate"));
    machine.end("z:");
    let password = server.password().unwrap();
    assert!(!log().contains(password), "{}", log());
}

#[test]
fn without_a_wish_the_log_has_warnings_only() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let server = Server::start(Protocol::Smb);
    fs::create_dir_all(machine.path("run/journal")).unwrap();
    machine.file("run/journal/damaged.json", "nonsense");
    machine.map("z:", &server);
    machine.end("z:");
    let log = fs::read_to_string(machine.path("run/log")).unwrap();
    assert!(log.contains("a damaged journal entry was set aside") && !log.contains(" INFO "), "{log}");
}
