//! One connection, driven: a task that feeds events to the pure life cycle of `cleardown_core::life::drive` and
//! carries out the actions that follow. All decisions are there; here is only the doing.

mod mounting;
mod perform;
mod talk;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::drive::{Caller, Done, Drive, Event, Found, Round, State};
use cleardown_core::view::{Holder, Loss, Progress, Status};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_drive::Arena;
use cleardown_ipc::{ProgressSink, Secret};
use cleardown_kernel::{Mount, Mounted};
use cleardown_worker::control;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Record};
use crate::handle::{Handle, Input, Wish};
use crate::manager;
use crate::supervisor::Worker;

/// Something that has happened; most of it goes to the machine as it is.
#[derive(Debug)]
enum Happening {
    Event(Event),
    /// The worker has logged on.
    LoggedOn(control::Session),
    /// The kernel has mounted, and whether a folder was made for it.
    Mounted(Box<Mounted>),
    /// Not everything could be brought to the server.
    NotDrained(Round, Vec<Loss>),
    /// The worker has closed its session (the server has confirmed it, or not); what was pending before.
    LoggedOff(bool, Vec<Loss>),
    /// The worker process has ended.
    WorkerEnded,
    /// The caller does not wait any more.
    CallerGone(Caller),
    /// Nothing that anybody needs to know.
    Nothing,
}

type Work = BoxFuture<'static, Happening>;

/// The task that drives one connection.
pub(crate) struct Actor {
    context: Arc<Context>,
    handle: Arc<Handle>,
    machine: Drive,
    inputs: mpsc::UnboundedReceiver<Input>,
    origin: Instant,
    record: Record,
    worker: Option<Worker>,
    /// What was asked of the worker; its death answers all of it.
    asked: FuturesUnordered<Work>,
    /// What was asked of the kernel, and who may go away.
    works: FuturesUnordered<Work>,
    waiters: HashMap<Caller, Waiter>,
    /// Answers that wait until the connection is off the list.
    last_words: Vec<(Waiter, Result<Done>)>,
    next_caller: u64,
    fuse: Option<OwnedFd>,
    arena: Option<Arc<Arena>>,
    mount: Option<Mount>,
    holders: Vec<Holder>,
    /// How long the next look for holders may wait.
    patience: Duration,
    /// What was not acknowledged when the worker was last asked.
    pending: Vec<Loss>,
    /// What a worker that ended by itself has said: everything acknowledged, session closed.
    farewell: Option<(bool, bool)>,
    /// The worker process has ended, and the machine does not know yet.
    worker_is_gone: bool,
    /// The worker has closed the conversation.
    worker_is_silent: bool,
    last_drain: Option<Round>,
    watching_kernel: bool,
    /// Somebody has asked for the end.
    end_wanted: bool,
}

struct Waiter {
    answer: oneshot::Sender<Result<Done>>,
    progress: ProgressSink,
}

/// What a restarted daemon found of a connection.
pub(crate) struct Remains {
    pub(crate) record: Record,
    pub(crate) secret: Option<Secret>,
    pub(crate) worker: Option<Worker>,
    pub(crate) session: Option<control::Session>,
    pub(crate) fuse: Option<OwnedFd>,
    pub(crate) arena: Option<Arena>,
    pub(crate) mount: Option<Mount>,
    pub(crate) found: Found,
}

/// Begins to make a connection, and waits for it. Dropping the future takes everything back.
///
/// # Errors
/// What the machine reports; [`ErrorKind::NameInUse`] when the name was taken meanwhile.
pub(crate) async fn open(
    context: &Arc<Context>,
    record: Record,
    secret: Option<Secret>,
    remembered: bool,
    deadline: Duration,
    progress: ProgressSink,
) -> Result<Arc<Handle>> {
    let (handle, inputs) = Handle::new(record.spec.clone(), remembered);
    let handle = Arc::new(handle);
    context.registry.insert(handle.clone())?;
    let gone = CancellationToken::new();
    let _hang_up = gone.clone().drop_guard();
    let (answer, answered) = oneshot::channel();
    let has_mount = record.spec.at.is_some();
    let (machine, actions) =
        Drive::open(record.spec.shown_name(), has_mount, Caller(0), deadline, Duration::ZERO);
    let mut actor = Actor::new(context.clone(), handle.clone(), machine, inputs, record);
    actor.handle.set_secret(secret);
    actor.wait_for(Caller(0), answer, progress, gone);
    tokio::spawn(actor.run(actions));
    match answered.await {
        Ok(Ok(_)) => Ok(handle),
        Ok(Err(error)) => Err(silent_server(error, &handle)),
        Err(_) => Err(Error::from(ErrorKind::Daemon("it lost the connection".into()))),
    }
}

