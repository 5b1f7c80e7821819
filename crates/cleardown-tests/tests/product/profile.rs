//! What is remembered: readable files, forgotten on demand, restored in parallel.

use std::fs;
use std::net::TcpListener;
use std::time::Instant;

use cleardown_tests::{Stage, Who, eventually, is_mounted, on_every_stage, programs_folder};

on_every_stage!(a_remembered_drive_comes_back, forgetting);

fn a_remembered_drive_comes_back(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map_with("z:", server, &["--remember"]).ok();
    assert_eq!(machine.connection("z:").unwrap()["remembered"], true);
    machine.end("z:");
    assert!(machine.list().is_empty());
    let all = machine.run(&["list", "--remembered", "--json"]).ok().json();
    assert_eq!(all["connections"][0]["status"], "remembered");
    machine.run(&["restore"]).ok().says("z:");
    let z = machine.at("z:");
    assert!(is_mounted(&z));
    machine.script(&format!("echo back > {}/a", z.display())).answer().ok();
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "back\n");
}

fn forgetting(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map_with("z:", server, &["--remember"]).ok();
    machine.run(&["forget", "z:"]).ok();
    assert_eq!(machine.status("z:"), "connected");
    machine.run(&["remember", "z:"]).ok();
    machine.run(&["end", "z:", "--forget"]).ok();
    let all = machine.run(&["list", "--remembered", "--json"]).ok().json();
    assert_eq!(all["connections"].as_array().map(Vec::len), Some(0));
    machine.run(&["forget", "z:"]).exits(4).says("2250");
}

#[test]
fn a_name_that_is_remembered_for_another_share() {
    cleardown_tests::needs_root!();
    let Stage { machine, server } = Stage::new(cleardown_tests::Protocol::Sftp, Who::User);
    machine.map_with("z:", &server, &["--remember"]).ok();
    machine.end("z:");
    let other = cleardown_tests::Server::start(cleardown_tests::Protocol::Sftp);
    machine.map_with("z:", &other, &[]).exits(10).says("WNet 1202");
    machine.map_with("z:", &other, &["--replace"]).ok();
    machine.end("z:");
}

#[test]
fn a_dead_server_delays_no_other() {
    cleardown_tests::needs_root!();
    let Stage { machine, server } = Stage::new(cleardown_tests::Protocol::Smb, Who::User);
    machine.map_with("z:", &server, &["--remember"]).ok();
    machine.end("z:");
    // A silent server in the profile: a copy of the entry under another name and port.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port().to_string();
    let entry = find(&machine.path("config"), "z");
    let text = fs::read_to_string(&entry).unwrap();
    let ours = server.remote().split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
    let at = machine.at("z:");
    let text = text.replace(&ours, &port).replace(at.to_str().unwrap(), machine.at("y:").to_str().unwrap());
    let text = text.replace("\"z:\"", "\"y:\"");
    let twin = entry.with_file_name(entry.file_name().unwrap().to_string_lossy().replace('z', "y"));
    machine.file(twin.strip_prefix(machine.path("")).unwrap().to_str().unwrap(), text);
    let started = Instant::now();
    let restoring = machine.start(&["restore"]);
    eventually("the live one is back", || machine.status("z:") == "connected");
    assert!(started.elapsed().as_secs() < 8, "the dead one must not delay it");
    assert!(restoring.answer().code != 0);
    machine.end("z:");
}

#[test]
fn a_damaged_file_is_named() {
    cleardown_tests::needs_root!();
    let machine = cleardown_tests::Machine::new(Who::User);
    machine.folder("config/drives");
    machine.file("config/drives/y.toml", "name = ");
    machine.file("config/drives/z.toml", "name = \"z:\"\nremote = \"//fs1/x\"\n");
    machine.run(&["restore", "y"]).exits(1).says("y could not be restored").says("y.toml:1:");
    assert!(machine.list().is_empty());
    machine.run(&["list", "--remembered"]).ok().says("remembered  z:").says("y.toml:1:");
    let list = machine.run(&["list", "--remembered", "--json"]).ok().json();
    let y = &list["connections"][0];
    assert_eq!((&y["name"], &y["status"], &y["remembered"]), (&"y".into(), &"failed".into(), &true.into()));
    assert!(y["reason"].as_str().unwrap().contains("y.toml:1:"), "{list}");
    machine.run(&["forget", "y"]).ok();
    machine.run(&["restore", "z:", "y"]).says("y could not be restored");
}

/// At login the server may not be there yet.
#[test]
fn a_drive_comes_back_when_its_server_does() {
    cleardown_tests::needs_root!();
    for protocol in [cleardown_tests::Protocol::Smb, cleardown_tests::Protocol::Sftp] {
        let Stage { machine, mut server } = Stage::new(protocol, Who::User);
        machine.map_with("z:", &server, &["--remember"]).ok();
        machine.end("z:");
        cleardown_tests::kill(machine.daemon());
        server.kill();
        let mut login = machine.program(programs_folder().join("cleardownd"));
        login.args(["--restore", "--runtime-dir"]).arg(machine.path("run"));
        let _daemon = cleardown_tests::Running::start(login);
        assert_ne!(machine.status("z:"), "connected");
        server.restart();
        eventually("it is back", || machine.status("z:") == "connected");
        machine.end("z:");
    }
}

/// Somebody asked for the list a moment before the login's daemon was started.
#[test]
fn a_daemon_that_is_there_already_restores_for_the_one_that_was_to() {
    cleardown_tests::needs_root!();
    let Stage { machine, mut server } = Stage::new(cleardown_tests::Protocol::Sftp, Who::User);
    machine.map_with("z:", &server, &["--remember"]).ok();
    machine.end("z:");
    server.kill();
    let there = machine.daemon();
    let mut login = machine.program(programs_folder().join("cleardownd"));
    login.args(["--restore", "--runtime-dir"]).arg(machine.path("run"));
    cleardown_tests::Running::start(login).answer().ok();
    assert_eq!(machine.daemon(), there);
    server.restart();
    eventually("it is back", || machine.status("z:") == "connected");
    machine.end("z:");
}

/// The profile's file of a name.
fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_stem().is_some_and(|stem| stem == name)
                && path.extension().is_some_and(|e| e == "toml")
            {
                return path;
            }
        }
    }
    panic!("no entry for {name}");
}
