//! Getting in, being kept out, and coming back: host keys, keys, agents, passwords, lost connections.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use cleardown_core::error::ErrorKind;
use cleardown_sftp::{Config, SftpShare, connect};
use cleardown_share::{Access, Disposition, Event, OpenHow, Opened, RenameHow, Share, SharePath};
use cleardown_testkit::sshd::{Agent, Sshd, SshdOptions, keygen};
use common::config;
use zeroize::Zeroizing;

/// Long enough for any server; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn sshd() -> Sshd {
    Sshd::start(SshdOptions::default()).unwrap()
}

async fn refused(config: Config) -> ErrorKind {
    connect(config).await.err().expect("the connection is refused").kind
}

fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

async fn create(share: &SftpShare, name: &str) -> Opened {
    let access = Access::READ | Access::WRITE;
    let how = OpenHow { access, disposition: Disposition::CreateNew, mode: 0o644, lease: false };
    share.open(&path(name), how).await.unwrap()
}

#[tokio::test]
async fn an_unknown_host_key_is_shown_accepted_and_learned() {
    let sshd = sshd();
    let known_hosts = vec![sshd.scratch("mine/known_hosts")];
    let unknown = Config { known_hosts, ..config(&sshd) };
    let ErrorKind::HostKeyUnknown { fingerprint, algorithm, .. } = refused(unknown.clone()).await else {
        panic!()
    };
    assert!(fingerprint.starts_with("SHA256:") && algorithm == "ssh-ed25519");
    let wrong = Config { accept_host_key: Some("SHA256:wrong".into()), ..unknown.clone() };
    assert!(matches!(refused(wrong).await, ErrorKind::HostKeyUnknown { .. }));
    connect(Config { accept_host_key: Some(fingerprint), ..unknown.clone() }).await.unwrap();
    connect(unknown).await.expect("the key is known now");
}

#[tokio::test]
async fn a_changed_host_key_is_never_accepted() {
    let mut sshd = sshd();
    connect(config(&sshd)).await.unwrap();
    sshd.change_host_key().unwrap();
    sshd.restart().unwrap();
    let ErrorKind::HostKeyChanged { fingerprint, .. } = refused(config(&sshd)).await else { panic!() };
    let stubborn = Config { accept_host_key: Some(fingerprint), ..config(&sshd) };
    assert!(matches!(refused(stubborn).await, ErrorKind::HostKeyChanged { .. }));
}

#[tokio::test]
async fn a_hashed_known_hosts_is_read() {
    let sshd = sshd();
    let file = sshd.known_hosts();
    let hashed = std::process::Command::new("ssh-keygen").arg("-H").arg("-f").arg(&file).output().unwrap();
    assert!(hashed.status.success());
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("|1|"));
    connect(config(&sshd)).await.unwrap();
}

#[tokio::test]
async fn the_agent_lets_us_in() {
    let sshd = sshd();
    let agent = Agent::with_key(&sshd.key()).unwrap();
    let by_agent = Config { identities: Vec::new(), agent: Some(agent.socket()), ..config(&sshd) };
    connect(by_agent).await.unwrap();
}

#[tokio::test]
async fn without_anything_to_try_the_error_says_so() {
    let sshd = sshd();
    let error = connect(Config { identities: Vec::new(), ..config(&sshd) }).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::Authentication { .. }), "{error:?}");
    assert!(error.causes[0].contains("no key"), "{error:?}");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_an_encrypted_one_opened_with_the_password() {
    let sshd = sshd();
    keygen(&sshd.scratch("stranger"), "").unwrap();
    let stranger = Config { identities: vec![sshd.scratch("stranger")], ..config(&sshd) };
    assert!(matches!(refused(stranger).await, ErrorKind::Authentication { .. }));
    let encrypted = sshd.scratch("encrypted");
    std::fs::copy(sshd.key(), &encrypted).unwrap();
    let changed = std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", "open me", "-f"])
        .arg(&encrypted)
        .output();
    assert!(changed.unwrap().status.success());
    let without = Config { identities: vec![encrypted], ..config(&sshd) };
    assert!(matches!(refused(without.clone()).await, ErrorKind::Authentication { .. }));
    connect(Config { password: Some(Zeroizing::new("open me".into())), ..without }).await.unwrap();
}

#[tokio::test]
async fn passwords_are_tried_against_openssh() {
    let password = "p\u{e4}ss 'w\"ord\\$`!";
    let options = SshdOptions { password: Some(password.into()), ..SshdOptions::default() };
    let sshd = Sshd::start(options).unwrap();
    let with = |text: &str| Config {
        identities: Vec::new(),
        password: Some(Zeroizing::new(text.to_owned())),
        ..config(&sshd)
    };
    connect(with(password)).await.unwrap();
    assert!(matches!(refused(with("wrong")).await, ErrorKind::Authentication { .. }));
}

