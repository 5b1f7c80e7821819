//! The phone book, as the command line and the daemon use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cleardown_core::link::{Device, Dialling, Entry, EntryName, Network, Ppp, Tone};
use cleardown_profile::{PhoneBook, PhoneBooks, Whose};
use proptest::prelude::*;

fn name(text: &str) -> EntryName {
    text.parse().unwrap()
}

fn modem(number: &str) -> Device {
    Device::Modem {
        port: "ttyS0".into(),
        number: number.into(),
        init: Vec::new(),
        tone: Tone::Tone,
        speed: 115_200,
        flow_control: true,
        has_lines: None,
        connect_seconds: 60,
    }
}

fn entry(name: &str, device: Device) -> Entry {
    Entry {
        name: name.parse().unwrap(),
        user: None,
        device,
        ppp: Ppp::default(),
        network: Network::default(),
        dialling: Dialling::default(),
    }
}

fn text(config: &Path, file: &str) -> String {
    fs::read_to_string(config.join("phonebook").join(file)).unwrap()
}

#[test]
fn an_entry_is_one_readable_file_without_what_is_usual() {
    let config = tempfile::tempdir().unwrap();
    let book = PhoneBook::new(config.path());
    let mut office = Entry { user: Some(r"DOM\eve".into()), ..entry("Büro & Co", modem("555-1234")) };
    office.network.default_route = true;
    book.put(&office).unwrap();

    insta::assert_snapshot!(text(config.path(), "büro %26 co.toml"), @r#"
    # A phone-book entry of cleardown; `cleardown phonebook edit` checks what you change.
    name = "Büro & Co"
    user = 'DOM\eve'

    [device]
    type = "modem"
    port = "ttyS0"
    number = "555-1234"
    tone = "tone"
    speed = 115200
    flow_control = true
    connect_seconds = 60

    [network]
    default_route = true
    peer_dns = true
    "#);
    let mode = |path: &str| fs::metadata(config.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("phonebook"), mode("phonebook/büro %26 co.toml")), (0o755, 0o644));
    assert_eq!(book.get(&name("BÜRO & CO")).unwrap(), Some(office));
}

