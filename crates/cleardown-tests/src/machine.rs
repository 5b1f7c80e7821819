//! One user's Cleardown, apart from all others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_testkit::Namespace;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::answer::{Answer, Running};
use crate::programs;
use crate::server::Server;

/// Who uses the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Root, who mounts by himself.
    Root,
    /// An ordinary user (`nobody`), who mounts through fusermount3.
    User,
}

impl Who {
    /// The user id.
    pub fn uid(self) -> u32 {
        if self == Who::Root { 0 } else { 65534 }
    }
}

/// The folders and processes of one user.
#[derive(Debug)]
pub struct Machine {
    dir: TempDir,
    who: Who,
    /// Where its programs run, when links are not to change the real machine's network.
    namespace: Option<Arc<Namespace>>,
    /// Its instance is where it would be anyway, and not in the machine's folder.
    at_home: bool,
}

impl Machine {
    /// A fresh one.
    pub fn new(who: Who) -> Machine {
        let dir = tempfile::Builder::new().prefix("cdt-").tempdir().unwrap();
        let machine = Machine { dir, who, namespace: None, at_home: false };
        machine.own(machine.dir.path());
        fs::set_permissions(machine.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["run", "config", "state", "home", "home/.ssh", "mnt"] {
            machine.folder(name);
        }
        for name in ["run", "home/.ssh"] {
            fs::set_permissions(machine.path(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        machine
    }

    /// The same machine with a network of its own.
    pub fn in_namespace(mut self, namespace: impl Into<Arc<Namespace>>) -> Machine {
        self.namespace = Some(namespace.into());
        self
    }

    /// The same machine with its instance where it would be without any wish: the namespace has a `/run` of its own.
    pub fn at_home(mut self) -> Machine {
        self.at_home = true;
        self
    }

    /// Its network.
    pub fn namespace(&self) -> &Namespace {
        self.namespace.as_ref().expect("a machine with a network of its own")
    }

    /// Who uses it.
    pub fn who(&self) -> Who {
        self.who
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a folder that the user owns.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        self.own(&path);
        path
    }

    /// Writes a file that only the user can read.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        self.own(&path);
        path
    }

    fn own(&self, path: &Path) {
        chown(path, Some(self.who.uid()), Some(self.who.uid())).unwrap();
    }

    /// Any program, as the user and in his surroundings.
    pub fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = match (&self.namespace, self.who) {
            (None, _) => Command::new(program),
            (Some(namespace), Who::Root) => namespace.command(program),
            // Only root may go there.
            (Some(namespace), Who::User) => {
                let mut command = namespace.command("/usr/bin/setpriv");
                let id = self.who.uid();
                command.args([&format!("--reuid={id}"), &format!("--regid={id}"), "--clear-groups"]);
                command.arg(program);
                command
            }
        };
        command.env_clear().current_dir(self.path("home"));
        command
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", self.path("home"));
        match (self.at_home, self.who) {
            (false, _) => command.env("CLEARDOWN_RUNTIME_DIR", self.path("run")),
            (true, Who::User) => command.env("XDG_RUNTIME_DIR", format!("/run/user/{}", self.who.uid())),
            (true, Who::Root) => &mut command,
        };
        command.env("CLEARDOWN_CONFIG_DIR", self.path("config"));
        command.env("CLEARDOWN_STATE_DIR", self.path("state"));
        if let Some(log) = std::env::var_os("CLEARDOWN_LOG") {
            command.env("CLEARDOWN_LOG", log);
        }
        if self.who == Who::User && self.namespace.is_none() {
            command.uid(self.who.uid()).gid(self.who.uid());
        }
        command
    }

    /// `cleardown ARGS`.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(programs::folder().join("cleardown"));
        command.args(args);
        command
    }

    /// Runs `cleardown ARGS` to its end.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Answer {
        self.start(args).answer()
    }

