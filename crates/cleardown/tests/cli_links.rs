//! The built program with links: the phone book on files, and dialling against a daemon that plays its part.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cleardown_core::request::Dialled;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use world::{AWKWARD, World};

const PBK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cleardown-profile/tests/imports/rasphone.pbk");
const WG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cleardown-profile/tests/imports/wg0.conf");

/// A world whose phone book has an entry for each thing that may happen.
fn with_entries() -> World {
    let world = World::new();
    for (name, device) in
        [("office", "tcp:h:1"), ("busy", "tcp:busy:1"), ("locked", "tcp:locked:1"), ("slow", "tcp:slow:1")]
    {
        world.run(&["phonebook", "add", name, "--device", device]).expect(0);
    }
    world
}

fn without(text: &str, world: &World) -> String {
    text.replace(&world.path("").display().to_string(), "/")
}

#[test]
fn an_entry_is_added_changed_renamed_and_removed() {
    let world = World::new();
    let book = |args: &[&str]| world.run(&[&["phonebook"], args].concat());
    assert_eq!(book(&["list"]).expect(0).err, "the phone book is empty\n");
    let add = [
        "add",
        "Office",
        "--device",
        "/dev/ttyS0",
        "--number",
        "555-1234",
        "--user",
        r"CORP\eve",
        "--default-route",
    ];
    assert_eq!(without(&book(&add).expect(0).out, &world), "Office is in /config/phonebook/office.toml\n");
    assert!(book(&add).expect(10).err.contains("has an entry Office already (WNet 183)"));
    book(&["add", "cable", "--device", "serial:ttyS1"]).expect(0);
    // For root the one phone book is the system's.
    let listed = book(&["list"]).expect(0).out.replace("system", "own");
    insta::assert_snapshot!(listed, @r#"
    NAME    TYPE    DEVICE      NUMBER    USER      BOOK
    cable   serial  ttyS1       -         -         own
    Office  modem   /dev/ttyS0  555-1234  CORP\eve  own
    "#);

    book(&[
        "edit",
        "office",
        "--number",
        "555-9999",
        "--set",
        "dialling.redial_attempts=3",
        "--set",
        "ppp.auth=[\"pap\"]",
    ])
    .expect(0);
    insta::assert_snapshot!(book(&["show", "OFFICE"]).expect(0).out, @r#"
    # A phone-book entry of cleardown; `cleardown phonebook edit` checks what you change.
    name = "Office"
    user = 'CORP\eve'

    [device]
    type = "modem"
    port = "/dev/ttyS0"
    number = "555-9999"
    tone = "tone"
    speed = 115200
    flow_control = true
    connect_seconds = 60

    [network]
    default_route = true
    peer_dns = true

    [ppp]
    auth = ["pap"]
    ipv4 = true
    ipv6 = true
    mru = 1500
    echo_seconds = 30
    echo_failures = 4

    [dialling]
    redial_attempts = 3
    redial_pause_seconds = 60
    idle_disconnect_seconds = 0
    "#);
    let wrong = book(&["edit", "office", "--set", "ppp.mru=10"]).expect(1);
    assert!(wrong.err.contains("ppp.mru: less than 68 octets"), "{wrong:#?}");
    assert!(!book(&["show", "office"]).expect(0).out.contains("mru = 10\n"), "nothing was saved");

    assert_eq!(book(&["rename", "office", "Work"]).expect(0).out, "office is now Work\n");
    book(&["show", "office"]).expect(4);
    assert_eq!(book(&["remove", "work", "cable"]).expect(0).out, "work is removed\ncable is removed\n");
    assert!(book(&["remove", "work"]).expect(4).err.contains("(RAS 623)"));
}

#[test]
fn an_editors_work_is_checked_before_it_is_saved() {
    let world = with_entries();
    let editor = |script: &str| {
        let program = world.path("editor");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = world.command(&["phonebook", "edit", "office"]);
        let output = command.env("EDITOR", format!("{} -x", program.display())).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let shown = || world.run(&["phonebook", "show", "office"]).expect(0).out;
    let before = shown();
    assert_eq!(editor("true"), (0, "nothing was changed\n".to_owned()));
    let (code, said) = editor("echo 'colour = ' >> \"$2\"");
    assert!(code == 1 && said.contains("office.toml:"), "{said}");
    let (code, said) = editor("sed -i s/h:1/nowhere/ \"$2\"");
    assert!(code == 1 && said.contains("device.address: write host:port"), "{said}");
    let (code, said) = editor("exit 3");
    assert!(code == 1 && said.contains("the editor ended with"), "{said}");
    assert_eq!(shown(), before, "nothing of that was saved");
    let (code, said) = editor("echo '# Ask Bob.' >> \"$2\"");
    assert!(code == 0 && shown().ends_with("# Ask Bob.\n"), "{said}");
}

#[test]
fn a_damaged_entry_is_named_and_the_others_are_there() {
    let world = with_entries();
    fs::write(world.path("config/phonebook/bad.toml"), "name = \"bad\"\n[device]\ntype = 5\n").unwrap();
    let list = world.run(&["phonebook", "list"]).expect(0);
    assert!(list.out.contains("office") && list.err.contains("bad.toml:3:8"), "{list:#?}");
    let checked = world.run(&["phonebook", "validate"]).expect(1);
    assert!(checked.err.contains("bad.toml:3:8"), "{checked:#?}");
    let fine = ["phonebook", "validate", "office", "busy"];
    assert_eq!(world.run(&fine).expect(0).out, "2 entries make sense\n");
    let office = world.path("config/phonebook/office.toml");
    let misspelt = format!("{}[network]\ndefault_rout = true\n", fs::read_to_string(&office).unwrap());
    fs::write(&office, misspelt).unwrap();
    let warned = world.run(&fine).expect(0).err;
    assert_eq!(warned, "warning: office: the key network.default_rout means nothing here\n");
    let json = world.run(&["phonebook", "list", "--json"]).expect(0).json();
    assert_eq!(
        (json["entries"].as_array().unwrap().len(), json["damaged"].as_array().unwrap().len()),
        (4, 1)
    );
}

#[test]
fn other_programs_entries_are_imported_and_their_keys_kept_apart() {
    let world = World::new();
    let dry = world.run(&["phonebook", "import", PBK, "--dry-run"]).expect(0);
    assert!(dry.out.contains("Office would be imported (modem, ttyS2)"), "{dry:#?}");
    assert_eq!(world.run(&["phonebook", "list"]).expect(0).out, "");
    let imported = world.run(&["phonebook", "import", PBK]).expect(0);
    insta::assert_snapshot!(format!("{}---\n{}", imported.out, imported.err), @r#"
    Office is imported (modem, ttyS2)
      not carried over: dialling rules (country code 49, area code 089): check the number and what goes before it
      not carried over: a default route for one of IPv4 and IPv6 only: what holds for IPv4 holds for both
      not carried over: WINS servers
      not carried over: dialling again when the link breaks
      not carried over: alternate numbers: only the first is used
      assumed: the port COM3 is /dev/ttyS2 here
    GSM stick is imported (modem, ttyS11)
      assumed: the port COM12 is /dev/ttyS11 here
    Two computers is imported (serial, ttyS0)
      not carried over: authentication by MS-CHAP version 1
      not carried over: authentication by EAP
      assumed: the port com1 is /dev/ttyS0 here
      assumed: no other authentication was allowed; the usual ways are
    Both channels is imported (modem, ttyS0)
      not carried over: line 104, which is not understood
      not carried over: callback
      not carried over: a script or a terminal after dialling
      not carried over: multilink: only the first device is used
      assumed: the port COM1 is /dev/ttyS0 here
    ---
    Company VPN is left out: it is a VPN (SSTP), which is not supported
    DSL is left out: it is broadband (PPPoE), which is not supported yet
    office is left out: it has no device
    a/b is left out: its name is not allowed here
    Empty is left out: it has no device
    hint: Windows keeps users and passwords elsewhere: cleardown phonebook edit NAME --user USER
    "#);
    assert!(world.run(&["phonebook", "import", PBK]).expect(10).err.contains("has an entry Office already"));
    world.run(&["phonebook", "import", PBK, "--replace"]).expect(0);

    let tunnel = world.run(&["phonebook", "import", WG, "--name", "home"]).expect(0);
    assert!(tunnel.out.contains("home is imported (wireguard, vpn.example.com:51820)"), "{tunnel:#?}");
    let kept = |name: &str| {
        ["plain", "cred"]
            .iter()
            .any(|kind| world.path(&format!("config/secrets/link+{name}.{kind}")).exists())
    };
    assert!(kept("home"));
    assert!(!world.run(&["phonebook", "show", "home"]).expect(0).out.contains("yAnz5TF"));
    world.run(&["phonebook", "rename", "home", "away"]).expect(0);
    assert!(kept("away") && !kept("home"));
    world.run(&["phonebook", "remove", "away"]).expect(0);
    assert!(!kept("away"));

    let file = world.path("broken.conf");
    fs::write(&file, "[Interface]\nPrivateKey = short\n").unwrap();
    let broken = world.run(&["phonebook", "import", file.to_str().unwrap()]).expect(1);
    assert!(
        broken.err.contains("broken.conf:2 cannot be imported: a key is 32 bytes in base64"),
        "{broken:#?}"
    );
}

#[test]
fn a_dial_shows_its_states_and_then_what_is_there() {
    let world = with_entries();
    let dialled = world.run(&["dial", "OFFICE", "--timeout", "90", "--user", "bob"]).expect(0);
    assert_eq!(dialled.out, "office is connected: ppp-office, 10.64.64.64/32 (over h:1)\n");
    insta::assert_snapshot!(dialled.err, @r#"
    0.000 s  opening the port
    0.012 s  connecting the device
    1.840 s  device connected
    1.911 s  authenticating
    2.020 s  network protocols agreed
    2.057 s  connected
    "#);
    let request = world.daemon.dials.lock().unwrap()[0].clone();
    assert_eq!((request.timeout_ms, request.user.as_deref()), (Some(90_000), Some("bob")));

    let again = world.run(&["dial", "office"]).expect(0);
    assert!(again.out.ends_with(", 2 references\n"), "{again:#?}");
    insta::assert_snapshot!(world.run(&["list"]).expect(0).out, @r#"
    STATUS     NAME    WHERE       REMOTE  HOLDERS  PENDING
    connected  office  ppp-office  h:1     -        up 2 h 1 min, 1.2 MB/8.0 MB
    "#);
    assert!(world.run(&["status", "Office"]).expect(0).out.contains("handle      #7\n"));
    assert_eq!(world.run(&["list", "--json"]).expect(0).json()["connections"][0]["link"]["handle"], json!(7));
    let ended = world.run(&["hangup", "office"]).expect(0);
    insta::assert_snapshot!(ended.out, @r#"
    office ended: peer acknowledged, interface gone, routes reverted, DNS reverted, worker reaped (0.0 s)
    "#);
    world.run(&["hangup", "office"]).expect(4);
}

#[test]
fn a_number_is_dialled_without_an_entry() {
    let world = World::new();
    let dialled = world.run(&["dial", "--number", "*99#", "--device", "/dev/ttyUSB9"]).expect(0);
    assert_eq!(dialled.out, ".*99# is connected: ppp-office, 10.64.64.64/32 (*99# over /dev/ttyUSB9)\n");
    let Dialled::Given(entry) = world.daemon.dials.lock().unwrap()[0].entry.clone() else {
        panic!("not given")
    };
    assert_eq!((entry.name.number(), entry.device.kind()), (Some("*99#"), "modem"));
}

#[test]
fn a_failed_dial_says_number_cause_and_hint() {
    let world = with_entries();
    let busy = world.run(&["dial", "busy"]).expect(5);
    assert_eq!(busy.out, "");
    insta::assert_snapshot!(busy.err, @r#"
        0.000 s  opening the port
        0.012 s  connecting the device
    error: busy: the line is busy, while connecting the device (RAS 676)
    hint: dial again later, or set redial attempts in the entry
    "#);
    assert!(world.run(&["dial", "nothing"]).expect(4).err.contains("(RAS 623)\nhint: "));
    world.run(&["dial", "locked", "--user", "eve"]).expect(7);
    assert_eq!(world.run(&["list"]).expect(0).err, "nothing is connected\n");
}

#[test]
fn a_password_is_asked_for_once_and_kept_when_wanted() {
    let world = with_entries();
    let line = format!("wrong\n{AWKWARD}\n");
    let dial = ["dial", "locked", "--user", "eve", "--remember-password"];
    let dialled = world.run_on_terminal(&dial, &line).expect(0);
    assert!(dialled.out.contains("Password of eve for locked: "), "{dialled:#?}");
    assert!(dialled.out.contains("locked is connected"), "{dialled:#?}");
    world.run(&["end", "locked"]).expect(0);
    world.run(&["dial", "locked", "--user", "eve"]).expect(0);
    world.run(&["end", "locked"]).expect(0);
    let input = format!("{AWKWARD}\n");
    world.run_with_input(&["dial", "locked", "--password-fd", "0"], &input).expect(0);
}

#[test]
fn a_signal_hangs_up_in_mid_dial() {
    let world = with_entries();
    let mut command = world.command(&["dial", "slow"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while world.daemon.dials.lock().unwrap().is_empty() {
        assert!(Instant::now() < end, "the request did not arrive");
        std::thread::sleep(Duration::from_millis(5));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8(output.stderr).unwrap().ends_with("interrupted; slow is not connected\n"));
}

#[test]
fn rasdial_reads_as_in_windows() {
    let world = with_entries();
    let rasdial = |args: &[&str]| world.run(&[&["rasdial"], args].concat());
    assert_eq!(rasdial(&[]).expect(0).out, "No connections\nCommand completed successfully.\n");
    insta::assert_snapshot!(rasdial(&["Office", "eve", "/DOMAIN:CORP", "/PHONE:555"]).expect(0).out, @r#"
    Connecting to office...
    Verifying username and password...
    Successfully connected to office.
    Command completed successfully.
    "#);
    let request = world.daemon.dials.lock().unwrap()[0].clone();
    assert_eq!((request.user.as_deref(), request.number.as_deref()), (Some(r"CORP\eve"), Some("555")));
    assert_eq!(rasdial(&[]).expect(0).out, "Connected to\noffice\nCommand completed successfully.\n");
    assert!(rasdial(&["office"]).expect(0).out.starts_with("You are already connected to office."));
    assert_eq!(rasdial(&["OFFICE", "/disconnect"]).expect(0).out, "Command completed successfully.\n");
    assert!(rasdial(&["office", "/d"]).expect(0).out.starts_with("No connections\n"));

    let busy = rasdial(&["busy"]).expect(164);
    insta::assert_snapshot!(format!("{}---\n{}", busy.out, busy.err), @r#"
    Connecting to busy...
    ---

    Remote Access error 676 - the line is busy.

    error: busy: the line is busy, while connecting the device (RAS 676)
    hint: dial again later, or set redial attempts in the entry
    "#);
    let asked = world.run_on_terminal(&["rasdial", "locked", "eve", "*"], &format!("{AWKWARD}\n")).expect(0);
    assert!(
        asked.out.contains("Password of eve for locked: ") && asked.out.contains("Successfully connected")
    );
    let book = format!("/PHONEBOOK:{PBK}");
    rasdial(&["Two computers", &book]).expect(0);
    let vpn = rasdial(&["Company VPN", &book]).expect(50);
    assert!(vpn.err.contains("it is a VPN (SSTP)"), "{vpn:#?}");
}
