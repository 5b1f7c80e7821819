//! The conformance suite over the share in memory, and its own tricks.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cleardown_share::conformance::Ground;
use cleardown_share::memory::{MemoryShare, Op};
use cleardown_share::{Access, Capabilities, Disposition, Event, OpenHow, Share, SharePath};

struct InMemory(Arc<MemoryShare>);

#[async_trait::async_trait]
impl Ground for InMemory {
    async fn connect(&self) -> Arc<dyn Share> {
        self.0.second_client()
    }
}

mod everything {
    async fn ground() -> super::InMemory {
        super::InMemory(super::MemoryShare::new())
    }
    cleardown_share::conformance!(ground());
}

mod as_little_as_possible {
    use super::{Capabilities, InMemory, MemoryShare, Share};
    use std::sync::Arc;

    struct Poor(InMemory);

    #[async_trait::async_trait]
    impl super::Ground for Poor {
        async fn connect(&self) -> Arc<dyn Share> {
            let share = self.0.0.second_client();
            share.without(Capabilities::all());
            share
        }
    }

    async fn ground() -> Poor {
        Poor(InMemory(MemoryShare::new()))
    }
    cleardown_share::conformance!(ground());
}

fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

fn create() -> OpenHow {
    let access = Access::READ | Access::WRITE;
    OpenHow { access, disposition: Disposition::CreateNew, mode: 0o644, lease: false }
}

#[tokio::test]
async fn a_full_disk_says_so_and_keeps_what_it_has() {
    let share = MemoryShare::new();
    share.set_capacity(Some(8192));
    let file = share.open(&path("file"), create()).await.unwrap().file;
    file.write(0, Bytes::from(vec![1; 8192])).await.unwrap();
    assert_eq!(file.write(8192, Bytes::from_static(b"x")).await.unwrap_err().errno, libc::ENOSPC);
    assert_eq!(share.stat_fs().await.unwrap().available, 0);
    file.write(0, Bytes::from_static(b"in place")).await.unwrap();
    share.remove_file(&path("file")).await.unwrap();
    assert_eq!(share.stat_fs().await.unwrap().available, 0, "an open file keeps its room");
    file.close().await.unwrap();
    assert_eq!(share.stat_fs().await.unwrap().available, 2);
}

#[tokio::test]
async fn a_frozen_server_answers_after_the_thaw_or_times_out() {
    let share = MemoryShare::new();
    share.set_request_timeout(Duration::from_millis(20));
    share.freeze();
    assert_eq!(share.stat(&SharePath::root()).await.unwrap_err().errno, libc::ETIMEDOUT);
    share.set_request_timeout(Duration::from_secs(60));
    let asked = tokio::spawn({
        let share = share.clone();
        async move { share.stat(&SharePath::root()).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    share.thaw();
    assert!(asked.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_lost_connection_fails_calls_and_is_announced() {
    let share = MemoryShare::new();
    let mut events = share.events().unwrap();
    let file = share.open(&path("file"), create()).await.unwrap().file;
    share.disconnect();
    assert!(file.read(0, 1).await.unwrap_err().transport);
    share.reconnect(false);
    assert_eq!(file.read(0, 1).await.unwrap_err().errno, libc::ESTALE);
    assert!(share.stat(&path("file")).await.is_ok());
    assert!(matches!(events.recv().await, Some(Event::Disconnected(_))));
    assert_eq!(events.recv().await, Some(Event::Reconnected));
}

#[tokio::test]
async fn faults_come_as_often_as_planned() {
    let share = MemoryShare::new();
    share.faults().fail(Op::Stat, libc::EIO, 2);
    for errno in [Some(libc::EIO), Some(libc::EIO), None] {
        assert_eq!(share.stat(&SharePath::root()).await.err().map(|e| e.errno), errno);
    }
    share.faults().lose_answers(Op::CreateDir, 1);
    assert!(share.create_dir(&path("dir"), 0o755).await.unwrap_err().transport);
    assert!(share.stat(&path("dir")).await.is_ok(), "it took effect");
    assert_eq!(share.faults().calls(Op::Stat), 4);
}
