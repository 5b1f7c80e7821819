//! What servers offer: WNetOpenEnum of a server, and `net view`.

use cleardown_testkit::{Options, ShareDef, User};
use cleardown_tests::{Machine, Server, Who, needs_root};

use crate::kit::{C, Stage, compile, project};

/// Shares with comments, a hidden one, one that its name hides, and a printer.
fn options() -> Options {
    let share =
        |name: &str, comment: &str| ShareDef { extra: format!("comment = {comment}"), ..ShareDef::new(name) };
    let printer = ShareDef { extra: "printable = yes\npath = /tmp".into(), ..ShareDef::new("laser") };
    let shares = vec![
        share("files", "for all"),
        share("größe", "Ümläute"),
        share("secret$", "nobody sees me"),
        ShareDef { extra: "browseable = no".into(), ..ShareDef::new("unseen") },
        printer,
    ];
    let extra =
        "restrict anonymous = 2\nload printers = no\nprinting = bsd\nprintcap name = /dev/null".into();
    Options { shares, extra, ..Options::default() }
}

fn stage(options: Options) -> Stage {
    Stage { machine: Machine::new(Who::User), server: Server::samba(options) }
}

#[test]
fn a_servers_shares_are_enumerated() {
    needs_root!();
    let stage = stage(options());
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/shares.c"), C);
    let server = stage.server_name();

    // Nobody is connected, and the server tells strangers nothing.
    stage.run(&program, &[&server]).exits(1).says("error 5\n").says("Cleardown SMB says: ");

    stage.connect("z:", true);
    let answer = stage.run(&program, &[&server]);
    assert_eq!(answer.code, 0, "{answer}");
    let answer = answer.says(&format!("disk {server}\\files: for all\n"));
    let answer =
        answer.says(&format!("disk {server}\\größe: Ümläute\n")).says(&format!("print {server}\\laser: "));
    assert!(!answer.out.contains('$') && !answer.out.contains("unseen"), "{answer}");

    // As the one who is remembered, also when nothing is connected.
    stage.machine.run(&["end", "z:"]).ok();
    stage.run(&program, &[&server]).ok();
}

#[test]
fn a_server_that_knows_another_password_or_is_down_says_so() {
    needs_root!();
    let mut stage = stage(options());
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/shares.c"), C);
    stage.connect("z:", true);
    stage.machine.run(&["end", "z:"]).ok();
    let server = stage.server_name();
    stage.server.kill();
    stage.run(&program, &[&server]).exits(1).says("error 1225").says("refused the connection");

    let port = server.rsplit_once(':').unwrap().1.parse().unwrap();
    let eve = User { password: "another now".into(), ..User::eve() };
    stage.server = Server::samba(Options { port: Some(port), users: vec![eve], ..options() });
    stage.run(&program, &[&server]).exits(1).says("error 1326").says("did not accept the user eve");
    stage.run(&program, &["\\\\no.such.server.invalid"]).exits(1);
    stage.run(&program, &["sftp://127.0.0.1"]).exits(1).says("error 1203");
}

#[test]
fn net_view_shows_what_a_server_offers() {
    needs_root!();
    let stage = stage(options());
    let server = stage.server_name();
    stage.machine.run(&["net", "view", &server]).exits(2).says("System error 5 has occurred.");
    stage.connect("z:", false);
    let shown = stage.machine.run(&["net", "view", &server]).ok();
    let shown =
        shown.says(&format!("Shared resources at {server}\n")).says("files       Disk   Z:       for all\n");
    let shown = shown.says("größe       Disk            Ümläute\n").says("laser       Print");
    assert!(!shown.out.contains('$'), "{shown}");
    let all = stage.machine.run(&["net", "view", &server, "/all"]).ok();
    all.says("secret$").says("IPC$").says("IPC");
    stage.machine.run(&["net", "view"]).ok().says(&format!("{server:<23}connected\n"));
    stage.machine.run(&["end", "z:"]).ok();
    stage.machine.run(&["net", "view"]).exits(2).says("System error 6118 has occurred.");
}
