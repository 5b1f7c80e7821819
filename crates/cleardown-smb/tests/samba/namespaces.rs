//! What servers offer, and namespaces that lead elsewhere.

use cleardown_core::ErrorKind;
use cleardown_core::view::ShareKind;
use cleardown_share::Share;
use cleardown_smb::list_shares;
use cleardown_testkit::{Options, Samba, ShareDef};

use crate::common::{config, eve, path, refusal};

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

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_a_namespace_is_found_where_it_is() {
    let shares = vec![ShareDef::new("files"), ShareDef { dfs: true, ..ShareDef::new("root") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    std::fs::create_dir(samba.path("files").join("team")).unwrap();
    std::fs::write(samba.path("files").join("team/here"), "x").unwrap();
    let link =
        |target: &str, name: &str| std::os::unix::fs::symlink(target, samba.path("root").join(name)).unwrap();
    link(r"msdfs:127.0.0.1\files", "link");
    link(r"msdfs:127.0.0.1\root\loop", "loop");
    let share = eve(&samba, "root/link/team").await;
    assert_eq!(share.stat(&path("here")).await.unwrap().size, 1);
    let share = eve(&samba, "root").await;
    share.stat(&path("")).await.unwrap();
    let error = refusal(config(&samba, "root/loop")).await;
    assert!(matches!(error.kind, ErrorKind::NoSuchShare(_)), "{error}");
}