#[tokio::test]
async fn what_cannot_be_reached_says_why() {
    let sshd = sshd();
    let at = |remote: &str| Config { remote: remote.parse().unwrap(), ..config(&sshd) };
    assert!(matches!(refused(at("sftp://127.0.0.1:1/")).await, ErrorKind::Refused(_)));
    assert!(matches!(refused(at("sftp://no.such.host.invalid/")).await, ErrorKind::UnknownHost(_)));
    let missing = format!("{}/missing", sshd.remote());
    assert!(matches!(refused(at(&missing)).await, ErrorKind::NoSuchShare(_)));
    std::fs::write(sshd.folder().join("file"), "x").unwrap();
    let file = format!("{}/file", sshd.remote());
    assert!(matches!(refused(at(&file)).await, ErrorKind::NoSuchShare(_)));
    sshd.stop();
    let hurried = Config { timeout: Duration::from_millis(300), ..config(&sshd) };
    let ErrorKind::Timeout { during, .. } = refused(hurried).await else { panic!() };
    assert_eq!(during, "connecting");
    sshd.cont();
}

#[tokio::test]
async fn a_read_only_share_changes_nothing() {
    let sshd = sshd();
    let share = connect(Config { read_only: true, ..config(&sshd) }).await.unwrap();
    assert_eq!(share.create_dir(&path("dir"), 0o755).await.unwrap_err().errno, libc::EROFS);
    assert_eq!(share.remove_file(&path("x")).await.unwrap_err().errno, libc::EROFS);
    assert!(share.stat(&SharePath::root()).await.is_ok());
}

#[tokio::test]
async fn a_full_disk_says_so() {
    let sshd = sshd();
    let small = SmallDisk::mount(&sshd.folder());
    let share = connect(config(&sshd)).await.unwrap();
    let file = create(&share, "file").await.file;
    let error = file.write(0, Bytes::from(vec![7; 4 << 20])).await.unwrap_err();
    assert_eq!(error.errno, libc::ENOSPC, "{error}");
    file.close().await.unwrap();
    drop(share);
    drop(small);
}

/// A tmpfs of 1 MiB over a folder.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &std::path::Path) -> Self {
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .status();
        assert!(mounted.unwrap().success());
        SmallDisk(at.into())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_go_on_after_the_server_was_killed_and_came_back() {
    let mut sshd = sshd();
    let share = connect(config(&sshd)).await.unwrap();
    let mut events = share.events().unwrap();
    let opened = create(&share, "before").await;
    let data = Bytes::from((0..3 << 20).map(|at: u32| (at % 251) as u8).collect::<Vec<_>>());
    opened.file.write(0, data.clone()).await.unwrap();
    share.rename(&path("before"), &path("after"), RenameHow::Replace).await.unwrap();
    let reading = tokio::spawn({
        let (file, data) = (opened.file.clone(), data.clone());
        async move {
            for _ in 0..200 {
                assert!(file.read(0, 3 << 20).await.unwrap() == data);
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    sshd.kill();
    sshd.restart().unwrap();
    reading.await.unwrap();
    assert!(matches!(events.recv().await, Some(Event::Disconnected(_))));
    assert_eq!(events.recv().await, Some(Event::Reconnected));
    opened.file.write(0, Bytes::from_static(b"again")).await.unwrap();
    opened.file.close().await.unwrap();
    assert!(std::fs::read(sshd.folder().join("after")).unwrap().starts_with(b"again"));
    assert!(share.close().await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_machine_has_slept_a_lost_connection_is_noticed_without_any_call() {
    let sshd = sshd();
    let share = connect(config(&sshd)).await.unwrap();
    let mut events = share.events().unwrap();
    share.wake().await;
    assert!(events.try_recv().is_err(), "this one stands");

    sshd.stop();
    share.wake().await;
    let event = tokio::time::timeout(PATIENCE, events.recv()).await;
    assert!(matches!(event, Ok(Some(Event::Disconnected(_)))), "{event:?}");
    sshd.cont();
    assert_eq!(tokio::time::timeout(PATIENCE, events.recv()).await, Ok(Some(Event::Reconnected)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_file_is_stale_after_a_reconnect() {
    let sshd = sshd();
    let share = connect(config(&sshd)).await.unwrap();
    let mut events = share.events().unwrap();
    let opened = create(&share, "file").await;
    share.remove_file(&path("file")).await.unwrap();
    create(&share, "file").await.file.close().await.unwrap();
    sshd.kill_sessions();
    tokio::time::timeout(PATIENCE, async { while events.recv().await != Some(Event::Reconnected) {} })
        .await
        .unwrap();
    assert_eq!(opened.file.read(0, 1).await.unwrap_err().errno, libc::ESTALE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_a_timeout_and_no_more() {
    let sshd = sshd();
    let share =
        connect(Config { request_timeout: Duration::from_millis(500), ..config(&sshd) }).await.unwrap();
    sshd.stop();
    let error = share.stat(&SharePath::root()).await.unwrap_err();
    assert_eq!((error.errno, error.transport), (libc::ETIMEDOUT, true));
    sshd.cont();
    let back = async { while share.stat(&SharePath::root()).await.is_err() {} };
    tokio::time::timeout(PATIENCE, back).await.expect("it comes back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abort_works_on_a_frozen_server() {
    let sshd = sshd();
    let share = std::sync::Arc::new(connect(config(&sshd)).await.unwrap());
    sshd.stop();
    let waiting = tokio::spawn({
        let share = share.clone();
        async move { share.stat(&SharePath::root()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    share.abort();
    let answer = tokio::time::timeout(PATIENCE, waiting).await.expect("it ends").unwrap();
    assert!(answer.unwrap_err().transport);
    sshd.cont();
}
