//! Remembered drives: one TOML file each, in `drives/<name>.toml` below the profile's folder.

use std::path::Path;
use std::time::Duration;

use cleardown_core::request::{Kerberos, MapRequest, Name};
use cleardown_core::{LocalName, Remote, Result};
use serde::{Deserialize, Serialize};

use crate::files::Access;
use crate::store::{Kept, Loaded, Store};

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
    /// Log on with Kerberos.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kerberos: bool,
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
            // Caches come and go with logins: the usual one of that time is taken.
            kerberos: self.kerberos.then(Kerberos::default),
            accept_host_key: None,
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl Kept for Drive {
    const FOLDER: &'static str = "drives";
    const HEADER: &'static str =
        "# A drive that cleardown connects at login; `cleardown forget` removes it.\n";
    const ACCESS: Access = Access::Owner;

    fn name(&self) -> &str {
        self.name.as_str()
    }

    fn stem(&self) -> String {
        self.name.stem()
    }
}

/// The remembered drives of one profile. Names are compared without regard to case.
#[derive(Clone, Debug)]
pub struct Drives(Store<Drive>);

impl Drives {
    /// The drives of the profile in `config`; nothing is read or made yet.
    pub fn new(config: &Path) -> Self {
        Drives(Store::new(config))
    }

    /// All drives. One damaged file does not keep the others from being read.
    pub fn load(&self) -> Result<Loaded<Drive>> {
        self.0.load()
    }

    /// The drive of this name, or none.
    pub fn get(&self, name: &LocalName) -> Result<Option<Drive>> {
        self.0.get(&name.stem())
    }

    /// Remembers a drive in place of the one of the same name. Comments in its file, and fields that this version does
    /// not know, are kept.
    pub fn put(&self, drive: &Drive) -> Result<()> {
        self.0.put(drive)
    }

    /// Forgets the drive of this name; true when there was one. A damaged file is removed too.
    pub fn remove(&self, name: &LocalName) -> Result<bool> {
        self.0.remove(&name.stem())
    }
}
