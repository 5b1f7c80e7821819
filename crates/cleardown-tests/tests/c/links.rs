//! RAS: the phone book and everything that needs no dial.

use std::fs;

use cleardown_tests::{Machine, Who, needs_root};

use crate::kit::{C, How, UNICODE, compile, example, project, run_alone};

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
