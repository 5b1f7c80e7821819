//! The file servers that a worker can log on to.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cleardown_core::{Error, Scheme};
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
                let mut config = cleardown_smb::Config::new(wish.remote.clone());
                config.user = wish.user.clone();
                config.password = password;
                config.read_only = wish.read_only;
                config.timeout = Duration::from_millis(wish.timeout_ms);
                config.request_timeout = Duration::from_millis(wish.request_timeout_ms);
                config.progress = stages;
                Ok(Arc::new(cleardown_smb::connect(config).await?))
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
}

/// The user on an SFTP server: the one given, else the local user's name, as for ssh(1).
fn sftp_user(wish: &Connect) -> String {
    let given = wish.user.clone().or_else(|| wish.remote.user.clone());
    given.unwrap_or_else(|| cleardown_kernel::users::user_name(rustix::process::getuid().as_raw()))
}
