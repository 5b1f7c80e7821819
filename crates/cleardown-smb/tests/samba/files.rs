//! Files and folders.

use std::sync::Arc;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, OpenHow, RenameHow, SetAttr, Share, Time};
use cleardown_testkit::{Options, Samba, ShareDef};

use crate::common::{BOTH, eve, how, names, open, path, pattern};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_read_and_is_on_the_server() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let opened = open(&share, "big").await;
    assert!(opened.created);
    assert!(opened.attr.id.is_some());
    let data = Bytes::from(pattern(5 * 1024 * 1024 + 12345, 7));
    opened.file.write(3, data.clone()).await.unwrap();
    opened.file.flush().await.unwrap();
    assert_eq!(&std::fs::read(samba.path("files").join("big")).unwrap()[3..], &data[..]);
    assert_eq!(opened.file.read(3, 6 << 20).await.unwrap(), data);
    assert_eq!(opened.file.read(100, 10).await.unwrap(), data.slice(97..107));
    assert_eq!(opened.file.read(1 << 40, 10).await.unwrap().len(), 0);
    assert_eq!(opened.file.stat().await.unwrap().size, data.len() as u64 + 3);
    opened.file.close().await.unwrap();
    assert_eq!(opened.file.read(0, 1).await.unwrap_err().errno, libc::EBADF);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_comes_with_its_opening() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    std::fs::write(samba.path("files").join("f"), b"all of it").unwrap();
    for (asked, wanted) in [(3, &b"all"[..]), (1000, b"all of it")] {
        let opened = share.open_and_read(&path("f"), how(Access::READ, Disposition::Open), asked).await;
        let (opened, head) = opened.unwrap();
        assert_eq!(head.unwrap(), wanted);
        opened.file.close().await.unwrap();
    }
    std::fs::write(samba.path("files").join("empty"), b"").unwrap();
    let opened = share.open_and_read(&path("empty"), how(Access::READ, Disposition::Open), 10).await;
    assert_eq!(opened.unwrap().1.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_listed_whole() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    let many: Vec<String> = (0..12_000).map(|i| format!("file {i:05} with a name of some length")).collect();
    let dir = samba.path("files").join("many");
    std::fs::create_dir(&dir).unwrap();
    for name in &many {
        std::fs::write(dir.join(name), "").unwrap();
    }
    assert_eq!(names(&share, "many").await, many);
    share.create_dir(&path("empty"), 0o755).await.unwrap();
    assert!(names(&share, "empty").await.is_empty());
    let (into, _from) = tokio::sync::mpsc::channel(1);
    assert_eq!(share.list(&path("nothing"), into.clone()).await.unwrap_err().errno, libc::ENOENT);
    assert_eq!(share.list(&path(&format!("many/{}", many[0])), into).await.unwrap_err().errno, libc::ENOTDIR);
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_names_work() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    for name in ["a:b", "what?", "*", "back\\slash", "trailing.", "trailing ", "\"<>|", "ä😀", "tab\there"]
    {
        let opened = open(&share, name).await;
        opened.file.write(0, Bytes::from_static(b"x")).await.unwrap();
        opened.file.close().await.unwrap();
        assert_eq!(names(&share, "").await, [name]);
        assert_eq!(share.stat(&path(name)).await.unwrap().size, 1, "{name:?}");
        share.remove_file(&path(name)).await.unwrap();
    }
    let invalid = cleardown_share::SharePath::root().join(b"latin1 \xE9").unwrap();
    share.open(&invalid, how(BOTH, Disposition::CreateNew)).await.unwrap();
    share.stat(&invalid).await.unwrap();
    let long = "n".repeat(256);
    assert_eq!(share.stat(&path(&long)).await.unwrap_err().errno, libc::ENAMETOOLONG);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_files_survive_renaming_replacing_and_removing() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    let a = open(&share, "a").await.file;
    let b = open(&share, "b").await.file;
    a.write(0, Bytes::from_static(b"aaa")).await.unwrap();
    b.write(0, Bytes::from_static(b"bbb")).await.unwrap();
    share.rename(&path("a"), &path("b"), RenameHow::Replace).await.unwrap();
    assert_eq!(names(&share, "").await, ["b"]);
    assert_eq!(&a.read(0, 3).await.unwrap()[..], b"aaa");
    assert_eq!(&b.read(0, 3).await.unwrap()[..], b"bbb");
    assert_eq!(std::fs::read(samba.path("files").join("b")).unwrap(), b"aaa");

    share.remove_file(&path("b")).await.unwrap();
    assert_eq!(share.stat(&path("b")).await.unwrap_err().errno, libc::ENOENT);
    a.write(3, Bytes::from_static(b"more")).await.unwrap();
    assert_eq!(&a.read(0, 7).await.unwrap()[..], b"aaamore");
    // The name is free at once.
    let again = share.open(&path("b"), how(BOTH, Disposition::CreateNew)).await.unwrap();
    assert_eq!(again.attr.size, 0);
    for file in [a, b, again.file] {
        file.close().await.unwrap();
    }
    assert_eq!(names(&share, "").await, ["b"]);
    assert_eq!(std::fs::read_dir(samba.path("files")).unwrap().count(), 1, "nothing is left aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_file_keeps_its_other_name_read_only() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let read_only = OpenHow { mode: 0o444, ..how(BOTH, Disposition::CreateNew) };
    let kept = share.open(&path("a"), read_only).await.unwrap().file;
    share.hard_link(&path("a"), &path("b")).await.unwrap();
    share.hard_link(&path("a"), &path("c")).await.unwrap();
    // Once moved aside because it is open, once removed at once.
    share.remove_file(&path("a")).await.unwrap();
    kept.close().await.unwrap();
    assert!(share.stat(&path("b")).await.unwrap().read_only);
    share.remove_file(&path("b")).await.unwrap();
    assert!(share.stat(&path("c")).await.unwrap().read_only);
    assert_eq!(names_on_server(&samba), ["c"]);
}

/// Everything in the share's folder, as the server's own machine sees it.
fn names_on_server(samba: &Samba) -> Vec<String> {
    let entries = std::fs::read_dir(samba.path("files")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Our name for a removed file that is open begins with a dot, Samba marks the file as hidden for that, whatever its other
/// names are, and then overwrites it only by one that is hidden, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_can_be_emptied_that_was_removed_under_another_name() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let open = open(&share, "a").await;
    share.hard_link(&path("a"), &path("b")).await.unwrap();
    share.remove_file(&path("a")).await.unwrap();
    for disposition in [Disposition::Truncate, Disposition::CreateOrTruncate] {
        let again = share.open(&path("b"), how(Access::WRITE, disposition)).await.unwrap();
        assert!(!again.created);
        again.file.write(0, Bytes::from_static(b"again")).await.unwrap();
        again.file.close().await.unwrap();
    }
    open.file.close().await.unwrap();
    assert_eq!(std::fs::read(samba.path("files").join("b")).unwrap(), b"again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_we_look_into_goes_at_once() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = Arc::new(eve(&samba, "files").await);
    for round in 0..20 {
        share.create_dir(&path("d"), 0o755).await.unwrap();
        share.create_dir(&path("d/e"), 0o755).await.unwrap();
        share.watch(&path("d")).await.unwrap();
        share.watch(&path("d/e")).await.unwrap();
        let opened = open(&share, "d/e/open").await.file;
        share.remove_file(&path("d/e/open")).await.unwrap();
        let (listing, more) = (share.clone(), share.clone());
        let listings = tokio::spawn(async move { names(&listing, "d").await });
        let racing = tokio::spawn(async move {
            let (into, _from) = tokio::sync::mpsc::channel(4);
            more.list(&path("d/e"), into).await
        });
        share.remove_dir(&path("d/e")).await.unwrap();
        share.remove_dir(&path("d")).await.unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(!samba.path("files").join("d").exists(), "round {round}");
        opened.close().await.unwrap();
        let _ = (listings.await, racing.await);
        assert!(names_on_server(&samba).is_empty(), "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_moves_with_watched_folders_in_it() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    share.create_dir(&path("d"), 0o755).await.unwrap();
    share.create_dir(&path("d/e"), 0o755).await.unwrap();
    share.watch(&path("d/e")).await.unwrap();
    share.rename(&path("d"), &path("x"), RenameHow::Replace).await.unwrap();
    share.stat(&path("x/e")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rename_says_what_rename_2_says() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let root = samba.path("files");
    for dir in ["empty", "full", "source"] {
        std::fs::create_dir(root.join(dir)).unwrap();
    }
    std::fs::write(root.join("full/x"), "x").unwrap();
    std::fs::write(root.join("file"), "file").unwrap();
    let rename = async |from: &str, to: &str, how| {
        share.rename(&path(from), &path(to), how).await.map_err(|error| error.errno)
    };
    assert_eq!(rename("nothing", "else", RenameHow::Replace).await, Err(libc::ENOENT));
    assert_eq!(rename("source", "full", RenameHow::Replace).await, Err(libc::ENOTEMPTY));
    assert_eq!(rename("source", "file", RenameHow::Replace).await, Err(libc::ENOTDIR));
    assert_eq!(rename("file", "empty", RenameHow::Replace).await, Err(libc::EISDIR));
    assert_eq!(rename("file", "full/x", RenameHow::NoReplace).await, Err(libc::EEXIST));
    assert_eq!(rename("source", "source/below", RenameHow::Replace).await, Err(libc::EINVAL));
    assert_eq!(rename("source", "empty", RenameHow::Replace).await, Ok(()));
    assert_eq!(rename("file", "full/x", RenameHow::Replace).await, Ok(()));
    assert_eq!(std::fs::read(root.join("full/x")).unwrap(), b"file");
    assert_eq!(rename("full", "FULL", RenameHow::Replace).await, Ok(()));
    assert!(root.join("FULL").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_are_kept_to_100_ns() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let file = open(&share, "f").await.file;
    let (modified, accessed) = (Time(1_234_567_890_123_456_700), Time(987_654_321_987_654_300));
    let set = SetAttr { modified: Some(modified), accessed: Some(accessed), ..SetAttr::default() };
    let attr = file.set_attr(&set).await.unwrap();
    assert_eq!((attr.modified, attr.accessed), (modified, accessed));
    let attr = share.set_attr(&path("f"), &SetAttr { size: Some(4096), ..SetAttr::default() }).await.unwrap();
    assert_eq!(attr.size, 4096);
    let attr =
        share.set_attr(&path("f"), &SetAttr { mode: Some(0o444), ..SetAttr::default() }).await.unwrap();
    assert!(attr.read_only);
    file.close().await.unwrap();
    assert!(share.stat(&path("f")).await.unwrap().read_only);
    let error = share.open(&path("f"), how(Access::WRITE, Disposition::Open)).await.err().unwrap();
    assert_eq!(error.errno, libc::EACCES);
    share.remove_file(&path("f")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dispositions_are_atomic_and_have_the_right_errno() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let open = async |name: &str, disposition| {
        let opened = share.open(&path(name), how(BOTH, disposition)).await;
        opened.map(|opened| (opened.created, opened.attr.size)).map_err(|error| error.errno)
    };
    assert_eq!(open("f", Disposition::Open).await, Err(libc::ENOENT));
    assert_eq!(open("f", Disposition::Truncate).await, Err(libc::ENOENT));
    assert_eq!(open("f", Disposition::CreateNew).await, Ok((true, 0)));
    assert_eq!(open("f", Disposition::CreateNew).await, Err(libc::EEXIST));
    std::fs::write(samba.path("files").join("f"), "content").unwrap();
    assert_eq!(open("f", Disposition::OpenOrCreate).await, Ok((false, 7)));
    assert_eq!(open("f", Disposition::Truncate).await, Ok((false, 0)));
    assert_eq!(open("g", Disposition::CreateOrTruncate).await, Ok((true, 0)));
    std::fs::create_dir(samba.path("files").join("d")).unwrap();
    assert_eq!(open("d", Disposition::Open).await, Err(libc::EISDIR));
    let errno = |result: cleardown_share::ShareResult<()>| result.unwrap_err().errno;
    assert_eq!(errno(share.remove_file(&path("d")).await), libc::EISDIR);
    assert_eq!(errno(share.remove_dir(&path("f")).await), libc::ENOTDIR);
    assert_eq!(share.create_dir(&path("d"), 0o755).await.unwrap_err().errno, libc::EEXIST);
    std::fs::write(samba.path("files").join("d/x"), "").unwrap();
    assert_eq!(errno(share.remove_dir(&path("d")).await), libc::ENOTEMPTY);
    share.remove_file(&path("d/x")).await.unwrap();
    share.remove_dir(&path("d")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_says_enospc() {
    let shares = vec![ShareDef { tmpfs: Some(1 << 20), ..ShareDef::new("small") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let share = eve(&samba, "small").await;
    let room = share.stat_fs().await.unwrap();
    assert_eq!(room.blocks * u64::from(room.block_size), 1 << 20);
    let file = open(&share, "f").await.file;
    let error = file.write(0, Bytes::from(vec![1; 2 << 20])).await.unwrap_err();
    assert_eq!(error.errno, libc::ENOSPC, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_copies_and_links() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let source = open(&share, "source").await.file;
    let data = Bytes::from(pattern(40 << 20, 1));
    source.write(0, data.clone()).await.unwrap();
    let target = open(&share, "target").await.file;
    assert_eq!(source.copy_to(1000, &*target, 0, u64::MAX >> 1).await.unwrap(), data.len() as u64 - 1000);
    assert_eq!(std::fs::read(samba.path("files").join("target")).unwrap(), data[1000..]);

    source.punch(1 << 20, 2 << 20).await.unwrap();
    assert!(source.read(1 << 20, 2 << 20).await.unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(source.seek(0, false).await.unwrap(), 1 << 20);
    assert_eq!(source.seek(1 << 20, true).await.unwrap(), 3 << 20);
    assert_eq!(source.seek(1 << 40, true).await.unwrap_err().errno, libc::ENXIO);

    target.allocate(0, 64 << 20, true).await.unwrap();
    assert_eq!(target.stat().await.unwrap().size, data.len() as u64 - 1000);
    target.allocate(0, 64 << 20, false).await.unwrap();
    assert_eq!(target.stat().await.unwrap().size, 64 << 20);

    let attr = share.hard_link(&path("source"), &path("link")).await.unwrap();
    assert_eq!(attr.links, Some(2));
    assert_eq!(share.stat(&path("link")).await.unwrap().id, attr.id);
    assert_eq!(share.hard_link(&path("source"), &path("link")).await.unwrap_err().errno, libc::EEXIST);
}
