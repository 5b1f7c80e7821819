//! Connecting in every way, and being refused in every way.

use std::time::Duration;

use cleardown_core::{Error, ErrorKind};
use cleardown_share::{Capabilities, Share};
use cleardown_smb::{Config, SmbShare, connect};
use cleardown_testkit::{Options, Port, Samba, ShareDef, User};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::{config, eve, path, refusal};

#[tokio::test(flavor = "multi_thread")]
async fn every_dialect_signs_and_encrypts() {
    for (max_protocol, dialect) in
        [("SMB2_10", "SMB 2.1"), ("SMB3_00", "SMB 3.0"), ("SMB3_02", "SMB 3.0.2"), ("SMB3_11", "SMB 3.1.1")]
    {
        for (signing, encrypt) in [(false, false), (true, false), (false, true)] {
            if encrypt && max_protocol == "SMB2_10" {
                continue;
            }
            let options =
                Options { max_protocol: max_protocol.into(), signing, encrypt, ..Options::default() };
            let samba = Samba::start(options).unwrap();
            let share = eve(&samba, "files").await;
            let session = share.session();
            assert_eq!(session.dialect, dialect);
            assert_eq!(session.signing.is_some(), signing, "{session:?}");
            assert_eq!(session.encryption.is_some(), encrypt, "{session:?}");
            assert_eq!(session.user, "eve");
            share.create_dir(&path("folder"), 0o755).await.unwrap();
            assert!(samba.path("files").join("folder").is_dir());
            assert!(share.close().await.unwrap(), "the server confirms the log-off");
            let error = share.stat(&path("folder")).await.unwrap_err();
            assert_eq!(error.errno, libc::ENOTCONN);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn we_may_demand_signing_and_encryption() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = connect(Config { sign: true, ..config(&samba, "files") }).await.unwrap();
    assert_eq!(share.session().signing.as_deref(), Some("AES-128-GMAC"));
    share.stat(&path("")).await.unwrap();
    let share = connect(Config { encrypt: true, ..config(&samba, "files") }).await.unwrap();
    assert_eq!(share.session().encryption.as_deref(), Some("AES-128-GCM"));
    share.stat(&path("")).await.unwrap();

    let old = Samba::start(Options { max_protocol: "SMB2_10".into(), ..Options::default() }).unwrap();
    let error = refusal(Config { encrypt: true, ..config(&old, "files") }).await;
    assert!(matches!(error.kind, ErrorKind::Protocol { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_share_may_demand_encryption() {
    let shares = vec![ShareDef { encrypt: true, ..ShareDef::new("secret") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let share = eve(&samba, "secret").await;
    assert!(share.session().encryption.is_some());
    share.stat(&path("")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_come_in_where_guests_may() {
    let shares = vec![ShareDef { guest: true, ..ShareDef::new("open") }];
    let samba = Samba::start(Options { guest: true, shares, ..Options::default() }).unwrap();
    let share = connect(Config::new(samba.remote("open").parse().unwrap())).await.unwrap();
    assert!(matches!(share.session().user.as_str(), "guest" | "anonymous"), "{:?}", share.session());
    share.create_dir(&path("made by a guest"), 0o755).await.unwrap();

    // A named user with a wrong password is not let in by the back door.
    let error = refusal(config(&samba, "open").user("nobody-known", "wrong")).await;
    assert!(matches!(error.kind, ErrorKind::Authentication { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_kind() {
    let shares = vec![
        ShareDef::new("files"),
        ShareDef { extra: "valid users = nobody".into(), ..ShareDef::new("private") },
    ];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let kind = async |config: Config| refusal(config).await.kind;
    let at = |share: &str| config(&samba, share);
    let eve = User::eve();

    assert!(matches!(kind(at("files").user("eve", "wrong")).await, ErrorKind::Authentication { .. }));
    assert!(matches!(
        kind(at("files").user("unknown", &eve.password)).await,
        ErrorKind::Authentication { .. }
    ));
    assert!(matches!(
        kind(Config::new(samba.remote("files").parse().unwrap())).await,
        ErrorKind::Authentication { .. } | ErrorKind::AccessDenied(_)
    ));
    assert!(matches!(kind(at("nothing")).await, ErrorKind::NoSuchShare(_)));
    assert!(matches!(kind(at("files/no/such/folder")).await, ErrorKind::NoSuchShare(_)));
    assert!(matches!(kind(at("private")).await, ErrorKind::AccessDenied(_)));

    let elsewhere = |remote: String| config(&samba, "files").clone_to(&remote);
    let port = Port::free().unwrap();
    assert!(matches!(
        kind(elsewhere(format!("smb://127.0.0.1:{}/x", port.number()))).await,
        ErrorKind::Refused(_)
    ));
    assert!(matches!(
        kind(elsewhere("smb://no-such-host.invalid/x".into())).await,
        ErrorKind::UnknownHost(_)
    ));

    samba.stop();
    let error = refusal(Config { timeout: Duration::from_millis(300), ..at("files") }).await;
    assert!(matches!(error.kind, ErrorKind::Timeout { .. }), "{error}");
    samba.cont();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_pipes_is_a_session_and_no_drive() {
    let samba = Samba::start(Options::default()).unwrap();
    let pipes = |share: &str, folders| Config { folders, ..config(&samba, share) };
    assert!(matches!(refusal(pipes("IPC$", true)).await.kind, ErrorKind::NoFolders(_)));
    assert!(matches!(refusal(pipes("IPC$/srvsvc", false)).await.kind, ErrorKind::NoFolders(_)));
    let share = connect(pipes("IPC$", false)).await.unwrap();
    share.probe().await.unwrap();
    assert!(share.close().await.unwrap(), "the server confirms the log-off");
}

trait CloneTo {
    fn clone_to(&self, remote: &str) -> Config;
}

impl CloneTo for Config {
    fn clone_to(&self, remote: &str) -> Config {
        Config { remote: remote.parse().unwrap(), ..self.clone() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_below_the_share_becomes_the_root() {
    let samba = Samba::start(Options::default()).unwrap();
    std::fs::create_dir_all(samba.path("files").join("a/b")).unwrap();
    std::fs::write(samba.path("files").join("a/b/inside"), "x").unwrap();
    let share = eve(&samba, "files/a/b").await;
    assert_eq!(share.stat(&path("inside")).await.unwrap().size, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_share_says_so() {
    let shares = vec![ShareDef { read_only: true, ..ShareDef::new("ro") }];
    let samba = Samba::start(Options { shares, ..Options::default() }).unwrap();
    let share = eve(&samba, "ro").await;
    assert!(share.capabilities().contains(Capabilities::READ_ONLY));
    let error = share.create_dir(&path("x"), 0o755).await.unwrap_err();
    assert!(matches!(error.errno, libc::EACCES | libc::EROFS), "{error}");
}

/// The answer to a request: an error, as Samba sends it (MS-SMB2 2.2.2).
fn error_reply(status: u32) -> Vec<u8> {
    let mut reply = vec![0; 4 + 64 + 9];
    reply[3] = 64 + 9;
    reply[4..8].copy_from_slice(b"\xfeSMB");
    reply[8] = 64;
    reply[12..16].copy_from_slice(&status.to_le_bytes());
    // One credit, and the mark of a reply.
    (reply[18], reply[20], reply[68]) = (1, 1, 9);
    reply
}

/// A Samba that has answered a NEGOTIATE with this status so many times.
async fn after_refusals(status: u32, times: usize) -> Result<SmbShare, Error> {
    let samba = Samba::start(Options::default()).unwrap();
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = config(&samba, "files");
    let (ours, its) = (front.local_addr().unwrap().port(), samba.port());
    config.remote = config.remote.to_string().replace(&its.to_string(), &ours.to_string()).parse().unwrap();
    let serving = tokio::spawn(async move {
        for _ in 0..times {
            let (mut client, _) = front.accept().await.unwrap();
            assert!(client.read(&mut [0; 4096]).await.unwrap() > 0);
            client.write_all(&error_reply(status)).await.unwrap();
            // Until the client has read it.
            let _ = client.read(&mut [0; 1]).await;
        }
        let (mut client, _) = front.accept().await.unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", its)).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    });
    let share = connect(config).await;
    serving.abort();
    share
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_short_of_memory_for_a_moment_is_asked_again() {
    const NO_MEMORY: u32 = 0xC000_0017;
    const NOT_SUPPORTED: u32 = 0xC000_00BB;
    assert!(after_refusals(NO_MEMORY, 2).await.is_ok());
    for (status, times, name) in
        [(NO_MEMORY, 3, "STATUS_NO_MEMORY"), (NOT_SUPPORTED, 1, "STATUS_NOT_SUPPORTED")]
    {
        let error = after_refusals(status, times).await.err().unwrap();
        assert!(matches!(&error.kind, ErrorKind::Protocol { why, .. } if why == name), "{error:?}");
    }
}
