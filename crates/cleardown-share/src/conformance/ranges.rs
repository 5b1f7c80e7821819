//! Ranges: locks, copies, holes, allocation.

use bytes::Bytes;

use super::room::{Room, fails, how, pattern};
use crate::share::Capabilities;
use crate::share::Disposition::{CreateNew, Open};
use crate::share::LockKind::{Exclusive, Shared};

pub async fn locks_exclude_other_sessions(room: &Room<'_>) {
    let ours = room.create("file", b"0123456789").await;
    if !room.can(Capabilities::LOCKS) {
        fails(ours.lock(1, 0, 1, Exclusive, false).await, &[libc::EOPNOTSUPP]);
        return;
    }
    let second = room.second().await;
    let theirs = second.open(&room.path("file"), how(Open)).await.unwrap().file;
    ours.lock(1, 0, 4, Exclusive, false).await.unwrap();
    fails(theirs.lock(1, 2, 4, Exclusive, false).await, &[libc::EAGAIN]);
    fails(theirs.lock(1, 2, 1, Shared, false).await, &[libc::EAGAIN]);
    theirs.lock(1, 4, 4, Shared, false).await.unwrap();
    ours.lock(1, 6, 1, Shared, false).await.unwrap();
    ours.unlock(1, 0, 4).await.unwrap();
    theirs.lock(1, 0, 4, Exclusive, false).await.unwrap();
    theirs.close().await.unwrap();
    ours.lock(1, 0, 4, Exclusive, false).await.unwrap();
    ours.close().await.unwrap();
}

pub async fn a_waiting_lock_is_granted(room: &Room<'_>) {
    if !room.can(Capabilities::LOCKS) {
        return;
    }
    let ours = room.create("file", b"0123456789").await;
    let second = room.second().await;
    let theirs = second.open(&room.path("file"), how(Open)).await.unwrap().file;
    ours.lock(1, 0, 4, Exclusive, false).await.unwrap();
    let waiting = tokio::spawn(async move {
        theirs.lock(1, 0, 4, Exclusive, true).await.unwrap();
        theirs.close().await.unwrap();
    });
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    ours.unlock(1, 0, 4).await.unwrap();
    waiting.await.unwrap();
    ours.close().await.unwrap();
}

pub async fn ranges_are_copied_on_the_server(room: &Room<'_>) {
    let data = pattern((3 << 20) + 99, 6);
    let from = room.create("from", &data).await;
    let to = room.open("to", CreateNew).await.unwrap().file;
    if !room.can(Capabilities::COPY) {
        fails(from.copy_to(0, &*to, 0, 10).await, &[libc::EOPNOTSUPP]);
        return;
    }
    let mut done = 0;
    while done < data.len() as u64 {
        let copied = from.copy_to(done, &*to, done + 10, data.len() as u64 - done).await.unwrap();
        assert!(copied > 0);
        done += copied;
    }
    assert_eq!(from.copy_to(data.len() as u64, &*to, 0, 10).await.unwrap(), 0);
    assert!(to.read(10, 4 << 20).await.unwrap() == data);
    from.close().await.unwrap();
    to.close().await.unwrap();
}

pub async fn holes_are_found(room: &Room<'_>) {
    const MIB: u64 = 1 << 20;
    let file = room.create("file", b"").await;
    if !room.can(Capabilities::SPARSE) {
        fails(file.seek(0, true).await, &[libc::EOPNOTSUPP]);
        return;
    }
    file.write(4 * MIB, pattern(MIB as usize, 7)).await.unwrap();
    file.set_attr(&crate::attr::SetAttr { size: Some(8 * MIB), ..Default::default() }).await.unwrap();
    assert_eq!(file.seek(0, false).await.unwrap(), 0);
    assert_eq!(file.seek(0, true).await.unwrap(), 4 * MIB);
    assert_eq!(file.seek(4 * MIB + 5, true).await.unwrap(), 4 * MIB + 5);
    assert_eq!(file.seek(4 * MIB, false).await.unwrap(), 5 * MIB);
    fails(file.seek(8 * MIB, true).await, &[libc::ENXIO]);
    fails(file.seek(6 * MIB, true).await, &[libc::ENXIO]);
    file.close().await.unwrap();
}

pub async fn ranges_are_allocated_and_punched(room: &Room<'_>) {
    let file = room.create("file", b"").await;
    if !room.can(Capabilities::ALLOCATE) {
        fails(file.allocate(0, 10, false).await, &[libc::EOPNOTSUPP]);
        fails(file.punch(0, 10).await, &[libc::EOPNOTSUPP]);
        return;
    }
    file.allocate(0, 100_000, true).await.unwrap();
    assert_eq!(file.stat().await.unwrap().size, 0);
    file.allocate(0, 100_000, false).await.unwrap();
    assert_eq!(file.stat().await.unwrap().size, 100_000);
    file.write(0, Bytes::from(vec![7; 100_000])).await.unwrap();
    file.punch(10, 50_000).await.unwrap();
    let bytes = file.read(0, 100_000).await.unwrap();
    assert_eq!(bytes.len(), 100_000);
    assert!(
        bytes.iter().enumerate().all(|(at, byte)| *byte == if (10..50_010).contains(&at) { 0 } else { 7 })
    );
    file.close().await.unwrap();
}
