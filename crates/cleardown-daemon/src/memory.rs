//! What is remembered, away from the runtime's threads: the profile is files and perhaps a key ring.

use std::path::{Path, PathBuf};

use cleardown_core::link::{Entry, EntryName};
use cleardown_core::{Error, ErrorKind, LocalName, Remote, Result};
use cleardown_ipc::Secret;
use cleardown_profile::{Damaged, Drive, Drives, PhoneBook, Secrets, secrets};

/// The profile.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    drives: Option<(Drives, Secrets)>,
    book: Option<PhoneBook>,
}

impl Memory {
    /// The profile in `config`; none when there is no place for one.
    pub(crate) fn new(config: Option<PathBuf>, bus: secrets::Bus) -> Self {
        let book = config.as_deref().map(PhoneBook::new);
        Memory { drives: config.map(|config| (Drives::new(&config), Secrets::new(&config, bus))), book }
    }

    fn get_or_refuse(&self) -> Result<&(Drives, Secrets)> {
        self.drives
            .as_ref()
            .ok_or_else(|| ErrorKind::NotSupported("remembering without a home folder".into()).into())
    }

    /// All remembered drives; damaged entries are logged and left out.
    pub(crate) async fn drives(&self) -> Result<Vec<Drive>> {
        Ok(self.load().await?.0)
    }

    /// All remembered drives, and the damaged entries.
    pub(crate) async fn load(&self) -> Result<(Vec<Drive>, Vec<Damaged>)> {
        let Some((drives, _)) = self.drives.clone() else { return Ok(Default::default()) };
        let loaded = blocking(move || drives.load()).await?;
        for Damaged { error, .. } in &loaded.damaged {
            tracing::warn!(%error, "the profile");
        }
        Ok((loaded.entries, loaded.damaged))
    }

    /// The drive remembered under this name.
    pub(crate) async fn drive(&self, name: &LocalName) -> Result<Option<Drive>> {
        let Some((drives, _)) = self.drives.clone() else { return Ok(None) };
        let name = name.clone();
        blocking(move || drives.get(&name)).await
    }

    /// Whether this name is remembered for this place.
    pub(crate) async fn is_remembered(&self, name: Option<&LocalName>, remote: &Remote) -> bool {
        let Some(name) = name else { return false };
        matches!(self.drive(name).await, Ok(Some(drive)) if drive.remote.same_place(remote))
    }

    /// Remembers a drive and its password; gives back what the user should know.
    pub(crate) async fn remember(&self, drive: Drive, secret: Option<&Secret>) -> Result<Option<String>> {
        let (drives, secrets) = self.get_or_refuse()?.clone();
        let name = drive.name.clone();
        blocking(move || drives.put(&drive)).await?;
        match secret {
            Some(secret) => Ok(secrets.put(&name, secret.expose()).await?.warning),
            None => Ok(None),
        }
    }

    /// Forgets a name with its password; true when there was anything.
    pub(crate) async fn forget(&self, name: &LocalName) -> Result<bool> {
        let Some((drives, secrets)) = self.drives.clone() else { return Ok(false) };
        let drive = name.clone();
        let known = blocking(move || drives.remove(&drive)).await?;
        Ok(secrets.remove(name).await? || known)
    }

    /// The entry of this name in the phone book.
    pub(crate) async fn entry(&self, name: &EntryName) -> Result<Option<Entry>> {
        let Some(book) = self.book.clone() else { return Ok(None) };
        let name = name.clone();
        blocking(move || book.get(&name)).await
    }

    /// The folder of the phone book.
    pub(crate) fn book(&self) -> Option<&Path> {
        self.book.as_ref().map(PhoneBook::folder)
    }

    /// The password or key that is stored for an entry.
    pub(crate) async fn entry_secret(&self, name: &EntryName) -> Result<Option<Secret>> {
        let Some((_, secrets)) = &self.drives else { return Ok(None) };
        Ok(secrets.get(name).await?.map(|secret| Secret::new(String::clone(&secret))))
    }

    /// The remembered password.
    pub(crate) async fn secret(&self, name: &LocalName) -> Result<Option<Secret>> {
        let Some((_, secrets)) = &self.drives else { return Ok(None) };
        Ok(secrets.get(name).await?.map(|secret| Secret::new(String::clone(&secret))))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Error::from(ErrorKind::Daemon("reading the profile".into())).because(e)))
}
