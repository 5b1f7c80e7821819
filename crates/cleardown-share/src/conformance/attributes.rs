//! Attributes, and the room on the server.

use super::room::{Room, fails, how};
use crate::attr::{SetAttr, Time};
use crate::share::Capabilities;
use crate::share::Disposition::Open;

const SECOND: i128 = 1_000_000_000;

pub async fn sizes_are_set(room: &Room<'_>) {
    let file = room.create("file", b"0123456789").await;
    let size = |size| SetAttr { size: Some(size), ..SetAttr::default() };
    assert_eq!(file.set_attr(&size(4)).await.unwrap().size, 4);
    assert_eq!(file.set_attr(&size(8)).await.unwrap().size, 8);
    assert_eq!(&file.read(0, 100).await.unwrap()[..], b"0123\0\0\0\0");
    file.close().await.unwrap();
    assert_eq!(room.share.set_attr(&room.path("file"), &size(2)).await.unwrap().size, 2);
    assert_eq!(room.share.set_attr(&room.path("file"), &size(1 << 32)).await.unwrap().size, 1 << 32);
    assert_eq!(room.share.stat(&room.path("file")).await.unwrap().size, 1 << 32);
    room.share.create_dir(&room.path("dir"), 0o755).await.unwrap();
    let errnos = [libc::EISDIR, libc::EINVAL, libc::EACCES];
    fails(room.share.set_attr(&room.path("dir"), &size(0)).await, &errnos);
}

pub async fn times_are_set_as_precisely_as_the_protocol_can(room: &Room<'_>) {
    let path = room.file("file", b"x").await;
    let exact = Time(1_234_567_890 * SECOND);
    let set = SetAttr { modified: Some(exact), accessed: Some(exact), ..SetAttr::default() };
    let attr = room.share.set_attr(&path, &set).await.unwrap();
    assert_eq!((attr.modified, attr.accessed), (exact, exact));
    // One of the two alone leaves the other as it is.
    let later = Time(1_345_678_901 * SECOND + 123_456_700);
    let attr =
        room.share.set_attr(&path, &SetAttr { modified: Some(later), ..SetAttr::default() }).await.unwrap();
    assert_eq!(attr.accessed, exact);
    let lost = later.0 - attr.modified.0;
    assert!((0..SECOND).contains(&lost), "modified is {lost} ns off");
    let file = room.share.open(&path, how(Open)).await.unwrap().file;
    let attr = file.set_attr(&SetAttr { accessed: Some(later), ..SetAttr::default() }).await.unwrap();
    assert_eq!(later.0 - attr.modified.0, lost);
    assert!((0..SECOND).contains(&(later.0 - attr.accessed.0)));
    file.close().await.unwrap();
    assert_eq!(room.share.stat(&path).await.unwrap().modified, Time(later.0 - lost));
}

pub async fn times_set_while_data_is_under_way_stay(room: &Room<'_>) {
    if !room.can(Capabilities::TIMES_STAY) {
        return;
    }
    let file = room.create("file", b"").await;
    let then = SetAttr { modified: Some(Time(1_234_567_890 * SECOND)), ..SetAttr::default() };
    let data = bytes::Bytes::from(vec![7; 1 << 20]);
    for number in 0..8 {
        let (written, set) = tokio::join!(file.write(number << 20, data.clone()), file.set_attr(&then));
        written.unwrap();
        set.unwrap();
    }
    file.close().await.unwrap();
    assert_eq!(room.share.stat(&room.path("file")).await.unwrap().modified, Time(1_234_567_890 * SECOND));
}

pub async fn modes_are_kept(room: &Room<'_>) {
    if !room.can(Capabilities::MODE) {
        return;
    }
    let mode = |mode| SetAttr { mode: Some(mode), ..SetAttr::default() };
    let file = room.create("file", b"x").await;
    assert_eq!(file.set_attr(&mode(0o640)).await.unwrap().mode, Some(0o640));
    file.close().await.unwrap();
    let path = room.path("file");
    assert_eq!(room.share.set_attr(&path, &mode(0o751)).await.unwrap().mode, Some(0o751));
    assert_eq!(room.share.stat(&path).await.unwrap().mode, Some(0o751));
    let dir = room.path("dir");
    assert_eq!(room.share.create_dir(&dir, 0o700).await.unwrap().mode, Some(0o700));
}

pub async fn attributes_of_what_is_missing_cannot_be_set(room: &Room<'_>) {
    let set = SetAttr { modified: Some(Time(0)), ..SetAttr::default() };
    fails(room.share.set_attr(&room.path("missing"), &set).await, &[libc::ENOENT]);
}

pub async fn forbidden_access_is_called_so(room: &Room<'_>) {
    if !room.can(Capabilities::MODE) {
        return;
    }
    let path = room.file("file", b"secret").await;
    room.share.set_attr(&path, &SetAttr { mode: Some(0), ..SetAttr::default() }).await.unwrap();
    match room.share.open(&path, how(Open)).await {
        Ok(opened) => {
            println!("not applicable: the user on the server may do everything");
            opened.file.close().await.unwrap();
        }
        Err(error) => assert_eq!(error.errno, libc::EACCES, "{error}"),
    }
}

pub async fn the_room_makes_sense(room: &Room<'_>) {
    let stat = room.share.stat_fs().await.unwrap();
    assert!(stat.block_size.is_power_of_two(), "{stat:?}");
    assert!(stat.blocks >= stat.free && stat.free >= stat.available, "{stat:?}");
    assert!(stat.available > 0 && stat.name_max >= 255, "{stat:?}");
}
