//! Careless callers, many threads, forks, and a daemon that goes away: an answer each time, never a crash or a hang.

use std::path::PathBuf;
use std::process::Command;

use cleardown_tests::{Answer, Machine, Running, Who, kill, needs_root};

use crate::kit::{C, compile, project, run_alone};

fn program() -> PathBuf {
    compile(&project("crates/cleardown-tests/tests/c/programs/robust.c"), C)
}

#[test]
fn careless_callers_are_answered() {
    needs_root!();
    run_alone(&Machine::new(Who::Root), &program(), &["careless"]).ok().says("alive");
}

#[test]
fn many_threads_call_at_a_time() {
    needs_root!();
    run_alone(&Machine::new(Who::Root), &program(), &["threads"]).ok();
}

#[test]
fn a_forked_child_may_call_too() {
    needs_root!();
    run_alone(&Machine::new(Who::Root), &program(), &["fork"]).ok();
}

#[test]
fn a_daemon_that_goes_away_is_started_again() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    run_alone(&machine, &program(), &["ask", "1"]).ok().says("WNet 2250\nRAS 0\n");
    let mut command = machine.program(program());
    command.args(["ask", "80"]).arg(machine.path("enough"));
    let asking = Running::start(command);
    for _ in 0..3 {
        kill(machine.daemon());
        cleardown_tests::eventually("there is a daemon again", || {
            machine.processes().iter().any(|(_, line)| !line.contains(" worker "))
        });
    }
    machine.file("enough", "");
    let answer = asking.answer().ok();
    // An answer that was lost on its way is told as such: 1222, and 711 for links; nothing else may come.
    let codes: Vec<&str> = answer.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let known = ["WNet 2250", "RAS 0", "WNet 1222", "RAS 711"];
    assert!(codes.iter().all(|code| known.contains(code)), "{answer}");
}

#[test]
fn without_a_daemon_the_answer_says_why() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    let mut command = machine.program(program());
    command.args(["ask", "1"]).env("CLEARDOWN_DAEMON", "/nowhere/cleardownd");
    let answer = Running::start(command).answer().ok();
    answer.says("WNet 1222\n").says("Cleardown: the daemon cannot be reached").says("RAS 711\n");
}

#[test]
fn valgrind_finds_no_fault() {
    needs_root!();
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: valgrind is not here");
        return;
    }
    for mode in ["careless", "fork"] {
        let answer = in_valgrind(&Machine::new(Who::Root), mode);
        assert_eq!(answer.code, 0, "{answer}");
    }
}

fn in_valgrind(machine: &Machine, mode: &str) -> Answer {
    let mut command = machine.program("/usr/bin/valgrind");
    command
        .args(["--quiet", "--error-exitcode=99", "--child-silent-after-fork=yes"])
        .arg(program())
        .arg(mode);
    Running::start(command).answer()
}
