//! What servers offer, and namespaces that lead elsewhere.

use cleardown_core::ErrorKind;
use cleardown_core::view::ShareKind;
use cleardown_share::{Disposition, FileKind, RenameHow, Share};
use cleardown_smb::{list_shares, open as open_all};
use cleardown_testkit::{Options, Samba, ShareDef};

use crate::common::{BOTH, config, eve, how, path, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_listed() {
    let shares =
        vec![ShareDef::new("files"), ShareDef { extra: "comment = for all".into(), ..ShareDef::new("more") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let mut shares = list_shares(config(&samba, "any")).await.unwrap();
    shares.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<(&str, ShareKind)> =
        shares.iter().map(|share| (share.name.as_str(), share.kind)).collect();
    assert_eq!(names, [("IPC$", ShareKind::Ipc), ("files", ShareKind::Disk), ("more", ShareKind::Disk)]);
    assert_eq!(shares[2].comment, "for all");
}

/// More than one fragment, and more than the 64 kB that one could tell of.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_shares_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let mut shares = vec![ShareDef::new("files")];
    shares.extend((0..1000).map(|number| ShareDef {
        folder: Some(folder.path().to_owned()),
        extra: format!("comment = {}", "a long comment ".repeat(5)),
        ..ShareDef::new(&format!("share{number}"))
    }));
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let shares = list_shares(config(&samba, "any")).await.unwrap();
    let disks = shares.iter().filter(|share| share.kind == ShareKind::Disk);
    assert_eq!(disks.count(), 1001);
}

/// A namespace with a link to a share that has a file in a folder, and another link, to this target.
fn namespace_with(name: &str, target: &str) -> Samba {
    let shares = vec![ShareDef::new("files"), ShareDef { dfs: true, ..ShareDef::new("root") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    std::fs::create_dir(samba.path("files").join("team")).unwrap();
    std::fs::write(samba.path("files").join("team/here"), "x").unwrap();
    for (name, target) in [("link", "files"), (name, target)] {
        let link = samba.path("root").join(name);
        std::os::unix::fs::symlink(format!(r"msdfs:127.0.0.1\{target}"), link).unwrap();
    }
    samba
}

#[tokio::test(flavor = "multi_thread")]
async fn links_in_a_namespace_are_followed() {
    let samba = namespace_with("broken", "nothing");
    let share = open_all(config(&samba, "root")).await.unwrap();
    // What is here and what is there, as one tree.
    assert_eq!(share.stat(&path("link/team/here")).await.unwrap().size, 1);
    assert_eq!(share.stat(&path("link")).await.unwrap().kind, FileKind::Dir);
    let there = share.open(&path("link/new"), how(BOTH, Disposition::CreateNew)).await.unwrap().file;
    there.write(0, "there".into()).await.unwrap();
    let here = share.open(&path("new"), how(BOTH, Disposition::CreateNew)).await.unwrap().file;
    here.write(0, "here".into()).await.unwrap();
    assert_eq!(std::fs::read_to_string(samba.path("files").join("new")).unwrap(), "there");
    assert_eq!(std::fs::read_to_string(samba.path("root").join("new")).unwrap(), "here");
    let (into, mut from) = tokio::sync::mpsc::channel(8);
    share.list(&path("link"), into).await.unwrap();
    let mut names = Vec::new();
    while let Some(batch) = from.recv().await {
        names.extend(batch.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()));
    }
    names.sort();
    assert_eq!(names, ["new", "team"]);
    share.rename(&path("link/new"), &path("link/team/moved"), RenameHow::NoReplace).await.unwrap();
    let across = share.rename(&path("link/team/moved"), &path("moved"), RenameHow::NoReplace).await;
    assert_eq!(across.unwrap_err().errno, libc::EXDEV);
    assert_eq!(share.remove_dir(&path("link")).await.unwrap_err().errno, libc::EBUSY);
    assert_eq!(share.stat(&path("broken/x")).await.unwrap_err().errno, libc::ENOENT);
    assert_eq!(share.stat(&path("link/missing")).await.unwrap_err().errno, libc::ENOENT);
    drop((here, there));
    assert!(share.close().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_a_namespace_is_found_where_it_is() {
    let samba = namespace_with("loop", r"root\loop");
    let share = eve(&samba, "root/link/team").await;
    assert_eq!(share.stat(&path("here")).await.unwrap().size, 1);
    let share = eve(&samba, "root").await;
    share.stat(&path("")).await.unwrap();
    let error = refusal(config(&samba, "root/loop")).await;
    assert!(matches!(error.kind, ErrorKind::NoSuchShare(_)), "{error}");
}
