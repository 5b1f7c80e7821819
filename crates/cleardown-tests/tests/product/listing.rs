//! Listing touches no server and no mount.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use cleardown_tests::{Machine, Stage, Who, on_every_stage, programs_folder};
use serde_json::Value;

on_every_stage!(a_frozen_server_costs_nothing, the_list_has_what_is_promised, watching);

fn a_frozen_server_costs_nothing(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    server.stop();
    // Somebody is stuck in the drive meanwhile.
    let stuck = machine.script(&format!("head -c 1000000 /dev/zero > {}/stuck", z.display()));
    for args in [&["list"][..], &["list", "--json"], &["status", "z:"], &["holders", "z:"]] {
        let answer = machine.run(args).ok();
        assert!(answer.took.as_secs() < 3, "{answer}");
    }
    server.cont();
    stuck.answer().ok();
    machine.end("z:");
}

fn the_list_has_what_is_promised(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let answer = machine.run(&["list", "--json"]).ok();
    let list = answer.json();
    assert_eq!(list["version"], 1);
    let connection = &list["connections"][0];
    let keys = "name kind status reason where remote provider user remembered pending_bytes holders";
    for key in keys.split(' ') {
        assert!(connection.get(key).is_some(), "{key}: {answer}");
    }
    assert_eq!(connection["kind"], "drive");
    assert_eq!(connection["pending_bytes"], 0);
    machine.run(&["list"]).ok().says("z:").says("connected");
    machine.run(&["status", "z:"]).ok().says(connection["dialect"].as_str().unwrap());
    machine.run(&["status", "y:"]).exits(4).says("2250");
    machine.end("z:");
}

fn watching(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let mut command = machine.command(&["list", "--watch", "--json"]);
    let mut watch = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["connections"].as_array().map(Vec::len), Some(0));
    machine.map("z:", server);
    let states = |list: &Value| list["connections"][0]["status"].as_str().map(str::to_owned);
    let mut seen = Vec::new();
    while seen.last() != Some(&Some("connected".to_owned())) {
        seen.push(states(&next()));
    }
    machine.end("z:");
    while seen.last() != Some(&None) {
        seen.push(states(&next()));
    }
    let _ = watch.kill();
    let _ = watch.wait();
}

#[test]
fn a_list_that_cannot_be_written_is_an_error() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let script = format!("exec {}/cleardown list --json > /dev/full", programs_folder().display());
    machine.script(&script).answer().exits(1).says("No space left");
}
