//! Those who compete: how each is mounted, and ended.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cleardown_testkit::process::Group;

use crate::ours;
use crate::servers::{SHARE, Servers};

/// A contender.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) start: fn(&Servers) -> io::Result<Mount>,
}

/// A mounted share.
pub(crate) struct Mount {
    /// Where the share's root is seen.
    pub(crate) path: PathBuf,
    /// It keeps nothing, and there is no server behind it.
    pub(crate) null: bool,
    point: PathBuf,
    process: Option<Group>,
    drive: Option<ours::Drive>,
}

impl Mount {
    pub(crate) fn of_drive(drive: ours::Drive, point: PathBuf) -> Mount {
        Mount { path: point.clone(), null: false, point, process: None, drive: Some(drive) }
    }

    /// Unmounts, with force if need be.
    pub(crate) fn end(&mut self) {
        if let Some(drive) = self.drive.take() {
            drive.end();
        }
        let gone = |_: &Path| !mounted(&self.point);
        if !gone(&self.point) {
            let _ = Command::new("umount").arg(&self.point).stderr(Stdio::null()).status();
        }
        if !wait(Duration::from_secs(5), || gone(&self.point)) {
            let _ = Command::new("umount").arg("-l").arg(&self.point).stderr(Stdio::null()).status();
        }
        // Killing the server also frees whoever hangs on the mount.
        self.process = None;
        let _ = fs::remove_dir(&self.point);
    }
}
impl Drop for Mount {
    fn drop(&mut self) {
        self.end();
    }
}

/// All, in the order of the table.
pub(crate) fn all() -> Vec<Contender> {
    vec![
        Contender { name: "cleardown smb", start: |servers| ours::mount(servers, ours::smb(servers)) },
        Contender { name: "cleardown sftp", start: |servers| ours::mount(servers, ours::sftp(servers)) },
        Contender { name: "rclone smb", start: |servers| rclone(servers, "smb", "off") },
        Contender { name: "rclone smb, cache writes", start: |servers| rclone(servers, "smb", "writes") },
        Contender { name: "rclone smb, cache full", start: |servers| rclone(servers, "smb", "full") },
        Contender { name: "rclone sftp", start: |servers| rclone(servers, "sftp", "off") },
        Contender { name: "rclone sftp, cache full", start: |servers| rclone(servers, "sftp", "full") },
        Contender { name: "sshfs", start: sshfs },
        Contender { name: "smbnetfs", start: smbnetfs },
        Contender { name: "gvfs smb", start: gvfs },
        Contender { name: "null FUSE (limit)", start: null },
    ]
}

fn rclone(servers: &Servers, protocol: &str, cache: &str) -> io::Result<Mount> {
    let obscured = Command::new("rclone").args(["obscure", &servers.user.password]).output()?;
    let obscured = String::from_utf8_lossy(&obscured.stdout).trim().to_owned();
    let point = servers.mount_point()?;
    let folder = if protocol == "smb" { SHARE.to_owned() } else { servers.folder().display().to_string() };
    let mut command = servers.command("rclone");
    command.args(["mount", &format!(":{protocol}:{folder}")]).arg(&point).args(["--vfs-cache-mode", cache]);
    // As soon as can be: what is late is counted as late.
    command
        .args(["--vfs-write-back", "0s", "--cache-dir"])
        .arg(tempfile::tempdir_in(servers.home.path())?.keep());
    command.env("RCLONE_SMB_HOST", "127.0.0.1").env("RCLONE_SMB_PORT", servers.samba.port().to_string());
    command.env("RCLONE_SMB_USER", &servers.user.name).env("RCLONE_SMB_PASS", obscured);
    command.env("RCLONE_SFTP_HOST", "127.0.0.1").env("RCLONE_SFTP_PORT", servers.sshd.port().to_string());
    command.env("RCLONE_SFTP_USER", "root").env("RCLONE_SFTP_KEY_FILE", servers.key());
    start(command, point.clone(), point)
}

