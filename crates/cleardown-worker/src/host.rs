//! The worker's main loop.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::carry::Carry;
use crate::control::Listener;
use crate::converse::Worker;
use crate::process;
use crate::provider::{Provider, Servers};

/// How long a worker that carries nothing waits for a daemon.
const IDLE: Duration = Duration::from_secs(60);
/// How long the writing after a SIGTERM may take; it goes on in the background anyway.
const TERM_DRAIN: Duration = Duration::from_secs(60);
/// How long the hanging up after a SIGTERM may take.
const TERM_HANG_UP: Duration = Duration::from_secs(10);
/// The stack of each thread. Deep recursion is not allowed anywhere, so this is ample.
const STACK: usize = 1 << 20;

/// Runs a worker; `args` are what follows the word `worker`: its id. Returns when the daemon said so, or when nothing is left
/// to do.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    run_with(args, Servers)
}

/// Runs a worker that logs on with another provider.
pub fn run_with(args: impl IntoIterator<Item = OsString>, provider: impl Provider) -> ExitCode {
    let id = args.into_iter().next().unwrap_or_default().to_string_lossy().into_owned();
    match process::prepare(&id).and_then(|socket| work(socket, provider)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the worker cannot go on");
            ExitCode::FAILURE
        }
    }
}

fn work(socket: OwnedFd, provider: impl Provider) -> io::Result<()> {
    // Two threads: an answer to the daemon never waits for a computation of the other.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_stack_size(STACK)
        .thread_name("worker")
        .enable_all()
        .build()?;
    let result = runtime.block_on(host(socket, provider));
    // What hangs in the kernel or on a server must not keep the process.
    runtime.shutdown_background();
    result
}

async fn host(socket: OwnedFd, provider: impl Provider) -> io::Result<()> {
    let listener = Listener::new(socket)?;
    let mut signals = Signals::new()?;
    let worker = Worker::new(provider);
    let mut changes = worker.changes.subscribe();
    loop {
        tokio::select! {
            peer = listener.accept() => drop(tokio::spawn(Arc::clone(&worker).converse(peer?))),
            () = worker.leave.notified() => return Ok(()),
            () = signals.terminate() => drain(&worker),
            _ = changes.changed() => {}
            () = tokio::time::sleep(IDLE), if worker.is_unused() => return Ok(()),
        }
    }
}

fn drain(worker: &Arc<Worker>) {
    if let Carry::Link(link) = worker.carry() {
        tracing::info!("told to terminate: hanging up");
        tokio::spawn(async move { link.hang_up(Instant::now() + TERM_HANG_UP).await });
        return;
    }
    tracing::info!("told to terminate: writing what is pending, and staying");
    let worker = Arc::clone(worker);
    tokio::spawn(async move { worker.drain(Instant::now() + TERM_DRAIN).await.acknowledged });
}

/// Signals that are taken from the kernel, so that they do not end the process.
struct Signals {
    terminate: Signal,
    _interrupt: Signal,
    _hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            _interrupt: signal(SignalKind::interrupt())?,
            _hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn terminate(&mut self) {
        self.terminate.recv().await;
    }
}
