//! What a session needs to know.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::name::Remote;
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// Is told what is being done, in a word (`resolving`, `connecting`, `authenticating`, `opening`).
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How to connect.
#[derive(Clone)]
pub struct Config {
    /// Where: host, port and folder.
    pub remote: Remote,
    /// The user on the server.
    pub user: String,
    /// The password; also tried as the passphrase of encrypted keys.
    pub password: Option<Zeroizing<String>>,
    /// Files with the servers' keys. A key that was accepted is appended to the first.
    pub known_hosts: Vec<PathBuf>,
    /// The fingerprint (`SHA256:...`) of an unknown host key that a person has accepted.
    pub accept_host_key: Option<String>,
    /// Private keys; those that cannot be read are left out.
    pub identities: Vec<PathBuf>,
    /// The agent's socket.
    pub agent: Option<PathBuf>,
    /// Refuse to change anything.
    pub read_only: bool,
    /// How long connecting may take.
    pub timeout: Duration,
    /// How long a request may take, waiting for a lost connection to come back included.
    pub request_timeout: Duration,
    /// Who is told of progress.
    pub progress: Option<Progress>,
}

impl Config {
    /// The usual settings: the user's `~/.ssh`, the agent of `SSH_AUTH_SOCK`, 10 s to connect, 30 s per request.
    pub fn new(remote: Remote, user: impl Into<String>) -> Self {
        let ssh = std::env::home_dir().map(|home| home.join(".ssh"));
        let in_ssh = |name: &str| ssh.as_ref().map(|ssh| ssh.join(name));
        let system = PathBuf::from("/etc/ssh/ssh_known_hosts");
        Config {
            remote,
            user: user.into(),
            password: None,
            known_hosts: in_ssh("known_hosts").into_iter().chain([system]).collect(),
            accept_host_key: None,
            identities: ["id_ed25519", "id_ecdsa", "id_rsa"].into_iter().filter_map(in_ssh).collect(),
            agent: std::env::var_os("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from),
            read_only: false,
            timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            progress: None,
        }
    }

    pub(crate) fn say(&self, stage: &str) {
        if let Some(progress) = &self.progress {
            progress(stage);
        }
    }

    /// The same, keeping what was said last: it tells where the time went when there was not enough.
    pub(crate) fn watched(&self) -> (Config, Arc<Mutex<String>>) {
        let stage = Arc::new(Mutex::new(String::from("connecting")));
        let (progress, said) = (self.progress.clone(), stage.clone());
        let watch: Progress = Arc::new(move |now| {
            *said.lock() = now.to_owned();
            if let Some(progress) = &progress {
                progress(now);
            }
        });
        (Config { progress: Some(watch), ..self.clone() }, stage)
    }

    /// The server, as people write it.
    pub(crate) fn server(&self) -> String {
        self.remote.authority()
    }
}
