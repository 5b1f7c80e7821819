//! The programs that Cleardown began with: a page of documentation about each interface, whose code must compile and do its
//! work as it stands. `CLEARDOWN_SEED_WNET` and `CLEARDOWN_SEED_RAS` name the pages; without them our own equivalents run.

use std::fs;
use std::path::{Path, PathBuf};

use cleardown_tests::{Machine, Who, is_mounted, needs_root};

use crate::kit::{How, Stage, compile, example, project, run_alone};
use crate::office::Office;

/// The source around the first code block of a page: what a `main` needs, and nothing else.
fn wrapped(variable: &str, name: &str, before: &str, after: &str, code: impl Fn(&str) -> String) -> PathBuf {
    let ours = project("crates/cleardown-tests/tests/c/programs").join(name);
    let Some(page) = std::env::var_os(variable) else { return ours };
    let page = String::from_utf8_lossy(&fs::read(&page).unwrap()).replace('\r', "");
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("seed_{name}"));
    fs::write(&source, format!("{before}{}{after}", code(&page))).unwrap();
    source
}

fn cancel_program() -> PathBuf {
    let before = "#include <stdio.h>\n#include <Windows.h>\n#include <Winnetwk.h>\nint main(void)\n{\n";
    wrapped("CLEARDOWN_SEED_WNET", "cancel_connection.c", before, "return 0;\n}\n", |page| {
        let (_, block) = page.split_once("```C++\n").expect("a code block");
        block.split_once("```").expect("its end").0.to_owned()
    })
}

#[test]
fn the_first_seed_ends_and_forgets_a_drive() {
    needs_root!();
    let stage = Stage::new();
    let program = compile(&cancel_program(), How::default());
    // The exit code has eight bits of 2250.
    let not_connected = 2250 % 256;
    stage.run(&program, &[]).exits(not_connected).says("Drive z: not connected.");

    let at = stage.connect("z:", true);
    let holding = stage.hold(&at.join("open.txt"));
    stage.run(&program, &[]).exits(2401 % 256).says("WNetCancelConnection2 failed.");
    assert!(is_mounted(&at));
    drop(holding);

    stage.run(&program, &[]).exits(0).says("Connection closed for z: drive.");
    assert!(!is_mounted(&at));
    assert_eq!(stage.remembered(), [""; 0]);
    assert!(stage.server.folder().join("open.txt").is_file(), "nothing was lost");
    stage.run(&program, &[]).exits(not_connected).says("Drive z: not connected.");
}

fn close_program() -> PathBuf {
    let before = "#include <Windows.h>\n#include <Ras.h>\n";
    let after = "\nint main(void)\n{\nreturn (int)CloseRasConnections();\n}\n";
    wrapped("CLEARDOWN_SEED_RAS", "close_connections.c", before, after, |page| {
        let from = page.find("DWORD CloseRasConnections").expect("the function");
        let to = from + page[from..].find("\n}\n").expect("its end") + 2;
        page[from..to].to_owned()
    })
}

#[test]
fn the_second_seed_ends_well_without_links() {
    needs_root!();
    let machine = Machine::new(Who::Root);
    for unicode in [false, true] {
        let program = compile(&close_program(), How { unicode, ..How::default() });
        run_alone(&machine, &program, &[]).exits(0);
    }
}

#[test]
fn the_second_seed_ends_all_links_and_frees_their_lines() {
    needs_root!();
    let office = Office::open();
    let dial = example("dial.c");
    for name in ["First", "Second"] {
        office.run(&dial, &[name]).ok();
    }
    assert_eq!((office.links().len(), office.interfaces().len()), (2, 2));
    office.run(&compile(&close_program(), How::default()), &[]).exits(0);
    assert_eq!((office.links(), office.interfaces()), (Vec::new(), Vec::new()));
}
