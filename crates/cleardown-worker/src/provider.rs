//! The file servers that a worker can log on to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cleardown_core::view::Offered;
use cleardown_core::{Error, ErrorKind, Scheme};
use cleardown_share::Share;
use zeroize::Zeroizing;

use crate::control::Connect;

/// Told what logging on is busy with.
pub type Stages = Arc<dyn Fn(&str) + Send + Sync>;

/// Logs on to file servers.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Logs on.
    ///
    /// # Errors
    /// The one that says best what is wrong; a wrong password is [`cleardown_core::ErrorKind::Authentication`].
    async fn connect(
        &self,
        wish: &Connect,
        password: Option<Zeroizing<String>>,
        stages: Stages,
    ) -> Result<Arc<dyn Share>, Error>;

    /// What the server offers.
    ///
    /// # Errors
    /// As [`Provider::connect`]; not supported where there are no shares.
    async fn shares(
        &self,
        wish: &Connect,
        _password: Option<Zeroizing<String>>,
    ) -> Result<Vec<Offered>, Error> {
        Err(ErrorKind::NotSupported(format!("{} has no shares to list", wish.remote.authority())).into())
    }
}

/// None: for a worker that only ever carries links.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoServers;

#[async_trait]
impl Provider for NoServers {
    async fn connect(
        &self,
        wish: &Connect,
        _password: Option<Zeroizing<String>>,
        _stages: Stages,
    ) -> Result<Arc<dyn Share>, Error> {
        let what = format!("{} by a worker for links", wish.remote.authority());
        Err(ErrorKind::NotSupported(what).into())
    }
}

/// The real ones: SMB and SFTP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Servers;

#[async_trait]
impl Provider for Servers {
    async fn connect(
        &self,
        wish: &Connect,
        password: Option<Zeroizing<String>>,
        stages: Stages,
    ) -> Result<Arc<dyn Share>, Error> {
        match wish.remote.scheme {
            Scheme::Smb => {
                let config = cleardown_smb::Config { progress: stages, ..smb(wish, password) };
                cleardown_smb::open(config).await
            }
            Scheme::Sftp => {
                let mut config = cleardown_sftp::Config::new(wish.remote.clone(), sftp_user(wish));
                config.password = password;
                config.accept_host_key = wish.accept_host_key.clone();
                config.read_only = wish.read_only;
                config.timeout = Duration::from_millis(wish.timeout_ms);
                config.request_timeout = Duration::from_millis(wish.request_timeout_ms);
                config.progress = Some(stages);
                Ok(Arc::new(cleardown_sftp::connect(config).await?))
            }
        }
    }

    async fn shares(
        &self,
        wish: &Connect,
        password: Option<Zeroizing<String>>,
    ) -> Result<Vec<Offered>, Error> {
        cleardown_smb::list_shares(smb(wish, password)).await
    }
}

fn smb(wish: &Connect, password: Option<Zeroizing<String>>) -> cleardown_smb::Config {
    let mut config = cleardown_smb::Config::new(wish.remote.clone());
    config.user = wish.user.clone();
    config.password = password;
    config.kerberos = wish.kerberos.clone();
    config.previous = wish.previous;
    config.folders = !wish.deviceless;
    config.read_only = wish.read_only;
    config.timeout = Duration::from_millis(wish.timeout_ms);
    config.request_timeout = Duration::from_millis(wish.request_timeout_ms);
    config
}

/// The user on an SFTP server: the one given, else the local user's name, as for ssh(1).
fn sftp_user(wish: &Connect) -> String {
    let given = wish.user.clone().or_else(|| wish.remote.user.clone());
    given.unwrap_or_else(|| cleardown_kernel::users::user_name(rustix::process::getuid().as_raw()))
}
