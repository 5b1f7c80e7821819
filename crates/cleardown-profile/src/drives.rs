//! Remembered drives: one TOML file each, in `drives/<name>.toml` below the profile's folder.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cleardown_core::request::{MapRequest, Name};
use cleardown_core::{Error, ErrorKind, LocalName, Remote, Result};
use serde::{Deserialize, Serialize};

use crate::files;

const SUFFIX: &str = ".toml";
const HEADER: &str = "# A drive that cleardown connects at login; `cleardown forget` removes it.\n";

/// A remembered drive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drive {
    /// The local name, as the user wrote it.
    pub name: LocalName,
    /// The share.
    pub remote: Remote,
    /// The user on the server (`DOMAIN\user`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The mount point; none: the default folder for the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Mount read-only.
    #[serde(default)]
    pub read_only: bool,
}

impl Drive {
    /// The wish that connects this drive again, given `timeout` for connecting.
    pub fn request(&self, timeout: Duration) -> MapRequest {
        MapRequest {
            name: Name::Given(self.name.clone()),
            remote: self.remote.clone(),
            at: self.at.clone(),
            remember: true,
            read_only: self.read_only,
            user: self.user.clone(),
            replace: false,
            accept_host_key: None,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// All remembered drives that could be read, and an error for each file that could not.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In the order of their names.
    pub drives: Vec<Drive>,
    /// Each names a file, and the line and column where it is wrong.
    pub damaged: Vec<Error>,
}

/// The remembered drives of one profile. Names are compared without regard to case.
#[derive(Clone, Debug)]
pub struct Drives {
    folder: PathBuf,
}

impl Drives {
    /// The drives of the profile in `config`; nothing is read or made yet.
    pub fn new(config: &Path) -> Self {
        Drives { folder: config.join("drives") }
    }

    /// All drives. One damaged file does not keep the others from being read.
    pub fn load(&self) -> Result<Loaded> {
        let mut loaded = Loaded::default();
        for stem in files::names(&self.folder, SUFFIX)? {
            match self.read(&stem) {
                Ok(Some(entry)) => loaded.drives.push(entry.drive),
                Ok(None) => {}
                Err(error) => loaded.damaged.push(error),
            }
        }
        Ok(loaded)
    }

    /// The drive of this name, or none.
    pub fn get(&self, name: &LocalName) -> Result<Option<Drive>> {
        Ok(self.read(&name.stem())?.map(|entry| entry.drive))
    }

    /// Remembers a drive in place of the one of the same name. Fields of its file that this version does not
    /// know are kept.
    pub fn put(&self, drive: &Drive) -> Result<()> {
        let stem = drive.name.stem();
        let unknown = self.read(&stem).ok().flatten().map(|entry| entry.unknown).unwrap_or_default();
        let file = file_name(&stem);
        let text = toml::to_string(&Written { drive, unknown: &unknown })
            .map_err(|e| self.damaged(&file, String::new(), &e.to_string()))?;
        files::write(&self.folder, &file, format!("{HEADER}{text}").as_bytes())
    }

    /// Forgets the drive of this name; true when there was one. A damaged file is removed too.
    pub fn remove(&self, name: &LocalName) -> Result<bool> {
        files::remove(&self.folder, &file_name(&name.stem()))
    }

    fn read(&self, stem: &str) -> Result<Option<Entry>> {
        let file = file_name(stem);
        let Some(bytes) = files::read(&self.folder, &file)? else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            let good = String::from_utf8_lossy(&bytes[..e.valid_up_to()]).into_owned();
            self.damaged(&file, position(&good, good.len()), "the text is not UTF-8")
        })?;
        let entry = parse(text).map_err(|e| {
            let at = e.span().map_or(String::new(), |span| position(text, span.start));
            self.damaged(&file, at, e.message())
        })?;
        if entry.drive.name.stem() != stem {
            let why = format!("the name {} does not fit the file's name", entry.drive.name);
            return Err(self.damaged(&file, String::new(), &why));
        }
        Ok(Some(entry))
    }

    fn damaged(&self, file: &str, position: String, why: &str) -> Error {
        let at = format!("{}{position}", self.folder.join(file).display());
        ErrorKind::Profile { at, why: why.to_owned() }.into()
    }
}

/// A file's content: what we know of it, and what a later version may have added.
struct Entry {
    drive: Drive,
    unknown: toml::Table,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    drive: &'a Drive,
    #[serde(flatten)]
    unknown: &'a toml::Table,
}

fn file_name(stem: &str) -> String {
    format!("{stem}{SUFFIX}")
}

/// Parses twice: the typed way knows line and column of a wrong value, the table knows the unknown fields.
fn parse(text: &str) -> std::result::Result<Entry, toml::de::Error> {
    let drive = toml::from_str(text)?;
    let mut unknown: toml::Table = toml::from_str(text)?;
    for known in ["name", "remote", "user", "at", "read_only"] {
        unknown.remove(known);
    }
    Ok(Entry { drive, unknown })
}

/// `:line:column` of the byte `at`, both from 1, columns in characters.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    format!(":{line}:{}", before[line_start..].chars().count() + 1)
}
