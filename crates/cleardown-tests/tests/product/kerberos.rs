//! Drives of a Kerberos realm: with tickets, with a password at its KDC, and refused.

use std::path::{Path, PathBuf};

use cleardown_testkit::{Options, Realm, Samba, User};
use cleardown_tests::{Answer, Machine, Running, Who, eventually, is_mounted, kill};

/// A realm, a server of it, and a user's machine in it.
struct World {
    realm: Realm,
    samba: Samba,
    machine: Machine,
}

impl World {
    fn new(who: Who, options: Options) -> World {
        let realm = Realm::start(&options.users).unwrap();
        let samba = Samba::start(Options { realm: Some(realm.clone()), ..options }).unwrap();
        World { realm, samba, machine: Machine::new(who) }
    }

    /// Eve's tickets, for so many seconds.
    fn tickets(&self, seconds: u32) -> PathBuf {
        let fresh = self.machine.path("fresh");
        self.realm.kinit(&User::eve(), seconds, &fresh).unwrap();
        self.machine.file("tickets", std::fs::read(fresh).unwrap())
    }

    /// `cleardown ARGS` of somebody who has these tickets.
    fn run(&self, args: &[&str], cache: &str) -> Answer {
        let mut command = self.machine.command(args);
        command.env("KRB5_CONFIG", self.realm.conf()).env("KRB5CCNAME", cache);
        Running::start(command).answer()
    }

    fn map(&self, more: &[&str], cache: &str) -> Answer {
        let (remote, at) = (self.samba.named_remote("files"), text(&self.machine.at("z:")));
        let mut args = vec!["map", "z:", &remote, "--kerberos", "--at", &at, "--timeout", "60"];
        args.extend(more);
        self.run(&args, cache)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn tickets_open_a_drive_and_bring_it_back() {
    cleardown_tests::needs_root!();
    for who in [Who::Root, Who::User] {
        let world = World::new(who, Options::default());
        let machine = &world.machine;
        let cache = format!("FILE:{}", world.tickets(3600).display());
        world.map(&["--remember"], &cache).ok();
        let z = machine.at("z:");
        let letter = text(&z.join("letter"));
        machine.script(&format!("printf 'dear eve' > {letter}")).answer().ok();
        assert_eq!(std::fs::read(world.samba.path("files").join("letter")).unwrap(), b"dear eve");
        assert_eq!(machine.connection("z:").unwrap()["user"], "eve@CLEARDOWN.TEST");

        kill(machine.worker("z:"));
        // The next worker logs on by itself.
        machine.script(&format!("cat {letter}")).answer().ok().says("dear eve");

        machine.end("z:");
        let kept = std::fs::read_to_string(machine.path("config/drives/z.toml")).unwrap();
        assert!(kept.contains("kerberos = true") && !kept.contains("tickets"), "{kept}");
        world.run(&["restore", "z:"], &cache).ok();
        assert!(is_mounted(&z));
        machine.end("z:");
    }
}

#[test]
fn every_dialect_and_the_longest_keys_work_with_tickets() {
    cleardown_tests::needs_root!();
    let aes_256 = "server smb3 encryption algorithms = AES-256-GCM\n";
    for (max_protocol, encrypt, extra) in
        [("SMB2_10", false, ""), ("SMB3_02", true, ""), ("SMB3_11", true, ""), ("SMB3_11", true, aes_256)]
    {
        let options = Options {
            max_protocol: max_protocol.into(),
            signing: true,
            encrypt,
            extra: extra.into(),
            ..Options::default()
        };
        let world = World::new(Who::Root, options);
        world.map(&[], &text(&world.tickets(3600))).ok();
        std::fs::write(world.machine.at("z:").join("x"), "x").unwrap();
        world.machine.end("z:");
    }
}

#[test]
fn a_password_is_good_at_the_kdc_too() {
    cleardown_tests::needs_root!();
    let world = World::new(Who::Root, Options::default());
    let machine = &world.machine;
    let good = text(&machine.file("good", format!("{}\n", User::eve().password)));
    let bad = text(&machine.file("bad", "wrong\n"));
    for user in ["eve", "eve@cleardown.test", r"CLEARDOWN.TEST\eve", r"CLEARDOWN\eve"] {
        world.map(&["--user", user, "--password-file", &good], "KCM:").ok();
        assert_eq!(machine.connection("z:").unwrap()["user"], "eve@CLEARDOWN.TEST");
        machine.end("z:");
    }
    for (user, why) in
        [("eve", "the KDC did not accept this password"), ("nobody", "the KDC does not know this user")]
    {
        let answer = world.map(&["--user", user, "--password-file", &bad], "KCM:");
        answer.exits(7).says(why).says("WNet 1326");
    }
}

#[test]
fn each_refusal_says_what_is_wrong_with_the_tickets() {
    cleardown_tests::needs_root!();
    let world = World::new(Who::Root, Options::default());
    let good = text(&world.tickets(3600));
    let refused = |answer: Answer, why: &str| drop(answer.exits(7).says(why).says("WNet 1312"));
    refused(world.map(&[], "FILE:/nowhere"), "there is no ticket cache /nowhere");
    refused(world.map(&[], "KCM:"), "only files can be read");
    refused(world.map(&["--user", "adam"], &good), "the tickets are those of eve@CLEARDOWN.TEST");
    let damaged = text(&world.machine.file("damaged", "x"));
    refused(world.map(&[], &damaged), "too short");
    let unnamed = world.samba.remote("files");
    refused(
        world.run(&["map", "z:", &unnamed, "--kerberos", "--timeout", "60"], &good),
        "knows no server cifs/127.0.0.1",
    );
    let short = text(&world.tickets(1));
    eventually("the ticket has expired", || {
        let answer = world.map(&[], &short);
        if answer.code == 0 {
            world.machine.end("z:");
            return false;
        }
        refused(answer, "the ticket of eve@CLEARDOWN.TEST has expired");
        true
    });
    world.run(&["map", "z:", "sftp://localhost/", "--kerberos"], &good).exits(2).says("for SMB servers only");
    assert!(world.machine.list().is_empty());
}
