//! A worker's life without a file system: a deviceless connection.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod common;

use std::time::Duration;

use cleardown_core::ErrorKind;
use cleardown_worker::control::{Client, Event, Phase, Reply, Request};
use common::{PATIENCE, Worker, secret, status};
use rustix::process::Signal;

const EVE: Option<(&str, &str)> = Some(("eve", "tiger"));

#[tokio::test]
async fn it_logs_on_and_off() {
    let mut worker = Worker::start("memory_worker");
    assert_eq!(worker.status().await.phase, Phase::Idle);
    let wrong = worker.connect("//fs1/x", Some(("eve", "lion"))).await.unwrap_err();
    assert!(matches!(wrong.kind, ErrorKind::Authentication { .. }));
    let session = worker.connect("//fs1/x", EVE).await.unwrap();
    assert!(!session.dialect.is_empty());
    assert_eq!(worker.events.recv().await, Some(Event::Stage { stage: "connecting".into() }));
    let status = worker.status().await;
    assert_eq!((status.phase, status.remote.unwrap().host.as_str()), (Phase::Connected, "fs1"));
    assert_eq!((status.has_secret, status.pid), (true, worker.child.id()));
    assert!(worker.connect("//fs1/y", EVE).await.is_err());
    assert!(worker.ask(Request::Quiesce { on: true }).await.is_err());
    assert!(matches!(worker.drain().await, Reply::Drained { acknowledged: true, flushed_bytes: 0, .. }));
    assert!(worker.close().await);
    assert_eq!(worker.status().await.phase, Phase::Closed);
    assert!(matches!(worker.ask(Request::Exit).await.unwrap(), Reply::Done));
    assert!(worker.ended().await);
}

#[tokio::test]
async fn it_answers_while_a_server_does_not() {
    let worker = Worker::start("memory_worker");
    let client = worker.client.clone();
    let (refused, ()) = tokio::join!(worker.connect("//slow/x", None), async {
        while status(&client).await.phase != Phase::Connecting {}
        assert!(matches!(worker.ask(Request::Abort).await.unwrap(), Reply::Aborted { .. }));
        assert_eq!(status(&client).await.phase, Phase::Closed);
    });
    assert!(matches!(refused.unwrap_err().kind, ErrorKind::Cancelled | ErrorKind::Timeout { .. }));
}

#[tokio::test]
async fn it_survives_its_daemon_and_gives_the_secret_to_the_next() {
    let mut worker = Worker::start("memory_worker");
    worker.connect("//fs1/x", EVE).await.unwrap();
    let (next, _events) = Client::connect(&worker.socket).unwrap();
    assert_eq!(secret(&next).await.as_deref(), Some(&b"tiger"[..]));
    // The newest daemon has won; the first one was told.
    while worker.events.recv().await.expect("it is told") != Event::Replaced {}
    assert_eq!(worker.events.recv().await, None);
    assert!(worker.client.request(Request::Status, &[], PATIENCE).await.is_err());
    drop(next);
    let (last, _events) = Client::connect(&worker.socket).unwrap();
    assert_eq!(status(&last).await.phase, Phase::Connected);
}

#[tokio::test]
async fn signals_do_not_end_it() {
    let worker = Worker::start("memory_worker");
    worker.connect("//fs1/x", None).await.unwrap();
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        worker.signal(signal);
    }
    assert_eq!(worker.status().await.phase, Phase::Connected);
    assert_eq!(secret(&worker.client).await, None);
}

#[tokio::test]
async fn the_password_is_nowhere_to_be_seen() {
    let worker = Worker::start("memory_worker");
    worker.connect("//fs1/x", EVE).await.unwrap();
    for file in ["cmdline", "environ"] {
        let text = std::fs::read(format!("/proc/{}/{file}", worker.child.id())).unwrap();
        assert!(!text.windows(5).any(|window| window == b"tiger"), "{file}");
    }
    // Nor may another process of the same user look into its memory: its files in /proc are root's.
    let error = as_nobody(worker.child.id());
    assert!(error.is_err());
}

fn as_nobody(pid: u32) -> std::io::Result<std::fs::File> {
    let open = move || {
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(65534)).unwrap();
        std::fs::File::open(format!("/proc/{pid}/mem"))
    };
    std::thread::spawn(open).join().unwrap()
}

#[tokio::test]
async fn nonsense_ends_the_conversation_and_not_the_worker() {
    let worker = Worker::start("memory_worker");
    worker.connect("//fs1/x", None).await.unwrap();
    let stranger = rustix::net::socket_with(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::SEQPACKET,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    rustix::net::connect(&stranger, &rustix::net::SocketAddrUnix::new(&worker.socket).unwrap()).unwrap();
    rustix::io::write(&stranger, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let ended = tokio::task::spawn_blocking(move || rustix::io::read(&stranger, &mut [0u8; 64]));
    assert_eq!(ended.await.unwrap(), Ok(0));
    let (client, _events) = Client::connect(&worker.socket).unwrap();
    assert_eq!(status(&client).await.phase, Phase::Connected);
}

#[tokio::test]
async fn a_frozen_server_does_not_keep_it_from_ending() {
    let mut worker = Worker::start("memory_worker");
    worker.connect("//frozen/x", None).await.unwrap();
    let closed =
        worker.client.request(Request::Close { deadline_ms: 100 }, &[], Duration::from_secs(20)).await;
    assert!(matches!(closed.unwrap().0, Reply::Closed { session_closed: false }));
    worker.ask(Request::Exit).await.unwrap();
    assert!(worker.ended().await);
}
