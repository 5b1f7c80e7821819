//! Real Samba: workers that are killed and replaced, a server that comes back. As root, for smbd and mounts need it.
#![allow(clippy::unwrap_used, reason = "test code")]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cleardown_testkit::{Options, Samba, User};
use cleardown_worker::control::{Reply, ServerState};
use common::{Kept, PATIENCE, Worker, blocking};

fn samba() -> Samba {
    Samba::start(Options::default()).unwrap()
}

/// A worker that is logged on as eve.
async fn connected(samba: &Samba) -> Worker {
    let worker = Worker::start("real_worker");
    let eve = User::eve();
    worker.connect(&samba.remote("files"), Some((&eve.name, &eve.password))).await.unwrap();
    worker
}

async fn served(samba: &Samba) -> (Worker, Kept) {
    let worker = connected(samba).await;
    let kept = blocking(Kept::new).await;
    worker.serve(&kept, false).await.unwrap();
    (worker, kept)
}

/// A file of this many 64 KiB blocks, no two of them alike.
fn source(dir: &Path, blocks: u64) -> PathBuf {
    let mut state = 1u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let path = dir.join("source");
    let bytes: Vec<u8> = (0..blocks * (64 << 10) / 8).flat_map(|_| next()).collect();
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Runs an application. It must be a process of its own: one that has a file of the drive open waits in execve(2)
/// until the drive has answered the close of the copy, and could not start the worker that will.
async fn application(program: &str, args: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(args).stderr(Stdio::null());
    blocking(move || command.status().unwrap().success()).await
}

async fn write(from: &Path, to: &Path) -> bool {
    let (from, to) = (format!("if={}", from.display()), format!("of={}", to.display()));
    application("dd", &[&from, &to, "bs=64k", "conv=fsync"]).await
}

async fn same(a: &Path, b: &Path) -> bool {
    application("cmp", &[&a.display().to_string(), &b.display().to_string()]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_is_replaced_and_nobody_notices() {
    let samba = samba();
    let (mut worker, kept) = served(&samba).await;
    let dir = tempfile::tempdir().unwrap();
    let from = source(dir.path(), 1600); // 100 MiB
    let (path, source) = (kept.path("big"), from.clone());
    let writer = tokio::spawn(async move { write(&source, &path).await });
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(120)).await;
        worker.kill();
        let next = connected(&samba).await;
        next.serve(&kept, true).await.unwrap();
        worker = next;
    }
    assert!(writer.await.unwrap());
    assert!(matches!(worker.drain().await, Reply::Drained { acknowledged: true, .. }));
    assert!(same(&from, &samba.path("files").join("big")).await);
    // And back, with a kill in the middle of reading.
    let path = kept.path("big");
    let reader = tokio::spawn(async move { same(&from, &path).await });
    worker.kill();
    let next = connected(&samba).await;
    next.serve(&kept, true).await.unwrap();
    assert!(reader.await.unwrap());
    assert!(matches!(next.drain().await, Reply::Drained { acknowledged: true, .. }));
    kept.unmount().await.unwrap();
    assert!(next.close().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_told() {
    let mut samba = samba();
    let (worker, kept) = served(&samba).await;
    samba.kill();
    let lost = async {
        while worker.status().await.server == ServerState::Up {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, lost).await.expect("the loss is noticed");
    samba.restart().unwrap();
    let path = kept.path("a");
    blocking(move || std::fs::write(path, "after").unwrap()).await;
    assert!(matches!(worker.drain().await, Reply::Drained { acknowledged: true, .. }));
    assert_eq!(worker.status().await.server, ServerState::Up);
    assert_eq!(std::fs::read(samba.path("files").join("a")).unwrap(), b"after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_worker_is_small() {
    let samba = samba();
    let (worker, kept) = served(&samba).await;
    let dir = tempfile::tempdir().unwrap();
    assert!(write(&source(dir.path(), 512), &kept.path("a")).await);
    let small = async {
        while worker.own_memory() > 15 << 10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let became_small = tokio::time::timeout(PATIENCE, small).await;
    println!("memory after 32 MiB: {} KiB", worker.own_memory());
    became_small.expect("under 15 MiB");
}
