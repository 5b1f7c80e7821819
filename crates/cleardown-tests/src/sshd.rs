//! An OpenSSH server of one's own, with its sftp-server (needs root).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cleardown_testkit::process::{Group, free_port, wait_for_port};
use rustix::process::Signal;
use tempfile::TempDir;

/// A running sshd that serves one folder to root. Dropping it kills it and removes everything.
#[derive(Debug)]
pub struct Sshd {
    group: Group,
    port: u16,
    dir: TempDir,
}

impl Sshd {
    /// Starts it and waits until it listens.
    pub fn start() -> io::Result<Sshd> {
        let dir = tempfile::Builder::new().prefix("cdt-ssh-").tempdir()?;
        let at = dir.path();
        fs::create_dir(at.join("files"))?;
        fs::create_dir_all("/run/sshd")?;
        for key in ["host", "client"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
                .arg(at.join(key))
                .stdin(Stdio::null())
                .status()?;
            assert!(made.success(), "ssh-keygen makes a key");
        }
        fs::copy(at.join("client.pub"), at.join("authorized"))?;
        let port = free_port()?;
        let at = at.display();
        let configuration = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nMaxSessions 100\nMaxStartups 100\n"
        );
        fs::write(dir.path().join("sshd_config"), configuration)?;
        let group = run(dir.path(), port)?;
        Ok(Sshd { group, port, dir })
    }

    /// `sftp://root@127.0.0.1:PORT/FOLDER`.
    pub fn remote(&self) -> String {
        format!("sftp://root@127.0.0.1:{}{}", self.port, self.folder().display())
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder that is served.
    pub fn folder(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    /// The line of known_hosts(5).
    pub fn known_hosts(&self) -> String {
        let key = fs::read_to_string(self.dir.path().join("host.pub")).expect("the host key is there");
        format!("[127.0.0.1]:{} {key}", self.port)
    }

    /// The private key that may log on.
    pub fn client_key(&self) -> String {
        fs::read_to_string(self.dir.path().join("client")).expect("the client's key is there")
    }

    /// What sshd has said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Freezes sshd and all its children.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn cont(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it and all its children.
    pub fn kill(&mut self) {
        // Sessions leave the process group (setsid), so they are found as descendants, before their parent dies.
        self.signal(Signal::KILL);
        self.group.kill();
    }

    /// Kills it if it runs and starts it again on the same port.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.group = run(self.dir.path(), self.port)?;
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        for pid in descendants(self.group.pid()) {
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
        self.group.signal(signal);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn run(dir: &Path, port: u16) -> io::Result<Group> {
    let log = fs::File::options().create(true).append(true).open(dir.join("log"))?;
    let mut group = Group::spawn(
        Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log),
    )?;
    wait_for_port(port, &mut group, Duration::from_secs(20))?;
    Ok(group)
}

/// All processes below one.
fn descendants(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next += 1;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    found.split_off(1)
}
