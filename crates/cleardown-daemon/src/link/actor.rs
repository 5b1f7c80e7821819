//! One link, driven: a task that feeds events to the pure life cycle of `cleardown_core::life::link` and carries out
//! the actions that follow. All decisions are there; here is only the doing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::life::link::{Action, Caller, Done, Event, Found, Link, NetworkEnd, State, Step};
use cleardown_core::link::RasState;
use cleardown_core::view::{Progress, RasProgress, Status};
use cleardown_core::{Code, Error, ErrorKind, Result};
use cleardown_ipc::{ProgressSink, Secret};
use cleardown_kernel::net::{self, Change, Facts, Interface, Route, Tun};
use cleardown_worker::control::Agreed;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::handle::{Input, LinkHandle, What, Wish, ras_code};
use super::network::{Job, Planned};
use super::spec::{LinkSpec, Record};
use crate::context::Context;
use crate::supervisor::Worker;

/// Something that has happened; most of it goes to the machine as it is.
#[derive(Debug)]
pub(super) enum Happening {
    Event(Event),
    /// The dial, or the way back, has reached a state.
    Reached(RasState),
    /// The peer agrees on this.
    Agreed(Box<Agreed>),
    /// The peer agrees on something else in mid-link.
    AgreedAnew(Box<Agreed>),
    /// The interface of a link that the kernel carries is made, and its peer can be called.
    Device(Result<Interface>),
    /// The kernel's call of the peer has failed.
    CallFailed(Error),
    /// What a failed call of the kernel has made is undone, or not.
    Dismantled(bool, Error),
    /// The interface is made, and these changes are to follow.
    Planned(Result<Box<Planned>>),
    /// The changes are made, or not.
    Applied(Result<()>),
    /// What the network is to be after that.
    PlannedAgain(Vec<Change>),
    /// The network below has changed.
    NetworkChanged,
    /// The ways around the link, as they are now.
    FoundWays(Vec<Route>),
    /// These changes are undone, though the link goes on.
    Undone(Vec<Change>),
    /// The changes are undone.
    Reverted(Facts),
    /// The worker process has ended.
    WorkerEnded,
    /// The caller does not wait any more.
    CallerGone(Caller),
    /// Nothing that anybody needs to know.
    Nothing,
}

pub(super) type Work = BoxFuture<'static, Happening>;

/// The task that drives one link.
pub(super) struct Actor {
    pub(super) context: Arc<Context>,
    pub(super) handle: Arc<LinkHandle>,
    pub(super) machine: Link,
    inputs: mpsc::UnboundedReceiver<Input>,
    origin: Instant,
    pub(super) record: Record,
    pub(super) worker: Option<Worker>,
    pub(super) worker_is_silent: bool,
    /// What was asked of the worker; its death answers all of it.
    pub(super) asked: FuturesUnordered<Work>,
    /// Who may go away, and the worker's end.
    pub(super) works: FuturesUnordered<Work>,
    /// What is asked of the kernel: one thing at a time.
    pub(super) jobs: VecDeque<Job>,
    pub(super) job: Option<Work>,
    pub(super) waiters: HashMap<Caller, Waiter>,
    /// Answers that wait until the link is off the list.
    pub(super) last_words: Vec<(Waiter, Result<Done>)>,
    next_caller: u64,
    /// Kept so that the interface does not die with the worker.
    pub(super) tun: Option<Tun>,
    pub(super) agreed: Option<Agreed>,
    /// What was reported last: the state, in which attempt, and whether it failed.
    reported: Option<(RasState, u32, bool)>,
    /// Somebody has asked for the end.
    end_wanted: bool,
}

pub(super) struct Waiter {
    pub(super) answer: oneshot::Sender<Result<Done>>,
    pub(super) progress: ProgressSink,
}

/// What a restarted daemon found of a link.
pub(super) struct Remains {
    pub(super) record: Record,
    pub(super) secret: Option<Secret>,
    pub(super) worker: Option<Worker>,
    pub(super) tun: Option<Tun>,
    pub(super) agreed: Option<Agreed>,
    pub(super) found: Found,
}

/// Begins to dial, and waits for it. Dropping the future takes everything back.
///
/// # Errors
/// What the machine reports.
pub(super) async fn open(
    context: &Arc<Context>,
    spec: LinkSpec,
    secret: Option<Secret>,
    progress: ProgressSink,
) -> Result<Arc<LinkHandle>> {
    let (handle, inputs) = LinkHandle::new(spec.clone());
    let handle = Arc::new(handle);
    handle.set_secret(secret);
    context.registry.insert_link(handle.clone())?;
    let gone = CancellationToken::new();
    let _hang_up = gone.clone().drop_guard();
    let (answer, answered) = oneshot::channel();
    let (machine, actions) = Link::open(spec.name(), spec.plan(), Caller(0), Duration::ZERO);
    let record = Record {
        spec,
        step: Step::Worker,
        references: 1,
        namespace: net::namespace(),
        worker: None,
        interface: None,
        changes: Vec::new(),
        agreed: None,
    };
    let mut actor = Actor::new(context.clone(), handle.clone(), machine, inputs, record);
    actor.wait_for(Caller(0), answer, progress, gone);
    actor.report_ras(RasState::OpenPort);
    tokio::spawn(actor.run(actions));
    match answered.await {
        Ok(Ok(_)) => Ok(handle),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::from(ErrorKind::Daemon("it lost the link".into()))),
    }
}

