//! Other programs' files: what becomes an entry, what is left, and what nonsense does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use cleardown_core::link::EntryName;
use cleardown_profile::PhoneBook;
use cleardown_profile::import::{Import, Imported, rasphone, wg_quick};
use proptest::prelude::*;

const PBK: &str = include_str!("imports/rasphone.pbk");
const WG: &str = include_str!("imports/wg0.conf");

fn name(text: &str) -> EntryName {
    text.parse().unwrap()
}

/// The entry as its file in the phone book, and what was left.
fn shown(imported: &Imported) -> String {
    let config = tempfile::tempdir().unwrap();
    let book = PhoneBook::new(config.path());
    book.put(&imported.entry).unwrap();
    let text = book.text(&imported.entry.name).unwrap().unwrap();
    let file = text.lines().skip(1).collect::<Vec<_>>().join("\n");
    let remarks = &imported.remarks;
    let left = remarks.left.iter().map(|what| format!("left: {what}"));
    let left: Vec<String> =
        left.chain(remarks.assumed.iter().map(|what| format!("assumed: {what}"))).collect();
    let problems = imported.entry.problems().into_iter().map(|what| format!("problem: {what}"));
    [vec![file], left, problems.collect()].concat().join("\n")
}

fn entry<'a>(import: &'a Import, name: &str) -> &'a Imported {
    import.entries.iter().find(|imported| imported.entry.name.as_str() == name).unwrap()
}

