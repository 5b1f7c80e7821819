//! A second client of the same server changes files underneath; the drive shows it.

use std::fs;
use std::io::Write;

use cleardown_tests::{Machine, Stage, Who, eventually, on_every_stage};

on_every_stage!(changes_by_others_are_seen, two_machines_see_each_other, two_machines_append_to_one_file);

fn changes_by_others_are_seen(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let folder = server.folder();
    let sees = |what: &str, script: &str| {
        let script = format!("cd {}; {script}", z.display());
        eventually(what, || machine.script(&script).answer().code == 0);
    };
    fs::write(folder.join("a"), "one").unwrap();
    sees("a new file", "[ \"$(cat a)\" = one ]");
    fs::write(folder.join("a"), "longer than one").unwrap();
    sees("a new content", "[ \"$(cat a)\" = 'longer than one' ] && [ $(stat -c %s a) = 15 ]");
    fs::File::options().append(true).open(folder.join("a")).unwrap().write_all(b"!").unwrap();
    sees("an appended byte", "[ \"$(tail -c 1 a)\" = '!' ]");
    fs::rename(folder.join("a"), folder.join("b")).unwrap();
    sees("a new name", "[ ! -e a ] && [ -e b ] && [ \"$(ls)\" = b ]");
    fs::remove_file(folder.join("b")).unwrap();
    sees("a removal", "[ ! -e b ] && [ -z \"$(ls -A)\" ]");
    machine.end("z:");
}

fn two_machines_append_to_one_file(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let other = Machine::new(Who::Root);
    let (z, y) = (machine.map("z:", server), other.map("y:", server));
    let go = machine.path("go");
    // Between two lines of the one, whose kernel knows nothing of it, the other adds another.
    let ours = machine.script(&format!(
        "exec 3>> {0}/log; chmod 666 {0}/log; echo one >&3; until [ -e {1} ]; do sleep 0.05; done; echo three >&3",
        z.display(),
        go.display()
    ));
    eventually("the first line", || {
        fs::read_to_string(server.folder().join("log")).is_ok_and(|l| l == "one\n")
    });
    other.script(&format!("echo two >> {}/log", y.display())).answer().ok();
    machine.file("go", "");
    ours.answer().ok();
    assert_eq!(fs::read_to_string(server.folder().join("log")).unwrap(), "one\ntwo\nthree\n");
    // And both as fast as they can.
    let many = |at: &std::path::Path, who: &str| {
        format!("exec 3>> {}/log; for n in $(seq 60); do echo {who} $n >&3; done", at.display())
    };
    let (a, b) = (machine.script(&many(&z, "ours")), other.script(&many(&y, "theirs")));
    a.answer().ok();
    b.answer().ok();
    let log = fs::read_to_string(server.folder().join("log")).unwrap();
    for who in ["ours", "theirs"] {
        let numbers: Vec<String> =
            log.lines().filter_map(|line| line.strip_prefix(&format!("{who} "))).map(str::to_owned).collect();
        assert_eq!(numbers, (1..=60).map(|n| n.to_string()).collect::<Vec<_>>(), "{log}");
    }
    machine.end("z:");
    other.end("y:");
}

fn two_machines_see_each_other(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let other = Machine::new(Who::Root);
    let (z, y) = (machine.map("z:", server), other.map("y:", server));
    for n in 0..10 {
        machine.script(&format!("seq {n} {} > {}/ping", n + 1000, z.display())).answer().ok();
        let seen = format!("cmp {}/ping <(seq {n} {})", y.display(), n + 1000);
        eventually("the other's write", || other.script(&seen).answer().code == 0);
        // What is closed here is on the server at once.
        let there = fs::read_to_string(server.folder().join("ping")).unwrap();
        assert_eq!(there.lines().next(), Some(n.to_string().as_str()));
    }
    machine.end("z:");
    other.end("y:");
}
