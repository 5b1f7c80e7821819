//! Name servers in resolv.conf(5), and through resolvconf(8).

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cleardown_kernel::net::dns::Places;
use cleardown_kernel::net::{Change, Dns, Interface, Method};

use super::PATIENCE;

const THEIRS: &str = "# mine\nnameserver 192.0.2.53\nsearch home.example";

struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        Home { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn conf(&self) -> PathBuf {
        self.path("etc/resolv.conf")
    }

    fn places(&self) -> Places {
        Places {
            bus: Some(format!("unix:path={}", self.path("no-bus").display())),
            resolv_conf: self.conf(),
            programs: vec![self.path("resolvconf")],
            resolvconf_state: self.path("state"),
        }
    }

    fn change(&self) -> Change {
        Change::Dns(Dns {
            interface: Interface { index: 77, name: "cd0".into() },
            method: Method::find(&self.places(), Duration::from_millis(500)),
            servers: vec!["198.51.100.53".parse().unwrap()],
            search: vec!["corp.example".into()],
            takes_all: true,
        })
    }

    fn text(&self) -> String {
        fs::read_to_string(self.conf()).unwrap()
    }
}

fn go_and_come_back(change: &Change, between: impl FnOnce()) {
    assert!(change.is_reverted(PATIENCE).unwrap());
    change.apply(PATIENCE).unwrap();
    assert!(!change.is_reverted(PATIENCE).unwrap());
    between();
    change.revert(PATIENCE).unwrap();
    assert!(change.is_reverted(PATIENCE).unwrap());
    change.revert(PATIENCE).expect("twice is once");
}

#[test]
fn the_file_is_as_before_behind_its_symbolic_link() {
    let home = Home::new();
    let file = home.path("real.conf");
    fs::write(&file, THEIRS).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("../real.conf", home.conf()).unwrap();
    go_and_come_back(&home.change(), || {
        let text = home.text();
        let first = text.lines().find(|line| line.starts_with("nameserver"));
        assert_eq!(first, Some("nameserver 198.51.100.53"));
        assert_eq!(text.lines().last(), Some("search corp.example home.example"));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    });
    assert_eq!(home.text(), THEIRS);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(home.conf()).unwrap(), Path::new("../real.conf"));
    let left = fs::read_dir(home.folder.path()).unwrap().count();
    assert_eq!(left, 2, "no other file is left");
}

#[test]
fn a_file_that_was_not_there_goes_again() {
    let home = Home::new();
    go_and_come_back(&home.change(), || assert!(home.text().contains("nameserver 198.51.100.53")));
    assert!(!home.conf().exists());
    symlink("../later.conf", home.conf()).unwrap();
    go_and_come_back(&home.change(), || assert!(home.path("later.conf").exists()));
    assert!(!home.path("later.conf").exists() && home.conf().is_symlink());
}

#[test]
fn what_others_wrote_meanwhile_stays() {
    let home = Home::new();
    fs::write(home.conf(), THEIRS).unwrap();
    go_and_come_back(&home.change(), || {
        let text = home.text().replace("192.0.2.53", "192.0.2.54");
        fs::write(home.conf(), text + "options rotate\n").unwrap();
    });
    assert_eq!(home.text(), "# mine\nnameserver 192.0.2.54\nsearch home.example\noptions rotate\n");
    // A manager of resolv.conf throws the old file away.
    go_and_come_back(&home.change(), || fs::write(home.conf(), "nameserver 192.0.2.99\n").unwrap());
    assert_eq!(home.text(), "nameserver 192.0.2.99\n");
    // Or copies it elsewhere and leads there.
    go_and_come_back(&home.change(), || {
        fs::copy(home.conf(), home.path("copy.conf")).unwrap();
        fs::remove_file(home.conf()).unwrap();
        symlink("../copy.conf", home.conf()).unwrap();
    });
    assert_eq!(home.text(), "nameserver 192.0.2.99\n");
}

