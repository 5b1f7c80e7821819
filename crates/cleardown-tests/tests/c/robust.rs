//! Careless callers, many threads, forks, and a daemon that goes away: an answer each time, never a crash or a hang.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use cleardown_tests::{Answer, Machine, Running, Who, eventually, kill, needs_root};

use crate::kit::{C, How, SANITIZED, compile, project, run_alone};
use crate::tables::{forms, libraries};

fn program() -> PathBuf {
    compile(&project("crates/cleardown-tests/tests/c/programs/robust.c"), C)
}

/// What `careless` reads: every function of the tables, with a letter for the kind of each parameter.
fn functions() -> String {
    let letter = |(name, kind): &(&str, &str)| match kind.split([' ', '<']).next() {
        Some("Str") => 's',
        Some("Ptr") => 'p',
        Some("usize") if *name == "notifier" => 'c',
        Some("usize") => 'h',
        _ => 'n',
    };
    let mut lines = String::new();
    for (_, _, functions) in libraries() {
        for f in &functions {
            let letters: String = f.parameters.iter().map(letter).collect();
            for form in forms(f) {
                let _ = writeln!(lines, "{}{form} {letters}", f.name);
            }
        }
    }
    lines
}

/// Calls every function with careless arguments, in rounds; `runner` is put in front.
fn careless(machine: &Machine, how: How, runner: &str, rounds: &str, until: &str) -> Running {
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/careless.c"), how);
    let functions = machine.file("functions", functions());
    machine.script(&format!(
        "exec {runner} '{}' {rounds} {until} < '{}'",
        program.display(),
        functions.display()
    ))
}

/// It has lived, and every number that it got means something: 1359 would be a panic that was kept from it.
fn is_answered(answer: &Answer) {
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.out.ends_with("alive\n"), "{answer}");
    let codes: Vec<u32> =
        answer.out.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).collect();
    // -1 is what a closed dialog gives.
    assert!(codes.iter().all(|code| matches!(code, 0..=1358 | 1360..=2500 | 65_535)), "{answer}");
    assert!([0, 6, 50, 87, 487, 603, 632, 2250].iter().all(|code| codes.contains(code)), "{answer}");
}

#[test]
fn careless_callers_are_answered() {
    needs_root!();
    is_answered(&careless(&Machine::new(Who::Root), C, "", "40", "").answer());
}

/// AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer watch the calls.
#[test]
fn sanitizers_find_no_fault() {
    needs_root!();
    is_answered(&careless(&Machine::new(Who::Root), SANITIZED, "", "20", "").answer());
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/robust.c"), SANITIZED);
    for mode in ["threads", "fork"] {
        run_alone(&Machine::new(Who::Root), &program, &[mode]).ok();
    }
}

#[test]
fn careless_callers_are_answered_while_the_daemon_dies() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    let enough = machine.path("enough");
    let calling = careless(&machine, C, "", "1000000", enough.to_str().unwrap());
    for _ in 0..5 {
        let daemon = || machine.processes().into_iter().find(|(_, line)| !line.contains(" worker "));
        eventually("there is a daemon", || daemon().is_some());
        if let Some((pid, _)) = daemon() {
            kill(pid);
        }
    }
    machine.file("enough", "");
    let answer = calling.answer();
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.out.ends_with("alive\n") && !answer.out.contains("\n1359 "), "{answer}");
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
        eventually("there is a daemon again", || {
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
    let machine = Machine::new(Who::Root);
    let mut forking = machine.program("/usr/bin/valgrind");
    forking.args(VALGRIND).arg(program()).arg("fork");
    Running::start(forking).answer().ok();
    let answer =
        careless(&machine, C, &format!("/usr/bin/valgrind {}", VALGRIND.join(" ")), "2", "").answer();
    assert!(answer.code == 0 && answer.out.ends_with("alive\n"), "{answer}");
}

const VALGRIND: [&str; 3] = ["--quiet", "--error-exitcode=99", "--child-silent-after-fork=yes"];
