//! Folders and listings.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::room::{Room, fails, how, list};
use crate::attr::FileKind;
use crate::share::Disposition::CreateNew;

async fn fill(room: &Room<'_>, count: usize) {
    for start in (0..count).step_by(100) {
        let creates = (start..count.min(start + 100)).map(|turn| {
            let (share, path) = (room.share.clone(), room.path(format!("entry {turn:04}")));
            async move { share.open(&path, how(CreateNew)).await.unwrap().file.close().await.unwrap() }
        });
        tokio::task::JoinSet::from_iter(creates).join_all().await;
    }
}

pub async fn three_thousand_entries_are_listed_once(room: &Room<'_>) {
    fill(room, 3000).await;
    let entries = room.entries().await;
    assert_eq!(entries.len(), 3000);
    let names: BTreeSet<_> = entries.into_iter().map(|entry| entry.name).collect();
    let expected: BTreeSet<_> = (0..3000).map(|turn| format!("entry {turn:04}").into_bytes()).collect();
    assert_eq!(names, expected);
}

pub async fn listing_and_stat_agree(room: &Room<'_>) {
    room.file("small", b"small").await;
    room.file("larger", &[7; 100_000]).await;
    room.share.create_dir(&room.path("dir"), 0o755).await.unwrap();
    let entries = room.entries().await;
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let stat = room.share.stat(&room.path(&entry.name)).await.unwrap();
        assert_eq!(
            (entry.attr.kind, entry.attr.mode, entry.attr.modified, entry.attr.created),
            (stat.kind, stat.mode, stat.modified, stat.created)
        );
        assert_eq!((entry.attr.id, entry.attr.uid, entry.attr.gid), (stat.id, stat.uid, stat.gid));
        if stat.kind == FileKind::File {
            assert_eq!(entry.attr.size, stat.size);
        }
    }
}

pub async fn listing_what_is_no_folder_fails(room: &Room<'_>) {
    let file = room.file("file", b"").await;
    fails(list(&*room.share, &file).await, &[libc::ENOTDIR]);
    fails(list(&*room.share, &room.path("missing")).await, &[libc::ENOENT]);
}

pub async fn a_listing_nobody_wants_ends(room: &Room<'_>) {
    fill(room, 500).await;
    let (into, batches) = mpsc::channel(1);
    drop(batches);
    room.share.list(&room.dir, into).await.unwrap();
    assert_eq!(room.entries().await.len(), 500);
}

pub async fn making_a_folder_where_something_is_fails(room: &Room<'_>) {
    let dir = room.path("dir");
    let attr = room.share.create_dir(&dir, 0o755).await.unwrap();
    assert_eq!(attr.kind, FileKind::Dir);
    fails(room.share.create_dir(&dir, 0o755).await, &[libc::EEXIST]);
    let file = room.file("file", b"").await;
    fails(room.share.create_dir(&file, 0o755).await, &[libc::EEXIST]);
    fails(room.share.create_dir(&room.path("missing").join(b"x").unwrap(), 0o755).await, &[libc::ENOENT]);
}

pub async fn only_empty_folders_are_removed(room: &Room<'_>) {
    let dir = room.path("dir");
    room.share.create_dir(&dir, 0o755).await.unwrap();
    room.share.create_dir(&dir.join(b"inner").unwrap(), 0o755).await.unwrap();
    fails(room.share.remove_dir(&dir).await, &[libc::ENOTEMPTY]);
    room.share.remove_dir(&dir.join(b"inner").unwrap()).await.unwrap();
    room.share.remove_dir(&dir).await.unwrap();
    fails(room.share.stat(&dir).await, &[libc::ENOENT]);
    fails(room.share.remove_dir(&dir).await, &[libc::ENOENT]);
}

pub async fn removing_tells_files_from_folders(room: &Room<'_>) {
    let (file, dir) = (room.file("file", b"").await, room.path("dir"));
    room.share.create_dir(&dir, 0o755).await.unwrap();
    fails(room.share.remove_dir(&file).await, &[libc::ENOTDIR]);
    fails(room.share.remove_file(&dir).await, &[libc::EISDIR]);
    room.share.remove_file(&file).await.unwrap();
    fails(room.share.stat(&file).await, &[libc::ENOENT]);
}
