//! Daemon and worker die at every step; nothing is lost, and no application notices more than a pause.

use std::fs;
use std::time::Duration;

use cleardown_testkit::{Options, Samba, ShareDef, User};
use cleardown_tests::{
    Machine, Running, Server, Stage, Who, eventually, is_mounted, kill, on_every_stage, sha256sum,
};
use rustix::process::{Pid, Signal, kill_process};

on_every_stage!(
    a_restarted_daemon_knows_its_drives,
    a_killed_worker_is_replaced,
    a_worker_killed_while_an_application_writes,
    a_daemon_killed_while_an_application_writes,
    a_daemon_killed_while_mapping_and_ending,
    a_restarted_server_is_found_again,
    locks_outlive_their_worker,
    daemon_and_successor_part_while_the_server_is_away,
);

fn a_restarted_daemon_knows_its_drives(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    let worker = machine.worker("z:");
    kill(machine.daemon());
    // The drive does not need the daemon.
    machine.script(&format!("echo meanwhile > {}/a", z.display())).answer().ok();
    eventually("the new daemon has it", || machine.status("z:") == "connected");
    assert_eq!(machine.worker("z:"), worker);
    machine.script(&format!("cat {}/a", z.display())).answer().ok();
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "meanwhile\n");
}

/// Kills the drive's worker and waits for the next.
fn replace_worker(machine: &Machine) {
    let old = machine.worker("z:");
    kill(old);
    await_successor(machine, old);
}

fn await_successor(machine: &Machine, old: i32) {
    eventually("there is a new worker", || {
        let connection = machine.connection("z:").unwrap();
        connection["status"] == "connected"
            && connection["worker_pid"].as_i64().is_some_and(|p| p != i64::from(old))
    });
}

/// Locks the files `flock` and `fcntl` of a folder, and goes on holding both.
const LOCKER: &str = r#"perl -MFcntl=:DEFAULT,:flock,:seek -e '
    open A, "+<", "Z/flock" or die; flock(A, LOCK_EX) or die;
    open B, "+<", "Z/fcntl" or die; my $l = pack("s s x4 q q l x4", F_WRLCK, SEEK_SET, 0, 0, 0);
    fcntl(B, F_SETLKW, $l) or die;
    open R, ">", "READY" or die; close R; sleep 600'"#;

/// Says whether one of the two can be locked.
const TRIES: [&str; 2] = [
    "flock -n Z/flock true",
    r#"perl -MFcntl=:DEFAULT,:seek -e 'open B, "+<", "Z/fcntl" or die;
       my $l = pack("s s x4 q q l x4", F_WRLCK, SEEK_SET, 0, 0, 0); exit !fcntl(B, F_SETLK, $l)'"#,
];

fn locks_outlive_their_worker(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let other = Machine::new(Who::Root);
    let (z, y) = (machine.map("z:", server), other.map("y:", server));
    machine.script(&format!("cd {}; touch flock fcntl; chmod 666 flock fcntl", z.display())).answer().ok();
    let ready = machine.path("home/ready");
    let script = |text: &str, at: &std::path::Path| {
        text.replace('Z', at.to_str().unwrap()).replace("READY", ready.to_str().unwrap())
    };
    let holder = machine.script(&format!("exec {}", script(LOCKER, &z)));
    eventually("both are locked", || ready.exists());
    let are_held = || {
        for text in TRIES {
            machine.script(&script(text, &z)).answer().exits(1);
            // Over SFTP locks are this machine's alone.
            if server.has_locks() {
                other.script(&script(text, &y)).answer().exits(1);
            }
        }
    };
    are_held();
    replace_worker(machine);
    are_held();
    drop(holder);
    for text in TRIES {
        eventually("they are free", || machine.script(&script(text, &z)).answer().code == 0);
        eventually("for others too", || other.script(&script(text, &y)).answer().code == 0);
    }
    machine.end("z:");
    other.end("y:");
}

/// A process that does nothing until this is dropped, also when the test fails.
struct Stopped(Pid);

