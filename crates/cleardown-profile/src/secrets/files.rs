//! Passwords in files: `secrets/<name>.cred` (encrypted) or `secrets/<name>.plain`, mode 0600; for phone-book entries
//! `secrets/link+<name>`.

use std::path::{Path, PathBuf};

use cleardown_core::{ErrorKind, Result};
use zeroize::Zeroizing;

use super::{Owner, Place, encrypted};
use crate::files::{self, Access};

#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
    program: String,
}

impl Files {
    pub(super) fn new(config: &Path) -> Self {
        Files { folder: config.join("secrets"), program: encrypted::PROGRAM.to_owned() }
    }

    pub(super) fn use_program(&mut self, program: &str) {
        program.clone_into(&mut self.program);
    }

    pub(super) async fn put(&self, owner: Owner<'_>, secret: &str) -> Result<Place> {
        let sealed = encrypted::run(&self.program, "encrypt", &owner.label(), secret.as_bytes()).await;
        match sealed.filter(|bytes| !bytes.is_empty()) {
            Some(sealed) => {
                files::write(&self.folder, &cred(owner), &sealed, Access::Owner)?;
                files::remove(&self.folder, &plain(owner))?;
                Ok(Place::EncryptedFile)
            }
            None => {
                files::write(&self.folder, &plain(owner), secret.as_bytes(), Access::Owner)?;
                files::remove(&self.folder, &cred(owner))?;
                Ok(Place::PlainFile)
            }
        }
    }

    pub(super) async fn get(&self, owner: Owner<'_>) -> Result<Option<Zeroizing<String>>> {
        if let Some(sealed) = files::read(&self.folder, &cred(owner))? {
            let opened = encrypted::run(&self.program, "decrypt", &owner.label(), &sealed).await;
            let why = "systemd-creds cannot decrypt it on this machine";
            let secret = opened.ok_or_else(|| self.damaged(&cred(owner), why))?;
            return self.text(&cred(owner), secret).map(Some);
        }
        match files::read(&self.folder, &plain(owner))? {
            Some(secret) => self.text(&plain(owner), secret).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn remove(&self, owner: Owner<'_>) -> Result<bool> {
        let sealed = files::remove(&self.folder, &cred(owner))?;
        Ok(files::remove(&self.folder, &plain(owner))? || sealed)
    }

    pub(super) fn plain_path(&self, owner: Owner<'_>) -> PathBuf {
        self.folder.join(plain(owner))
    }

    fn text(&self, file: &str, mut secret: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>> {
        String::from_utf8(std::mem::take(&mut *secret)).map(Zeroizing::new).map_err(|e| {
            drop(Zeroizing::new(e.into_bytes()));
            self.damaged(file, "it is not UTF-8 text")
        })
    }

    fn damaged(&self, file: &str, why: &str) -> cleardown_core::Error {
        let at = self.folder.join(file).display().to_string();
        ErrorKind::Profile { at, why: why.to_owned() }.into()
    }
}

fn cred(owner: Owner<'_>) -> String {
    format!("{}.cred", owner.file())
}

fn plain(owner: Owner<'_>) -> String {
    format!("{}.plain", owner.file())
}
