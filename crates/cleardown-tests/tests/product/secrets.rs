//! Passwords: every character works, and none is ever where another process could read it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use cleardown_testkit::{Options, User};
use cleardown_tests::{Machine, Running, Server, Who};

#[test]
fn passwords_with_every_awkward_character() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let printable: String = (b' '..=b'~').map(char::from).collect();
    let passwords = [
        "a,b",
        "-o",
        "  lead and trail  ",
        "%s%n$HOME`id`",
        "äöü ß €",
        "日本語",
        "\\",
        "'\"'",
        "😀",
        &printable,
    ];
    for password in passwords {
        let user = User { password: password.to_owned(), ..User::eve() };
        let server = Server::samba(Options { users: vec![user], ..Options::default() });
        machine.map("z:", &server);
        machine.end("z:");
    }
}

#[test]
fn a_password_from_a_descriptor() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(cleardown_tests::Protocol::Smb);
    let Server::Smb(.., user) = &server else { unreachable!() };
    let password = machine.file("password", format!("{}\n", user.password));
    let program = machine.command(&[]).get_program().to_string_lossy().into_owned();
    let script = format!(
        "{program} map z: {} --at {} --user eve --password-fd 7 7< {}",
        server.remote(),
        machine.at("z:").display(),
        password.display()
    );
    machine.script(&script).answer().ok();
    machine.end("z:");
}

#[test]
fn no_process_and_no_file_shows_it() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let secret = "Correct-Horse-7734";
    let user = User { password: secret.into(), ..User::eve() };
    let server = Server::samba(Options { users: vec![user], ..Options::default() });
    let args = machine.map_args("z:", &server);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = machine.command(&args);
    command.env("CLEARDOWN_LOG", "trace").arg("--remember");
    let answer = Running::start(command).answer().ok();
    assert!(!answer.out.contains(secret) && !answer.err.contains(secret));
    for (pid, line) in machine.processes() {
        assert!(!line.contains(secret), "{line}");
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        assert!(!contains(&environment, secret.as_bytes()), "the environment of {line}");
    }
    // A remembered password may be kept in one file, encrypted or for the user alone; nowhere else.
    let folder = machine.path("");
    for path in files(&folder) {
        let Ok(bytes) = fs::read(&path) else { continue };
        if contains(&bytes, secret.as_bytes()) && path != machine.path("password.eve") {
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", path.display());
            assert!(path.starts_with(machine.path("config")) || path.starts_with(machine.path("state")));
            assert!(path.to_string_lossy().contains("secret"), "{}", path.display());
        }
    }
    let list = machine.run(&["list", "--json"]).ok();
    assert!(!list.out.contains(secret));
    machine.end("z:");
    // A wrong password is not repeated in the error either.
    let wrong = machine.file("wrong", "Wrong-Horse-1\n");
    let remote = server.remote();
    let args =
        ["map", "z:", &remote, "--user", "eve", "--password-file", wrong.to_str().unwrap(), "--replace"];
    let answer = machine.run(&args).exits(7);
    assert!(!answer.err.contains("Wrong-Horse-1"));
}

#[test]
fn a_password_file_that_others_can_read_is_refused_or_warned_about() {
    cleardown_tests::needs_root!();
    let machine = Machine::new(Who::User);
    let server = Server::start(cleardown_tests::Protocol::Smb);
    let args = machine.map_args("z:", &server);
    fs::set_permissions(machine.path("password.eve"), fs::Permissions::from_mode(0o644)).unwrap();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let answer = machine.run(&args);
    assert!(answer.err.contains("password.eve") || answer.code != 0, "{answer}");
    machine.run(&["end", "--all"]);
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type().unwrap();
            // The drives themselves are not searched.
            if kind.is_dir() && entry.file_name() != "mnt" {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
