//! The built program against a daemon that plays its part: what is printed where, and with which exit code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use cleardown_core::request::Name;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use world::{AWKWARD, FINGERPRINT, World};

/// Waits for something that another process brings about.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn data_and_progress_go_different_ways() {
    let world = World::new();
    let mapped = world.run(&["map", "z:", "//fs1/projects", "--remember", "--timeout", "2.5"]).expect(0);
    assert_eq!(mapped.out, "z: is connected to //fs1/projects at /mnt/z\n");
    assert_eq!(mapped.err, "z: connecting\n");
    let request = world.daemon.requests.lock().unwrap()[0].clone();
    assert!(request.remember && request.timeout_ms == 2500 && request.at.is_none());

    let list = world.run(&["list"]).expect(0);
    assert_eq!(
        list.out,
        "STATUS     NAME  WHERE   REMOTE          HOLDERS  PENDING\n\
         connected  z:    /mnt/z  //fs1/projects  -        -\n"
    );
    assert_eq!(list.err, "");
}

#[test]
fn a_warning_is_no_progress_that_vanishes() {
    let mapped = World::new().run(&["map", "z:", "//plain/x", "--remember"]).expect(0);
    assert_eq!(mapped.err, "z: connecting\nwarning: the password is kept in a plain file\n");
}

#[test]
fn an_empty_list_is_no_data() {
    let list = World::new().run(&["list"]).expect(0);
    assert_eq!((list.out.as_str(), list.err.as_str()), ("", "nothing is connected\n"));
}

#[test]
fn json_is_versioned() {
    let world = World::new();
    assert_eq!(world.run(&["list", "--json"]).expect(0).json(), json!({"version": 1, "connections": []}));
    let mapped = world.run(&["map", "*", "//fs1/projects", "--json"]).expect(0).json();
    assert_eq!((&mapped["version"], &mapped["connection"]["name"]), (&json!(1), &json!("z:")));
    assert_eq!(world.run(&["status", "Z", "--json"]).expect(0).json(), mapped);
    let ended = world.run(&["end", "z:", "--json"]).expect(0).json();
    assert_eq!(ended["ended"][0]["proof"]["mount_gone"], json!(true));
    let refused = world.run(&["end", "z:", "--json"]).expect(4).json();
    assert_eq!(refused["refused"][0]["code"], json!(2250));
}

#[test]
fn what_can_be_remembered_and_forgotten_is_whatever_the_others_are() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/projects"]).expect(0);
    for (command, done) in [("remember", "remembered"), ("forget", "forgotten")] {
        let ran = world.run(&[command, "x:", "z:"]).expect(4);
        assert_eq!(ran.out, format!("z: is {done}\n"));
        assert!(ran.err.starts_with("error: x: is not connected (WNet 2250)\n"), "{}", ran.err);
        let report = world.run(&[command, "x:", "z:", "--json"]).expect(4).json();
        assert_eq!((&report["version"], &report[done]), (&json!(1), &json!(["z:"])));
        assert_eq!(
            (&report["failed"][0]["name"], &report["failed"][0]["code"]),
            (&json!("x:"), &json!(2250))
        );
    }
}

#[test]
fn a_taken_name_gives_10_and_a_hint() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/a"]).expect(0);
    let again = world.run(&["map", "Z:", "//fs1/b"]).expect(10);
    assert_eq!(again.out, "");
    assert!(
        again.err.contains("error: z: is already connected to //fs1/a (WNet 85)\nhint: "),
        "{}",
        again.err
    );
}

#[test]
fn a_password_comes_from_a_descriptor_or_a_private_file() {
    let world = World::new();
    let wrong = world.run(&["map", "z:", "//locked/x", "--user", "eve"]).expect(7);
    let why = "  because: STATUS_LOGON_FAILURE\n  \
               because: no password was given, and there is no terminal to ask on\nhint: ";
    assert!(wrong.err.contains(why), "{}", wrong.err);

    let line = format!("{AWKWARD}\n");
    let map = ["map", "z:", "//locked/x", "--user", "eve"];
    world.run_with_input(&[&map[..], &["--password-fd", "0"]].concat(), &line).expect(0);
    world.run(&["end", "z:"]).expect(0);

    let file = world.path("password");
    std::fs::write(&file, AWKWARD).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let by_file = [&map[..], &["--password-file", file.to_str().unwrap()]].concat();
    assert!(!world.run(&by_file).expect(0).err.contains("chmod"));
    world.run(&["end", "z:"]).expect(0);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(world.run(&by_file).expect(0).err.contains("chmod 600"));
}

