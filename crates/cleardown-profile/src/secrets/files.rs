//! Passwords in files: `secrets/<name>.cred` (encrypted) or `secrets/<name>.plain`, mode 0600.

use std::path::{Path, PathBuf};

use cleardown_core::{ErrorKind, LocalName, Result};
use zeroize::Zeroizing;

use super::{Place, encrypted};
use crate::files;

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

    pub(super) async fn put(&self, name: &LocalName, secret: &str) -> Result<Place> {
        let sealed = encrypted::run(&self.program, "encrypt", &label(name), secret.as_bytes()).await;
        match sealed.filter(|bytes| !bytes.is_empty()) {
            Some(sealed) => {
                files::write(&self.folder, &cred(name), &sealed)?;
                files::remove(&self.folder, &plain(name))?;
                Ok(Place::EncryptedFile)
            }
            None => {
                files::write(&self.folder, &plain(name), secret.as_bytes())?;
                files::remove(&self.folder, &cred(name))?;
                Ok(Place::PlainFile)
            }
        }
    }

    pub(super) async fn get(&self, name: &LocalName) -> Result<Option<Zeroizing<String>>> {
        if let Some(sealed) = files::read(&self.folder, &cred(name))? {
            let opened = encrypted::run(&self.program, "decrypt", &label(name), &sealed).await;
            let why = "systemd-creds cannot decrypt it on this machine";
            let secret = opened.ok_or_else(|| self.damaged(&cred(name), why))?;
            return self.text(&cred(name), secret).map(Some);
        }
        match files::read(&self.folder, &plain(name))? {
            Some(secret) => self.text(&plain(name), secret).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn remove(&self, name: &LocalName) -> Result<bool> {
        let sealed = files::remove(&self.folder, &cred(name))?;
        Ok(files::remove(&self.folder, &plain(name))? || sealed)
    }

    pub(super) fn plain_path(&self, name: &LocalName) -> PathBuf {
        self.folder.join(plain(name))
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

fn cred(name: &LocalName) -> String {
    format!("{}.cred", name.stem())
}

fn plain(name: &LocalName) -> String {
    format!("{}.plain", name.stem())
}

/// The name that systemd-creds seals into the file, so that one file cannot pass for another. It takes only
/// ASCII there.
fn label(name: &LocalName) -> String {
    let escaped = |byte: u8| match byte {
        byte if byte.is_ascii() => char::from(byte).to_string(),
        byte => format!("={byte:02x}"),
    };
    format!("cleardown-{}", name.stem().bytes().map(escaped).collect::<String>())
}
