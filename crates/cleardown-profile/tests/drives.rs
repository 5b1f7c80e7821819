//! The store of remembered drives, as the daemon uses it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cleardown_profile::{Drive, Drives};
use proptest::prelude::*;

fn drive(name: &str, remote: &str) -> Drive {
    Drive {
        name: name.parse().unwrap(),
        remote: remote.parse().unwrap(),
        user: None,
        at: None,
        read_only: false,
        kerberos: false,
    }
}

fn text(config: &Path, file: &str) -> String {
    fs::read_to_string(config.join("drives").join(file)).unwrap()
}

#[test]
fn a_drive_is_one_readable_private_file() {
    let config = tempfile::tempdir().unwrap();
    let drives = Drives::new(config.path());
    let z = Drive { user: Some(r"DOM\eve".into()), ..drive("Z:", "//fs1/projects") };
    drives.put(&z).unwrap();

    insta::assert_snapshot!(text(config.path(), "z.toml"), @r#"
    # A drive that cleardown connects at login; `cleardown forget` removes it.
    name = "Z:"
    remote = "//fs1/projects"
    user = 'DOM\eve'
    read_only = false
    "#);
    let mode = |path: &str| fs::metadata(config.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("drives"), mode("drives/z.toml")), (0o700, 0o600));
    assert_eq!(fs::read_dir(config.path().join("drives")).unwrap().count(), 1, "no draft is left");
}

#[test]
fn a_folder_that_cannot_be_used_is_1205() {
    let config = tempfile::tempdir().unwrap();
    fs::write(config.path().join("drives"), "no folder").unwrap();
    let drives = Drives::new(config.path());
    for error in [drives.load().unwrap_err(), drives.put(&drive("z:", "//fs1/projects")).unwrap_err()] {
        assert_eq!(error.code().0, 1205, "{error}");
        assert!(
            error.to_string().contains("Not a directory") || error.to_string().contains("exists"),
            "{error}"
        );
    }
}

#[test]
fn names_ignore_case_and_colon() {
    let config = tempfile::tempdir().unwrap();
    let drives = Drives::new(config.path());
    drives.put(&drive("Photos", "sftp://nas/photos")).unwrap();
    drives.put(&drive("PHOTOS", "sftp://nas/other")).unwrap();

    let loaded = drives.load().unwrap();
    assert_eq!(loaded.entries, [drive("PHOTOS", "sftp://nas/other")]);
    assert_eq!(drives.get(&"photos:".parse().unwrap()).unwrap(), Some(drive("PHOTOS", "sftp://nas/other")));
    assert!(drives.remove(&"photos".parse().unwrap()).unwrap());
    assert!(!drives.remove(&"photos".parse().unwrap()).unwrap());
    assert!(drives.load().unwrap().entries.is_empty());
}

#[test]
fn an_empty_profile_is_no_error() {
    let config = tempfile::tempdir().unwrap();
    let drives = Drives::new(&config.path().join("not-there"));
    assert!(drives.load().unwrap().entries.is_empty());
    assert_eq!(drives.get(&"z:".parse().unwrap()).unwrap(), None);
    assert!(!drives.remove(&"z:".parse().unwrap()).unwrap());
}

#[test]
fn a_damaged_file_is_named_with_line_and_column_and_the_others_load() {
    let config = tempfile::tempdir().unwrap();
    let drives = Drives::new(config.path());
    drives.put(&drive("a:", "//fs1/a")).unwrap();
    let folder = config.path().join("drives");
    fs::write(folder.join("b.toml"), "name = \"b:\"\nremote = \"//fs1/b\"\nread_only = maybe\n").unwrap();
    fs::write(folder.join("c.toml"), "name = \"c:\"\nremote = \"nowhere\"\n").unwrap();
    fs::write(folder.join("d.toml"), "name = \"e:\"\nremote = \"//fs1/d\"\n").unwrap();
    fs::write(folder.join("f.toml"), b"name = \"\xff\"").unwrap();
    fs::write(folder.join("g.toml"), "name = \"g:\"\n").unwrap();
    fs::write(folder.join(".123-0.new"), "half a dra").unwrap();

    let loaded = drives.load().unwrap();
    assert_eq!(loaded.entries, [drive("a:", "//fs1/a")]);
    let shown: Vec<String> = loaded
        .damaged
        .iter()
        .map(|d| d.error.to_string().replace(&format!("{}/", folder.display()), ""))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    the profile is damaged at b.toml:3:13: string values must be quoted, expected literal string
    the profile is damaged at c.toml:2:10: "nowhere" is not a remote name
    the profile is damaged at d.toml: the name e: does not fit the file's name
    the profile is damaged at f.toml:1:9: the text is not UTF-8
    the profile is damaged at g.toml:1:1: missing field `remote`
    "#);
    assert!(loaded.damaged.iter().all(|d| d.error.code().0 == 1206));
}

#[test]
fn fields_of_a_later_version_are_kept() {
    let config = tempfile::tempdir().unwrap();
    let drives = Drives::new(config.path());
    fs::create_dir(config.path().join("drives")).unwrap();
    let file = config.path().join("drives/z.toml");
    fs::write(&file, "name = \"z:\"\nremote = \"//fs1/a\"\ncolour = \"red\"\n[sync]\nevery = 5\n").unwrap();

    assert_eq!(drives.load().unwrap().entries, [drive("z:", "//fs1/a")]);
    drives.put(&drive("z:", "//fs1/b")).unwrap();
    let kept = text(config.path(), "z.toml");
    assert!(
        kept.contains("//fs1/b") && kept.contains("colour = \"red\"") && kept.contains("every = 5"),
        "{kept}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_drive_comes_back_as_it_was(
        name in "[a-zA-Z0-9äßж][a-zA-Z0-9_.-]{0,20}:?",
        remote in prop_oneof![
            "//[a-z0-9.-]{0,9}[a-z0-9]/[^/\\\\\\pC]{1,9}x(/[^/\\\\\\pC]{1,9}y){0,3}",
            "smb://[a-zA-Z%;+]{1,3}@h:14[0-9]{2}/s%20[a-z]/x",
            "sftp://[a-z]{1,8}@\\[::1\\]:2[0-9]{3}(/|/~/a b|/srv/[a-z ]{1,5}x)?",
        ],
        user in proptest::option::of("\\PC{1,20}"),
        at in proptest::option::of("/[^\\x00]{0,40}"),
        read_only: bool,
        kerberos: bool,
    ) {
        let Ok(remote) = remote.parse() else { return Ok(()) };
        let drive = Drive { name: name.parse().unwrap(), remote, user, at, read_only, kerberos };
        let config = tempfile::tempdir().unwrap();
        let drives = Drives::new(config.path());
        drives.put(&drive).unwrap();
        prop_assert_eq!(drives.get(&drive.name).unwrap(), Some(drive.clone()));
        prop_assert_eq!(drives.load().unwrap().entries, vec![drive]);
    }
}
