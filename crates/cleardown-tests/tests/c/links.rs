//! RAS: the phone book, and links to peers that answer.

use std::fs;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use cleardown_tests::{Machine, Who, needs_root};

use crate::kit::{C, How, SANITIZED, UNICODE, compile, example, prefix, project, python, run_alone};
use crate::office::Office;

/// A phone book as Windows writes it.
const WINDOWS_BOOK: &str = "[Line out]\r\nEncoding=1\r\nType=1\r\nMEDIA=serial\r\nPort=COM3\r\nDevice=\r\n\
                            DEVICE=modem\r\nPhoneNumber=555-4321\r\n";

/// The program asserts the rules of every function that needs no dial; in each way to compile it.
#[test]
fn the_phone_book_keeps_the_rules() {
    needs_root!();
    for how in [C, UNICODE, How { cpp: true, ..C }, How { version: 0x401, ..C }, SANITIZED] {
        let machine = Machine::new(Who::Root);
        machine.file("home/windows.pbk", WINDOWS_BOOK);
        machine.file("home/nonsense.pbk", [0, 1, 2, 255]);
        machine.folder("home/book");
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
    for how in [C, SANITIZED] {
        let office = Office::open();
        let program = compile(&project("crates/cleardown-tests/tests/c/programs/links.c"), how);
        let answer = office.run(&program, &["First", "Second", "Dead"]);
        assert_eq!(answer.code, 0, "{how:?}: {answer}");
        assert_eq!(office.links(), [""; 0]);
        assert_eq!(office.interfaces(), [""; 0]);
    }
}

/// Dials that join a link, dials that meet its end, and hang-ups in mid-dial, all at the same time.
#[test]
fn many_threads_dial_and_hang_up_one_entry() {
    needs_root!();
    let office = Office::open();
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/storm.c"), C);
    let answer = office.run(&program, &["First", "6"]);
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!((office.links(), office.interfaces()), (Vec::new(), Vec::new()));
}

/// An ordinary user dials through the system's daemon, if he is in the group; the rules are the same for him.
#[test]
fn an_ordinary_user_dials_by_the_same_rules() {
    needs_root!();
    let office = Office::open();
    let refused = office.run_as_nobody(&example("dial.c"), &["First"], "");
    assert_eq!(refused.code, 1, "{refused}");
    refused.says("failed: 5");
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/links.c"), C);
    let answer = office.run_as_nobody(&program, &["First", "Second", "Dead"], "nobody");
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(office.interfaces(), [""; 0]);
}

/// A number alone, over a modem that takes its time: the link's name, its way to its end, and a hang-up in mid-dial.
#[test]
fn a_number_is_dialled_over_a_modem() {
    needs_root!();
    let office = Office::open();
    let modem = office.modem();
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/modem.c"), C);
    let dialling = office.start(&program, &["555-9876"]);
    let call = modem.call(Duration::from_secs(60)).expect("the modem is dialled");
    put_through(call, &office.line("First"));
    let answer = dialling.answer();
    assert_eq!(answer.code, 0, "{answer} {:?}", modem.history());
    assert_eq!(
        modem.history().iter().filter(|step| step.starts_with("dial ")).count(),
        2,
        "{:?}",
        modem.history()
    );
    assert!(modem.is_at_rest(), "{:?}", modem.history());
    assert_eq!((office.links(), office.interfaces()), (Vec::new(), Vec::new()));
}

/// Joins a call with a peer's line, both ways, until one of them ends.
fn put_through(call: UnixStream, line: &Path) {
    let line = UnixStream::connect(line).unwrap();
    for (mut from, mut to) in [(call.try_clone().unwrap(), line.try_clone().unwrap()), (line, call)] {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
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
    let script = python("links.py");
    let script = format!("python3 '{}' '{}' Second", script.display(), prefix().join("lib").display());
    office.script(&script).ok().says("Second has ended").says("1 links");
    assert_eq!(office.links(), [""; 0]);
}
