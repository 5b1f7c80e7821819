//! One Samba and one sshd over the same folder in memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cleardown_testkit::process::{Group, wait_for_port};
use cleardown_testkit::{Options, Samba, ShareDef, User, free_port};
use tempfile::TempDir;

/// The name of the share.
pub(crate) const SHARE: &str = "files";

/// Both servers, and a home for the clients.
pub(crate) struct Servers {
    pub(crate) samba: Samba,
    pub(crate) user: User,
    pub(crate) ssh_port: u16,
    pub(crate) home: TempDir,
    _sshd: Group,
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
        let (sshd, ssh_port) = sshd(home.path())?;
        fs::write(home.path().join("password"), &user.password)?;
        Ok(Servers { samba, user, ssh_port, home, _sshd: sshd })
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

fn sshd(home: &Path) -> io::Result<(Group, u16)> {
    let ssh = home.join(".ssh");
    fs::create_dir_all(&ssh)?;
    fs::create_dir_all(home.join("run"))?;
    fs::create_dir_all("/run/sshd")?;
    for name in ["host", "id_ed25519"] {
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(ssh.join(name))
            .status()?;
        if !made.success() {
            return Err(io::Error::other("ssh-keygen failed"));
        }
    }
    let port = free_port()?;
    fs::copy(ssh.join("id_ed25519.pub"), ssh.join("authorized_keys"))?;
    let host = fs::read_to_string(ssh.join("host.pub"))?;
    fs::write(ssh.join("known_hosts"), format!("[127.0.0.1]:{port} {host}"))?;
    let at = ssh.display();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized_keys\n\
         PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
         MaxStartups 200\nMaxSessions 200\nSubsystem sftp /usr/lib/openssh/sftp-server\n"
    );
    fs::write(ssh.join("sshd_config"), config)?;
    let mut command = Command::new("/usr/sbin/sshd");
    command.arg("-D").arg("-f").arg(ssh.join("sshd_config"));
    let mut group = Group::spawn(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    wait_for_port(port, &mut group, Duration::from_secs(10))?;
    Ok((group, port))
}
