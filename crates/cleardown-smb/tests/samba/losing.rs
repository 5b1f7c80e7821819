//! Losing the server, and coming back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cleardown_share::{Disposition, Event, LockKind, OpenHow, Share};
use cleardown_smb::{Config, connect};
use cleardown_testkit::{Options, Samba};

use crate::common::{BOTH, config, eve, how, open, path, pattern};

async fn until(events: &mut tokio::sync::mpsc::Receiver<Event>, wanted: impl Fn(&Event) -> bool) {
    let wait = async { while !wanted(&events.recv().await.unwrap()) {} };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the event comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_opened_again_and_writes_go_on_after_the_server_dies() {
    let mut samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    let mut events = share.events().unwrap();
    let opened =
        share.open(&path("f"), OpenHow { lease: true, ..how(BOTH, Disposition::CreateNew) }).await.unwrap();
    let file = opened.file;
    let gone = open(&share, "gone").await.file;
    let data = Bytes::from(pattern(3 << 20, 1));
    file.write(0, data.clone()).await.unwrap();

    samba.kill();
    std::fs::remove_file(samba.path("files").join("gone")).unwrap();
    std::fs::write(samba.path("files").join("gone"), "another file").unwrap();
    let late = {
        let (file, data) = (file.clone(), data.clone());
        tokio::spawn(async move { file.write(3 << 20, data).await })
    };
    until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
    samba.restart().unwrap();
    until(&mut events, |event| matches!(event, Event::Reconnected)).await;
    late.await.unwrap().unwrap();
    assert_eq!(file.read(0, 3 << 20).await.unwrap(), data);
    assert_eq!(std::fs::metadata(samba.path("files").join("f")).unwrap().len(), 6 << 20);
    // A path that names another file now is not the file that was open.
    assert_eq!(gone.read(0, 10).await.unwrap_err().errno, libc::ESTALE);
    gone.close().await.unwrap();
    file.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_machine_has_slept_a_lost_connection_is_noticed_without_any_call() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let mut events = share.events().unwrap();
    share.wake().await;
    assert!(events.try_recv().is_err(), "this one stands");

    samba.stop();
    share.wake().await;
    until(&mut events, |event| matches!(event, Event::Disconnected(_))).await;
    samba.cont();
    until(&mut events, |event| matches!(event, Event::Reconnected)).await;
    share.stat(&path("")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_survive_the_death_of_the_serving_process() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    let file = open(&share, "f").await.file;
    let locked = open(&share, "locked").await.file;
    locked.lock(1, 0, 10, LockKind::Exclusive, false).await.unwrap();
    let mut writes = tokio::task::JoinSet::new();
    for i in 0..64u64 {
        let (file, share) = (file.clone(), share.clone());
        writes.spawn(async move {
            file.write(i << 16, Bytes::from(vec![i as u8; 1 << 16])).await.unwrap();
            share.stat(&path("f")).await.unwrap();
        });
        if i == 20 {
            samba.kill_sessions();
        }
    }
    writes.join_all().await;
    let bytes = std::fs::read(samba.path("files").join("f")).unwrap();
    assert!(bytes.chunks(1 << 16).enumerate().all(|(i, chunk)| chunk.iter().all(|byte| *byte == i as u8)));
    // The lock was taken again.
    let second = eve(&samba, "files").await;
    let other = open(&second, "locked").await.file;
    assert_eq!(other.lock(1, 0, 1, LockKind::Shared, false).await.unwrap_err().errno, libc::EAGAIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_handle_keeps_what_a_path_would_lose() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let mut events = share.events().unwrap();
    let wish = OpenHow { lease: true, ..how(BOTH, Disposition::CreateNew) };
    let file = share.open(&path("f"), wish).await.unwrap().file;
    file.write(0, Bytes::from_static(b"kept")).await.unwrap();
    share.drop_connection();
    until(&mut events, |event| matches!(event, Event::Reconnected)).await;
    assert_eq!(&file.read(0, 10).await.unwrap()[..], b"kept");
    file.write(4, Bytes::from_static(b"!")).await.unwrap();
    file.close().await.unwrap();
    assert!(share.durable_reclaims() > 0, "the handle was claimed, not opened anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_costs_no_call_more_than_its_deadline() {
    let samba = Samba::start(Options::default()).unwrap();
    let config = Config { request_timeout: Duration::from_millis(700), ..config(&samba, "files") };
    let share = connect(config).await.unwrap();
    let file = open(&share, "f").await.file;
    samba.stop();
    let write = tokio::time::timeout(Duration::from_secs(10), file.write(0, Bytes::from_static(b"x"))).await;
    let error = write.expect("the call ends by itself").unwrap_err();
    assert_eq!(error.errno, libc::ETIMEDOUT);
    assert!(error.transport);
    let closing = tokio::time::timeout(Duration::from_secs(10), share.close()).await;
    assert!(!closing.expect("closing ends by itself").unwrap(), "nothing was confirmed");
    samba.cont();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_that_thaws_goes_on() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let file = open(&share, "f").await.file;
    samba.stop();
    let write = tokio::spawn({
        let file = file.clone();
        async move { file.write(0, Bytes::from_static(b"thawed")).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!write.is_finished());
    samba.cont();
    write.await.unwrap().unwrap();
    assert_eq!(std::fs::read(samba.path("files").join("f")).unwrap(), b"thawed");
}

/// A client has died, and its server's process has yet to read what it sent: whoever comes in its place waits for the end of that.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_client_had_under_way_is_over_when_its_successor_is_let_in() {
    let samba = Samba::start(Options::default()).unwrap();
    let dying = Arc::new(eve(&samba, "files").await);
    let (tell, told) = std::sync::mpsc::channel();
    dying.tell_sessions(Box::new(move |id| tell.send(id).unwrap()));
    let previous = Some(told.recv().unwrap());
    samba.stop_sessions();
    let asking = {
        let dying = dying.clone();
        tokio::spawn(async move { dying.create_dir(&path("late"), 0o755).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    dying.abort();
    assert!(asking.await.unwrap().is_err());

    let mut coming = tokio::spawn(connect(Config { previous, ..config(&samba, "files") }));
    let early = tokio::time::timeout(Duration::from_secs(1), &mut coming).await;
    assert!(early.is_err(), "the former session has not ended");
    samba.cont();
    let successor = coming.await.unwrap().unwrap();
    // It may have been made or not; from now on nobody but the successor does anything.
    let _ = successor.remove_dir(&path("late")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!samba.path("files").join("late").exists());
}
