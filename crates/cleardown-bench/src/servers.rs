//! One Samba and one sshd over the same folder in memory.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cleardown_testkit::sshd::{Sshd, SshdOptions};
use cleardown_testkit::{Options, Samba, ShareDef, User};
use tempfile::TempDir;

/// The name of the share.
pub(crate) const SHARE: &str = "files";

/// Both servers, and a home for the clients.
pub(crate) struct Servers {
    pub(crate) samba: Samba,
    pub(crate) user: User,
    pub(crate) sshd: Sshd,
    pub(crate) home: TempDir,
}

impl Servers {
    pub(crate) fn start() -> io::Result<Servers> {
        let user = User { name: "bench".into(), unix: "games".into(), password: "bench-password".into() };
        let share = ShareDef { tmpfs: Some(6 << 30), ..ShareDef::new(SHARE) };
        // smbnetfs knows no other port than 445.
        let port = std::net::TcpListener::bind(("127.0.0.1", 445)).is_ok().then_some(445);
        let options = Options { port, users: vec![user.clone()], shares: vec![share], ..Options::default() };
        let samba = Samba::start(options)?;
        let home = tempfile::Builder::new().prefix("cleardown-bench-").tempdir()?;
        let sshd = Sshd::start(SshdOptions { external: true, ..SshdOptions::default() })?;
        let ssh = home.path().join(".ssh");
        fs::create_dir_all(&ssh)?;
        fs::create_dir_all(home.path().join("run"))?;
        fs::copy(sshd.key(), ssh.join("id_ed25519"))?;
        fs::copy(sshd.known_hosts(), ssh.join("known_hosts"))?;
        let password = home.path().join("password");
        fs::write(&password, &user.password)?;
        fs::set_permissions(password, fs::Permissions::from_mode(0o600))?;
        Ok(Servers { samba, sshd, user, home })
    }

    /// The folder that both serve.
    pub(crate) fn folder(&self) -> &Path {
        self.samba.path(SHARE)
    }
    pub(crate) fn key(&self) -> PathBuf {
        self.home.path().join(".ssh/id_ed25519")
    }
    /// A command whose home is the temporary one.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.home.path();
        command.env("HOME", home).env("XDG_CONFIG_HOME", home.join(".config")).current_dir(home);
        command.env("XDG_CACHE_HOME", home.join(".cache")).env("XDG_RUNTIME_DIR", home.join("run"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
    /// An empty folder to mount on.
    pub(crate) fn mount_point(&self) -> io::Result<PathBuf> {
        Ok(tempfile::Builder::new().prefix("mount-").tempdir_in(self.home.path())?.keep())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        crate::ours::stop(self.home.path());
    }
}