impl Stopped {
    fn new(pid: i32) -> Stopped {
        let pid = Pid::from_raw(pid).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Stopped(pid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}

#[test]
fn what_a_dead_worker_asked_for_does_not_happen_late() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::Root);
    let samba = Samba::start(Options::default()).unwrap();
    let server = Server::Smb(samba, "files".into(), User::eve());
    let Server::Smb(samba, ..) = &server else { unreachable!() };
    let z = machine.map("z:", &server);
    machine.script(&format!("ls {}", z.display())).answer().ok();
    // Its question is with the process that serves it, and that does not run.
    samba.stop_sessions();
    let making = machine.script(&format!("cd {} && mkdir late && rmdir late", z.display()));
    std::thread::sleep(Duration::from_millis(300));
    kill(machine.worker("z:"));
    // Time for the next one to ask again, if it may.
    std::thread::sleep(Duration::from_secs(1));
    samba.cont();
    making.answer().ok();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!server.folder().join("late").exists(), "it was made again behind our back");
    machine.end("z:");
}

#[test]
fn a_lock_that_another_client_gets_meanwhile_is_not_lost_in_silence() {
    cleardown_tests::needs_root!();
    let (machine, other) = (Machine::new(Who::Root), Machine::new(Who::Root));
    // A server that keeps durable handles keeps the locks of a dead client as well, for as long as it likes.
    let share = ShareDef { extra: "durable handles = no".into(), ..ShareDef::new("files") };
    let server = Server::samba(Options { shares: vec![share], ..Options::default() });
    let (z, y) = (machine.map("z:", &server), other.map("y:", &server));
    machine.script(&format!("echo begun > {}/f", z.display())).answer().ok();
    let (go, ready, got) = (machine.path("go"), machine.path("ready"), other.path("got"));
    let holder = machine.script(&format!(
        r#"exec perl -MFcntl=:flock -e '
            open A, "+<", "{}/f" or die; flock(A, LOCK_EX) or die; open R, ">", "{}"; close R;
            select(undef, undef, undef, 0.05) until -e "{}";
            print defined(syswrite(A, "x")) ? "written" : $! + 0'"#,
        z.display(),
        ready.display(),
        go.display()
    ));
    eventually("it is locked", || ready.exists());
    let waiting = other.script(&format!(
        "exec flock -F {}/f sh -c 'touch {}; exec sleep 600'",
        y.display(),
        got.display()
    ));
    // Without a daemon no worker comes, and the other client has its turn.
    let old = machine.worker("z:");
    let daemon = Stopped::new(machine.daemon());
    kill(old);
    eventually("the other has it", || got.exists());
    drop(daemon);
    await_successor(&machine, old);
    fs::write(&go, "").unwrap();
    assert_eq!(holder.answer().out, "5");
    drop(waiting);
    machine.end("z:");
    other.end("y:");
    assert_eq!(fs::read_to_string(server.folder().join("f")).unwrap(), "begun\n");
}

fn a_killed_worker_is_replaced(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    machine.script(&format!("echo one > {}/a", z.display())).answer().ok();
    replace_worker(machine);
    machine.script(&format!("cat {0}/a && echo two >> {0}/a", z.display())).answer().ok();
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "one\ntwo\n");
}

/// A child that a killed daemon had just forked keeps its lock until it runs another program.
#[test]
fn a_lock_that_a_dead_daemon_left_is_waited_for() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(cleardown_tests::Who::User);
    let lock = fs::File::create(machine.path("run").join("lock")).unwrap();
    std::os::unix::fs::chown(machine.path("run").join("lock"), Some(machine.who().uid()), None).unwrap();
    lock.lock().unwrap();
    let asking = machine.start(&["list"]);
    eventually("a daemon has been started", || !machine.processes().is_empty());
    drop(lock);
    asking.answer().ok();
}

/// An application that writes 20 MB in small pieces, syncs, and says what it wrote.
fn application(machine: &Machine) -> Running {
    let z = machine.at("z:");
    machine.script(&format!(
        "set -e; cd {}; head -c 20000000 /dev/urandom > /dev/shm/cdt-$$; \
         dd if=/dev/shm/cdt-$$ of=big bs=50000 conv=fsync status=none; \
         sha256sum < /dev/shm/cdt-$$; rm /dev/shm/cdt-$$",
        z.display()
    ))
}

fn sum_on(stage: &Stage) -> String {
    sha256sum(&stage.server.folder().join("big"))
}

fn begun(stage: &Stage) {
    let big = stage.server.folder().join("big");
    eventually("the application has begun", || fs::metadata(&big).is_ok_and(|m| m.len() > 0));
}

