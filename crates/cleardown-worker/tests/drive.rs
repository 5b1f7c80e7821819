//! A worker that serves a file system, as root on a real mount.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod common;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use cleardown_core::ErrorKind;
use cleardown_core::view::HolderKind;
use cleardown_kernel::Files;
use cleardown_kernel::mount::Unmounted;
use cleardown_worker::control::{Client, Event, Phase, Reply, Request};
use common::{Kept, PATIENCE, Worker, blocking};
use rustix::process::Signal;

async fn served() -> (Worker, Kept) {
    let worker = Worker::start("memory_worker");
    worker.connect("//memory/z", None).await.unwrap();
    let kept = blocking(Kept::new).await;
    worker.serve(&kept, false).await.unwrap();
    (worker, kept)
}

#[tokio::test]
async fn written_drained_unmounted_logged_off() {
    let (mut worker, kept) = served().await;
    let path = kept.path("a");
    let content = vec![7u8; 5 << 20];
    let (file, written) = (path.clone(), content.clone());
    blocking(move || std::fs::write(file, written).unwrap()).await;
    assert_eq!(blocking(move || std::fs::read(path).unwrap()).await, content);
    assert_eq!(worker.status().await.phase, Phase::Serving);
    assert!(matches!(worker.drain().await, Reply::Drained { acknowledged: true, .. }));
    assert_eq!(worker.status().await.pending_bytes, 0);
    assert_eq!(kept.unmount().await.unwrap(), Unmounted::Done);
    assert!(worker.close().await);
    worker.ask(Request::Exit).await.unwrap();
    assert!(worker.ended().await);
}

#[tokio::test]
async fn quiet_means_no_new_opens() {
    let (worker, kept) = served().await;
    let path = kept.path("a");
    let file = path.clone();
    let mut open = blocking(move || std::fs::File::create(file).unwrap()).await;
    worker.ask(Request::Quiesce { on: true }).await.unwrap();
    assert!(worker.status().await.quiesced);
    let file = path.clone();
    assert!(blocking(move || std::fs::File::open(file)).await.is_err());
    blocking(move || open.write_all(b"still good").unwrap()).await;
    worker.ask(Request::Quiesce { on: false }).await.unwrap();
    assert_eq!(blocking(move || std::fs::read(path).unwrap()).await, b"still good");
}

#[tokio::test]
async fn who_holds_it_is_known_even_when_the_worker_is_frozen() {
    let (worker, kept) = served().await;
    let path = kept.path("a");
    let file = path.clone();
    let open = blocking(move || std::fs::File::create(file).unwrap()).await;
    let sleeper = std::process::Command::new("sleep").arg("60").current_dir(&kept.mount.at).spawn();
    let mut sleeper = blocking(move || sleeper.unwrap()).await;
    assert!(matches!(kept.unmount().await.unwrap_err().kind, ErrorKind::Busy { .. }));
    worker.signal(Signal::STOP);
    let mount = kept.mount.clone();
    let found =
        tokio::task::spawn_blocking(move || cleardown_kernel::holders(&[mount], &[], Files::MayBeOpen));
    let found = tokio::time::timeout(PATIENCE, found).await;
    worker.signal(Signal::CONT);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    let found = found.expect("a frozen worker costs nothing").unwrap().remove(0).holders;
    let of = |pid: u32| {
        found.iter().filter(|h| h.pid == pid).map(|h| (h.kind, h.path.clone())).collect::<Vec<_>>()
    };
    assert_eq!(of(std::process::id()), [(HolderKind::File, path.display().to_string())]);
    assert_eq!(of(sleeper.id()), [(HolderKind::WorkingDirectory, kept.mount.at.display().to_string())]);
    drop(open);
}

#[tokio::test]
async fn unmounted_behind_our_back_with_a_daemon() {
    let (mut worker, kept) = served().await;
    let path = kept.path("a");
    blocking(move || std::fs::write(path, "x").unwrap()).await;
    assert_eq!(kept.unmount().await.unwrap(), Unmounted::Done);
    let gone = async { while worker.events.recv().await.expect("an event") != Event::KernelGone {} };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    assert!(matches!(worker.drain().await, Reply::Drained { acknowledged: true, .. }));
    assert!(worker.close().await);
}

#[tokio::test]
async fn unmounted_behind_our_back_and_nobody_to_tell() {
    let (worker, kept) = served().await;
    let path = kept.path("a");
    blocking(move || std::fs::write(path, "x").unwrap()).await;
    let process = cleardown_kernel::Process::of(worker.child.id()).unwrap();
    let mut worker = worker.without_daemon();
    assert_eq!(kept.unmount().await.unwrap(), Unmounted::Done);
    tokio::time::timeout(PATIENCE, process.ended()).await.expect("it ends by itself").unwrap();
    assert!(worker.wait().unwrap().success());
}

#[tokio::test]
async fn a_restarted_daemon_gets_everything_back() {
    let (worker, kept) = served().await;
    let (next, _events) = Client::connect(&worker.socket).unwrap();
    let (_, descriptors) = next.request(Request::Descriptors, &[], PATIENCE).await.unwrap();
    let inode = |fd: &dyn AsFd| rustix::fs::fstat(fd.as_fd()).unwrap().st_ino;
    let got: Vec<_> = descriptors.iter().map(|fd| inode(fd)).collect();
    assert_eq!(got, [inode(&kept.fuse), inode(&kept.arena)]);
}

#[tokio::test]
async fn an_abort_frees_who_waits_for_a_frozen_server() {
    let worker = Worker::start("memory_worker");
    worker.connect("//frozen/z", None).await.unwrap();
    let kept = blocking(Kept::new).await;
    worker.serve(&kept, false).await.unwrap();
    let path = kept.path("a");
    let stuck = tokio::task::spawn_blocking(move || {
        std::fs::File::create(path).and_then(|mut file| file.write_all(b"x")).is_err()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(worker.status().await.phase, Phase::Serving);
    assert!(matches!(worker.ask(Request::Abort).await.unwrap(), Reply::Aborted { .. }));
    assert!(tokio::time::timeout(PATIENCE, stuck).await.expect("it comes back").unwrap());
}

#[tokio::test]
async fn a_reader_sees_what_a_writer_wrote() {
    let (_worker, kept) = served().await;
    let path = kept.path("a");
    let read = blocking(move || {
        let mut file = std::fs::File::options().create(true).truncate(true).write(true).open(&path).unwrap();
        file.write_all(b"one").unwrap();
        let mut reader = std::fs::File::open(&path).unwrap();
        file.write_all(b" two").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    assert_eq!(read.await, "one two");
}
