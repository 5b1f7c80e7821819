//! Every structure has the same fields at the same places for a C compiler and for us.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cleardown_capi::ras::types::*;
use cleardown_capi::wnet::types::*;
use cleardown_tests::needs_root;

use crate::kit::{C, How, UNICODE, compile, prefix, project};

/// The versions of Windows (WINVER) at which a structure grew.
const VERSIONS: [u32; 9] = [0x3ff, 0x400, 0x401, 0x500, 0x501, 0x600, 0x601, 0x602, 0xa00];

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
        ("RAS_PROJECTION_INFO", RasProjection::<U>::layout()),
        ("RASPBDLG", RasPhonebookDialog::<U>::layout()),
        ("RASENTRYDLG", RasEntryDialog::<U>::layout()),
        ("RASDIALDLG", RasDialDialog::<U>::layout()),
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
    let both = |ansi: &'static [u32], wide: &'static [u32]| if size_of::<U>() == 1 { ansi } else { wide };
    let accepted: &[(&str, &[u32])] = &[
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
        ("RASPBDLG", RasPhonebookDialog::<U>::SIZES),
        ("RASENTRYDLG", RasEntryDialog::<U>::SIZES),
        ("RASDIALDLG", RasDialDialog::<U>::SIZES),
        // Nothing is done with these: they have the documented sizes.
        ("RASAMB", both(&[28], &[44])),
        ("RASPPPNBF", both(&[48], &[84])),
        ("RASPPPIPX", both(&[32], &[52])),
        ("RASSLIP", both(&[24], &[40])),
        ("RASPPPLCP", both(&[8, 1080], &[8, 2104])),
        ("RASPPPCCP", &[24]),
        ("RASADPARAMS", &[24]),
        ("RASAUTODIALENTRY", both(&[272], &[528])),
        ("RASEAPUSERIDENTITY", both(&[268], &[524])),
        ("RASUPDATECONN", &[56]),
        ("RASNAPSTATE", &[20]),
        ("RASCOMMSETTINGS", &[8]),
        ("RASCUSTOMSCRIPTEXTENSIONS", &[12]),
        ("RASNOUSER", both(&[544], &[1072])),
    ];
    let source = project("crates/cleardown-tests/tests/c/programs/sizes.c");
    let mut seen: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for version in VERSIONS {
        let output = Command::new(compile(&source, How { version, ..how })).output().unwrap();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (name, size) = line.split_once(' ').unwrap();
            seen.entry(name.to_owned()).or_default().insert(size.parse().unwrap());
        }
    }
    for (name, sizes) in accepted {
        assert_eq!(seen[*name].iter().copied().collect::<Vec<_>>(), *sizes, "{name} {how:?}");
    }
}

/// Our libraries have 64 bits; the headers are right for 32 bits too, where pointers and handles are shorter: the documented sizes.
#[test]
#[cfg(target_arch = "x86_64")]
fn headers_are_right_for_32_bits_too() {
    needs_root!();
    let ansi: &[(&str, &[u32])] = &[
        ("RASCONN", &[268, 412, 676, 692, 704, 720]),
        ("RASDIALPARAMS", &[1052, 1060, 1064, 1068]),
        ("RASPPPIP", &[24, 40, 48]),
        ("RASENTRYDLG", &[292]),
        ("RASNOUSER", &[544]),
        ("RASPPPLCP", &[8, 1080]),
    ];
    let wide: &[(&str, &[u32])] = &[
        ("RASCONN", &[524, 816, 1340, 1356, 1368, 1384]),
        ("RASDIALPARAMS", &[2096, 2104, 2108, 2112]),
        ("RASPPPIP", &[40, 72, 80]),
        ("RASENTRYDLG", &[548]),
        ("RASNOUSER", &[1072]),
        ("RASPPPLCP", &[8, 2104]),
    ];
    let both: &[(&str, &[u32])] = &[
        ("RASDIALEXTENSIONS", &[16, 28, 40]),
        ("RAS_STATS", &[60]),
        ("RAS_PROJECTION_INFO", &[108]),
        ("NETRESOURCE", &[32]),
        ("UNIVERSAL_NAME_INFO", &[4]),
        ("REMOTE_NAME_INFO", &[12]),
        ("NETINFOSTRUCT", &[32]),
        ("NETCONNECTINFOSTRUCT", &[20]),
        ("CONNECTDLGSTRUCT", &[20]),
        ("DISCDLGSTRUCT", &[20]),
        ("RASPBDLG", &[40]),
        ("RASDIALDLG", &[36]),
        ("RASADPARAMS", &[20]),
        ("RASUPDATECONN", &[56]),
        ("RASCUSTOMSCRIPTEXTENSIONS", &[8]),
    ];
    same_in_32_bits::<u8>("", ansi, both);
    same_in_32_bits::<u16>("-fshort-wchar -DUNICODE", wide, both);
}

#[cfg(target_arch = "x86_64")]
fn same_in_32_bits<U: cleardown_capi::Unit>(unicode: &str, own: &[(&str, &[u32])], both: &[(&str, &[u32])]) {
    // These have no pointers, and so the sizes that we accept from 64-bit callers.
    let plain = [
        ("RASCONNSTATUS", RasConnStatus::<U>::SIZES),
        ("RASENTRYNAME", RasEntryName::<U>::SIZES),
        ("RASDEVINFO", RasDevInfo::<U>::SIZES),
        ("RASCREDENTIALS", RasCredentials::<U>::SIZES),
        ("RASENTRY", RasEntry::<U>::SIZES),
        ("RASSUBENTRY", RasSubEntry::<U>::SIZES),
        ("RASPPPIPV6", RasPppIpV6::<U>::SIZES),
    ];
    let seen = sizes_in_32_bits(unicode);
    for (name, sizes) in own.iter().chain(both).copied().chain(plain) {
        assert_eq!(seen[name].iter().copied().collect::<Vec<_>>(), sizes, "{name} {unicode}");
    }
}

/// Compiles for i386 without linking, and reads the sizes off the symbols: no 32-bit C library is needed, but for the one file
/// that its headers want, which is empty.
#[cfg(target_arch = "x86_64")]
fn sizes_in_32_bits(unicode: &str) -> BTreeMap<String, BTreeSet<u32>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("gnu")).unwrap();
    std::fs::write(folder.path().join("gnu/stubs-32.h"), "").unwrap();
    let source = project("crates/cleardown-tests/tests/c/programs/sizes.c");
    let mut seen: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for version in VERSIONS {
        let script = format!(
            "cd '{}' && cc -m32 -Wall -Wextra -Werror {unicode} -DOBJECT -DWINVER={version:#x} -c -I. -I'{}' '{}' && nm -S sizes.o",
            folder.path().display(),
            prefix().join("include/cleardown").display(),
            source.display()
        );
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [_, size, _, name] = words[..] else { continue };
            let name = name.strip_prefix("size_of_").unwrap_or(name).to_owned();
            seen.entry(name).or_default().insert(u32::from_str_radix(size, 16).unwrap());
        }
    }
    seen
}
