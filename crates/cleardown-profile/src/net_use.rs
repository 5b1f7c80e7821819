//! What `net use` takes for granted: `net_use.toml` in the profile's folder.

use std::path::Path;

use cleardown_core::Result;
use serde::{Deserialize, Serialize};

use crate::files::Access;
use crate::store::{Kept, Store};

const STEM: &str = "net_use";

/// How `net use` makes connections where its words do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetUse {
    /// They are remembered.
    pub persistent: bool,
}

impl Default for NetUse {
    fn default() -> Self {
        NetUse { persistent: true }
    }
}

impl NetUse {
    /// What the profile in `config` says, or what holds where nobody has chosen.
    ///
    /// # Errors
    /// The file is damaged or cannot be read.
    pub fn load(config: &Path) -> Result<NetUse> {
        Ok(store(config).get(STEM)?.unwrap_or_default())
    }

    /// Holds from now on.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, config: &Path) -> Result<()> {
        store(config).put(self)
    }
}

fn store(config: &Path) -> Store<NetUse> {
    Store::in_folder(config)
}

impl Kept for NetUse {
    const FOLDER: &'static str = "";
    const HEADER: &'static str =
        "# What `net use` does where nothing is said; `net use /persistent:yes|no` changes it.\n";
    const ACCESS: Access = Access::Owner;

    fn name(&self) -> &str {
        STEM
    }

    fn stem(&self) -> String {
        STEM.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_kept_with_the_comments_around_it() {
        let profile = tempfile::tempdir().unwrap();
        let load = || NetUse::load(profile.path());
        assert!(load().unwrap().persistent, "as Windows begins");
        NetUse { persistent: false }.save(profile.path()).unwrap();
        assert!(!load().unwrap().persistent);

        let file = profile.path().join("net_use.toml");
        std::fs::write(&file, "# mine\npersistent = false # for now\n").unwrap();
        NetUse { persistent: true }.save(profile.path()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# mine\npersistent = true # for now\n");

        std::fs::write(&file, "persistent = maybe").unwrap();
        assert!(load().unwrap_err().to_string().contains("net_use.toml:1:14"));
    }
}
