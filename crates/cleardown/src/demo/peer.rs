//! The demonstration's other end of the line: `cleardownd ppp-peer`, a process of its own as a real one would be.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cleardown_client::Secret;
use cleardown_core::{Error, ErrorKind, Result};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long the peer may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running peer; it is killed when dropped.
pub(super) struct Peer {
    pub(super) ready: Ready,
    _child: Child,
}

/// The line in which the peer says that it is ready.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    /// The peer's own address, at which it answers pings.
    pub(super) address: Ipv4Addr,
}

impl Peer {
    /// Who may call.
    pub(super) const USER: &'static str = "demo";

    /// Answers calls at `socket` from whoever knows the password.
    pub(super) async fn start(socket: &Path, password: &Secret) -> Result<Peer> {
        let mut child = Command::new(cleardown_client::daemon_program())
            .args(["ppp-peer", "--user", Self::USER, "--password-fd", "0", "--listen"])
            .arg(socket)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Error::from(ErrorKind::Daemon("the peer cannot be started".into())).because(e))?;
        let mut stdin = child.stdin.take().ok_or_else(silent)?;
        let line = Zeroizing::new(format!("{}\n", password.expose()));
        stdin.write_all(line.as_bytes()).await.map_err(|e| Error::os("starting the peer", &e))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(silent)?).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.map_err(|_| silent())?;
        let line = first.map_err(|e| Error::os("starting the peer", &e))?.ok_or_else(silent)?;
        let ready = serde_json::from_str(&line).map_err(|e| silent().because(e))?;
        Ok(Peer { ready, _child: child })
    }
}

fn silent() -> Error {
    ErrorKind::Daemon("the peer did not say that it is ready".into()).into()
}
