//! A Samba server of one's own (`smbd`, `smbpasswd`; needs root, because smbd does).

mod config;

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use config::{Options, ShareDef, User};

use crate::process::{Group, Port, wait_for_port};

/// A running smbd with its shares. Dropping it kills it and removes everything.
#[derive(Debug)]
pub struct Samba {
    group: Group,
    port: Port,
    folders: Vec<(String, PathBuf)>,
    mounts: Vec<PathBuf>,
    dir: TempDir,
}

impl Samba {
    /// Starts smbd and waits until it listens.
    pub fn start(options: Options) -> io::Result<Samba> {
        let dir = tempfile::Builder::new().prefix("ctk-smb-").tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let port = match options.port {
            Some(port) => Port::given(port),
            None => Port::free()?,
        };
        let mut mounts = Vec::new();
        let folders = make_folders(dir.path(), &options, &mut mounts)?;
        config::write(dir.path(), port.number(), &options, &folders)?;
        for user in &options.users {
            add_user(dir.path(), user)?;
        }
        let group = run(dir.path(), port.number())?;
        Ok(Samba { group, port, folders, mounts, dir })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder behind a share.
    pub fn path(&self, share: &str) -> &Path {
        let folder = self.folders.iter().find(|(name, _)| name == share);
        &folder.unwrap_or_else(|| panic!("no share {share} was asked for")).1
    }

    /// `smb://127.0.0.1:PORT/SHARE`.
    pub fn remote(&self, share: &str) -> String {
        format!("smb://127.0.0.1:{}/{share}", self.port())
    }

    /// `smb://localhost:PORT/SHARE`: tickets are for a name.
    pub fn named_remote(&self, share: &str) -> String {
        format!("smb://localhost:{}/{share}", self.port())
    }

    /// The configuration file, for tools such as smbclient and smbstatus.
    pub fn conf(&self) -> PathBuf {
        self.dir.path().join("smb.conf")
    }

    /// What smbd has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log.smbd")).unwrap_or_default()
    }

    /// Kills smbd and all its children with SIGKILL.
    pub fn kill(&mut self) {
        self.group.kill();
        // smbd starts these for itself, in sessions of their own, and they outlive it.
        for pid in helpers(&self.conf()) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// Kills the processes that serve clients, and not smbd itself: new connections are served.
    pub fn kill_sessions(&self) {
        self.signal_sessions(Signal::KILL);
    }

    /// Freezes the processes that serve clients, and not smbd itself, until [`Samba::cont`].
    pub fn stop_sessions(&self) {
        self.signal_sessions(Signal::STOP);
    }

    fn signal_sessions(&self, signal: Signal) {
        let members = self.group.members();
        for pid in members.into_iter().filter(|pid| serves(pid.as_raw_nonzero().get(), self.port())) {
            let _ = kill_process(pid, signal);
        }
    }

    /// Gives a user another password.
    pub fn set_password(&self, user: &User, password: &str) -> io::Result<()> {
        add_user(self.dir.path(), &User { password: password.into(), ..user.clone() })
    }

    /// Freezes smbd and all its children (SIGSTOP).
    pub fn stop(&self) {
        self.group.signal(Signal::STOP);
    }

    /// Lets it go on after [`Samba::stop`].
    pub fn cont(&self) {
        self.group.signal(Signal::CONT);
    }

    /// Kills it if it runs and starts it again on the same port with the same shares.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.group = run(self.dir.path(), self.port())?;
        Ok(())
    }

    /// Runs `smbclient -c COMMANDS` on a share as a user; its standard output, or an error with all it said.
    pub fn smbclient(&self, share: &str, user: &User, commands: &str) -> io::Result<String> {
        let auth = self.dir.path().join(format!("auth.{}", user.name));
        fs::write(&auth, format!("username={}\npassword={}\n", user.name, user.password))?;
        let output = Command::new("smbclient")
            .arg(format!("//127.0.0.1/{share}"))
            .args(["-p", &self.port().to_string(), "-A"])
            .arg(&auth)
            .args(["-c", commands])
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            Ok(text)
        } else {
            Err(io::Error::other(format!("{text}{}", String::from_utf8_lossy(&output.stderr))))
        }
    }
}

impl Drop for Samba {
    #[expect(clippy::print_stderr, reason = "the only way to show what smbd said of a test that failed")]
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("smbd said:\n{}", last_words(self.dir.path()));
        }
        for folder in &self.mounts {
            let _ = unmount(folder, UnmountFlags::DETACH);
        }
    }
}

/// Makes the folder of each share, on a tmpfs of its own where a size was asked for.
fn make_folders(
    dir: &Path,
    options: &Options,
    mounts: &mut Vec<PathBuf>,
) -> io::Result<Vec<(String, PathBuf)>> {
    let mut folders = Vec::new();
    for share in &options.shares {
        let folder = share.folder.clone().unwrap_or_else(|| dir.join("shares").join(&share.name));
        fs::create_dir_all(&folder)?;
        if let Some(bytes) = share.tmpfs {
            let size = std::ffi::CString::new(format!("size={bytes},mode=0777"))?;
            mount("tmpfs", &folder, "tmpfs", MountFlags::empty(), Some(size.as_c_str()))?;
            mounts.push(folder.clone());
        }
        if share.folder.is_none() {
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o777))?;
        }
        folders.push((share.name.clone(), folder));
    }
    Ok(folders)
}

/// Adds a user to the server's own password file; the password travels on standard input.
fn add_user(dir: &Path, user: &User) -> io::Result<()> {
    let mut child = Command::new("smbpasswd")
        .arg("-c")
        .arg(dir.join("smb.conf"))
        .args(["-a", "-s", &user.unix])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        write!(input, "{0}\n{0}\n", user.password)?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("smbpasswd: {}", String::from_utf8_lossy(&output.stderr))))
    }
}

fn run(dir: &Path, port: u16) -> io::Result<Group> {
    let log = File::options().create(true).append(true).open(dir.join("log.out"))?;
    let mut group = Group::spawn(
        Command::new("smbd")
            .args(["-F", "--no-process-group", "--configfile"])
            .arg(dir.join("smb.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log),
    )?;
    wait_for_port(port, &mut group, Duration::from_secs(60))
        .map_err(|error| io::Error::other(format!("{error}: {}", last_words(dir))))?;
    Ok(group)
}

/// The `samba-dcerpcd` and `rpcd_*` processes that run with this configuration.
fn helpers(conf: &Path) -> Vec<Pid> {
    let argument = format!("--configfile={}", conf.display());
    let ours = |pid: &i32| {
        // The name first: it can always be read, the command line of a process that hangs cannot.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        let line = || fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        (name.starts_with("samba-dcerpcd") || name.starts_with("rpcd_"))
            && line().split(|b| *b == 0).any(|word| word == argument.as_bytes())
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(ours).filter_map(Pid::from_raw).collect()
}

fn last_words(dir: &Path) -> String {
    ["log.out", "log.smbd"].iter().filter_map(|name| fs::read_to_string(dir.join(name)).ok()).collect()
}

/// Whether a process has an established connection on this local port.
fn serves(pid: i32, port: u16) -> bool {
    let local = format!(":{port:04X}");
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let inodes: Vec<String> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|f| f.len() > 9 && f[1].ends_with(&local) && f[3] == "01")
        .map(|f| format!("socket:[{}]", f[9]))
        .collect();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut targets = descriptors.filter_map(|entry| fs::read_link(entry.path()).ok());
    targets.any(|target| inodes.iter().any(|inode| target.as_os_str() == inode.as_str()))
}
