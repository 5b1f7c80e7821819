//! Logging on to real servers, without a file system.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod common;

use cleardown_core::ErrorKind;
use cleardown_testkit::{Options, Samba, User};
use cleardown_worker::control::Request;
use common::{Worker, secret};

#[tokio::test]
async fn samba_lets_eve_in_and_nobody_else_sees_her_password() {
    let samba = Samba::start(Options::default()).unwrap();
    let mut worker = Worker::start("real_worker");
    let eve = User::eve();
    let wrong = worker.connect(&samba.remote("files"), Some(("eve", "wrong"))).await.unwrap_err();
    assert!(matches!(wrong.kind, ErrorKind::Authentication { .. }), "{wrong}");
    let session = worker.connect(&samba.remote("files"), Some((&eve.name, &eve.password))).await.unwrap();
    assert_eq!(session.dialect, "SMB 3.1.1");
    assert_eq!(secret(&worker.client).await.as_deref(), Some(eve.password.as_bytes()));
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{file}", worker.child.id())).unwrap();
        assert!(!text.windows(eve.password.len()).any(|window| window == eve.password.as_bytes()), "{file}");
    }
    println!("memory, deviceless: {} KiB", worker.own_memory());
    assert!(worker.own_memory() < 15 << 10);
    assert!(worker.close().await);
    worker.ask(Request::Exit).await.unwrap();
    assert!(worker.ended().await);
}

#[tokio::test]
async fn a_share_that_is_not_there_is_said_so() {
    let samba = Samba::start(Options::default()).unwrap();
    let worker = Worker::start("real_worker");
    let eve = User::eve();
    let error = worker.connect(&samba.remote("nowhere"), Some((&eve.name, &eve.password))).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::NoSuchShare(_)), "{error}");
}
