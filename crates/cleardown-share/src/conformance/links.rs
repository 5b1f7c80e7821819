//! Hard and symbolic links.

use super::room::{Room, fails};
use crate::attr::FileKind;
use crate::share::Capabilities;

pub async fn hard_links_share_the_content(room: &Room<'_>) {
    let (file, link) = (room.file("file", b"shared").await, room.path("link"));
    if !room.can(Capabilities::HARD_LINKS) {
        fails(room.share.hard_link(&file, &link).await, &[libc::EOPNOTSUPP]);
        return;
    }
    let attr = room.share.hard_link(&file, &link).await.unwrap();
    assert!(attr.links.is_none_or(|links| links == 2));
    room.share.remove_file(&file).await.unwrap();
    assert_eq!(room.content("link").await, b"shared");
    let other = room.file("other", b"").await;
    fails(room.share.hard_link(&link, &other).await, &[libc::EEXIST]);
    fails(room.share.hard_link(&room.path("missing"), &room.path("x")).await, &[libc::ENOENT]);
}

pub async fn symbolic_links_keep_their_target(room: &Room<'_>) {
    let link = room.path("link");
    if !room.can(Capabilities::SYMLINKS) {
        fails(room.share.symlink(&link, b"target").await, &[libc::EOPNOTSUPP]);
        return;
    }
    let target = b"../no where/at all";
    let attr = room.share.symlink(&link, target).await.unwrap();
    assert_eq!(attr.kind, FileKind::Symlink);
    assert_eq!(room.share.read_link(&link).await.unwrap(), target);
    assert_eq!(room.share.stat(&link).await.unwrap().kind, FileKind::Symlink);
    assert_eq!(room.entries().await[0].attr.kind, FileKind::Symlink);
    fails(room.share.symlink(&link, b"x").await, &[libc::EEXIST]);
    let file = room.file("file", b"").await;
    fails(room.share.read_link(&file).await, &[libc::EINVAL]);
    fails(room.share.read_link(&room.path("missing")).await, &[libc::ENOENT]);
    room.share.remove_file(&link).await.unwrap();
    fails(room.share.stat(&link).await, &[libc::ENOENT]);
}