    /// Starts `cleardown ARGS`.
    #[track_caller]
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(args))
    }

    /// Starts a shell script, as the user.
    pub fn script(&self, script: &str) -> Running {
        let mut command = self.program("/bin/bash");
        command.args(["-c", script]);
        Running::start(command)
    }

    /// Where [`Machine::map`] puts a drive.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path("mnt").join(name.trim_end_matches(':'))
    }

    /// The arguments that map a share of a server under a name.
    pub fn map_args(&self, name: &str, server: &Server) -> Vec<String> {
        let at = self.at(name).to_string_lossy().into_owned();
        let mut args = vec!["map".into(), name.into(), server.remote(), "--at".into(), at];
        args.extend(server.log_on(self));
        args
    }

    /// Maps a share and gives back the mount point.
    #[track_caller]
    pub fn map(&self, name: &str, server: &Server) -> PathBuf {
        self.map_with(name, server, &[]).ok();
        let at = self.at(name);
        assert!(is_mounted(&at), "{} is no mount", at.display());
        at
    }

    /// Maps a share with more arguments.
    #[track_caller]
    pub fn map_with(&self, name: &str, server: &Server, more: &[&str]) -> Answer {
        let args = self.map_args(name, server);
        let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
        // A loaded machine is no reason to fail.
        if !more.contains(&"--timeout") {
            args.extend(["--timeout", "60"]);
        }
        args.extend(more);
        self.run(&args)
    }

    /// All connections, as the list shows them.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let list = self.run(&["list", "--json"]).ok().json();
        list["connections"].as_array().expect("connections").clone()
    }

    /// One connection of the list.
    #[track_caller]
    pub fn connection(&self, name: &str) -> Option<Value> {
        self.list().into_iter().find(|connection| connection["name"] == name)
    }

    /// The state of a connection; empty when it is not listed.
    #[track_caller]
    pub fn status(&self, name: &str) -> String {
        self.connection(name).map(|c| c["status"].as_str().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    /// Ends a drive and asserts the whole proof.
    #[track_caller]
    pub fn end(&self, name: &str) -> Value {
        let answer = self.run(&["end", name, "--json"]).ok();
        let report = answer.json();
        let ended = &report["ended"][0];
        let proof = &ended["proof"];
        for fact in ["acknowledged", "mount_gone", "session_closed", "worker_reaped"] {
            assert_eq!(proof[fact], true, "{fact}: {answer}");
        }
        assert_eq!(ended["lost"].as_array().map(Vec::len), Some(0), "{answer}");
        assert_eq!(ended["unproven"].as_array().map(Vec::len), Some(0), "{answer}");
        assert!(!is_mounted(&self.at(name)), "{answer}");
        ended.clone()
    }

    /// The worker's process id, from the list.
    #[track_caller]
    pub fn worker(&self, name: &str) -> i32 {
        let connection = self.connection(name).unwrap_or_else(|| panic!("{name} is not listed"));
        let pid = connection["worker_pid"].as_i64().unwrap_or_else(|| panic!("no worker: {connection}"));
        i32::try_from(pid).unwrap()
    }

    /// The processes of this machine's daemon and workers, known by their environment.
    pub fn processes(&self) -> Vec<(i32, String)> {
        let wanted = format!("HOME={}", self.path("home").display());
        let pids = fs::read_dir("/proc").unwrap().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        // The name first: a process's environment cannot be read while its memory is locked, which in a test of
        // file systems may last; the name always can.
        let named = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("cleardown"))
        };
        let ours = pids.filter(named).filter(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|b| *b == 0).any(|word| word == wanted.as_bytes())
        });
        ours.filter_map(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains("cleardownd").then_some((pid, line))
        })
        .collect()
    }

    /// The daemon's process id.
    #[track_caller]
    pub fn daemon(&self) -> i32 {
        let all = self.processes();
        let daemon = all.iter().find(|(_, line)| !line.contains(" worker "));
        daemon.unwrap_or_else(|| panic!("no daemon among {all:?}")).0
    }
}

/// Sends SIGKILL and waits until the process is gone.
#[track_caller]
pub fn kill(pid: i32) {
    let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    eventually("the process is gone", || !alive(pid));
}

/// Whether a process runs (a zombie does not).
pub fn alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

impl Drop for Machine {
    fn drop(&mut self) {
        // The daemon first, so that it does not bring its workers back.
        let mut all = self.processes();
        all.sort_by_key(|(_, line)| line.contains(" worker "));
        for (pid, _) in all {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        for mount in mounts_below(self.dir.path()) {
            let _ = unmount(&mount, UnmountFlags::DETACH);
        }
    }
}

/// The mount points at or below a folder, the innermost first.
fn mounts_below(folder: &Path) -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let mut below: Vec<PathBuf> = points.filter(|point| point.starts_with(folder)).collect();
    below.reverse();
    below
}

/// Whether the mount table has this folder; it does not touch the folder.
pub fn is_mounted(at: &Path) -> bool {
    mounts_below(at).iter().any(|point| point == at)
}

/// Waits until a fact holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What sha256sum(1) says of a file.
#[track_caller]
pub fn sha256sum(file: &Path) -> String {
    let sum = Command::new("sha256sum").stdin(fs::File::open(file).unwrap()).output().unwrap();
    String::from_utf8_lossy(&sum.stdout).into_owned()
}
