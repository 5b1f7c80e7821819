//! Renaming, and what happens to open files.

use bytes::Bytes;

use super::room::{Room, fails};
use crate::share::Capabilities;
use crate::share::RenameHow::{NoReplace, Replace};

pub async fn rename_replaces(room: &Room<'_>) {
    if !room.can(Capabilities::RENAME_REPLACES) {
        return;
    }
    let (a, b) = (room.file("a", b"from").await, room.file("b", b"replaced").await);
    room.share.rename(&a, &b, Replace).await.unwrap();
    assert_eq!(room.content("b").await, b"from");
    fails(room.share.stat(&a).await, &[libc::ENOENT]);
    fails(room.share.rename(&a, &b, Replace).await, &[libc::ENOENT]);
    room.share.rename(&b, &b, Replace).await.unwrap();
    assert_eq!(room.content("b").await, b"from");
}

pub async fn rename_without_replacing_refuses(room: &Room<'_>) {
    let (a, b) = (room.file("a", b"a").await, room.file("b", b"b").await);
    fails(room.share.rename(&a, &b, NoReplace).await, &[libc::EEXIST]);
    assert_eq!((room.content("a").await, room.content("b").await), (b"a".to_vec(), b"b".to_vec()));
    room.share.rename(&a, &room.path("c"), NoReplace).await.unwrap();
    assert_eq!(room.content("c").await, b"a");
    fails(room.share.rename(&a, &room.path("d"), NoReplace).await, &[libc::ENOENT]);
}

pub async fn rename_moves_folders(room: &Room<'_>) {
    let (from, to) = (room.path("from"), room.path("to"));
    room.share.create_dir(&from, 0o755).await.unwrap();
    room.share.create_dir(&from.join(b"inner").unwrap(), 0o755).await.unwrap();
    room.share.rename(&from, &to, Replace).await.unwrap();
    assert!(room.share.stat(&to.join(b"inner").unwrap()).await.is_ok());
    let empty = room.path("empty");
    room.share.create_dir(&empty, 0o755).await.unwrap();
    // Linux replaces an empty folder; some servers cannot.
    match room.share.rename(&to, &empty, Replace).await {
        Ok(()) => assert!(room.share.stat(&empty.join(b"inner").unwrap()).await.is_ok()),
        Err(error) => assert!([libc::EEXIST, libc::ENOTEMPTY].contains(&error.errno), "{error}"),
    }
}

pub async fn rename_of_mismatched_kinds_fails(room: &Room<'_>) {
    let (full, dir) = (room.path("full"), room.path("dir"));
    room.share.create_dir(&full, 0o755).await.unwrap();
    room.share.create_dir(&full.join(b"inner").unwrap(), 0o755).await.unwrap();
    room.share.create_dir(&dir, 0o755).await.unwrap();
    let file = room.file("file", b"").await;
    fails(room.share.rename(&dir, &full, Replace).await, &[libc::ENOTEMPTY, libc::EEXIST]);
    fails(room.share.rename(&file, &dir, Replace).await, &[libc::EISDIR, libc::EEXIST]);
    fails(room.share.rename(&dir, &file, Replace).await, &[libc::ENOTDIR, libc::EEXIST]);
}

pub async fn a_folder_cannot_move_into_itself(room: &Room<'_>) {
    let dir = room.path("dir");
    room.share.create_dir(&dir, 0o755).await.unwrap();
    fails(room.share.rename(&dir, &dir.join(b"inner").unwrap(), Replace).await, &[libc::EINVAL]);
    assert!(room.share.stat(&dir).await.is_ok());
}

pub async fn an_open_file_survives_its_renaming(room: &Room<'_>) {
    if !room.can(Capabilities::OPEN_FILES_MOVE) {
        return;
    }
    let file = room.create("before", b"before").await;
    room.share.rename(&room.path("before"), &room.path("after"), Replace).await.unwrap();
    file.write(0, Bytes::from_static(b"afters")).await.unwrap();
    assert_eq!(&file.read(0, 10).await.unwrap()[..], b"afters");
    file.close().await.unwrap();
    assert_eq!(room.content("after").await, b"afters");
}

pub async fn an_open_file_survives_its_removal(room: &Room<'_>) {
    if !room.can(Capabilities::OPEN_FILES_MOVE) {
        return;
    }
    let file = room.create("file", b"content").await;
    room.share.remove_file(&room.path("file")).await.unwrap();
    fails(room.share.stat(&room.path("file")).await, &[libc::ENOENT]);
    file.write(7, Bytes::from_static(b" goes on")).await.unwrap();
    assert_eq!(&file.read(0, 100).await.unwrap()[..], b"content goes on");
    room.file("file", b"another").await;
    assert_eq!(&file.read(0, 7).await.unwrap()[..], b"content");
    file.close().await.unwrap();
    assert_eq!(room.content("file").await, b"another");
}

pub async fn an_open_file_survives_its_replacement(room: &Room<'_>) {
    if !room.can(Capabilities::OPEN_FILES_MOVE | Capabilities::RENAME_REPLACES) {
        return;
    }
    let old = room.create("file", b"old").await;
    let new = room.file("new", b"new").await;
    room.share.rename(&new, &room.path("file"), Replace).await.unwrap();
    assert_eq!(&old.read(0, 10).await.unwrap()[..], b"old");
    assert_eq!(room.content("file").await, b"new");
    old.close().await.unwrap();
}
