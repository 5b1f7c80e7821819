//! An OpenSSH server of one's own (`sshd`, `ssh-keygen`; needs root), and an agent (`ssh-agent`, `ssh-add`).

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::process::{Group, Port, wait_for_port};

/// `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;

/// How long starting may take on a machine that is busy.
const STARTING: Duration = Duration::from_secs(60);

/// How to run sshd.
#[derive(Clone, Debug, Default)]
pub struct SshdOptions {
    /// The port; none: one that is free.
    pub port: Option<u16>,
    /// Log on as `nobody`, who has no shell (so not with `external`); else as root.
    pub as_nobody: bool,
    /// Run OpenSSH's `sftp-server` program instead of what is built into sshd.
    pub external: bool,
    /// Make a user with this password (root only), removed on drop; see [`Sshd::user`].
    pub password: Option<String>,
    /// Agree on new keys after so much data (`RekeyLimit` of sshd_config(5), such as `1M`).
    pub rekey: Option<&'static str>,
}

/// A running sshd. Dropping it kills it with all its sessions and removes everything.
#[derive(Debug)]
pub struct Sshd {
    group: Group,
    port: Port,
    options: SshdOptions,
    user: String,
    dir: TempDir,
}

impl Sshd {
    /// Starts sshd and waits until it listens.
    pub fn start(options: SshdOptions) -> io::Result<Sshd> {
        let dir = tempfile::Builder::new().prefix("ctk-ssh-").tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let port = options.port.map_or_else(Port::free, |port| Ok(Port::given(port)))?;
        let number = port.number();
        fs::create_dir(dir.path().join("files"))?;
        keygen(&dir.path().join("host"), "")?;
        keygen(&dir.path().join("user"), "")?;
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized"))?;
        let public = fs::read_to_string(dir.path().join("host.pub"))?;
        fs::write(dir.path().join("known_hosts"), format!("[127.0.0.1]:{number} {public}"))?;
        let user = match (&options.password, options.as_nobody) {
            (Some(password), _) => add_user(dir.path(), password)?,
            (None, true) => "nobody".into(),
            (None, false) => "root".into(),
        };
        write_config(dir.path(), number, &options)?;
        if options.as_nobody {
            chown(dir.path().join("files"), Some(NOBODY), Some(NOBODY))?;
        }
        if options.password.is_some() {
            fs::set_permissions(dir.path().join("files"), fs::Permissions::from_mode(0o777))?;
        }
        let group = run(dir.path(), number)?;
        Ok(Sshd { group, port, options, user, dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Who can log on.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// A folder to map, empty at first.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// `sftp://127.0.0.1:PORT/FOLDER`.
    pub fn remote(&self) -> String {
        format!("sftp://127.0.0.1:{}{}", self.port(), self.folder().display())
    }

    /// The private key that is let in; its public half is beside it.
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("user")
    }

    /// A `known_hosts` with the server's key.
    pub fn known_hosts(&self) -> PathBuf {
        self.dir.path().join("known_hosts")
    }

    /// A path for something of the test's own, removed with the rest.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Gives the server another host key; takes effect with [`Sshd::restart`].
    pub fn change_host_key(&self) -> io::Result<()> {
        fs::remove_file(self.dir.path().join("host"))?;
        keygen(&self.dir.path().join("host"), "")
    }

    /// What sshd has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn everything(&self) -> Vec<Pid> {
        let mut found = descendants(self.group.pid());
        found.extend(Pid::from_raw(self.group.pid().cast_signed()));
        found
    }

    /// Kills sshd and all sessions with SIGKILL.
    pub fn kill(&mut self) {
        // A stopped process cannot start others while we look for them; and one whose parent ends just now is
        // found before that.
        let mut pids = self.everything();
        send(&pids, Signal::STOP);
        pids.extend(self.everything());
        send(&pids, Signal::KILL);
        self.group.kill();
    }

    /// Kills the sessions, and not sshd itself: new connections are served.
    pub fn kill_sessions(&self) {
        send(&descendants(self.group.pid()), Signal::KILL);
    }

    /// Freezes sshd and all sessions (SIGSTOP).
    pub fn stop(&self) {
        send(&self.everything(), Signal::STOP);
    }

    /// Lets them go on after [`Sshd::stop`].
    pub fn cont(&self) {
        send(&self.everything(), Signal::CONT);
    }

    /// Kills it if it runs and starts it again on the same port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.group = run(self.dir.path(), self.port())?;
        Ok(())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
        if self.options.password.is_some() {
            let _ = tool("userdel", &["-f", &self.user]);
        }
    }
}