/// The life cycle knows a connection's name only; it is the server that did not answer.
fn silent_server(mut error: Error, handle: &Handle) -> Error {
    if let ErrorKind::Timeout { server, .. } = &mut error.kind {
        *server = handle.spec.remote.authority();
    }
    error
}

/// Takes up a connection that a former daemon left.
pub(crate) fn adopt(context: &Arc<Context>, remains: Remains, remembered: bool) {
    let (handle, inputs) = Handle::new(remains.record.spec.clone(), remembered);
    let handle = Arc::new(handle);
    if let Err(error) = context.registry.insert(handle.clone()) {
        tracing::error!(%error, "two connections of one name in the journal");
        return;
    }
    handle.show(|shown| {
        shown.session = remains.session;
        shown.references = remains.record.references;
    });
    let has_mount = remains.record.spec.at.is_some();
    let (machine, actions) =
        Drive::adopt(remains.record.spec.shown_name(), has_mount, remains.found, Duration::ZERO);
    let mut actor = Actor::new(context.clone(), handle, machine, inputs, remains.record);
    actor.handle.set_secret(remains.secret);
    actor.fuse = remains.fuse;
    actor.arena = remains.arena.map(Arc::new);
    actor.mount = remains.mount;
    if let Some(worker) = remains.worker {
        actor.employ(worker);
    }
    tokio::spawn(actor.run(actions));
}

impl Actor {
    fn new(
        context: Arc<Context>,
        handle: Arc<Handle>,
        machine: Drive,
        inputs: mpsc::UnboundedReceiver<Input>,
        record: Record,
    ) -> Self {
        Actor {
            context,
            handle,
            machine,
            inputs,
            origin: Instant::now(),
            record,
            worker: None,
            asked: FuturesUnordered::new(),
            works: FuturesUnordered::new(),
            waiters: HashMap::new(),
            last_words: Vec::new(),
            next_caller: 1,
            fuse: None,
            arena: None,
            mount: None,
            holders: Vec::new(),
            patience: Duration::ZERO,
            pending: Vec::new(),
            farewell: None,
            worker_is_gone: false,
            worker_is_silent: false,
            last_drain: None,
            watching_kernel: false,
            end_wanted: false,
        }
    }

    /// Time as the machine counts it.
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn run(mut self, actions: Vec<cleardown_core::life::drive::Action>) {
        // At once, so that a connection that was taken up is never shown as one that is being made.
        self.publish();
        self.perform_all(actions).await;
        self.publish();
        while !self.machine.state().is_over() {
            let happening = self.next().await;
            self.happened(happening).await;
            self.settle().await;
            self.publish();
        }
        self.finish();
    }

