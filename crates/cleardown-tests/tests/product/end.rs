//! Ending: refuse, wait, force, detach; what goes wrong in between; and the proof.

use std::fs;
use std::time::Duration;

use cleardown_testkit::{Options, ShareDef};
use cleardown_tests::{
    Machine, Running, Server, Stage, Who, eventually, is_mounted, on_every_stage, sha256sum,
};
use rustix::process::Signal;

on_every_stage!(
    what_was_written_is_on_the_server,
    waiting_ends_with_the_last_holder,
    waiting_has_a_deadline,
    an_interrupted_wait_changes_nothing,
    a_second_caller_joins,
    detach_frees_the_name,
    force_ends_what_is_in_use,
    force_ends_on_a_frozen_server_and_names_what_is_lost,
    force_on_a_frozen_server_that_has_everything_loses_nothing,
    a_frozen_server_leaves_it_connected,
    unmounted_behind_our_back,
    ending_all,
);

/// A process that writes into a file of the drive and keeps it open.
fn writer(machine: &Machine) -> Running {
    let z = machine.at("z:");
    let script = format!("exec 3> {0}/open; echo data >&3; echo up > {0}/up; exec sleep 600", z.display());
    let writer = machine.script(&script);
    let seen = format!("[ -e {}/up ]", z.display());
    eventually("the writer has begun", || machine.script(&seen).answer().code == 0);
    writer
}

fn what_was_written_is_on_the_server(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let script = format!("head -c 30000000 /dev/urandom > {0}/big; sha256sum < {0}/big", z.display());
    let sum = machine.script(&script).answer().ok().out;
    machine.end("z:");
    assert_eq!(sha256sum(&server.folder().join("big")), sum);
}

fn waiting_ends_with_the_last_holder(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let (first, second) = (writer(machine), writer(machine));
    let mut waiting = machine.start(&["end", "z:", "--wait", "--json"]);
    drop(first);
    std::thread::sleep(Duration::from_millis(300));
    assert!(waiting.runs() && is_mounted(&machine.at("z:")));
    drop(second);
    let answer = waiting.answer().ok();
    assert_eq!(answer.json()["ended"][0]["proof"]["acknowledged"], true, "{answer}");
    assert!(!is_mounted(&machine.at("z:")));
    assert_eq!(fs::read_to_string(server.folder().join("open")).unwrap(), "data\n");
}

fn waiting_has_a_deadline(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let holder = writer(machine);
    machine.run(&["end", "z:", "--wait=1"]).exits(3).says("it is still in use by");
    let answer = machine.run(&["end", "z:", "--wait=1", "--json"]).exits(3);
    let holders = answer.json()["refused"][0]["holders"].clone();
    assert!(holders.as_array().unwrap().iter().any(|h| h["pid"] == holder.pid()), "{answer}");
    assert_eq!(machine.status("z:"), "connected");
    drop(holder);
    machine.end("z:");
}

fn an_interrupted_wait_changes_nothing(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let holder = writer(machine);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut waiting = machine.start(&["end", "z:", "--wait"]);
        eventually("it listens to signals", || waiting.catches(signal));
        std::thread::sleep(Duration::from_millis(300));
        assert!(waiting.runs());
        waiting.signal(signal);
        waiting.answer().exits(code).says("interrupted");
        assert_eq!(machine.status("z:"), "connected");
    }
    drop(holder);
    machine.end("z:");
}

fn a_second_caller_joins(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let holder = writer(machine);
    let waiting = machine.start(&["end", "z:", "--wait", "--json"]);
    let also = machine.start(&["end", "z:", "--wait", "--json"]);
    // A caller who does not wait is told who is in the way, and disturbs nobody.
    machine.run(&["end", "z:"]).exits(5);
    drop(holder);
    for answer in [waiting.answer().ok(), also.answer()] {
        // The second may have come when all was over.
        if answer.code == 0 {
            assert_eq!(answer.json()["ended"][0]["proof"]["worker_reaped"], true, "{answer}");
        } else {
            answer.exits(4);
        }
    }
}

fn detach_frees_the_name(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let (go, lazy) = (machine.path("home/go"), z.join("lazy").display().to_string());
    let script = format!(
        "exec 3> {lazy}; until [ -e {} ]; do sleep 0.05; done; echo still here >&3; exec 3>&-",
        go.display()
    );
    let holder = machine.script(&script);
    let held = || {
        let listed = machine.run(&["holders", "z:", "--json"]).json();
        listed["holders"][0]["path"].as_str().map(str::to_owned)
    };
    eventually("a holder", || held().as_ref() == Some(&lazy));
    machine.run(&["end", "z:", "--detach"]).ok();
    assert!(!is_mounted(&z));
    assert_eq!(held().as_ref(), Some(&lazy), "it is shown where it was");
    // The name can be used again at once, and the holder goes on.
    machine.map("z:", server);
    fs::write(go, "").unwrap();
    holder.answer().ok();
    eventually("the late write", || {
        fs::read_to_string(server.folder().join("lazy")).unwrap_or_default() == "still here\n"
    });
    machine.end("z:");
    eventually("all workers are gone", || {
        !machine.processes().iter().any(|(_, line)| line.contains(" worker "))
    });
}

fn force_ends_what_is_in_use(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.map("z:", server);
    let holder = writer(machine);
    let answer = machine.run(&["end", "z:", "--force", "--json"]);
    let report = answer.json();
    let ended = &report["ended"][0];
    assert_eq!((ended["proof"]["mount_gone"].as_bool(), answer.code), (Some(true), 0), "{answer}");
    assert!(!is_mounted(&machine.at("z:")));
    assert!(machine.list().is_empty());
    drop(holder);
    assert_eq!(fs::read_to_string(server.folder().join("open")).unwrap(), "data\n");
}