fn sshfs(servers: &Servers) -> io::Result<Mount> {
    let point = servers.mount_point()?;
    let mut command = servers.command("sshfs");
    command.arg(format!("root@127.0.0.1:{}", servers.folder().display())).arg(&point);
    command.args(["-f", "-p", &servers.sshd.port().to_string(), "-o"]);
    let ssh = servers.home.path().join(".ssh");
    command.arg(format!(
        "IdentityFile={},UserKnownHostsFile={}/known_hosts",
        servers.key().display(),
        ssh.display()
    ));
    start(command, point.clone(), point)
}

fn smbnetfs(servers: &Servers) -> io::Result<Mount> {
    if servers.samba.port() != 445 {
        return Err(io::Error::other("port 445 is taken, and smbnetfs knows no other"));
    }
    let settings = servers.home.path().join(".smb");
    fs::create_dir_all(&settings)?;
    fs::write(settings.join("smb.conf"), "[global]\nclient min protocol = SMB2\n")?;
    let conf =
        format!("auth \"{}\" \"{}\"\nshow_$_shares \"true\"\n", servers.user.name, servers.user.password);
    fs::write(settings.join("smbnetfs.conf"), conf)?;
    fs::set_permissions(settings.join("smbnetfs.conf"), fs::Permissions::from_mode(0o600))?;
    let point = servers.mount_point()?;
    let mut command = servers.command("smbnetfs");
    command.arg(&point).arg("-f");
    start(command, point.join("127.0.0.1").join(SHARE), point)
}

fn gvfs(servers: &Servers) -> io::Result<Mount> {
    let point = servers.mount_point()?;
    let script = "exec 2>/dev/null; /usr/libexec/gvfsd --no-fuse & sleep 0.5; /usr/libexec/gvfsd-fuse \"$POINT\" -f & \
                  sleep 0.5; printf '%s\\n' \"$SECRET\" | gio mount \"$URL\"; wait";
    let mut command = servers.command("dbus-run-session");
    let port = servers.samba.port();
    let at = if port == 445 { "127.0.0.1".to_owned() } else { format!("127.0.0.1:{port}") };
    command.args(["--", "sh", "-c", script]).env("POINT", &point);
    command.env("URL", format!("smb://WORKGROUP;{}@{at}/{SHARE}", servers.user.name));
    command.env("SECRET", &servers.user.password);
    let (port, user) =
        (if port == 445 { String::new() } else { format!("port={port},") }, &servers.user.name);
    let below = format!("smb-share:domain=WORKGROUP,{port}server=127.0.0.1,share={SHARE},user={user}");
    start(command, point.join(below), point)
}

/// Has nothing prepared on it, so it is filled as the server was.
fn null(servers: &Servers) -> io::Result<Mount> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("null").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = Group::spawn(&mut command)?;
    let mut line = String::new();
    BufReader::new(process.stdout().ok_or_else(|| io::Error::other("no output"))?).read_line(&mut line)?;
    let point = PathBuf::from(line.trim());
    let copied = Command::new("cp").arg("-r").arg(servers.folder().join("prepared")).arg(&point).status()?;
    fs::create_dir(point.join("work"))?;
    if !copied.success() {
        return Err(io::Error::other("copying to it failed"));
    }
    Ok(Mount { path: point.clone(), null: true, point, process: Some(process), drive: None })
}

/// Runs a mount's server, and waits until the share is there.
fn start(mut command: Command, path: PathBuf, point: PathBuf) -> io::Result<Mount> {
    let process = Group::spawn(&mut command)?;
    let mount = Mount { path, null: false, point, process: Some(process), drive: None };
    let there = || mounted(&mount.point) && mount.path.join("prepared").is_dir();
    match wait(Duration::from_secs(20), there) {
        true => Ok(mount),
        false => Err(io::Error::other("it did not mount within 20 s")),
    }
}

fn wait(deadline: Duration, mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + deadline;
    while !done() {
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Whether something is mounted there; asks the table of mounts, and not the mount.
fn mounted(point: &Path) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().any(|line| line.split(' ').nth(4).is_some_and(|at| Path::new(at) == point))
}