#[test]
fn a_change_keeps_comments_and_fields_of_a_later_version() {
    let config = tempfile::tempdir().unwrap();
    let book = PhoneBook::new(config.path());
    fs::create_dir(config.path().join("phonebook")).unwrap();
    let before = "# Ask Bob before changing this.\nname = \"office\"\ncolour = \"red\" # for the map\n\n\
                  [device]\ntype = \"modem\"\nport = \"ttyS0\"\n# the night number\nnumber = \"555-1234\" # direct\n\
                  spare = 1\n\n[ppp]\nmru = 1500 # as usual\n";
    fs::write(config.path().join("phonebook/office.toml"), before).unwrap();
    let mut office = book.get(&name("office")).unwrap().unwrap();
    office.device = modem("555-9999");
    office.user = Some("eve".into());
    office.network.routes = vec!["10.0.0.0/8".parse().unwrap()];
    book.put(&office).unwrap();

    insta::assert_snapshot!(text(config.path(), "office.toml"), @r#"
    # Ask Bob before changing this.
    name = "office"
    colour = "red" # for the map
    user = "eve"

    [device]
    type = "modem"
    port = "ttyS0"
    # the night number
    number = "555-9999" # direct
    spare = 1

    [ppp]
    mru = 1500 # as usual

    [network]
    default_route = false
    routes = ["10.0.0.0/8"]
    peer_dns = true
    "#);
    office.device = Device::Tcp { address: "ras.example.com:4000".into() };
    office.user = None;
    book.put(&office).unwrap();
    insta::assert_snapshot!(text(config.path(), "office.toml"), @r#"
    # Ask Bob before changing this.
    name = "office"
    colour = "red" # for the map

    [device]
    type = "tcp"
    spare = 1
    address = "ras.example.com:4000"

    [ppp]
    mru = 1500 # as usual

    [network]
    default_route = false
    routes = ["10.0.0.0/8"]
    peer_dns = true
    "#);
    assert_eq!(book.get(&name("office")).unwrap(), Some(office));
}

#[test]
fn a_rename_takes_everything_along() {
    let config = tempfile::tempdir().unwrap();
    let book = PhoneBook::new(config.path());
    book.put(&entry("office", modem("1"))).unwrap();
    book.put(&entry("home", modem("2"))).unwrap();
    let commented = format!("{}# a remark\n", text(config.path(), "office.toml"));
    book.put_text(&name("office"), &commented).unwrap();

    book.rename(&name("office"), &name("work")).unwrap();
    assert!(text(config.path(), "work.toml").contains("# a remark"));
    assert!(!config.path().join("phonebook/office.toml").exists());
    book.rename(&name("work"), &name("WORK")).unwrap();
    assert_eq!(book.get(&name("work")).unwrap().unwrap().name.as_str(), "WORK");

    let code = |outcome: cleardown_core::Result<()>| outcome.unwrap_err().code().0;
    assert_eq!(code(book.rename(&name("work"), &name("Home"))), 183);
    assert_eq!(code(book.rename(&name("nothing"), &name("x"))), 623);
    assert_eq!(code(book.rename(&name("work"), &EntryName::of_number("555").unwrap())), 123);
    assert_eq!(code(book.put(&entry(".555", modem("555")))), 123);
    assert!(book.remove(&name("Work")).unwrap());
    assert!(!book.remove(&name("work")).unwrap());
}

#[test]
fn a_damaged_file_is_named_with_line_and_column_and_the_others_load() {
    let config = tempfile::tempdir().unwrap();
    let book = PhoneBook::new(config.path());
    book.put(&entry("good", modem("1"))).unwrap();
    let folder = config.path().join("phonebook");
    let device = "[device]\ntype = \"tcp\"\naddress = \"h:1\"\n";
    fs::write(folder.join("a.toml"), format!("name = \"a\"\n{device}[ppp]\nmru = \"big\"\n")).unwrap();
    fs::write(folder.join("b.toml"), "name = \"b\"\n[device]\ntype = \"carrier pigeon\"\n").unwrap();
    fs::write(folder.join("c.toml"), format!("name = \"a/c\"\n{device}")).unwrap();
    fs::write(folder.join("d.toml"), format!("name = \"e\"\n{device}")).unwrap();
    fs::write(folder.join("f.toml"), "name = \"f\"\n[device\n").unwrap();

    let loaded = book.load().unwrap();
    assert_eq!(loaded.entries, [entry("good", modem("1"))]);
    let shown: Vec<String> = loaded
        .damaged
        .iter()
        .map(|d| d.error.to_string().replace(&format!("{}/", folder.display()), ""))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    the profile is damaged at a.toml:6:7: invalid type: string "big", expected u16
    the profile is damaged at b.toml:3:8: unknown variant `carrier pigeon`, expected one of `modem`, `serial`, `command`, `tcp`, `unix`, `wireguard`
    the profile is damaged at c.toml:1:8: "a/c" is no name for a phone-book entry
    the profile is damaged at d.toml: the name e does not fit the file's name
    the profile is damaged at f.toml:2:8: unclosed table, expected `]`
    "#);
    let mended = format!("name = \"f\"\n{device}");
    assert!(book.put_text(&name("f"), "name = 5").is_err());
    assert_eq!(book.text(&name("f")).unwrap().unwrap(), "name = \"f\"\n[device\n", "nothing was written");
    book.put_text(&name("f"), &mended).unwrap();
    assert_eq!(book.load().unwrap().entries.len(), 2);
}

#[test]
fn the_users_entries_come_before_the_systems() {
    let (user, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    PhoneBook::new(system.path()).put(&entry("office", modem("1"))).unwrap();
    PhoneBook::new(system.path()).put(&entry("branch", modem("2"))).unwrap();
    let books = PhoneBooks::new(user.path(), system.path());
    books.own().put(&entry("OFFICE", modem("3"))).unwrap();

    let all: Vec<_> =
        books.load().unwrap().entries.iter().map(|f| (f.whose, f.entry.name.to_string())).collect();
    assert_eq!(all, [(Whose::System, "branch".into()), (Whose::User, "OFFICE".into())]);
    assert_eq!(books.find(&name("Office")).unwrap().entry.device, modem("3"));
    assert_eq!(books.find(&name("nowhere")).unwrap_err().code().0, 623);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_legal_name_has_a_file_of_its_own(a in "\\PC{1,256}", b in "\\PC{1,256}", user in "\\PC{0,20}") {
        let (Ok(a), Ok(b)) = (a.parse::<EntryName>(), b.parse::<EntryName>()) else { return Ok(()) };
        prop_assume!(a != b && a.number().is_none() && b.number().is_none());
        let config = tempfile::tempdir().unwrap();
        let book = PhoneBook::new(config.path());
        let first = Entry { user: Some(user), ..entry(a.as_str(), modem("1")) };
        let second = entry(b.as_str(), modem("2"));
        book.put(&first).unwrap();
        book.put(&second).unwrap();
        prop_assert_eq!(book.get(&a).unwrap(), Some(first));
        prop_assert_eq!(book.get(&b).unwrap(), Some(second));
        prop_assert_eq!(book.load().unwrap().entries.len(), 2);
    }
}
