//! WNet against a real Samba.

use std::fs;

use cleardown_tests::{eventually, is_mounted, needs_root};

use crate::kit::{C, How, SANITIZED, Stage, UNICODE, compile, example, project};

#[test]
fn a_drive_is_cancelled_with_each_outcome() {
    needs_root!();
    let stage = Stage::new();
    let cancel = example("cancel_drive.c");
    stage.run(&cancel, &["z:"]).exits(2).says("z: is not connected");
    let at = stage.connect("z:", true);

    let holding = stage.hold(&at.join("kept.txt"));
    let busy = stage.run(&cancel, &["z:", "forget"]).exits(1).says("z: is in use and stays");
    busy.says("error 2401").says("sleep[");
    drop(holding);
    assert!(is_mounted(&at));

    stage.run(&cancel, &["z:"]).exits(0).says("z: has ended");
    assert!(!is_mounted(&at));
    assert_eq!(stage.remembered(), ["z:"], "flags 0 keep the profile");
    assert_eq!(fs::read(stage.server.folder().join("kept.txt")).unwrap(), b"kept\n");
    stage.run(&cancel, &["z:", "forget"]).exits(0);
    assert_eq!(stage.remembered(), [""; 0]);

    let at = stage.connect("x:", false);
    let inside = stage.machine.script(&format!("cd '{}' && touch here && exec sleep 1000", at.display()));
    eventually("a process works there", || stage.server.folder().join("here").is_file());
    stage.run(&cancel, &["x:"]).exits(1).says("x: is in use and stays").says("error 2404");
    drop(inside);
    stage.run(&cancel, &["x:"]).exits(0);

    let at = stage.connect("y:", false);
    let holding = stage.hold(&at.join("open.txt"));
    stage.run(&cancel, &["Y:", "force"]).exits(0).says("has ended");
    assert!(!is_mounted(&at));
    drop(holding);
}

#[test]
fn a_failure_says_provider_number_and_words() {
    needs_root!();
    let mut stage = Stage::new();
    let connect = example("connect_drive.c");
    let remote = stage.remote();
    let wrong = stage.run_with(&connect, &["z:", &remote, "eve"], "wrong").exits(1);
    wrong.says("error 1326").says("Cleardown SMB says: ").says("did not accept the user eve");
    let nowhere = remote.replace("files", "nowhere");
    stage
        .run(&connect, &["z:", &nowhere, "eve"])
        .exits(1)
        .says("error 67")
        .says("does not exist on the server");
    stage.run(&connect, &["z:", "nonsense", "eve"]).exits(1).says("error 67");
    stage.server.kill();
    stage.run(&connect, &["z:", &remote, "eve"]).exits(1).says("error 1225").says("refused the connection");
}

#[test]
fn no_letter_is_free_when_all_are_remembered() {
    needs_root!();
    let stage = Stage::new();
    let remote = stage.remote();
    stage.machine.folder("config/drives");
    for letter in 'c'..='z' {
        let drive = format!("name = \"{letter}:\"\nremote = \"//fs1/{letter}\"\n");
        stage.machine.file(&format!("config/drives/{letter}.toml"), drive);
    }
    stage.run(&example("net_use.c"), &["*", &remote, "eve"]).exits(2).says("error 259");
    // A name that is remembered for another place is not taken either.
    stage.run(&example("connect_drive.c"), &["z:", &remote, "eve"]).exits(1).says("error 1202");
}

#[test]
fn a_damaged_profile_is_said_so_and_left_alone() {
    needs_root!();
    let stage = Stage::new();
    stage.machine.folder("config/drives");
    let damaged = stage.machine.file("config/drives/z.toml", "name = \"z:\"\nremote = 7\n");
    let remote = stage.remote();
    let connect = ["z:", &remote, "eve", "remember"];
    stage.run(&example("connect_drive.c"), &connect).exits(1).says("error 1206").says("z.toml");
    stage.run(&example("cancel_drive.c"), &["z:", "forget"]).exits(3).says("error 1206");
    assert_eq!(fs::read_to_string(damaged).unwrap(), "name = \"z:\"\nremote = 7\n");
    // Others are not affected.
    stage.connect("y:", true);
}

#[test]
fn net_use_connects_lists_and_deletes() {
    needs_root!();
    let stage = Stage::new();
    let (net_use, remote) = (example("net_use.c"), stage.remote());
    stage.run(&net_use, &["*", &remote, "eve"]).ok().says("Drive Z: is now connected to");
    stage.run(&net_use, &["x:", &remote, "eve"]).ok();
    stage.run(&net_use, &["x:", &remote, "eve"]).exits(2).says("error 85");
    stage.run(&net_use, &["x:"]).ok().says(&format!("x: {remote}"));
    let list = stage.run(&net_use, &[]).ok();
    for line in [format!("OK           Z:       {remote}"), format!("Remembered   x:       {remote}")] {
        assert!(list.out.contains(&line), "{line}: {list}");
    }
    stage.run(&net_use, &["Z:", "/delete"]).ok();
    stage.run(&net_use, &["x:", "/delete"]).ok();
    stage.run(&net_use, &["x:", "/delete"]).exits(2).says("error 2250");
}

/// The program asserts the rules of every function, sizes, flags and last errors; in each way to compile it.
#[test]
fn every_function_keeps_the_rules() {
    needs_root!();
    for how in [C, UNICODE, How { cpp: true, ..C }, How { cpp: true, ..UNICODE }, SANITIZED] {
        let stage = Stage::new();
        let program = compile(&project("crates/cleardown-tests/tests/c/programs/wnet.c"), how);
        let folder = stage.machine.path("home");
        let answer = stage.run(&program, &[&stage.remote(), folder.to_str().unwrap()]);
        assert_eq!(answer.code, 0, "{how:?}: {answer}");
    }
}
