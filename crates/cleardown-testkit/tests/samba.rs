//! The server starts, serves, freezes, dies and comes back.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use cleardown_testkit::{Options, Samba, ShareDef, User};

#[test]
fn a_server_serves_and_comes_back() {
    let shares = vec![ShareDef::new("files"), ShareDef { tmpfs: Some(1 << 20), ..ShareDef::new("small") }];
    let mut samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    std::fs::write(samba.path("files").join("hello.txt"), "hello").unwrap();
    let listing = samba.smbclient("files", &User::eve(), "ls").unwrap();
    assert!(listing.contains("hello.txt"), "{listing}");

    let wrong = User { password: "wrong".into(), ..User::eve() };
    let refusal = samba.smbclient("files", &wrong, "ls").unwrap_err();
    assert!(refusal.to_string().contains("NT_STATUS_LOGON_FAILURE"), "{refusal}");

    samba.stop();
    samba.cont();
    samba.kill();
    assert!(samba.smbclient("files", &User::adam(), "ls").is_err());
    samba.restart().unwrap();
    samba.smbclient("small", &User::adam(), "ls").unwrap();
}

#[test]
fn it_leaves_no_process_behind() {
    let samba = Samba::start(Options { guest: true, ..Options::default() }).unwrap();
    let conf = samba.conf().display().to_string();
    let with_conf = || {
        let pids = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = pids.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&conf) && line.contains("samba-dcerpcd")).count()
    };
    // Listing the shares makes smbd start its helpers.
    let port = samba.port().to_string();
    let list = ["-L", "127.0.0.1", "-N", "-p", &port];
    assert!(std::process::Command::new("smbclient").args(list).output().unwrap().status.success());
    assert!(with_conf() > 0);
    drop(samba);
    assert_eq!(with_conf(), 0);
}
