//! Creating and opening.

use bytes::Bytes;

use super::room::{Room, fails, how};
use crate::attr::FileKind;
use crate::share::Disposition::{CreateNew, CreateOrTruncate, Open, OpenOrCreate, Truncate};

pub async fn create_new_is_exclusive(room: &Room<'_>) {
    let opened = room.open("new", CreateNew).await.unwrap();
    assert!(opened.created);
    assert_eq!((opened.attr.kind, opened.attr.size), (FileKind::File, 0));
    fails(room.open("new", CreateNew).await, &[libc::EEXIST]);
    opened.file.close().await.unwrap();
    fails(room.open("new", CreateNew).await, &[libc::EEXIST]);
    room.share.create_dir(&room.path("dir"), 0o755).await.unwrap();
    fails(room.open("dir", CreateNew).await, &[libc::EEXIST]);
}

pub async fn of_many_exclusive_creators_one_wins(room: &Room<'_>) {
    let second = room.second().await;
    let path = room.path("contested");
    let mut tries = tokio::task::JoinSet::new();
    for turn in 0..16 {
        let share = if turn % 2 == 0 { room.share.clone() } else { second.clone() };
        let path = path.clone();
        tries.spawn(async move { share.open(&path, how(CreateNew)).await.map(drop) });
    }
    let results = tries.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert!(results.iter().flat_map(|result| result.as_ref().err()).all(|error| error.errno == libc::EEXIST));
}

pub async fn opening_what_is_missing_says_so(room: &Room<'_>) {
    fails(room.open("missing", Open).await, &[libc::ENOENT]);
    fails(room.open("missing", Truncate).await, &[libc::ENOENT]);
    fails(room.share.stat(&room.path("missing")).await, &[libc::ENOENT]);
    let below = room.path("missing").join(b"file").unwrap();
    fails(room.share.open(&below, how(CreateNew)).await, &[libc::ENOENT]);
    fails(room.share.remove_file(&room.path("missing")).await, &[libc::ENOENT]);
}

pub async fn open_or_create_keeps_the_content(room: &Room<'_>) {
    let first = room.open("file", OpenOrCreate).await.unwrap();
    assert!(first.created);
    first.file.write(0, Bytes::from_static(b"kept")).await.unwrap();
    first.file.close().await.unwrap();
    let again = room.open("file", OpenOrCreate).await.unwrap();
    assert!(!again.created);
    assert_eq!(again.attr.size, 4);
    assert_eq!(&again.file.read(0, 100).await.unwrap()[..], b"kept");
    again.file.close().await.unwrap();
}

pub async fn truncating_opens_empty_the_file(room: &Room<'_>) {
    for disposition in [Truncate, CreateOrTruncate] {
        let name = format!("{disposition:?}");
        room.file(&name, b"something").await;
        let opened = room.open(&name, disposition).await.unwrap();
        assert!(!opened.created);
        assert_eq!(opened.attr.size, 0);
        opened.file.close().await.unwrap();
        assert!(room.content(&name).await.is_empty());
    }
    let opened = room.open("fresh", CreateOrTruncate).await.unwrap();
    assert!(opened.created);
    opened.file.close().await.unwrap();
}

pub async fn a_folder_cannot_be_opened_for_writing(room: &Room<'_>) {
    room.share.create_dir(&room.path("dir"), 0o755).await.unwrap();
    fails(room.open("dir", Open).await, &[libc::EISDIR]);
    fails(room.open("dir", CreateOrTruncate).await, &[libc::EISDIR]);
}

pub async fn nothing_lies_below_a_file(room: &Room<'_>) {
    let below = room.file("file", b"").await.join(b"below").unwrap();
    let errnos = [libc::ENOTDIR, libc::ENOENT];
    fails(room.share.stat(&below).await, &errnos);
    fails(room.share.open(&below, how(CreateNew)).await, &errnos);
    fails(room.share.create_dir(&below, 0o755).await, &errnos);
}

pub async fn the_beginning_comes_with_the_opening(room: &Room<'_>) {
    let path = room.file("file", b"0123456789").await;
    for (asked, wanted) in [(4, &b"0123"[..]), (10, b"0123456789"), (100, b"0123456789")] {
        let (opened, head) = room.share.open_and_read(&path, how(Open), asked).await.unwrap();
        // A protocol that cannot ask for both at once brings nothing.
        assert!(head.is_none_or(|head| head == wanted));
        assert_eq!(opened.attr.size, 10);
        assert_eq!(opened.file.read(8, 10).await.unwrap(), b"89"[..]);
        opened.file.close().await.unwrap();
    }
    let missing = room.share.open_and_read(&room.path("missing"), how(Open), 10).await;
    fails(missing.map(drop), &[libc::ENOENT]);
}
