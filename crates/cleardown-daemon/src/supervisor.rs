//! Workers: how they are started, and how the daemon holds on to them.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cleardown_core::{Error, Result};
use cleardown_kernel::Process;
use cleardown_worker::control::{Client, Event, Listener, Reply, Request, WorkerStatus};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Gid, Uid};
use tokio::sync::mpsc;

/// The program for workers that carry links. Not every installation has it.
const LINK_WORKER: &str = "cleardown-link-worker";

/// Our own executable, also when its file has been replaced.
const OWN: &str = "/proc/self/exe";

/// Starts worker processes.
pub(crate) trait Spawner: Send + Sync {
    /// Starts a worker that serves this listening socket; its process id.
    fn spawn(&self, id: &str, listener: OwnedFd, how: How) -> io::Result<u32>;
}

/// How a worker runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    /// As another user than our own.
    pub(crate) user: Option<u32>,
    /// It will only ever carry links.
    pub(crate) for_links: bool,
}

/// A worker that runs and can be talked to.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) process: Process,
    pub(crate) client: Client,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Worker {
    /// Waits for the process's end, and reaps it. It does not hold the worker.
    pub(crate) fn end(&self) -> BoxFuture<'static, ()> {
        let Ok(Some(process)) = Process::open(self.process.identity()) else {
            self.process.reap();
            return std::future::ready(()).boxed();
        };
        async move {
            if let Err(error) = process.ended().await {
                tracing::error!(%error, "waiting for a worker's end");
            }
            process.reap();
        }
        .boxed()
    }
}

/// The worker whose socket is at `path`, when it still runs and answers, and how it is.
pub(crate) async fn find(path: &Path, patience: Duration) -> Option<(Worker, WorkerStatus)> {
    let (client, events) = Client::connect(path).ok()?;
    let (Reply::Status(status), _) = client.request(Request::Status, &[], patience).await.ok()? else {
        return None;
    };
    let process = Process::of(status.pid).ok()?;
    Some((Worker { process, client, events }, *status))
}

/// Asks a worker. Its death is no answer: that is told by the process itself.
pub(crate) async fn ask(
    client: &Client,
    request: Request,
    descriptors: Vec<OwnedFd>,
    patience: Duration,
) -> Result<Reply> {
    let borrowed: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
    match client.request(request, &borrowed, patience).await {
        Ok((reply, _)) => Ok(reply),
        Err(error) if client.is_gone() => {
            tracing::debug!(%error, "the worker is gone");
            std::future::pending().await
        }
        Err(error) => Err(error),
    }
}

/// Starts a worker whose socket is at `path`.
pub(crate) fn start(spawner: &dyn Spawner, id: &str, path: &Path) -> Result<Worker> {
    start_with(spawner, id, path, How::default())
}

/// The same, with a worker that runs in another way.
pub(crate) fn start_with(spawner: &dyn Spawner, id: &str, path: &Path, how: How) -> Result<Worker> {
    let during = |what: &'static str| move |e: io::Error| Error::os(what, &e);
    let listener = Listener::bind(path).map_err(during("making the worker's socket"))?;
    let pid = spawner.spawn(id, listener, how).map_err(during("starting the worker"))?;
    let process = Process::of(pid).map_err(during("watching the worker"))?;
    // The socket listens already: this does not wait for the worker.
    match Client::connect(path) {
        Ok((client, events)) => Ok(Worker { process, client, events }),
        Err(error) => {
            let _ = process.signal(rustix::process::Signal::KILL);
            Err(Error::os("talking to the worker", &error))
        }
    }
}

/// Kills a worker that has closed the conversation, unless it is us who are about to end: then the conversations end
/// first, and what is spawned here is never run.
pub(crate) fn kill_silent(worker: &Worker) {
    let identity = worker.process.identity();
    tokio::spawn(async move {
        tokio::time::sleep(LAST_GASP).await;
        if let Ok(Some(process)) = Process::open(identity) {
            let _ = process.signal(rustix::process::Signal::KILL);
        }
    });
}

