//! What a caller says about the connection it wants.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::name::Remote;
use cleardown_core::request::Kerberos;
use zeroize::Zeroizing;

/// Told what is being done: `resolving`, `connecting`, `negotiating`, `authenticating`, `opening share`.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// How to connect.
#[derive(Clone)]
pub struct Config {
    /// Server, share, and the folder that becomes the root.
    pub remote: Remote,
    /// `DOMAIN\user`, `user@realm` or `user`; none: the one in the remote name, else guest.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Zeroizing<String>>,
    /// Log on with Kerberos instead of NTLM.
    pub kerberos: Option<Kerberos>,
    /// A session whose client is dead, and that this one replaces: the server ends it first, with all that is still on its
    /// way (MS-SMB2 3.3.5.5.3).
    pub previous: Option<u64>,
    /// Its folders are wanted: a share that has none (of pipes, of a printer) is refused.
    pub folders: bool,
    /// Refuse changes here already.
    pub read_only: bool,
    /// Encrypt even if the server does not demand it; a server that cannot is refused.
    pub encrypt: bool,
    /// Sign even if the server does not demand it.
    pub sign: bool,
    /// How long connecting may take as a whole.
    pub timeout: Duration,
    /// How long one request may take, reconnects included.
    pub request_timeout: Duration,
    /// Told what is being done.
    pub progress: Progress,
}

impl Config {
    /// A guest's connection with the usual deadlines (10 s and 60 s).
    pub fn new(remote: Remote) -> Config {
        Config {
            remote,
            user: None,
            password: None,
            kerberos: None,
            previous: None,
            folders: true,
            read_only: false,
            encrypt: false,
            sign: false,
            timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            progress: Arc::new(|_| {}),
        }
    }

    /// As this user with this password.
    #[must_use]
    pub fn user(mut self, user: &str, password: &str) -> Config {
        self.user = Some(user.into());
        self.password = Some(Zeroizing::new(password.into()));
        self
    }

    /// The user as it was written.
    pub(crate) fn login(&self) -> Option<&str> {
        self.user.as_deref().or(self.remote.user.as_deref()).filter(|user| !user.is_empty())
    }

    /// Domain and user.
    pub(crate) fn account(&self) -> Option<(String, String)> {
        let user = self.login()?;
        Some(match user.split_once(['\\', '/']) {
            Some((domain, user)) => (domain.into(), user.into()),
            None => (String::new(), user.into()),
        })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("remote", &self.remote)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("kerberos", &self.kerberos)
            .field("folders", &self.folders)
            .field("read_only", &self.read_only)
            .field("encrypt", &self.encrypt)
            .field("sign", &self.sign)
            .field("timeout", &self.timeout)
            .field("request_timeout", &self.request_timeout)
            .finish_non_exhaustive()
    }
}