fn daemon_and_successor_part_while_the_server_is_away(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    machine.script(&format!("echo one > {}/a", z.display())).answer().ok();
    server.stop();
    let reading = machine.script(&format!("cat {}/a; echo two > {0}/b", z.display()));
    let old = machine.worker("z:");
    kill(old);
    // The next worker cannot log on, and nobody else but the daemon has what the drive hangs on.
    let has_descriptor = |pid: i32| {
        let all = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        all.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|target| target.ends_with("fuse"))
    };
    eventually("the successor keeps the file system", || {
        let all = machine.processes();
        all.iter().any(|(pid, line)| line.contains(" worker ") && *pid != old && has_descriptor(*pid))
    });
    kill(machine.daemon());
    server.cont();
    // Whoever asks for anything starts the next daemon.
    eventually("connected", || machine.status("z:") == "connected");
    reading.answer().ok().says("one");
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("b")).unwrap(), "two\n");
}

fn a_worker_killed_while_an_application_writes(stage: &mut Stage) {
    stage.machine.map("z:", &stage.server);
    let application = application(&stage.machine);
    begun(stage);
    kill(stage.machine.worker("z:"));
    let sum = application.answer().ok().out;
    stage.machine.end("z:");
    assert_eq!(sum_on(stage), sum);
}

fn a_daemon_killed_while_an_application_writes(stage: &mut Stage) {
    stage.machine.map("z:", &stage.server);
    let application = application(&stage.machine);
    begun(stage);
    kill(stage.machine.daemon());
    let sum = application.answer().ok().out;
    stage.machine.end("z:");
    assert_eq!(sum_on(stage), sum);
}

fn a_daemon_killed_while_mapping_and_ending(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    machine.list();
    for pause in [0, 5, 15, 30, 60, 120, 250] {
        let args = machine.map_args("z:", server);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mapping = machine.start(&args);
        std::thread::sleep(Duration::from_millis(pause));
        kill(machine.daemon());
        let mapped = mapping.answer();
        settle(machine);
        if mapped.code == 0 {
            assert_eq!(machine.status("z:"), "connected", "{mapped}");
        }
        if machine.status("z:").is_empty() {
            machine.map("z:", server);
        }
        let z = machine.at("z:");
        machine.script(&format!("echo {pause} > {}/n", z.display())).answer().ok();
        let ending = machine.start(&["end", "z:"]);
        std::thread::sleep(Duration::from_millis(pause));
        kill(machine.daemon());
        let ended = ending.answer();
        settle(machine);
        if ended.code == 0 {
            assert_eq!(machine.status("z:"), "", "{ended}");
        }
        if !machine.status("z:").is_empty() {
            machine.end("z:");
        }
        assert!(!is_mounted(&z));
        assert_eq!(fs::read_to_string(server.folder().join("n")).unwrap(), format!("{pause}\n"));
    }
}

/// Waits until a restarted daemon has kept or undone what it found.
fn settle(machine: &Machine) {
    eventually("kept or undone", || matches!(machine.status("z:").as_str(), "connected" | ""));
}

fn a_restarted_server_is_found_again(stage: &mut Stage) {
    let Stage { machine, server } = stage;
    let z = machine.map("z:", server);
    machine.script(&format!("echo one > {}/a", z.display())).answer().ok();
    server.restart();
    eventually("it works again", || {
        machine.script(&format!("timeout 20 cat {}/a", z.display())).answer().out == "one\n"
    });
    machine.script(&format!("echo two >> {}/a", z.display())).answer().ok();
    eventually("connected", || machine.status("z:") == "connected");
    machine.end("z:");
    assert_eq!(fs::read_to_string(server.folder().join("a")).unwrap(), "one\ntwo\n");
}

/// What is pending needs the drive, so that ending it and mapping it again is no way out.
#[test]
fn a_drive_whose_password_was_changed_says_so_and_comes_back_when_told() {
    cleardown_tests::needs_root!();
    let Stage { machine, server } = Stage::new(cleardown_tests::Protocol::Smb, Who::User);
    let Server::Smb(samba, _, eve) = &server else { unreachable!() };
    let z = machine.map("z:", &server);
    samba.set_password(eve, "changed").unwrap();
    samba.kill_sessions();
    let why = format!("did not accept the user {}", eve.name);
    eventually("the list says why", || {
        machine.connection("z:").unwrap()["reason"].as_str().is_some_and(|reason| reason.contains(&why))
    });
    machine.run(&["restore", "z:"]).exits(1).says(&why);

    samba.set_password(eve, &eve.password).unwrap();
    machine.run(&["restore", "z:"]).ok();
    machine.script(&format!("echo back > {}/a", z.display())).answer().ok();
    machine.end("z:");
}