/// How long a worker may live without the conversation.
const LAST_GASP: Duration = Duration::from_millis(200);

/// Starts our own executable in its other role, or for links the small program beside it.
pub(crate) struct Programs {
    own: PathBuf,
    for_links: Option<OwnedFd>,
}

impl Programs {
    /// Finds them. They are held and not looked for again: the files may be replaced by an upgrade, and workers shall be
    /// of our own version.
    pub(crate) fn find() -> Self {
        let folder = std::fs::read_link(OWN).ok().and_then(|own| Some(own.parent()?.to_owned()));
        Programs { own: OWN.into(), for_links: folder.and_then(|folder| Programs::for_links(&folder)) }
    }

    fn for_links(folder: &Path) -> Option<OwnedFd> {
        let places = ["", "../libexec/cleardown"].map(|place| folder.join(place).join(LINK_WORKER));
        let (path, file) = places.into_iter().find_map(|path| {
            let file = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
            Some((path, file))
        })?;
        // Asked here, for execvp(3) has a shell read what the kernel does not know.
        let is_ours = machine(Path::new(OWN)).is_some_and(|own| machine(&by_number(&file)) == Some(own));
        if !is_ours {
            tracing::warn!(path = %path.display(), "not a program for this machine; cleardownd carries links itself");
        }
        is_ours.then_some(file)
    }
}

impl Spawner for Programs {
    fn spawn(&self, id: &str, listener: OwnedFd, how: How) -> io::Result<u32> {
        if let Some(file) = self.for_links.as_ref().filter(|_| how.for_links) {
            match run(&by_number(file), id, &listener, how) {
                Ok(pid) => return Ok(pid),
                // A mount with noexec, a mode that keeps the user out: what can be carried all the same is.
                Err(error) => {
                    tracing::warn!(%error, "{LINK_WORKER} cannot be run; cleardownd carries the link itself")
                }
            }
        }
        run(&self.own, id, &listener, how)
    }
}

fn run(program: &Path, id: &str, listener: &OwnedFd, how: How) -> io::Result<u32> {
    let user = how.user.map(Credentials::of).transpose()?;
    let mut command = Command::new(program);
    if user.is_some() {
        command.env_clear().envs(for_others(std::env::vars_os()));
    }
    command.arg0("cleardownd").args(["worker", id]).current_dir("/");
    command.stdin(Stdio::from(listener.try_clone()?)).stdout(Stdio::null()).stderr(Stdio::inherit());
    // SAFETY: setsid(2), setgroups(2), setresgid(2) and setresuid(2) are async-signal-safe as bare system calls, and
    // nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(move || {
            // A session of its own: signals for the daemon's terminal or group do not reach it.
            rustix::process::setsid()?;
            user.as_ref().map_or(Ok(()), Credentials::become_them)
        });
    }
    // Dropping a child leaves it alone: it outlives us, and as long as we live we reap it by its pidfd.
    command.spawn().map(|child| child.id())
}

/// What of our environment another user may see: root's may hold anything, and programs that a phone-book entry names as the
/// line get their worker's.
fn for_others(
    ours: impl Iterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    let is_theirs =
        |name: &str| matches!(name, "PATH" | "LANG" | "TZ" | "CLEARDOWN_LOG") || name.starts_with("LC_");
    ours.filter(move |(name, _)| name.to_str().is_some_and(is_theirs))
}

