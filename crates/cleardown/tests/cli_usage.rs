//! The built program where no server and no daemon is needed: usage, exit codes, completions, manual pages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

/// The program in a world of its own, with a daemon that does not exist.
fn cleardown(world: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cleardown"));
    command.env_clear().env("HOME", world).env("CLEARDOWN_DAEMON", world.join("no-such-daemon"));
    for (name, folder) in [("RUNTIME", "run"), ("CONFIG", "config"), ("STATE", "state")] {
        command.env(format!("CLEARDOWN_{name}_DIR"), world.join(folder));
    }
    command
}

fn run(args: &[&str]) -> Output {
    let world = tempfile::tempdir().unwrap();
    cleardown(world.path()).args(args).output().unwrap()
}

fn code(args: &[&str]) -> i32 {
    run(args).status.code().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_are_data() {
    for args in [&["--help"][..], &["--version"], &["end", "--help"], &["help-me"]] {
        let output = run(args);
        let good = args != ["help-me"];
        assert_eq!(output.status.code(), Some(if good { 0 } else { 2 }), "{args:?}");
        assert_eq!(output.stdout.is_empty(), !good, "{args:?}");
        assert_eq!(output.stderr.is_empty(), good, "{args:?}");
    }
}

#[test]
fn what_is_not_understood_gives_2() {
    let lines: [&[&str]; 20] = [
        &["dial"],
        &["dial", "a/b"],
        &["dial", "office", "--device", "modem0"],
        &["dial", "--number", "1", "--device", "tcp:h:1"],
        &["phonebook"],
        &["phonebook", "add", "office"],
        &["phonebook", "add", "office", "--device", "tcp:h:1", "--set", "colour=red"],
        &[],
        &["frobnicate"],
        &["map"],
        &["map", "z:"],
        &["map", "a/b", "//fs1/x"],
        &["map", "z:", "nowhere"],
        &["map", "z:", "smb://eve:secret@fs1/x"],
        &["map", "z:", "//fs1/x", "--timeout", "soon"],
        &["map", "z:", "//fs1/x", "--password-fd", "0", "--password-file", "/x"],
        &["end"],
        &["end", "z:", "--all"],
        &["end", "z:", "--force", "--detach"],
        &["end", "z:", "--wait", "--force"],
    ];
    for line in lines {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{line:?}");
    }
}

#[test]
fn a_password_option_does_not_exist() {
    assert_eq!(code(&["map", "z:", "//fs1/x", "--password", "hunter2"]), 2);
}

#[test]
fn without_a_daemon_every_command_says_so_with_8() {
    let lines: [&[&str]; 11] = [
        &["dial", "--number", "1", "--device", "/dev/ttyS9"],
        &["map", "z:", "//fs1/x"],
        &["list"],
        &["list", "--json"],
        &["list", "--watch"],
        &["status", "z:"],
        &["holders", "z:"],
        &["end", "z:"],
        &["forget", "z:"],
        &["remember", "z:"],
        &["restore"],
    ];
    for line in lines {
        let output = run(line);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(8), "{line:?}: {said}");
        assert!(
            said.starts_with("error: the daemon cannot be reached") && said.contains("(WNet 1222)"),
            "{said}"
        );
        assert!(said.contains("\nhint: "), "{said}");
        assert!(output.stdout.is_empty(), "{line:?}");
    }
}

#[test]
fn a_closed_password_descriptor_is_found_before_anything_is_done() {
    let output = run(&["map", "z:", "//fs1/x", "--password-fd", "77"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_missing_password_file_is_named() {
    let output = run(&["map", "z:", "//fs1/x", "--password-file", "/no/such/file"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/no/such/file"), "{}", stderr(&output));
}

#[test]
fn the_old_words_have_the_exit_codes_of_windows() {
    assert_eq!(code(&["net", "use", "/?"]), 0);
    assert_eq!(code(&["net", "helpmsg", "2250"]), 0);
    assert_eq!(code(&["net", "helpmsg", "99999"]), 2);
    assert_eq!(code(&["net"]), 1);
    assert_eq!(code(&["net", "use", "/frobnicate"]), 1);
    assert_eq!(code(&["net", "use", "z:", r"\\fs1\x", "hunter2"]), 1);
    let output = run(&["net", "use"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("System error 1222 has occurred.\n\n"), "{}", stderr(&output));
}

#[test]
fn called_net_it_is_net() {
    let world = tempfile::tempdir().unwrap();
    let output = cleardown(world.path()).arg0("/usr/bin/net").args(["use", "/?"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("The syntax of this command is:"));
    let output = cleardown(world.path()).arg0("net").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn called_rasdial_it_is_rasdial() {
    let world = tempfile::tempdir().unwrap();
    let called =
        |args: &[&str]| cleardown(world.path()).arg0("/usr/bin/rasdial").args(args).output().unwrap();
    let help = called(&["/?"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().starts_with("USAGE:"));
    let password = called(&["office", "eve", "hunter2"]);
    assert_eq!(password.status.code(), Some(87));
    assert!(stderr(&password).contains("write * to be asked") && !stderr(&password).contains("hunter2"));
    assert_eq!(called(&["office", "/callback:5"]).status.code(), Some(50));
    let unknown = called(&["office"]);
    assert_eq!(unknown.status.code(), Some(111), "623 modulo 256");
    assert!(stderr(&unknown).contains("Remote Access error 623 - the phone book has no such entry."));
}

#[test]
fn completions_exist_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("holders"), "{shell}");
    }
    assert_eq!(code(&["completions", "command.com"]), 2);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let world = tempfile::tempdir().unwrap();
    let folder = world.path().join("man");
    let status = cleardown(world.path()).arg("man").arg(&folder).status().unwrap();
    assert!(status.success());
    for command in ["map", "list", "status", "holders", "end", "forget", "remember", "restore", "net", "demo"]
    {
        let page = std::fs::read_to_string(folder.join(format!("cleardown-{command}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{command}");
    }
    let main = std::fs::read_to_string(folder.join("cleardown.1")).unwrap();
    assert!(main.contains("ended with loss"), "the exit codes are in the main page");
    assert!(!folder.join("cleardown-man.1").exists(), "what is hidden has no page");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let world = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_cleardown");
    let line = format!("'{program}' completions bash | head -c 10; '{program}' --help | head -c 10");
    let mut shell = Command::new("sh");
    let output = shell.arg("-c").arg(line).env("HOME", world.path()).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}
