//! Where the profile is.

use std::ffi::OsString;
use std::path::PathBuf;

use cleardown_core::{ErrorKind, Result};

/// The system's profile.
pub(crate) const SYSTEM: &str = "/etc/cleardown";

/// The profile's folder: `$CLEARDOWN_CONFIG_DIR`; else `/etc/cleardown` for root, and for anybody else
/// `$XDG_CONFIG_HOME/cleardown` or `~/.config/cleardown`.
pub fn config_dir() -> Result<PathBuf> {
    choose(rustix::process::geteuid().is_root(), |name| std::env::var_os(name))
}

fn choose(root: bool, env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    // The base directory specification wants relative and empty paths ignored.
    let folder = |name: &str| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(moved) = folder("CLEARDOWN_CONFIG_DIR") {
        return Ok(moved);
    }
    if root {
        return Ok(PathBuf::from(SYSTEM));
    }
    folder("XDG_CONFIG_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .map(|base| base.join("cleardown"))
        .ok_or_else(|| {
            let why = "neither XDG_CONFIG_HOME nor HOME is set".to_owned();
            ErrorKind::Profile { at: "the user's folder".into(), why }.into()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(root: bool, env: &[(&str, &str)]) -> Option<String> {
        let value = |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, v)| OsString::from(v));
        choose(root, value).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn the_profile_follows_the_environment() {
        let home = [("HOME", "/home/eve")];
        assert_eq!(chosen(false, &home).as_deref(), Some("/home/eve/.config/cleardown"));
        assert_eq!(chosen(true, &home).as_deref(), Some("/etc/cleardown"));
        let xdg = [("HOME", "/home/eve"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(chosen(false, &xdg).as_deref(), Some("/x/cleardown"));
        let moved = [("CLEARDOWN_CONFIG_DIR", "/t"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(chosen(true, &moved).as_deref(), Some("/t"));
        assert_eq!(chosen(false, &[("HOME", "")]), None);
    }
}
