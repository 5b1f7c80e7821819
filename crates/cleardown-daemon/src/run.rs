//! The daemon's own life: lock, socket, reconciliation, service, exit.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::{Error, Result};
use cleardown_ipc::peer::PATIENCE;
use cleardown_ipc::{Call, Instance, Location, Peer, server};
use cleardown_profile::secrets;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::daemon::Daemon;
use crate::memory::Memory;
use crate::options::Options;
use crate::supervisor::Programs;
use crate::{lifetime, link, manager, mount_table, reconcile, sleep};

/// Descriptors that the daemon would like to have.
const DESCRIPTORS: u64 = 16_384;

/// Runs the daemon until it is asked to go, or has had nothing to do for a while. `ready` is called once, when
/// clients can connect (or another daemon is there for them).
///
/// # Errors
/// The instance's folders or socket cannot be made.
pub fn run(options: &Options, ready: impl FnOnce()) -> Result<()> {
    let handed_over = manager::handed_over();
    // Sockets and journals are the owner's; the system's socket is opened to everybody below.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    raise_descriptors();
    let mut location = Location::of(Instance::User);
    if let Some(dir) = &options.runtime_dir {
        location.dir = dir.clone();
    }
    location.prepare()?;
    let Some(_lock) = enter(&location)? else {
        let handed_on = if options.restore { hand_on_restoring(&location) } else { Ok(()) };
        ready();
        return handed_on;
    };
    let runtime = started(Builder::new_multi_thread().worker_threads(2))?;
    let outcome = runtime.block_on(serve(options, location, handed_over, ready));
    // A thread that the kernel keeps (an unmount that hangs) must not keep the daemon.
    runtime.shutdown_background();
    outcome
}

/// Every connection, client and request has descriptors; the limit that most programs are started with is for select(2).
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

/// The lock that makes this the only daemon of its instance; none when there is another that answers.
///
/// A daemon that was killed may leave the lock for a moment to a child that it had just forked, and one that
/// starts has the lock before it listens: neither is a reason to leave clients without a daemon.
fn enter(location: &Location) -> Result<Option<OwnedFd>> {
    let end = Instant::now() + PATIENCE;
    loop {
        let lock = lock(&location.dir.join("lock"))?;
        let answers = || std::os::unix::net::UnixStream::connect(location.socket()).is_ok();
        if lock.is_some() || answers() || Instant::now() >= end {
            return Ok(lock);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn lock(path: &Path) -> Result<Option<OwnedFd>> {
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file = open(path, flags, Mode::from_raw_mode(0o600))
        .map_err(|e| Error::os("opening the lock", &e.into()))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(Error::os("locking", &error.into())),
    }
}

/// Asks the daemon that is there to restore what is remembered.
fn hand_on_restoring(location: &Location) -> Result<()> {
    let ask = async { Peer::connect(location).await?.query(&Call::KeepRestoring).await };
    started(&mut Builder::new_current_thread())?.block_on(ask)
}

fn started(runtime: &mut Builder) -> Result<Runtime> {
    runtime.enable_all().build().map_err(|e| Error::os("starting the runtime", &e))
}

async fn serve(
    options: &Options,
    location: Location,
    mut handed_over: HashMap<String, OwnedFd>,
    ready: impl FnOnce(),
) -> Result<()> {
    let system = location.system;
    let memory = Memory::new(cleardown_profile::config_dir().ok(), secret_bus(system));
    let listener = handed_over.remove("bus");
    let socket_is_ours = listener.is_none();
    let socket = location.socket();
    let context = Context::new(location, memory, Box::new(Programs::find()))?;
    let quit = CancellationToken::new();
    let (clients, clients_seen) = watch::channel(0);
    let daemon = Arc::new(Daemon { context: context.clone(), quit: quit.clone(), clients: clients.clone() });
    reconcile::reconcile(&context, handed_over).await?;
    tokio::spawn(mount_table::watch(context.clone()));
    tokio::spawn(link::watch(context.clone()));
    tokio::spawn(sleep::watch(context.clone()));
    let listener = listener.map_or_else(|| bind(&socket, system), adopt_listener);
    let listener = listener.map_err(|e| Error::os(format!("listening at {}", socket.display()), &e))?;
    tokio::spawn(server::listen(listener, daemon.clone(), clients));
    if has_bus(system) {
        let daemon = daemon.clone();
        tokio::spawn(async move {
            if let Err(error) = server::serve_on_bus(system, daemon).await {
                tracing::info!(%error, "not on the bus");
            }
        });
    }
    if options.restore {
        daemon.keep_restoring();
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| Error::os("watching signals", &e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| Error::os("watching signals", &e))?;
    manager::ready();
    ready();
    let idle = lifetime::idle(context.registry.count(), clients_seen, lifetime::IDLE);
    tokio::select! {
        () = quit.cancelled() => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = idle, if !options.stay => {}
    }
    // Connections stay: the next daemon finds their workers.
    if socket_is_ours {
        let _ = std::fs::remove_file(&socket);
    }
    Ok(())
}

fn bind(path: &Path, system: bool) -> io::Result<UnixListener> {
    // We hold the lock: what is there belongs to a dead daemon.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let mode = if system { 0o666 } else { 0o600 };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(listener)
}

fn adopt_listener(fd: OwnedFd) -> io::Result<UnixListener> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
    UnixListener::from_std(fd.into())
}

fn secret_bus(system: bool) -> secrets::Bus {
    if system { secrets::Bus::None } else { secrets::Bus::Session }
}

/// Whether there is a bus to be on. Not for an instance that was moved: the bus has one name to give.
fn has_bus(system: bool) -> bool {
    if std::env::var_os("CLEARDOWN_RUNTIME_DIR").is_some() {
        return false;
    }
    if system {
        return Path::new("/run/dbus/system_bus_socket").exists();
    }
    std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some()
        || std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| Path::new(&dir).join("bus").exists())
}
