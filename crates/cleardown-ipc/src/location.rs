//! Where an instance lives: its run-time directory and its socket.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cleardown_core::{Error, ErrorKind, Result};

/// An instance of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instance {
    /// The caller's own: for root the system instance, for anybody else their user instance.
    User,
    /// The system's.
    System,
    /// The user instance of this user id.
    Of(u32),
}

/// The run-time directory of an instance, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The directory: socket, lock, journal and the workers' sockets.
    pub dir: PathBuf,
    /// The user that the daemon there must run as.
    pub uid: u32,
    /// The system instance: everybody may talk to it.
    pub system: bool,
}

impl Location {
    /// Where `instance` lives, seen from this process. `CLEARDOWN_RUNTIME_DIR` moves the caller's own instance,
    /// which for root is the system's.
    pub fn of(instance: Instance) -> Location {
        Self::find(instance, rustix::process::geteuid().as_raw(), |name| {
            std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
        })
    }

    fn find(instance: Instance, me: u32, env: impl Fn(&str) -> Option<PathBuf>) -> Location {
        let uid = match instance {
            Instance::User => me,
            Instance::System => 0,
            Instance::Of(uid) => uid,
        };
        let system = uid == 0;
        let moved = (uid == me).then(|| env("CLEARDOWN_RUNTIME_DIR")).flatten();
        let dir = match moved {
            Some(dir) => dir,
            None if system => "/run/cleardown".into(),
            None if uid == me => match env("XDG_RUNTIME_DIR") {
                Some(dir) if dir.is_absolute() => dir.join("cleardown"),
                _ => user_dirs(uid)[1].clone(),
            },
            // Of another user we do not know the environment: take the place where a daemon listens.
            None => {
                let [first, second] = user_dirs(uid);
                if first.join("bus").exists() { first } else { second }
            }
        };
        Location { dir, uid, system }
    }

    /// The user instances whose sockets exist, for root's list. None when the run-time directory was moved:
    /// that is a world of its own.
    pub fn users() -> Vec<Instance> {
        if std::env::var_os("CLEARDOWN_RUNTIME_DIR").is_some() {
            return Vec::new();
        }
        let mut uids: Vec<u32> = entries("/run/user").iter().filter_map(|name| name.parse().ok()).collect();
        uids.extend(
            entries("/tmp").iter().filter_map(|name| name.strip_prefix("cleardown-")?.parse::<u32>().ok()),
        );
        uids.sort_unstable();
        uids.dedup();
        uids.retain(|uid| *uid != 0 && user_dirs(*uid).iter().any(|dir| dir.join("bus").exists()));
        uids.into_iter().map(Instance::Of).collect()
    }

    /// The socket of the D-Bus interface.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("bus")
    }

    /// Makes the directory if it is missing, and sees that nobody else can change what is in it.
    ///
    /// # Errors
    /// It cannot be made, is a symbolic link, belongs to another user, or others may write to it.
    pub fn prepare(&self) -> Result<()> {
        let mode = if self.system { 0o755 } else { 0o700 };
        let during = || format!("making {}", self.dir.display());
        match std::fs::DirBuilder::new().recursive(false).mode(mode).create(&self.dir) {
            // The daemon's umask is strict, and everybody has to get at the system's socket.
            Ok(()) => std::fs::set_permissions(&self.dir, std::fs::Permissions::from_mode(mode))
                .map_err(|e| Error::os(during(), &e))?,
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::os(during(), &e)),
        }
        check_dir(&self.dir, rustix::process::geteuid().as_raw())
    }
}

fn check_dir(dir: &Path, uid: u32) -> Result<()> {
    let meta =
        std::fs::symlink_metadata(dir).map_err(|e| Error::os(format!("looking at {}", dir.display()), &e))?;
    let why = if !meta.is_dir() {
        "is not a folder"
    } else if meta.uid() != uid {
        "belongs to somebody else"
    } else if meta.mode() & 0o022 != 0 {
        "can be written by others"
    } else {
        return Ok(());
    };
    Err(Error::from(ErrorKind::NotPermitted("using the run-time directory".into()))
        .because(format!("{} {why}", dir.display())))
}

fn user_dirs(uid: u32) -> [PathBuf; 2] {
    [format!("/run/user/{uid}/cleardown").into(), format!("/tmp/cleardown-{uid}").into()]
}

fn entries(dir: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(instance: Instance, me: u32, env: &[(&str, &str)]) -> String {
        let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v));
        Location::find(instance, me, env).dir.display().to_string()
    }

    #[test]
    fn an_instance_lives_where_the_architecture_says() {
        assert_eq!(find(Instance::User, 0, &[]), "/run/cleardown");
        assert_eq!(find(Instance::User, 4242, &[]), "/tmp/cleardown-4242");
        assert_eq!(
            find(Instance::User, 4242, &[("XDG_RUNTIME_DIR", "/run/user/4242")]),
            "/run/user/4242/cleardown"
        );
        assert_eq!(find(Instance::System, 4242, &[("CLEARDOWN_RUNTIME_DIR", "/x")]), "/run/cleardown");
        assert_eq!(find(Instance::User, 4242, &[("CLEARDOWN_RUNTIME_DIR", "/x")]), "/x");
        assert_eq!(find(Instance::System, 0, &[("CLEARDOWN_RUNTIME_DIR", "/x")]), "/x");
    }

    #[test]
    fn a_symbolic_link_is_no_run_time_directory() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        let location = Location { dir: link, uid: 0, system: false };
        assert!(location.prepare().is_err());
    }
}