#[test]
fn a_phone_book_of_windows_comes_over() {
    let import = rasphone(PBK.as_bytes()).unwrap();
    insta::assert_snapshot!(shown(entry(&import, "Office")), @r#"
    name = "Office"

    [device]
    type = "modem"
    port = "ttyS2"
    number = "0895551234"
    tone = "tone"
    speed = 115200
    flow_control = true
    connect_seconds = 60

    [ppp]
    auth = ["ms-chap-v2", "chap", "pap"]
    ipv4 = true
    ipv6 = false
    mru = 1500
    local_address = "10.9.0.7"
    echo_seconds = 30
    echo_failures = 4

    [network]
    default_route = false
    metric = 25
    peer_dns = false
    dns = ["10.9.0.1", "10.9.0.2"]
    search = ["corp.example.com"]

    [dialling]
    redial_attempts = 3
    redial_pause_seconds = 30
    idle_disconnect_seconds = 1200
    left: dialling rules (country code 49, area code 089): check the number and what goes before it
    left: a default route for one of IPv4 and IPv6 only: what holds for IPv4 holds for both
    left: WINS servers
    left: dialling again when the link breaks
    left: alternate numbers: only the first is used
    assumed: the port COM3 is /dev/ttyS2 here
    "#);
    insta::assert_snapshot!(shown(entry(&import, "GSM stick")), @r#"
    name = "GSM stick"

    [device]
    type = "modem"
    port = "ttyS11"
    number = "*99#"
    tone = "plain"
    speed = 115200
    flow_control = true
    connect_seconds = 60

    [network]
    default_route = true
    peer_dns = true
    assumed: the port COM12 is /dev/ttyS11 here
    "#);
    insta::assert_snapshot!(shown(entry(&import, "Two computers")), @r#"
    name = "Two computers"

    [device]
    type = "serial"
    port = "ttyS0"
    speed = 19200
    flow_control = false

    [network]
    default_route = true
    peer_dns = true
    left: authentication by MS-CHAP version 1
    left: authentication by EAP
    assumed: the port com1 is /dev/ttyS0 here
    assumed: no other authentication was allowed; the usual ways are
    "#);
    insta::assert_snapshot!(shown(entry(&import, "Both channels")), @r#"
    name = "Both channels"

    [device]
    type = "modem"
    port = "ttyS0"
    number = "1"
    tone = "tone"
    speed = 115200
    flow_control = true
    connect_seconds = 60

    [network]
    default_route = true
    peer_dns = true
    left: line 104, which is not understood
    left: callback
    left: a script or a terminal after dialling
    left: multilink: only the first device is used
    assumed: the port COM1 is /dev/ttyS0 here
    "#);
}

#[test]
fn what_cannot_come_over_is_named() {
    let import = rasphone(PBK.as_bytes()).unwrap();
    let skipped: Vec<String> = import.skipped.iter().map(|s| format!("{}: {}", s.name, s.why)).collect();
    insta::assert_snapshot!(skipped.join("\n"), @r#"
    Company VPN: it is a VPN (SSTP), which is not supported
    DSL: it is broadband (PPPoE), which is not supported yet
    office: it has no device
    a/b: its name is not allowed here
    Empty: it has no device
    "#);
    let kinds = [(1, "PPTP"), (4, "L2TP"), (6, "SSTP"), (7, "IKEv2"), (0, "of any kind")];
    for (strategy, kind) in kinds {
        let text = format!("[x]\nType=2\nVpnStrategy={strategy}\n");
        let import = rasphone(text.as_bytes()).unwrap();
        assert!(import.skipped[0].why.contains(kind), "{:?}", import.skipped);
    }
}

#[test]
fn every_encoding_of_windows_gives_the_same() {
    let text = PBK.replace("Office", "Büro €");
    let utf16 = |bytes: fn(u16) -> [u8; 2]| {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
    };
    let ansi: Vec<u8> =
        text.chars().map(|c| if c == '€' { 0x80 } else { u8::try_from(u32::from(c)).unwrap() }).collect();
    let crlf = text.replace('\n', "\r\n").into_bytes();
    for bytes in [text.clone().into_bytes(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes), ansi, crlf] {
        let import = rasphone(&bytes).unwrap();
        assert_eq!((import.entries.len(), import.skipped.len()), (4, 5));
        assert_eq!(import.entries[0].entry.name.as_str(), "Büro €");
    }
}

#[test]
fn a_file_of_wg_quick_comes_over_with_its_keys_apart() {
    let imported = wg_quick(name("wg0"), WG.as_bytes()).unwrap();
    insta::assert_snapshot!(shown(&imported), @r#"
    name = "wg0"

    [device]
    type = "wireguard"
    listen_port = 51821

    [[device.peers]]
    public_key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
    endpoint = "vpn.example.com:51820"
    allowed_ips = ["10.192.122.0/24", "10.192.124.1/32", "0.0.0.0/0"]
    keepalive_seconds = 25

    [[device.peers]]
    public_key = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0="
    endpoint = "[2001:db8::7]:51820"
    allowed_ips = ["fd00:1::/64"]

    [network]
    addresses = ["10.200.100.8/24", "fd00::8/64", "10.9.9.9/32"]
    default_route = false
    peer_dns = false
    dns = ["10.200.100.1", "fd00::1"]
    search = ["office.example.com"]
    mtu = 1380
    left: Table = 1234: routes go into the main table
    left: FwMark
    left: PostUp (line 11): commands are not run
    left: SaveConfig
    "#);
    let secret = imported.secret.as_ref().unwrap();
    let lines: Vec<&str> = secret.lines().collect();
    assert_eq!(lines[0], "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=");
    assert_eq!(
        lines[1..],
        ["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg= /UwcSPg38hW/D9Y3tcS1FOV0K1wuURMbS0sesJEP5ak="]
    );
    for key in ["yAnz5TF", "/UwcSPg"] {
        assert!(!shown(&imported).contains(key) && !format!("{:?}", imported.entry).contains(key));
    }
}

#[test]
fn nonsense_is_refused_with_its_line_and_no_key() {
    let key = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
    let files = [
        "hello\n".to_owned(),
        "[Interface]\n".to_owned(),
        format!("[Interface]\nPrivateKey = {key}x\n"),
        format!("[Interface]\nPrivateKey = {key}\n"),
        format!("[Interface]\n{key}\n"),
        format!("[Interface]\nPrivateKey = {key}\n\n[Peer]\nEndpoint = h:1\n"),
        format!("[Interface]\nPrivateKey = {key}\n[Peer]\nPublicKey = {key}\nAllowedIPs = 10.0.0.0/33\n"),
        format!("[Interface]\nPrivateKey = {key}\n[Peer]\nEndpoint = nowhere\n"),
        "[Interface]\nMTU = 70000\n".to_owned(),
        "[Interface]\nColour = red\n".to_owned(),
        "[Other]\n".to_owned(),
        "[Interface]\nAddress = 10.0.0.256\n".to_owned(),
    ];
    let refused: Vec<String> = files
        .iter()
        .map(|file| wg_quick(name("wg0"), file.as_bytes()).unwrap_err().in_file("wg0.conf").to_string())
        .collect();
    assert!(!refused.join("\n").contains("yAnz5"));
    insta::assert_snapshot!(refused.join("\n"), @r#"
    wg0.conf:1 cannot be imported: this is neither [section] nor key = value
    wg0.conf cannot be imported: [Interface] has no PrivateKey
    wg0.conf:2 cannot be imported: a key is 32 bytes in base64
    wg0.conf cannot be imported: there is no [Peer]
    wg0.conf:2 cannot be imported: [Interface] has no such key
    wg0.conf:4 cannot be imported: this peer has no PublicKey
    wg0.conf:5 cannot be imported: an address is like 10.0.0.2/24
    wg0.conf:4 cannot be imported: an endpoint is host:port
    wg0.conf:2 cannot be imported: that is no number that fits
    wg0.conf:2 cannot be imported: [Interface] has no Colour
    wg0.conf:1 cannot be imported: a section is [Interface] or [Peer]
    wg0.conf:2 cannot be imported: an address is like 10.0.0.2/24
    "#);
    let pbk = rasphone(b"; a comment\n\nType=1\n").unwrap_err().in_file("rasphone.pbk");
    insta::assert_snapshot!(format!("{pbk} ({})", pbk.code().0), @r#"
    rasphone.pbk:3 cannot be imported: this is no phone book: [name] of an entry should come first (625)
    "#);
}

/// Lines such as the files have, in any order, with anything in between.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&str> = PBK.lines().chain(WG.lines()).collect();
    let line = prop_oneof![
        8 => proptest::sample::select(known).prop_map(|line| line.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..40),
        1 => "[A-Za-z]{1,12}=[0-9]{0,12}".prop_map(String::into_bytes),
    ];
    proptest::collection::vec(line, 0..60).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn anything_gives_entries_that_can_be_kept_or_an_error(bytes in lines(), raw in proptest::collection::vec(any::<u8>(), 0..400)) {
        for bytes in [&bytes, &raw] {
            let mut all = rasphone(bytes).map(|import| import.entries).unwrap_or_default();
            all.extend(wg_quick(name("wg0"), bytes));
            for imported in all {
                shown(&imported);
            }
        }
    }
}