    /// Waits for the next thing to happen.
    async fn next(&mut self) -> Happening {
        let wake = self.machine.wake_at().map(|at| tokio::time::Instant::from_std(self.origin + at));
        let tick = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let worker_says = async {
            match &mut self.worker {
                Some(worker) if !self.worker_is_silent => worker.events.recv().await,
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            Some(happening) = self.asked.next(), if !self.asked.is_empty() => happening,
            event = worker_says => self.heard(event),
            Some(happening) = self.works.next(), if !self.works.is_empty() => happening,
            Some(input) = self.inputs.recv() => self.told(input),
            () = tick => Happening::Event(Event::Tick),
        }
    }

    fn told(&mut self, input: Input) -> Happening {
        match input {
            Input::MountGone if self.mount.is_some() => Happening::Event(Event::MountGone),
            Input::MountGone => Happening::Nothing,
            Input::End(Wish { verb, deadline, progress, answer, gone }) => {
                self.end_wanted = true;
                let caller = Caller(self.next_caller);
                self.next_caller += 1;
                self.wait_for(caller, answer, progress, gone);
                let deadline = deadline.map(|at| at.saturating_duration_since(self.origin));
                Happening::Event(Event::End { caller, verb, deadline })
            }
        }
    }

    fn wait_for(
        &mut self,
        caller: Caller,
        answer: oneshot::Sender<Result<Done>>,
        progress: ProgressSink,
        gone: CancellationToken,
    ) {
        self.waiters.insert(caller, Waiter { answer, progress });
        self.works.push(Box::pin(async move {
            gone.cancelled_owned().await;
            Happening::CallerGone(caller)
        }));
    }

    async fn happened(&mut self, happening: Happening) {
        match happening {
            Happening::Nothing => {}
            Happening::Event(event) => {
                if let Event::Holders(_, holders) = &event {
                    self.note_holders(holders);
                }
                if let Event::Drained(..) = &event {
                    self.pending.clear();
                }
                self.feed(event).await;
            }
            Happening::LoggedOn(session) => {
                self.handle.show(|shown| shown.session = Some(session));
                self.feed(Event::LoggedOn).await;
            }
            Happening::Mounted(mounted) => {
                self.fuse = Some(mounted.fuse);
                self.mount = Some(mounted.mount.clone());
                self.record.mount = Some(mounted.mount);
                self.write_record().await;
                self.feed(Event::Mounted).await;
                self.publish();
                // It may be gone again since, before anybody knew that there is something to watch.
                crate::mount_table::check(&self.context);
            }
            Happening::CallerGone(caller) => {
                if self.waiters.remove(&caller).is_some() {
                    self.feed(Event::CallerGone(caller)).await;
                }
            }
            Happening::NotDrained(round, left) => {
                self.note_pending(left.clone());
                self.feed(Event::DrainFailed(round, left)).await;
            }
            Happening::LoggedOff(confirmed, pending) => {
                self.note_pending(pending);
                self.feed(Event::LoggedOff(confirmed)).await;
            }
            Happening::WorkerEnded => self.worker_ended().await,
        }
    }

    fn note_holders(&mut self, holders: &[Holder]) {
        if self.holders != holders {
            self.holders = holders.to_vec();
            self.patience = Duration::ZERO;
        }
    }

    /// Gives an event to the machine, and does what it says.
    async fn feed(&mut self, event: Event) {
        tracing::debug!(name = self.handle.spec.shown_name(), state = ?self.machine.state(), ?event);
        let actions = self.machine.handle(event, self.now());
        self.perform_all(actions).await;
        self.watch_kernel();
    }

    /// Shows how it is now.
    fn publish(&mut self) {
        let state = self.machine.state();
        let reason = self.machine.reason().map(Error::line);
        let worker = self.worker.as_ref().map(|w| (w.process.identity().pid, w.client.clone()));
        let changed = self.handle.show(|shown| {
            shown.status = self.machine.status();
            shown.reason = reason;
            shown.name_is_free = self.machine.name_is_free();
            shown.worker = worker;
            shown.mount = self.mount.clone();
            shown.arena = self.arena.clone();
            if shown.status == Status::Connected && shown.connected_at.is_none() {
                shown.connected_at = Some(self.origin + self.machine.since());
            }
        });
        if changed && !state.is_over() {
            self.context.registry.changed(&self.handle);
        }
    }

    /// Reports to everybody who waits.
    fn report(&self, stage: &str, bytes: Option<(u64, u64)>, holders: &[Holder]) {
        let report = Progress {
            name: self.handle.spec.shown_name(),
            stage: stage.to_owned(),
            bytes_left: bytes.map(|(left, _)| left),
            rate: bytes.map(|(_, rate)| rate),
            holders: holders.to_vec(),
            ras: None,
        };
        for waiter in self.waiters.values() {
            waiter.progress.report(report.clone());
        }
    }

    fn finish(self) {
        self.context.remove_worker_socket(&self.handle.spec.id);
        manager::release(&self.handle.spec.id);
        if self.machine.state() == State::Ended && !self.end_wanted {
            let mut last = self.handle.view();
            last.worker_pid = None;
            last.reason.get_or_insert_with(|| "it was unmounted by somebody else".to_owned());
            self.context.registry.bury(last);
        }
        self.context.registry.remove(&self.handle);
        let (name, state) = (self.handle.spec.shown_name(), self.machine.state());
        match self.machine.reason() {
            Some(reason) if state == State::Ended => tracing::info!(name, %reason, "ended"),
            _ => tracing::info!(name, ?state, "over"),
        }
        for (waiter, answer) in self.last_words {
            // Whoever does not wait any more needs no answer.
            let _ = waiter.answer.send(answer);
        }
    }
}
