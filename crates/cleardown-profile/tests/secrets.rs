//! Where passwords go, in each kind of environment.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cleardown_core::LocalName;
use cleardown_core::link::EntryName;
use cleardown_profile::Secrets;
use cleardown_profile::secrets::{Bus, Place};
use common::{Shared, TestBus, serve};

const AWKWARD: &str = "p,a\"s's w\\o=r$d%\n\té €🔑";
const NO_CREDS: &str = "/nonexistent/systemd-creds";

fn z() -> LocalName {
    "z:".parse().unwrap()
}

fn y() -> LocalName {
    "y:".parse().unwrap()
}

async fn got(secrets: &Secrets, name: &LocalName) -> Option<String> {
    secrets.get(name).await.unwrap().map(|secret| secret.to_string())
}

/// Stands in for systemd-creds: it "encrypts" by turning the text round, and checks the name like the real one.
fn fake_creds(folder: &Path) -> String {
    let program = folder.join("creds");
    let script = "#!/bin/sh\ncase $1 in\nencrypt) echo \"$2\"; base64 ;;\n\
                  decrypt) read -r name; [ \"$name\" = \"$2\" ] || exit 1; base64 -d ;;\nesac\n";
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program.display().to_string()
}

#[tokio::test]
async fn without_anything_a_private_file_and_a_warning() {
    let config = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(config.path(), Bus::None).with_creds_program(NO_CREDS);
    let kept = secrets.put(&z(), AWKWARD).await.unwrap();
    assert_eq!(kept.place, Place::PlainFile);
    let warning = kept.warning.unwrap();
    assert!(warning.contains("z.plain") && !warning.contains(AWKWARD), "{warning}");

    let mode = |path: &str| fs::metadata(config.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secrets"), mode("secrets/z.plain")), (0o700, 0o600));
    assert_eq!(got(&secrets, &z()).await.as_deref(), Some(AWKWARD));
    assert_eq!(got(&secrets, &y()).await, None);
    assert!(secrets.remove(&z()).await.unwrap());
    assert!(!secrets.remove(&z()).await.unwrap());
    assert_eq!(got(&secrets, &z()).await, None);
}

#[tokio::test]
async fn with_systemd_creds_the_file_is_encrypted_for_its_name() {
    let config = tempfile::tempdir().unwrap();
    let program = fake_creds(config.path());
    let plain = Secrets::new(config.path(), Bus::None).with_creds_program(NO_CREDS);
    plain.put(&z(), "old").await.unwrap();
    let secrets = Secrets::new(config.path(), Bus::None).with_creds_program(&program);
    let kept = secrets.put(&z(), AWKWARD).await.unwrap();
    assert_eq!((kept.place, kept.warning), (Place::EncryptedFile, None));
    assert!(!config.path().join("secrets/z.plain").exists(), "the older, plain one is gone");
    assert_eq!(got(&secrets, &z()).await.as_deref(), Some(AWKWARD));

    fs::rename(config.path().join("secrets/z.cred"), config.path().join("secrets/y.cred")).unwrap();
    let error = secrets.get(&y()).await.unwrap_err();
    assert_eq!(error.code().0, 1206);
}

#[tokio::test]
async fn a_drive_and_an_entry_of_one_name_have_passwords_of_their_own() {
    let config = tempfile::tempdir().unwrap();
    let bus = TestBus::start(config.path());
    let _service = serve(&bus, Shared::default()).await;
    let program = fake_creds(config.path());
    let (drive, entry): (LocalName, EntryName) = ("office".parse().unwrap(), "Office".parse().unwrap());
    for bus in [Bus::None, Bus::At(bus.address.clone())] {
        let secrets = Secrets::new(config.path(), bus).with_creds_program(&program);
        secrets.put(&drive, "of the drive").await.unwrap();
        secrets.put(&entry, "of the link\nand more keys").await.unwrap();
        assert_eq!(got(&secrets, &drive).await.as_deref(), Some("of the drive"));
        let of_entry = secrets.get(&entry).await.unwrap().unwrap();
        assert_eq!(of_entry.as_str(), "of the link\nand more keys");
        assert!(secrets.remove(&entry).await.unwrap());
        assert!(secrets.get(&entry).await.unwrap().is_none());
        assert_eq!(got(&secrets, &drive).await.as_deref(), Some("of the drive"));
    }
}

#[tokio::test]
async fn a_program_that_hangs_up_early_is_no_back_end() {
    let config = tempfile::tempdir().unwrap();
    let secrets = Secrets::new(config.path(), Bus::None).with_creds_program("/bin/false");
    assert_eq!(secrets.put(&z(), &"x".repeat(40_000)).await.unwrap().place, Place::PlainFile);
}

#[tokio::test]
async fn the_secret_service_comes_first() {
    let config = tempfile::tempdir().unwrap();
    let bus = TestBus::start(config.path());
    let ring = Shared::default();
    let _service = serve(&bus, ring.clone()).await;
    let files = Secrets::new(config.path(), Bus::None).with_creds_program(NO_CREDS);
    files.put(&z(), "old").await.unwrap();

    let at = || Bus::At(bus.address.clone());
    let secrets = Secrets::new(config.path(), at()).with_creds_program(NO_CREDS);
    let kept = secrets.put(&z(), "first").await.unwrap();
    assert_eq!((kept.place, kept.warning), (Place::SecretService, None));
    secrets.put(&z(), AWKWARD).await.unwrap();
    assert_eq!(ring.lock().unwrap().items.len(), 1, "replaced, not added");
    assert_eq!(got(&files, &z()).await, None, "the older, plain one is gone");
    assert_eq!(got(&secrets, &z()).await.as_deref(), Some(AWKWARD));

    let other = Secrets::new(&config.path().join("other"), at());
    assert_eq!(got(&other, &z()).await, None, "another profile has passwords of its own");
    assert!(secrets.remove(&z()).await.unwrap());
    assert!(ring.lock().unwrap().items.is_empty());
}

#[tokio::test]
async fn a_locked_key_ring_takes_nothing_and_says_so() {
    let config = tempfile::tempdir().unwrap();
    let bus = TestBus::start(config.path());
    let ring = Shared::default();
    let _service = serve(&bus, ring.clone()).await;
    let secrets = Secrets::new(config.path(), Bus::At(bus.address.clone())).with_creds_program(NO_CREDS);
    secrets.put(&z(), "in the ring").await.unwrap();
    ring.lock().unwrap().locked = true;

    let error = secrets.get(&z()).await.unwrap_err();
    assert!(error.to_string().contains("locked"), "{error}");
    let kept = secrets.put(&y(), "in a file").await.unwrap();
    assert_eq!(kept.place, Place::PlainFile);
    assert!(kept.warning.unwrap().contains("locked"));
}

#[tokio::test]
async fn a_bus_without_the_service_is_as_good_as_none() {
    let config = tempfile::tempdir().unwrap();
    let bus = TestBus::start(config.path());
    let secrets = Secrets::new(config.path(), Bus::At(bus.address.clone())).with_creds_program(NO_CREDS);
    assert_eq!(secrets.put(&z(), AWKWARD).await.unwrap().place, Place::PlainFile);
    assert_eq!(got(&secrets, &z()).await.as_deref(), Some(AWKWARD));
}
