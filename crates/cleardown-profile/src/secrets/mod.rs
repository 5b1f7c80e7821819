//! Where passwords are remembered: in the Secret Service when there is one, otherwise in a file of their own,
//! encrypted by systemd-creds where that works.
//!
//! A password is never in an argument, an environment variable, a log or an error text; what holds one here is
//! wiped when dropped.

mod encrypted;
mod files;
mod owner;
mod service;

use std::path::{Path, PathBuf};

use cleardown_core::Result;
use zeroize::Zeroizing;

use files::Files;
pub use owner::Owner;
use service::Service;

/// The message bus on which a Secret Service may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The user's session bus if there is one; for root none, as the system has no key ring.
    Session,
    /// The bus at this D-Bus address.
    At(String),
    /// None.
    None,
}

/// Where a password has been put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The Secret Service (GNOME Keyring, KWallet, KeePassXC, ...).
    SecretService,
    /// A file that systemd-creds has encrypted for this machine.
    EncryptedFile,
    /// A file that only its owner (and root) can read.
    PlainFile,
}

/// The outcome of [`Secrets::put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub place: Place,
    /// What the user should know about that, in words.
    pub warning: Option<String>,
}

/// The remembered passwords of one profile, by what they belong to: a drive or a phone-book entry.
#[derive(Clone, Debug)]
pub struct Secrets {
    service: Service,
    files: Files,
}

impl Secrets {
    /// The passwords of the profile in `config`; nothing is read, made or connected yet.
    pub fn new(config: &Path, bus: Bus) -> Self {
        // Absolute, because it tells profiles apart in the key ring that all profiles of a user share.
        let profile: PathBuf = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        Secrets { service: Service::new(bus, &profile), files: Files::new(config) }
    }

    /// The same, with another program in place of `systemd-creds`.
    pub fn with_creds_program(mut self, program: &str) -> Self {
        self.files.use_program(program);
        self
    }

    /// Remembers a password in the best place that there is, and removes older ones from the other places.
    pub async fn put(&self, owner: impl Into<Owner<'_>>, secret: &str) -> Result<Kept> {
        let name = owner.into();
        let refused = match self.service.put(name, secret).await {
            Ok(true) => {
                self.files.remove(name)?;
                return Ok(Kept { place: Place::SecretService, warning: None });
            }
            Ok(false) => None,
            Err(error) => {
                tracing::debug!(%error, "the Secret Service did not take a password");
                Some(error)
            }
        };
        let place = self.files.put(name, secret).await?;
        let warning = (place == Place::PlainFile).then(|| {
            let because = refused.map(|error| format!(" ({error})")).unwrap_or_default();
            format!(
                "there is no Secret Service{because} and systemd-creds cannot encrypt here: the password of \
                 {name} is kept in a file that its owner and root can read, {}",
                self.files.plain_path(name).display()
            )
        });
        Ok(Kept { place, warning })
    }

    /// The remembered password, or none.
    pub async fn get(&self, owner: impl Into<Owner<'_>>) -> Result<Option<Zeroizing<String>>> {
        let name = owner.into();
        let from_service = self.service.get(name).await;
        if let Ok(Some(secret)) = from_service {
            return Ok(Some(secret));
        }
        match self.files.get(name).await? {
            Some(secret) => Ok(Some(secret)),
            None => from_service,
        }
    }

    /// Forgets a password wherever it is; true when there was one.
    pub async fn remove(&self, owner: impl Into<Owner<'_>>) -> Result<bool> {
        let name = owner.into();
        let in_files = self.files.remove(name)?;
        Ok(self.service.remove(name).await? || in_files)
    }
}
