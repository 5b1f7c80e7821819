//! Reading and writing.

use bytes::{Bytes, BytesMut};

use super::room::{Room, content, how, pattern};
use crate::share::Disposition::{CreateNew, Open};

pub async fn reads_and_writes_at_offsets(room: &Room<'_>) {
    let file = room.create("file", b"0123456789").await;
    file.write(3, Bytes::from_static(b"abc")).await.unwrap();
    file.write(9, Bytes::from_static(b"xyz")).await.unwrap();
    file.write(0, Bytes::new()).await.unwrap();
    assert_eq!(&file.read(0, 100).await.unwrap()[..], b"012abc678xyz");
    assert_eq!(&file.read(2, 5).await.unwrap()[..], b"2abc6");
    assert_eq!(file.stat().await.unwrap().size, 12);
    file.close().await.unwrap();
}

pub async fn reads_are_short_only_at_the_end(room: &Room<'_>) {
    let data = pattern(300_007, 1);
    let file = room.create("file", &data).await;
    assert_eq!(file.read(300_000, 100).await.unwrap(), data.slice(300_000..));
    assert_eq!(file.read(299_907, 100).await.unwrap(), data.slice(299_907..300_007));
    assert!(file.read(300_007, 100).await.unwrap().is_empty());
    assert!(file.read(1 << 40, 100).await.unwrap().is_empty());
    assert!(file.read(0, 0).await.unwrap().is_empty());
    assert_eq!(file.read(1, 4 << 20).await.unwrap(), data.slice(1..));
    file.close().await.unwrap();
}

pub async fn a_far_write_leaves_zeroes_before_it(room: &Room<'_>) {
    const FAR: u64 = 5 << 30;
    let file = room.create("file", b"start").await;
    file.write(FAR, Bytes::from_static(b"end")).await.unwrap();
    assert_eq!(file.stat().await.unwrap().size, FAR + 3);
    assert_eq!(&file.read(FAR - 2, 10).await.unwrap()[..], b"\0\0end");
    let hole = file.read(5, 100_000).await.unwrap();
    assert!(hole.len() == 100_000 && hole.iter().all(|byte| *byte == 0));
    file.close().await.unwrap();
    room.share.remove_file(&room.path("file")).await.unwrap();
}

pub async fn large_transfers_arrive_whole(room: &Room<'_>) {
    let data = pattern((8 << 20) + 12_345, 2);
    let file = room.create("file", b"").await;
    file.write(0, data.clone()).await.unwrap();
    assert_eq!(file.stat().await.unwrap().size, data.len() as u64);
    assert!(file.read(0, data.len() as u32 + 1).await.unwrap() == data);
    assert!(file.read(77, 3 << 20).await.unwrap() == data.slice(77..77 + (3 << 20)));
    file.close().await.unwrap();
    assert!(room.content("file").await == data);
}

pub async fn many_transfers_share_the_session(room: &Room<'_>) {
    const CHUNK: usize = 131_072 + 77;
    let data = pattern(64 * CHUNK, 3);
    let file = room.create("file", b"").await;
    let writes = (0..64usize).rev().map(|turn| {
        let (file, chunk) = (file.clone(), data.slice(turn * CHUNK..(turn + 1) * CHUNK));
        async move { file.write((turn * CHUNK) as u64, chunk).await.unwrap() }
    });
    tokio::task::JoinSet::from_iter(writes).join_all().await;
    let reads = (0..64usize).map(|turn| {
        let file = file.clone();
        async move { (turn, file.read((turn * CHUNK) as u64, CHUNK as u32).await.unwrap()) }
    });
    for (turn, bytes) in tokio::task::JoinSet::from_iter(reads).join_all().await {
        assert!(bytes == data.slice(turn * CHUNK..(turn + 1) * CHUNK), "chunk {turn}");
    }
    file.close().await.unwrap();
}

pub async fn a_given_up_read_harms_nobody(room: &Room<'_>) {
    let data = pattern(4 << 20, 4);
    let file = room.create("file", &data).await;
    for turn in 0..8u64 {
        let given_up = file.read(turn << 16, 2 << 20);
        tokio::select! { biased; _ = given_up => {}, () = tokio::task::yield_now() => {} }
    }
    assert!(file.read(0, 4 << 20).await.unwrap() == data);
    file.close().await.unwrap();
}

pub async fn appends_of_two_clients_all_arrive(room: &Room<'_>) {
    let ours = room.create("log", b"begin\n").await;
    let second = room.second().await;
    let theirs = second.open(&room.path("log"), how(Open)).await.unwrap().file;
    let append = async |file: &dyn crate::File, who: char| {
        for n in 0..20 {
            file.append(Bytes::from(format!("{who}{n:02}\n"))).await.unwrap();
        }
    };
    tokio::join!(append(&*ours, 'a'), append(&*theirs, 'b'));
    let log = ours.read(0, 4096).await.unwrap();
    let mut lines: Vec<&str> = std::str::from_utf8(&log).unwrap().lines().collect();
    lines.sort_unstable();
    let mut all: Vec<String> =
        ["a", "b"].iter().flat_map(|w| (0..20).map(move |n| format!("{w}{n:02}"))).collect();
    all.push("begin".into());
    assert_eq!(lines, all);
    // The answer is the size: nobody else writes now.
    let size = ours.append(Bytes::from_static(b"end")).await.unwrap();
    assert_eq!(size, log.len() as u64 + 3);
    assert_eq!(theirs.stat().await.unwrap().size, size);
    // One that may have been done before is only done where the file ended then.
    let late = ours.append_at(size - 3, Bytes::from_static(b"end")).await.unwrap_err();
    assert_eq!((late.errno, theirs.stat().await.unwrap().size), (libc::EAGAIN, size));
    assert_eq!(ours.append_at(size, Bytes::from_static(b"!")).await.unwrap(), size + 1);
    theirs.close().await.unwrap();
    ours.close().await.unwrap();
}

pub async fn flush_and_close_succeed(room: &Room<'_>) {
    let file = room.create("file", &pattern(100_000, 5)).await;
    file.flush().await.unwrap();
    file.close().await.unwrap();
}

pub async fn another_session_sees_what_was_written(room: &Room<'_>) {
    let second = room.second().await;
    let file = room.create("file", b"").await;
    let mut whole = BytesMut::new();
    for turn in 0..4 {
        let part = pattern(70_000, turn);
        file.write(whole.len() as u64, part.clone()).await.unwrap();
        whole.extend_from_slice(&part);
        assert!(content(&*second, &room.path("file")).await == whole);
    }
    let theirs = second.open(&room.path("file"), how(Open)).await.unwrap().file;
    theirs.write(0, Bytes::from_static(b"theirs")).await.unwrap();
    assert_eq!(&file.read(0, 6).await.unwrap()[..], b"theirs");
    let both = second.open(&room.path("other"), how(CreateNew)).await.unwrap().file;
    both.close().await.unwrap();
    assert!(room.share.stat(&room.path("other")).await.is_ok());
}