#[test]
fn on_a_terminal_a_password_is_asked_for_and_not_shown() {
    let world = World::new();
    let line = format!("eve\n{AWKWARD}\n");
    let mapped = world.run_on_terminal(&["map", "z:", "//locked/x"], &line).expect(0);
    assert!(mapped.out.contains("User on locked: "), "{mapped:#?}");
    assert!(mapped.out.contains("Password of eve on locked: "), "{mapped:#?}");
    assert!(mapped.out.contains("z: is connected to //locked/x"), "{mapped:#?}");
    let user = world.daemon.requests.lock().unwrap().last().unwrap().user.clone();
    assert_eq!(user.as_deref(), Some("eve"));
}

#[test]
fn an_unknown_host_key_is_shown_and_asked_about() {
    let world = World::new();
    let map = ["map", "n:", "sftp://newhost/srv"];
    let refused = world.run(&map).expect(1);
    assert!(refused.err.contains(FINGERPRINT) && refused.err.contains("(WNet 1208)"), "{}", refused.err);
    let declined = world.run_on_terminal(&map, "no\n").expect(1);
    assert!(declined.out.contains(FINGERPRINT), "{declined:#?}");
    let trusted = world.run_on_terminal(&map, "yes\n").expect(0);
    assert!(trusted.out.contains("n: is connected to"), "{trusted:#?}");
}

#[test]
fn of_several_refusals_the_first_on_the_command_line_decides() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/a"]).expect(0);
    world.daemon.hold("z:");
    for (first, second, code) in [("Z", "x:", 5), ("x:", "Z", 4)] {
        let report = world.run(&["end", first, second, "--json"]).expect(code).json();
        let names = report["refused"].as_array().unwrap().iter().map(|refused| &refused["name"]);
        let expected = if code == 5 { ["z:", "x:"] } else { ["x:", "z:"] };
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn busy_names_every_holder_and_force_every_loss() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/a"]).expect(0);
    world.daemon.hold("z:");
    let refused = world.run(&["end", "z:"]).expect(5);
    assert_eq!(refused.out, "");
    assert!(
        refused.err.starts_with("error: z: is in use (WNet 2401)\n  held by: vim[4711] of eve"),
        "{}",
        refused.err
    );
    let holders = world.run(&["holders", "z"]).expect(0);
    assert_eq!(
        holders.out,
        "PID   USER  PROGRAM  KIND       PATH\n4711  eve   vim      open file  /mnt/z/a.txt\n"
    );
    assert_eq!(holders.err, "not seen: processes in another mount namespace\n");
    let forced = world.run(&["cancel", "z:", "--force"]).expect(6);
    assert_eq!(
        forced.out,
        "z: ended with loss: session closed, mount gone, worker reaped (0.0 s)\n  lost: 4.1 kB of a.txt\n"
    );
}

#[test]
fn end_does_what_it_can() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/a"]).expect(0);
    let ended = world.run(&["end", "y:", "z:"]).expect(4);
    assert!(ended.out.starts_with("z: ended: every write acknowledged"), "{}", ended.out);
    assert!(ended.err.contains("y: is not connected"), "{}", ended.err);
    let nothing = world.run(&["end", "--all"]).expect(0);
    assert_eq!(nothing.err, "nothing is connected\n");
}

#[test]
fn a_connection_without_a_local_name_has_its_remote_name() {
    let world = World::new();
    world.run(&["map", "-", "//fs1/a"]).expect(0);
    assert_eq!(world.daemon.requests.lock().unwrap()[0].name, Name::Deviceless);
    assert!(world.run(&["list"]).expect(0).out.contains("connected  -     -      //fs1/a"));
    world.run(&["end", "//fs1/a"]).expect(0);
}

