//! The demonstration's file server: `cleardownd sftp-server`, a process of its own as a real one would be.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cleardown_client::Secret;
use cleardown_core::{Error, ErrorKind, Remote, Result};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it is killed when dropped.
pub(super) struct Server {
    /// Who may log on, where, and with which host key.
    pub(super) ready: Ready,
    _child: Child,
    /// The server ends when this is closed, so that it does not outlive us whatever happens.
    _lifeline: ChildStdin,
}

/// The line in which the server says that it is ready.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    port: u16,
    user: String,
    /// `SHA256:...`
    pub(super) fingerprint: String,
}

impl Server {
    /// Serves `root` on a free port of the loopback interface to whoever knows the password.
    pub(super) async fn start(root: &Path, password: &Secret) -> Result<Server> {
        let mut child = Command::new(cleardown_client::daemon_program())
            .args(["sftp-server", "--password-fd", "0", "--root"])
            .arg(root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Error::from(ErrorKind::Daemon("the server cannot be started".into())).because(e))?;
        let mut lifeline = child.stdin.take().ok_or_else(silent)?;
        let line = Zeroizing::new(format!("{}\n", password.expose()));
        lifeline.write_all(line.as_bytes()).await.map_err(|e| Error::os("starting the server", &e))?;
        let mut lines = BufReader::new(child.stdout.take().ok_or_else(silent)?).lines();
        let first = timeout(PATIENCE, lines.next_line()).await.map_err(|_| silent())?;
        let line = first.map_err(|e| Error::os("starting the server", &e))?.ok_or_else(silent)?;
        let ready = serde_json::from_str(&line).map_err(|e| silent().because(e))?;
        Ok(Server { ready, _child: child, _lifeline: lifeline })
    }

    /// The share's remote name.
    pub(super) fn remote(&self) -> Result<Remote> {
        format!("sftp://{}@127.0.0.1:{}/", self.ready.user, self.ready.port).parse()
    }
}

fn silent() -> Error {
    ErrorKind::Daemon("the server did not say that it is ready".into()).into()
}
