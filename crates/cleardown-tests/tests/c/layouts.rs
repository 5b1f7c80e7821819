//! Every structure has the same fields at the same places for a C compiler and for us.

use std::collections::BTreeMap;
use std::process::Command;

use cleardown_capi::ras::types::*;
use cleardown_capi::wnet::types::*;
use cleardown_tests::needs_root;

use crate::kit::{C, How, UNICODE, compile, project};

type Layout = Vec<(&'static str, usize)>;

fn ours<U: cleardown_capi::Unit>() -> Vec<(&'static str, Layout)> {
    vec![
        ("NETRESOURCE", NetResource::<U>::layout()),
        ("UNIVERSAL_NAME_INFO", UniversalName::<U>::layout()),
        ("REMOTE_NAME_INFO", RemoteName::<U>::layout()),
        ("NETINFOSTRUCT", NetInfo::<U>::layout()),
        ("NETCONNECTINFOSTRUCT", NetConnectInfo::<U>::layout()),
        ("CONNECTDLGSTRUCT", ConnectDialog::<U>::layout()),
        ("DISCDLGSTRUCT", DisconnectDialog::<U>::layout()),
        ("RASCONN", RasConn::<U>::layout()),
        ("RASCONNSTATUS", RasConnStatus::<U>::layout()),
        ("RASENTRYNAME", RasEntryName::<U>::layout()),
        ("RASDEVINFO", RasDevInfo::<U>::layout()),
        ("RASDIALPARAMS", RasDialParams::<U>::layout()),
        ("RASDIALEXTENSIONS", RasDialExtensions::<U>::layout()),
        ("RASCREDENTIALS", RasCredentials::<U>::layout()),
        ("RASENTRY", RasEntry::<U>::layout()),
        ("RASSUBENTRY", RasSubEntry::<U>::layout()),
        ("RASCTRYINFO", RasCountryInfo::<U>::layout()),
        ("RAS_STATS", RasStats::<U>::layout()),
        ("RASPPPIP", RasPppIp::<U>::layout()),
        ("RASPPPIPV6", RasPppIpV6::<U>::layout()),
    ]
}

/// What the C compiler says: the structure's name, then the offset of each field, then the size.
fn theirs(how: How) -> BTreeMap<String, Vec<usize>> {
    let program = compile(&project("crates/cleardown-tests/tests/c/programs/layouts.c"), how);
    let output = Command::new(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let mut words = line.split(' ').map(str::to_owned);
        (words.next().unwrap(), words.map(|word| word.parse().unwrap()).collect())
    };
    text.lines().map(line).collect()
}

#[test]
fn structures_lie_where_c_expects_them() {
    needs_root!();
    for (how, ours) in [(C, ours::<u8>()), (UNICODE, ours::<u16>()), (How { cpp: true, ..C }, ours::<u8>())] {
        let theirs = theirs(how);
        assert_eq!(theirs.len(), ours.len(), "every structure is compared");
        for (name, layout) in ours {
            let offsets = layout.iter().filter(|(field, _)| *field != "marker").map(|(_, offset)| *offset);
            assert_eq!(theirs[name], offsets.collect::<Vec<_>>(), "{name} {how:?}: {layout:?}");
        }
    }
}

/// The sizes that a structure has had since Windows 95 are those that we accept, and no others.
#[test]
fn every_version_of_a_structure_is_accepted() {
    needs_root!();
    sizes::<u8>(C);
    sizes::<u16>(UNICODE);
}

fn sizes<U: cleardown_capi::Unit>(how: How) {
    let accepted = [
        ("RASCONN", RasConn::<U>::SIZES),
        ("RASCONNSTATUS", RasConnStatus::<U>::SIZES),
        ("RASENTRYNAME", RasEntryName::<U>::SIZES),
        ("RASDEVINFO", RasDevInfo::<U>::SIZES),
        ("RASDIALPARAMS", RasDialParams::<U>::SIZES),
        ("RASDIALEXTENSIONS", RasDialExtensions::<U>::SIZES),
        ("RASCREDENTIALS", RasCredentials::<U>::SIZES),
        ("RASENTRY", RasEntry::<U>::SIZES),
        ("RASSUBENTRY", RasSubEntry::<U>::SIZES),
        ("RAS_STATS", RasStats::<U>::SIZES),
        ("RASPPPIP", RasPppIp::<U>::SIZES),
        ("RASPPPIPV6", RasPppIpV6::<U>::SIZES),
    ];
    let source = project("crates/cleardown-tests/tests/c/programs/sizes.c");
    let mut seen: BTreeMap<String, std::collections::BTreeSet<u32>> = BTreeMap::new();
    for version in [0x3ff, 0x400, 0x401, 0x500, 0x501, 0x600, 0x601, 0x602] {
        let output = Command::new(compile(&source, How { version, ..how })).output().unwrap();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (name, size) = line.split_once(' ').unwrap();
            seen.entry(name.to_owned()).or_default().insert(size.parse().unwrap());
        }
    }
    for (name, sizes) in accepted {
        assert_eq!(seen[name].iter().copied().collect::<Vec<_>>(), sizes, "{name} {how:?}");
    }
}
