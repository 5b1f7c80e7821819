//! The conformance suite over the embedded server, and what is its own: the password, the key, the confinement.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use cleardown_core::error::ErrorKind;
use cleardown_sftp::server::{Options, Server};
use cleardown_sftp::{Config, connect};
use cleardown_share::conformance::Ground;
use cleardown_share::{Event, Share, SharePath};
use tempfile::TempDir;
use zeroize::Zeroizing;

struct Embedded {
    server: Server,
    folder: TempDir,
}

impl Embedded {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { folder: folder.path().into(), port: 0, user: "guest".into(), password: None };
        Embedded { server: Server::start(options).await.unwrap(), folder }
    }

    fn config(&self) -> Config {
        let remote = format!("sftp://127.0.0.1:{}", self.server.port());
        Config {
            password: Some(self.server.password().clone()),
            known_hosts: vec![self.folder.path().with_extension("known_hosts")],
            accept_host_key: Some(self.server.fingerprint().into()),
            identities: Vec::new(),
            agent: None,
            ..Config::new(remote.parse().unwrap(), self.server.user())
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.folder.path().with_extension("known_hosts"));
    }
}

#[async_trait::async_trait]
impl Ground for Embedded {
    async fn connect(&self) -> Arc<dyn Share> {
        Arc::new(connect(self.config()).await.expect("the server lets us in"))
    }
}

mod conformance {
    async fn ground() -> super::Embedded {
        super::Embedded::start().await
    }
    cleardown_share::conformance!(ground());
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let embedded = Embedded::start().await;
    let password = Some(Zeroizing::new("no".to_owned()));
    let error = connect(Config { password, ..embedded.config() }).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::Authentication { .. }), "{error:?}");
    assert!(!format!("{error:?}").contains("\"no\""));
}

#[tokio::test]
async fn another_user_is_refused() {
    let embedded = Embedded::start().await;
    let error = connect(Config { user: "root".into(), ..embedded.config() }).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::Authentication { .. }), "{error:?}");
}

#[tokio::test]
async fn the_folder_is_the_root_and_nothing_lies_above() {
    let embedded = Embedded::start().await;
    std::fs::write(embedded.folder.path().join("inside"), "x").unwrap();
    std::os::unix::fs::symlink("/etc", embedded.folder.path().join("out")).unwrap();
    let share = connect(embedded.config()).await.unwrap();
    assert!(share.stat(&SharePath::parse(b"inside").unwrap()).await.is_ok());
    let error = share.stat(&SharePath::parse(b"out/passwd").unwrap()).await.unwrap_err();
    assert_eq!(error.errno, libc::EACCES, "{error}");
    let remote = format!("sftp://127.0.0.1:{}/etc", embedded.server.port()).parse().unwrap();
    let error = connect(Config { remote, ..embedded.config() }).await.err().unwrap();
    assert!(matches!(error.kind, ErrorKind::NoSuchShare(_)), "{error:?}");
}

#[tokio::test]
async fn a_cut_connection_comes_back() {
    let embedded = Embedded::start().await;
    let share = connect(embedded.config()).await.unwrap();
    let mut events = share.events().unwrap();
    embedded.server.cut();
    assert!(matches!(events.recv().await, Some(Event::Disconnected(_))));
    assert_eq!(events.recv().await, Some(Event::Reconnected));
    assert!(share.stat(&SharePath::root()).await.is_ok());
}
