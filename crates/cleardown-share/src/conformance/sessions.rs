//! Sessions: their end, their events, leases.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::room::{Room, fails, how, pattern};
use crate::share::Disposition::{CreateNew, Open};
use crate::share::{Capabilities, Event, OpenHow};

/// Long enough for any server; a case that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(events: &mut mpsc::Receiver<Event>, wanted: impl Fn(&Event) -> bool) -> Event {
    let wait = async {
        loop {
            let event = events.recv().await.expect("the session lives");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the event comes")
}

pub async fn after_close_nothing_works(room: &Room<'_>) {
    let second = room.second().await;
    let file = second.open(&room.path("file"), how(CreateNew)).await.unwrap().file;
    assert!(second.close().await.unwrap(), "the server confirms the log-off");
    fails(second.stat(&room.dir).await, &[libc::ENOTCONN]);
    fails(file.read(0, 10).await, &[libc::ENOTCONN]);
    fails(file.write(0, Bytes::from_static(b"x")).await, &[libc::ENOTCONN]);
    assert!(room.share.stat(&room.path("file")).await.is_ok(), "the other session goes on");
}

pub async fn abort_ends_what_is_in_flight(room: &Room<'_>) {
    let second = room.second().await;
    let file = second.open(&room.path("file"), how(CreateNew)).await.unwrap().file;
    let data = pattern(1 << 20, 8);
    file.write(0, data.clone()).await.unwrap();
    let mut flights = tokio::task::JoinSet::new();
    for turn in 0..32u64 {
        let (file, data) = (file.clone(), data.clone());
        flights.spawn(async move {
            loop {
                file.write(turn << 20, data.clone()).await?;
            }
            #[allow(unreachable_code, reason = "gives the block its type")]
            Ok::<(), crate::error::ShareError>(())
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    second.abort();
    let results = tokio::time::timeout(PATIENCE, flights.join_all()).await.expect("they end");
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.transport)), "{results:?}");
    fails(second.stat(&room.dir).await, &[libc::ENOTCONN]);
    fails(file.close().await, &[libc::ENOTCONN]);
}

pub async fn events_have_one_taker(room: &Room<'_>) {
    let second = room.second().await;
    assert!(second.events().is_some());
    assert!(second.events().is_none());
}

pub async fn changes_by_others_are_reported(room: &Room<'_>) {
    if !room.can(Capabilities::CHANGE_NOTIFY) {
        fails(room.share.watch(&room.dir).await, &[libc::EOPNOTSUPP]);
        return;
    }
    let mut events = room.share.events().expect("nobody has taken them");
    let second = room.second().await;
    room.share.watch(&room.dir).await.unwrap();
    // A server may begin to watch some time after it has said so (smbd tells another process of its own).
    let changes = async {
        for n in 0.. {
            let file = second.open(&room.path(format!("theirs {n}")), how(CreateNew)).await.unwrap().file;
            file.close().await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        _ = until(&mut events, |event| matches!(event, Event::Changed { dir, .. } if *dir == room.dir)) => {}
        () = changes => unreachable!("it goes on for ever"),
    }
    room.share.unwatch(&room.dir).await;
}

pub async fn a_lease_is_broken_by_another_writer(room: &Room<'_>) {
    if !room.can(Capabilities::LEASES) {
        return;
    }
    let mut events = room.share.events().expect("nobody has taken them");
    let second = room.second().await;
    let path = room.file("file", b"before").await;
    let opened = room.share.open(&path, OpenHow { lease: true, ..how(Open) }).await.unwrap();
    assert!(opened.file.lease().read, "nobody else has it open");
    let (share, theirs) = (room.share.clone(), path.clone());
    let writer = tokio::spawn(async move {
        let file = second.open(&theirs, how(Open)).await.unwrap().file;
        file.write(0, Bytes::from_static(b"after!")).await.unwrap();
        file.close().await.unwrap();
    });
    loop {
        let event = until(&mut events, |event| matches!(event, Event::LeaseBroken { .. })).await;
        let Event::LeaseBroken { path: broken, lease, ticket } = event else { unreachable!() };
        assert_eq!(broken, path);
        if let Some(ticket) = ticket {
            share.lease_break_done(ticket);
        }
        if !lease.read {
            break;
        }
    }
    tokio::time::timeout(PATIENCE, writer).await.expect("the writer goes on").unwrap();
    assert_eq!(&opened.file.read(0, 10).await.unwrap()[..], b"after!");
    opened.file.close().await.unwrap();
}

pub async fn the_server_gives_a_sign_of_life(room: &Room<'_>) {
    room.share.probe().await.unwrap();
}