#[test]
fn domains_are_no_way_to_smuggle_lines_in() {
    let home = Home::new();
    fs::write(home.conf(), THEIRS).unwrap();
    for bad in ["a\nnameserver 203.0.113.66", "", "a b", "a;b"] {
        let Change::Dns(dns) = home.change() else { unreachable!() };
        let change = Change::Dns(Dns { search: vec![bad.into()], ..dns });
        let error = change.apply(PATIENCE).unwrap_err();
        assert!(error.to_string().contains("is no domain name"), "{error}");
    }
    assert_eq!(home.text(), THEIRS);
}

#[test]
fn nonsense_in_the_files_place_is_an_error() {
    let home = Home::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, home.conf(), rustix::fs::Mode::RUSR).unwrap();
    assert!(home.change().apply(PATIENCE).is_err());
    fs::remove_file(home.conf()).unwrap();
    fs::create_dir(home.conf()).unwrap();
    assert!(home.change().apply(PATIENCE).is_err());
}

/// Keeps records as Debian's resolvconf(8) and openresolv do, and takes note of what it is asked.
const PROGRAM: &str = r#"#!/bin/sh
here=$(dirname "$0"); echo "$*" >> "$here/asked"
case $1 in
  -a) cat > "$here/state/interface/$2" ;;
  -d) rm "$here/state/interface/$2" ;;
  -l) cat "$here/state/interface/$2" 2>/dev/null ;;
  *) echo "what?" >&2; exit 9 ;;
esac
"#;

/// Another process writes the program: descriptors of ours may be in a child that another test has just forked, and
/// a file that is being written cannot be executed.
fn install(home: &Home, text: &str) {
    fs::create_dir_all(home.path("state/interface")).unwrap();
    fs::write(home.path("text"), text).unwrap();
    let status = Command::new("install").args([home.path("text"), home.path("resolvconf")]).status();
    assert!(status.unwrap().success());
}

#[test]
fn debians_resolvconf_is_asked_where_it_is_in_charge() {
    let home = Home::new();
    install(&home, PROGRAM);
    fs::write(home.conf(), THEIRS).unwrap();
    let Change::Dns(Dns { method, .. }) = home.change() else { unreachable!() };
    assert!(matches!(method, Method::File { .. }), "the file does not come from it: {method:?}");
    fs::remove_file(home.conf()).unwrap();
    fs::write(home.path("state/resolv.conf"), THEIRS).unwrap();
    symlink("../state/resolv.conf", home.conf()).unwrap();
    go_and_come_back(&home.change(), || {
        let record = fs::read_to_string(home.path("state/interface/vpn.cd0.cleardown77")).unwrap();
        assert_eq!(record, "nameserver 198.51.100.53\nsearch corp.example\n");
    });
    let asked = fs::read_to_string(home.path("asked")).unwrap();
    assert_eq!(asked, "-a vpn.cd0.cleardown77\n-d vpn.cd0.cleardown77\n");
}

#[test]
fn openresolv_is_asked_where_it_is_installed() {
    let home = Home::new();
    install(&home, PROGRAM);
    fs::write(home.conf(), THEIRS).unwrap();
    let Change::Dns(dns) = home.change() else { unreachable!() };
    let method = Method::Resolvconf { program: home.path("resolvconf"), records: None };
    go_and_come_back(&Change::Dns(Dns { method, ..dns }), || {
        assert!(home.path("state/interface/vpn.cd0.cleardown77").exists());
    });
    assert!(fs::read_to_string(home.path("asked")).unwrap().contains("-a vpn.cd0.cleardown77\n"));
}

#[test]
fn a_program_that_fails_or_hangs_is_an_error() {
    let home = Home::new();
    let Change::Dns(dns) = home.change() else { unreachable!() };
    let hurry = Duration::from_millis(300);
    for (text, patience, words) in [
        ("echo No space >&2; exit 1", PATIENCE, "resolvconf: No space"),
        ("exec sleep 60", hurry, "timed out"),
    ] {
        install(&home, &format!("#!/bin/sh\n{text}\n"));
        let method = Method::Resolvconf { program: home.path("resolvconf"), records: None };
        let error = Change::Dns(Dns { method, ..dns.clone() }).apply(patience).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}