fn force_ends_on_a_frozen_server_and_names_what_is_lost(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let held = writer(machine);
    let (ready, go) = (machine.path("home/ready"), machine.path("home/go"));
    let lost = machine.script(&format!(
        "exec 3> {}/void; touch {}; until [ -e {} ]; do sleep 0.05; done; \
         exec dd if=/dev/zero bs=1M count=30 conv=fsync status=none >&3",
        z.display(),
        ready.display(),
        go.display()
    ));
    eventually("its file is open", || ready.exists());
    eventually("all before is on the server", || machine.connection("z:").unwrap()["pending_bytes"] == 0);
    server.stop();
    // This one writes into the void.
    fs::write(&go, "").unwrap();
    eventually("it has written", || machine.connection("z:").unwrap()["pending_bytes"] == 30 << 20);
    let answer = machine.run(&["end", "z:", "--force", "--timeout", "8", "--json"]);
    server.cont();
    let answer = answer.exits(6);
    let report = answer.json();
    let ended = &report["ended"][0];
    assert_eq!(ended["proof"]["mount_gone"], true, "{answer}");
    assert_eq!(ended["proof"]["worker_reaped"], true, "{answer}");
    assert_eq!(ended["proof"]["acknowledged"], false, "{answer}");
    assert_eq!(ended["proof"]["session_closed"], false, "{answer}");
    let files = ended["lost"].as_array().unwrap();
    assert_eq!((files.len(), files[0]["bytes"].as_u64()), (1, Some(30 << 20)), "{answer}");
    assert!(files[0]["path"].as_str().unwrap().ends_with("void"), "{answer}");
    assert!(!is_mounted(&z));
    assert!(lost.answer().code != 0, "the writer must learn that its data is lost");
    drop(held);
}

fn force_on_a_frozen_server_that_has_everything_loses_nothing(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let held = writer(machine);
    eventually("all is on the server", || machine.connection("z:").unwrap()["pending_bytes"] == 0);
    server.stop();
    let answer = machine.run(&["end", "z:", "--force", "--timeout", "8", "--json"]);
    server.cont();
    let answer = answer.exits(3);
    let report = answer.json();
    let ended = &report["ended"][0];
    assert_eq!(ended["lost"].as_array().map(Vec::len), Some(0), "{answer}");
    assert!(!ended["unproven"].as_array().unwrap().is_empty(), "{answer}");
    assert!(!is_mounted(&z));
    drop(held);
}

fn a_frozen_server_leaves_it_connected(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    machine.script(&format!("echo before > {}/a", z.display())).answer().ok();
    server.stop();
    let answer = machine.run(&["end", "z:", "--timeout", "2"]);
    // Where nothing was pending the end may have got as far as the log-off, which nobody answers.
    assert!(matches!(answer.code, 1 | 3), "{answer}");
    server.cont();
    eventually("connected again, or ended", || matches!(machine.status("z:").as_str(), "connected" | ""));
    if !machine.status("z:").is_empty() {
        machine.end("z:");
    }
    eventually("it has ended", || machine.list().is_empty());
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "before\n");
}

fn unmounted_behind_our_back(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    machine.script(&format!("echo kept > {}/a", z.display())).answer().ok();
    let unmount = if machine.who() == Who::Root { "umount" } else { "fusermount3 -u" };
    machine.script(&format!("{unmount} {}", z.display())).answer().ok();
    eventually("the list has noticed", || machine.list().is_empty());
    eventually("no worker is left", || {
        machine.processes().iter().all(|(_, line)| !line.contains(" worker "))
    });
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "kept\n");
    // And the name is as good as new.
    machine.map("z:", server);
    machine.end("z:");
}

fn ending_all(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    for name in ["z:", "y:", "photos"] {
        machine.map(name, server);
    }
    let answer = machine.run(&["end", "--all", "--json"]).ok();
    assert_eq!(answer.json()["ended"].as_array().map(Vec::len), Some(3), "{answer}");
    assert!(machine.list().is_empty());
}

#[test]
fn a_full_disk_leaves_it_connected_and_names_the_file() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let share = ShareDef { tmpfs: Some(4 << 20), ..ShareDef::new("files") };
    let server = Server::samba(Options { shares: vec![share], ..Options::default() });
    let z = machine.map("z:", &server);
    // The writer keeps the file open and has no errors to look at yet; then it goes away.
    let script = format!("exec 3> {}/big; dd if=/dev/zero bs=1M count=16 status=none >&3; true", z.display());
    machine.script(&script).answer();
    let answer = machine.run(&["end", "z:", "--json"]);
    if answer.code == 0 {
        // Everything that could not be written was told to the writer before: nothing was pending.
        let ended = answer.json();
        assert_eq!(ended["ended"][0]["lost"].as_array().map(Vec::len), Some(0), "{answer}");
        return;
    }
    answer.exits(1).says("big");
    assert_eq!(machine.status("z:"), "connected");
    let answer = machine.run(&["end", "z:", "--force", "--json"]).exits(6);
    let lost = answer.json()["ended"][0]["lost"].as_array().unwrap().clone();
    assert!(lost.iter().any(|loss| loss["path"].as_str().unwrap().ends_with("big")), "{answer}");
    assert!(!is_mounted(&z));
}

#[test]
fn interrupted_while_mapping_from_a_silent_server() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let remote = format!("smb://127.0.0.1:{}/x", silent.local_addr().unwrap().port());
    let at = machine.at("z:");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mapping = machine.start(&["map", "z:", &remote, "--at", at.to_str().unwrap()]);
        eventually("it is being made", || machine.status("z:") == "opening");
        mapping.signal(signal);
        mapping.answer().exits(code).says("interrupted");
        eventually("nothing is left", || machine.list().is_empty());
    }
}
