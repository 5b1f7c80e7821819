//! RAS: the phone book, and links to peers that answer.

use std::fs;

use cleardown_tests::{Machine, Who, needs_root};

use crate::kit::{C, How, UNICODE, compile, example, prefix, project, run_alone};
use crate::office::Office;

/// The program asserts the rules of every function that needs no dial; in each way to compile it.
#[test]
fn the_phone_book_keeps_the_rules() {
    needs_root!();
    for how in [C, UNICODE, How { cpp: true, ..C }, How { version: 0x401, ..C }] {
        let machine = Machine::new(Who::Root);
        let program = compile(&project("crates/cleardown-tests/tests/c/programs/ras.c"), how);
        let answer = run_alone(&machine, &program, &[]);
        assert_eq!(answer.code, 0, "{how:?}: {answer}");
        let entry = fs::read_to_string(machine.path("config/phonebook/kept.toml")).unwrap();
        assert!(entry.contains("555-1234") && entry.contains("/dev/ttyS7"), "{entry}");
        assert!(!entry.contains("hunter2"), "passwords are elsewhere");
    }
}

#[test]
fn without_links_there_is_nothing_to_hang_up() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    run_alone(&machine, &example("hang_up_all.c"), &[]).ok().says("There are no links.");
    run_alone(&machine, &example("choose_link.c"), &[]).ok().says("There are no links.");
    run_alone(&machine, &example("dial.c"), &["nobody"]).exits(1).says("failed: 623");
}

/// The program asserts the rules of every function that needs a link.
#[test]
fn dials_references_and_hang_ups_keep_the_rules() {
    needs_root!();
    let office = Office::open();
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/links.c"), C);
    let answer = office.run(&program, &["First", "Dead"]);
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(office.links(), [""; 0]);
    assert_eq!(office.interfaces(), [""; 0]);
}

#[test]
fn a_link_outlives_its_dialler_and_is_ended_by_another_program() {
    needs_root!();
    let office = Office::open();
    let dial = example("dial.c");
    office.run(&dial, &["First"]).ok().says("state 8192 error 0").says("connected");
    office.run(&dial, &["Second", "hangup"]).ok().says("hung up: 0");
    assert_eq!(office.links(), ["First"]);
    assert_eq!(office.interfaces().len(), 1);
    office.run(&dial, &["Dead"]).exits(1).says("failed: 615");

    let choose = example("choose_link.c");
    office.script(&format!("echo 1 | '{}'", choose.display())).ok().says("1  First").says("First has ended");
    assert_eq!(office.links(), [""; 0]);
    office.run(&dial, &["first"]).ok();
    office.run(&example("hang_up_all.c"), &[]).ok().says("First has ended").says("is free");
    assert_eq!(office.interfaces(), [""; 0]);

    office.run(&dial, &["Second"]).ok();
    let script = project("examples/python/links.py");
    let script = format!("python3 '{}' '{}' Second", script.display(), prefix().join("lib").display());
    office.script(&script).ok().says("Second has ended").says("1 links");
    assert_eq!(office.links(), [""; 0]);
}