fn send(pids: &[Pid], signal: Signal) {
    for pid in pids {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(*pid, signal);
    }
}

fn tool(program: &str, arguments: &[&str]) -> io::Result<()> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("{program}: {}", String::from_utf8_lossy(&output.stderr))))
}

/// Makes a key pair.
pub fn keygen(file: &Path, passphrase: &str) -> io::Result<()> {
    let _ = fs::remove_file(file);
    tool("ssh-keygen", &["-q", "-t", "ed25519", "-N", passphrase, "-f", &file.display().to_string()])
}

fn add_user(dir: &Path, password: &str) -> io::Result<String> {
    use std::io::Write;
    let suffix: String = dir.display().to_string().chars().rev().take(6).collect();
    let name = format!("ctk{}", suffix.to_ascii_lowercase());
    tool("useradd", &["-M", "-d", &dir.display().to_string(), "-s", "/bin/sh", &name])?;
    let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, "{name}:{password}")?;
    }
    child.wait()?;
    Ok(name)
}

fn write_config(dir: &Path, port: u16, options: &SshdOptions) -> io::Result<()> {
    let server = if options.external { "/usr/lib/openssh/sftp-server" } else { "internal-sftp" };
    let passwords = if options.password.is_some() { "yes" } else { "no" };
    let dir_name = dir.display();
    let config = format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {dir_name}/host\nPidFile none\n\
         AuthorizedKeysFile {dir_name}/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
         PasswordAuthentication {passwords}\nKbdInteractiveAuthentication no\nSubsystem sftp {server}\n\
         MaxStartups 200\nUseDNS no\nLogLevel VERBOSE\nPrintMotd no\n\
         RekeyLimit {}\n",
        options.rekey.unwrap_or("default")
    );
    fs::write(dir.join("sshd_config"), config)
}

fn run(dir: &Path, port: u16) -> io::Result<Group> {
    let _ = fs::create_dir_all("/run/sshd");
    let mut command = Command::new("/usr/sbin/sshd");
    let log = fs::File::options().append(true).create(true).open(dir.join("log"))?;
    command.arg("-D").arg("-e").arg("-f").arg(dir.join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let mut group = Group::spawn(&mut command)?;
    wait_for_port(port, &mut group, STARTING).map_err(|error| {
        let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        io::Error::other(format!("{error}: {}", last.join("; ")))
    })?;
    Ok(group)
}

/// All processes below this one: sshd's sessions leave its process group.
fn descendants(root: u32) -> Vec<Pid> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (pid, parent)));
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, above)| *above == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found.into_iter().skip(1).filter_map(|pid| Pid::from_raw(pid.cast_signed())).collect()
}

/// An `ssh-agent` of one's own.
#[derive(Debug)]
pub struct Agent {
    _group: Group,
    dir: TempDir,
}

impl Agent {
    /// Starts an agent that holds this key.
    pub fn with_key(key: &Path) -> io::Result<Agent> {
        let dir = tempfile::Builder::new().prefix("ctk-agent-").tempdir()?;
        let socket = dir.path().join("socket");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).stderr(Stdio::null());
        let group = Group::spawn(&mut command)?;
        let end = std::time::Instant::now() + Duration::from_secs(5);
        while !socket.exists() && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        let added = Command::new("ssh-add").arg("-q").arg(key).env("SSH_AUTH_SOCK", &socket).output()?;
        if !added.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&added.stderr).into_owned()));
        }
        Ok(Agent { _group: group, dir })
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }
}