fn by_number(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// What an ELF file's header says of the machine it is for: class, order of octets and kind (elf(5)).
fn machine(program: &Path) -> Option<[u8; 8]> {
    let mut header = [0; 20];
    File::open(program).ok()?.read_exact(&mut header).ok()?;
    let [a, b, c, d, class, order, .., kind, more] = header;
    Some([a, b, c, d, class, order, kind, more])
}

/// A user with the groups that a login would give.
struct Credentials {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

impl Credentials {
    fn of(uid: u32) -> io::Result<Self> {
        let (gid, groups) = cleardown_kernel::users::groups(uid)
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no user {uid}")))?;
        let groups = groups.into_iter().map(Gid::from_raw).collect();
        Ok(Credentials { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), groups })
    }

    /// For the only thread of a process that is about to exec.
    fn become_them(&self) -> io::Result<()> {
        rustix::thread::set_thread_groups(&self.groups)?;
        rustix::thread::set_thread_res_gid(self.gid, self.gid, self.gid)?;
        rustix::thread::set_thread_res_uid(self.uid, self.uid, self.uid)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use rustix::process::{Pid, WaitOptions, waitpid};

    use super::*;

    /// How a worker's program ends. true(1) stands for `cleardownd`, false(1) for the one for links.
    fn runs(programs: &Programs, how: How) -> Option<i32> {
        let listener = File::open("/dev/null").unwrap().into();
        let pid = programs.spawn("1", listener, how).unwrap();
        let (_, status) = waitpid(Pid::from_raw(pid as i32), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status()
    }

    fn beside(folder: &Path) -> Programs {
        Programs { own: "/bin/true".into(), for_links: Programs::for_links(folder) }
    }

    #[test]
    fn another_users_worker_does_not_get_roots_environment() {
        let ours =
            [("PATH", "/bin"), ("LC_ALL", "C"), ("AWS_SECRET_ACCESS_KEY", "x"), ("SSH_AUTH_SOCK", "/tmp/a")];
        let theirs = for_others(ours.into_iter().map(|(name, value)| (name.into(), value.into())));
        assert_eq!(theirs.map(|(name, _)| name).collect::<Vec<_>>(), ["PATH", "LC_ALL"]);
    }

    /// As root, to be another user; `environ` is what the kernel gave the program.
    #[test]
    fn a_program_of_another_user_is_started_without_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let own = folder.path().join("own");
        fs::write(&own, "#!/bin/sh\ntr '\\0' '\\n' < /proc/$$/environ | grep -q '^HOME='\n").unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        let programs = Programs { own, for_links: None };
        assert!(std::env::var_os("HOME").is_some());
        assert_eq!(runs(&programs, How::default()), Some(0), "what is our own has it");
        let nobody = How { user: Some(65534), for_links: false };
        assert_eq!(runs(&programs, nobody), Some(1));
    }

    const FOR_LINKS: How = How { user: None, for_links: true };

    #[test]
    fn links_have_a_program_of_their_own_where_it_is_installed() {
        let prefix = tempfile::tempdir().unwrap();
        let (bin, libexec) = (prefix.path().join("bin"), prefix.path().join("libexec/cleardown"));
        [&bin, &libexec].iter().for_each(|folder| fs::create_dir_all(folder).unwrap());
        assert_eq!(runs(&beside(&bin), FOR_LINKS), Some(0));

        let file = libexec.join(LINK_WORKER);
        symlink("/bin/false", &file).unwrap();
        let programs = beside(&bin);
        assert_eq!(runs(&programs, How::default()), Some(0), "drives need the whole program");
        fs::remove_file(&file).unwrap();
        symlink("/bin/true", &file).unwrap();
        assert_eq!(runs(&programs, FOR_LINKS), Some(1), "not an upgrade that came later");
    }

    #[test]
    fn a_program_for_links_that_cannot_be_run_is_done_without() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(LINK_WORKER);
        fs::copy("/bin/false", &file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(runs(&beside(folder.path()), FOR_LINKS), Some(0), "EACCES, as of a mount with noexec");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let mut octets = fs::read(&file).unwrap();
        octets[18] ^= 1;
        for content in [&octets[..], b"exit 1\n"] {
            fs::write(&file, content).unwrap();
            assert_eq!(runs(&beside(folder.path()), FOR_LINKS), Some(0), "not for this machine");
        }
    }
}