/// Takes up a link that a former daemon left.
pub(super) fn adopt(context: &Arc<Context>, remains: Remains) {
    let (handle, inputs) = LinkHandle::new(remains.record.spec.clone());
    let handle = Arc::new(handle);
    handle.set_secret(remains.secret);
    let spec = &remains.record.spec;
    let (machine, actions) = Link::adopt(spec.name(), spec.plan(), remains.found, Duration::ZERO);
    let mut actor = Actor::new(context.clone(), handle.clone(), machine, inputs, remains.record);
    actor.tun = remains.tun;
    if let Some(agreed) = remains.agreed {
        actor.note_agreed(agreed);
        // It may have changed while there was no daemon.
        actor.jobs.push_back(Job::PlanAgain);
    }
    if let Some(worker) = remains.worker {
        actor.employ(worker);
    }
    // Before it is listed, so that it is never shown as one that is being made.
    actor.publish();
    if let Err(error) = context.registry.insert_link(handle) {
        tracing::error!(%error, "two links of one name in the journal");
        return;
    }
    tokio::spawn(actor.run(actions));
}

impl Actor {
    fn new(
        context: Arc<Context>,
        handle: Arc<LinkHandle>,
        machine: Link,
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
            worker_is_silent: false,
            asked: FuturesUnordered::new(),
            works: FuturesUnordered::new(),
            jobs: VecDeque::new(),
            job: None,
            waiters: HashMap::new(),
            last_words: Vec::new(),
            next_caller: 1,
            tun: None,
            agreed: None,
            reported: None,
            end_wanted: false,
        }
    }

    /// Time as the machine counts it.
    pub(super) fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn run(mut self, actions: Vec<Action>) {
        self.perform_all(actions).await;
        self.next_job();
        self.publish();
        while !self.machine.state().is_over() {
            let happening = self.next().await;
            self.happened(happening).await;
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
        let job_done = async {
            match &mut self.job {
                Some(job) => job.await,
                None => std::future::pending().await,
            }
        };
        // Before that there is nothing to go around.
        let connected = self.machine.state() == State::Connected;
        // The states of a dial come before its answer.
        tokio::select! {
            biased;
            event = worker_says => self.heard(event),
            Some(happening) = self.asked.next(), if !self.asked.is_empty() => happening,
            happening = job_done => {
                self.job = None;
                happening
            }
            Some(happening) = self.works.next(), if !self.works.is_empty() => happening,
            Some(input) = self.inputs.recv() => self.told(input),
            () = self.handle.network_changed.notified(), if connected => Happening::NetworkChanged,
            () = tick => Happening::Event(Event::Tick),
        }
    }

    fn told(&mut self, input: Input) -> Happening {
        let (what, Wish { deadline, progress, answer, gone }) = match input {
            Input::InterfaceGone => return Happening::Event(Event::InterfaceGone),
            Input::Wish(what, wish) => (what, wish),
        };
        let caller = Caller(self.next_caller);
        self.next_caller += 1;
        self.wait_for(caller, answer, progress, gone);
        let deadline = deadline.saturating_duration_since(self.origin);
        Happening::Event(match what {
            What::Dial => Event::Dial(caller),
            What::HangUp => Event::HangUp { caller, deadline },
            What::End => Event::End { caller, deadline },
        })
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
            Happening::Event(Event::Dial(caller)) => {
                self.feed(Event::Dial(caller)).await;
                // Who joins in mid-dial is told how far it has come, and with it the handle.
                let waiter = self.waiters.get(&caller);
                waiter
                    .iter()
                    .for_each(|waiter| waiter.progress.report(self.progress(self.machine.ras(), None)));
            }
            Happening::Event(event) => self.feed(event).await,
            Happening::Reached(state) => {
                self.feed(Event::Reached(state)).await;
                self.report_ras(state);
            }
            Happening::Agreed(agreed) => {
                self.note_agreed(*agreed);
                self.feed(Event::Agreed).await;
                self.report_ras(RasState::ApplySettings);
            }
            Happening::AgreedAnew(agreed) => {
                self.note_agreed(*agreed);
                self.jobs.push_back(Job::PlanAgain);
            }
            Happening::PlannedAgain(wanted) => self.planned_again(wanted),
            Happening::Device(made) => self.device_made(made).await,
            Happening::CallFailed(error) => self.call_failed(error),
            Happening::Dismantled(complete, error) => self.dismantled(complete, error).await,
            Happening::Planned(planned) => self.planned(planned).await,
            Happening::NetworkChanged => {
                if !self.jobs.iter().any(|job| matches!(job, Job::LookAround)) {
                    self.jobs.push_back(Job::LookAround);
                }
            }
            Happening::FoundWays(ways) => self.found_ways(ways),
            Happening::Undone(changes) => self.undone(&changes),
            Happening::Applied(done) => self.applied(done).await,
            Happening::Reverted(facts) => {
                self.tun = None;
                let end = NetworkEnd {
                    interface_gone: facts.interface_gone,
                    routes_reverted: facts.routes_reverted,
                    dns_reverted: facts.dns_reverted,
                };
                self.feed(Event::Reverted(end)).await;
            }
            Happening::CallerGone(caller) => {
                if self.waiters.remove(&caller).is_some() {
                    self.feed(Event::CallerGone(caller)).await;
                }
            }
            Happening::WorkerEnded => {
                self.asked.clear();
                if let Some(mut worker) = self.worker.take() {
                    // Its last words may still be on their way.
                    while let Ok(event) = worker.events.try_recv() {
                        if let Happening::Event(event) = self.heard(Some(event)) {
                            self.feed(event).await;
                        }
                    }
                }
                self.feed(Event::WorkerExited).await;
            }
        }
        self.next_job();
    }

    fn note_agreed(&mut self, agreed: Agreed) {
        if self.record.spec.is_in_kernel() {
            self.record.agreed = Some(agreed.clone());
        }
        self.agreed = Some(agreed.clone());
        self.handle.show(|shown| shown.agreed = Some(agreed));
    }

    /// Gives an event to the machine, and does what it says.
    pub(super) async fn feed(&mut self, event: Event) {
        tracing::debug!(name = self.handle.spec.name(), state = ?self.machine.state(), ?event);
        let before = self.machine.state();
        let end = matches!(event, Event::HangUp { .. } | Event::End { .. });
        let actions = self.machine.handle(event, self.now());
        self.end_wanted |= end && self.machine.state().is_ending();
        if self.machine.state() != before {
            self.report_state(before);
        }
        self.perform_all(actions).await;
    }

    /// The machine is in a new state, of which no worker tells.
    fn report_state(&mut self, before: State) {
        match self.machine.state() {
            State::Connected => self.report_ras(RasState::Connected),
            State::Pausing => self.report_ras(RasState::Disconnected),
            state if state.is_ending() && !before.is_ending() => self.report_ras(RasState::Disconnected),
            _ => {}
        }
    }

    /// Shows how it is now.
    pub(super) fn publish(&mut self) {
        let worker = self.worker.as_ref().map(|w| (w.process.identity().pid, w.client.clone()));
        let changed = self.handle.show(|shown| {
            shown.status = self.machine.status();
            shown.ras = self.machine.ras();
            shown.reason = self.machine.reason().cloned();
            shown.references = self.machine.references();
            shown.worker = worker;
            shown.interface.clone_from(&self.record.interface);
            shown.changes.clone_from(&self.record.changes);
            if shown.status == Status::Connected && shown.connected_at.is_none() {
                shown.connected_at = Some(self.origin + self.machine.since());
            }
        });
        if changed && !self.machine.state().is_over() {
            self.context.registry.link_changed(&self.handle);
        }
    }

    /// Reports a state of RAS, once, to everybody who waits; a failure in the state in which it happened.
    pub(super) fn report_ras(&mut self, state: RasState) {
        let failed = self.machine.reason().filter(|_| state == RasState::Disconnected && !self.end_wanted);
        let state = match failed.map(|error| &error.kind) {
            Some(ErrorKind::Link { during, .. }) => *during,
            _ => state,
        };
        let news = Some((state, self.machine.attempt(), failed.is_some()));
        if std::mem::replace(&mut self.reported, news) == news {
            return;
        }
        let report = self.progress(state, failed.map(ras_code));
        // Whoever is told of a state finds it when asking.
        self.publish();
        for waiter in self.waiters.values() {
            waiter.progress.report(report.clone());
        }
    }

    fn progress(&self, state: RasState, error: Option<Code>) -> Progress {
        let ras = RasProgress {
            handle: self.handle.spec.handle,
            state,
            at_ms: u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX),
            error,
            attempt: self.machine.attempt(),
        };
        Progress { ras: Some(ras), ..Progress::stage(self.handle.spec.name(), state.to_string()) }
    }

    fn finish(self) {
        self.context.remove_worker_socket(&self.handle.spec.id);
        let (name, state) = (self.handle.spec.name(), self.machine.state());
        if matches!(state, State::Ended | State::Failed) && !self.end_wanted {
            let mut last = self.handle.view();
            last.worker_pid = None;
            self.context.registry.bury(last);
        }
        self.context.registry.remove_link(&self.handle);
        match self.machine.reason() {
            Some(reason) => tracing::info!(name, ?state, %reason, "over"),
            None => tracing::info!(name, ?state, "over"),
        }
        for (waiter, answer) in self.last_words {
            // Whoever does not wait any more needs no answer.
            let _ = waiter.answer.send(answer);
        }
    }
}