#[test]
fn a_signal_cancels_a_map_and_says_what_is_left() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let world = World::new();
        let mut command = world.command(&["map", "z:", "//slow/x"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until("the request", || !world.daemon.requests.lock().unwrap().is_empty());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with("interrupted; //slow/x is not connected\n"), "{said}");
        wait_until("the cancellation", || world.daemon.cancelled.load(Ordering::SeqCst) == 1);
    }
}

#[test]
fn watch_prints_the_list_again_at_each_change() {
    let world = World::new();
    world.run(&["map", "z:", "//fs1/a"]).expect(0);
    let mut command = world.command(&["list", "--watch", "--json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<serde_json::Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["connections"][0]["pending_bytes"], json!(0));
    // What does not show is no news.
    let asked = || world.daemon.lists.load(Ordering::SeqCst);
    let before = asked();
    world.daemon.announce();
    wait_until("the list is asked for", || asked() > before);
    world.daemon.list.lock().unwrap()[0].pending_bytes = 5;
    world.daemon.announce();
    assert_eq!(next()["connections"][0]["pending_bytes"], json!(5));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn net_use_reads_as_in_windows() {
    let world = World::new();
    let net = |args: &[&str]| world.run(&[&["net", "use"], args].concat());
    assert_eq!(
        net(&[]).expect(0).out,
        "New connections will be remembered.\n\nThere are no entries in the list.\n\n"
    );
    let mapped = net(&["*", r"\\fs1\projects"]).expect(0);
    assert_eq!(
        mapped.out,
        "Drive Z: is now connected to \\\\fs1\\projects.\n\nThe command completed successfully.\n\n"
    );
    assert!(world.daemon.requests.lock().unwrap()[0].remember);
    let taken = net(&["z:", r"\\fs1\other"]).expect(2);
    assert!(
        taken.err.contains("System error 85 has occurred.\n\nThe local device name is already in use.\n"),
        "{taken:#?}"
    );
    assert!(
        net(&[])
            .expect(0)
            .out
            .contains("OK           Z:        \\\\fs1\\projects            Microsoft Windows Network\n")
    );
    assert!(
        net(&["Z:"]).expect(0).out.starts_with("Local name        Z:\nRemote name       \\\\fs1\\projects\n")
    );
    assert_eq!(net(&["z:", "/delete"]).expect(0).out, "z: was deleted successfully.\n\n".replace("z:", "Z:"));
    let gone = net(&["z:", "/delete"]).expect(2);
    assert!(gone.err.starts_with("The network connection could not be found.\n\nMore help"), "{gone:#?}");
}

#[test]
fn net_use_asks_before_it_closes_open_files() {
    let world = World::new();
    let delete = ["net", "use", "z:", "/delete"];
    world.run(&["net", "use", "z:", r"\\fs1\a"]).expect(0);
    world.daemon.hold("z:");
    let asked = world.run_with_input(&delete, "n\n").expect(2);
    assert!(asked.err.contains("There are open files") && asked.err.contains("(Y/N) [N]: "), "{asked:#?}");
    let silent = world.run(&delete).expect(2);
    assert!(silent.err.contains("No valid response was provided."), "{silent:#?}");
    let forced = world.run_with_input(&delete, "Y\n").expect(2);
    assert!(forced.err.contains("4.1 kB of a.txt on Z: were lost."), "{forced:#?}");
    assert_eq!(forced.out, "Z: was deleted successfully.\n\n");

    world.run(&["net", "use", "y:", r"\\fs1\b"]).expect(0);
    world.run_with_input(&["net", "use", "*", "/delete"], "n\n").expect(2);
    let all = world.run(&["net", "use", "*", "/d", "/y"]).expect(0);
    assert!(all.out.contains("    Y:        \\\\fs1\\b\n"), "{all:#?}");
    assert!(world.daemon.list.lock().unwrap().is_empty());
}
