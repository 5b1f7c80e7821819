//! The machine's actions, carried out.

use std::time::Duration;

use cleardown_core::life::drive::{Action, Event, Round, Unmount};
use cleardown_core::{Error, ErrorKind};
use cleardown_kernel::{Process, mount};
use cleardown_worker::control::Request;
use futures_util::FutureExt;
use futures_util::future::select_all;

use super::{Actor, Happening, Work, mounting};
use crate::{holders, supervisor};

/// How long the kernel may take to mount or unmount.
const KERNEL_PATIENCE: Duration = Duration::from_secs(20);
/// The shortest pause between two looks for holders.
const SHORTEST_LOOK: Duration = Duration::from_millis(50);
/// So many holders are watched for their end; the others are found gone at the next look.
const MOST_WATCHED: usize = 64;
/// The longest pause between two looks for holders that do not tell when they leave.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

impl Actor {
    pub(super) async fn perform_all(&mut self, actions: Vec<Action>) {
        // Actions may bring events at once (a spawn does), and those bring more actions.
        let mut actions = std::collections::VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            tracing::debug!(name = self.handle.spec.shown_name(), ?action);
            if let Some(event) = self.perform(action).await {
                let more = self.machine.handle(event, self.now());
                actions.extend(more);
            }
        }
    }

    /// Carries out an action, or begins to. An event comes back when the answer is there at once.
    async fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Journal(step) => {
                self.record.step = step;
                self.write_record().await;
            }
            Action::SpawnWorker => return Some(self.spawn_worker().await),
            Action::Connect => {
                let work = self.connect();
                self.ask(work);
            }
            Action::Mount => {
                self.report("mounting", None, &[]);
                self.works.push(mounting::mount(&self.context, &self.record));
            }
            Action::Serve { adopt } => {
                let work = self.serve(adopt);
                self.ask(work);
            }
            Action::ScanHolders(round) => {
                self.patience = Duration::ZERO;
                let work = self.look(round, Duration::ZERO);
                self.works.push(work);
            }
            Action::WatchHolders(round) => {
                self.report("waiting", None, &self.holders);
                self.patience = (self.patience * 2).clamp(SHORTEST_LOOK, LONGEST_LOOK);
                let work = self.look(round, self.patience);
                self.works.push(work);
            }
            Action::Quiesce(on) => {
                let work = self.request(Request::Quiesce { on }, Vec::new(), Duration::from_secs(5));
                self.ask(work.map(|_| Happening::Nothing).boxed());
            }
            Action::Drain(round) => {
                let work = self.drain(round);
                self.ask(work);
            }
            Action::Unmount(how) => self.unmount(how),
            Action::AbortConnection => self.abort_connection(),
            Action::LogOff => {
                self.report("closing", None, &[]);
                let work = self.log_off();
                self.ask(work);
            }
            Action::KillWorker => return self.kill_worker().await,
            Action::RemoveFolder => {
                if let Some(at) = self.record.spec.at.clone().filter(|_| self.record.made_folder) {
                    blocking(move || mount::remove_folder(&at)).await;
                }
            }
            Action::ForgetJournal => {
                if let Err(error) = self.context.journal.erase(&self.record.spec.id) {
                    tracing::error!(%error, "forgetting a journal entry");
                }
            }
            Action::Report(caller, answer) => {
                let waiter = self.waiters.remove(&caller)?;
                if self.machine.state().is_over() {
                    self.last_words.push((waiter, answer));
                } else {
                    // Whoever does not wait any more needs no answer.
                    let _ = waiter.answer.send(answer);
                }
            }
        }
        None
    }

    /// Begins work, and lets it come to its first pause, so that requests leave in the order of the actions.
    pub(super) fn ask(&mut self, mut work: Work) {
        match (&mut work).now_or_never() {
            Some(done) => self.asked.push(std::future::ready(done).boxed()),
            None => self.asked.push(work),
        }
    }

    pub(super) async fn write_record(&mut self) {
        if let Err(error) = self.context.journal.write(&self.record.spec.id, &self.record) {
            // The connection works without; what is lost is the next daemon's knowledge of it.
            tracing::error!(%error, "writing the journal");
        }
    }

    async fn spawn_worker(&mut self) -> Event {
        self.report("starting", None, &[]);
        let (context, id) = (self.context.clone(), self.record.spec.id.clone());
        let start = move || {
            let socket = context.worker_socket(&id);
            supervisor::start(&*context.spawner, &id, &socket)
        };
        // The blocking pool has no reactor of its own, but knows ours.
        let started = tokio::task::spawn_blocking(start).await;
        match started {
            Ok(Ok(worker)) => {
                self.record.worker = Some(worker.process.identity());
                self.employ(worker);
                self.hand_over().await;
                self.write_record().await;
                Event::WorkerStarted
            }
            Ok(Err(error)) => Event::SpawnFailed(error),
            Err(error) => {
                Event::SpawnFailed(Error::from(ErrorKind::Daemon("starting a worker".into())).because(error))
            }
        }
    }

    /// Looks for holders as soon as one of those that are known has ended, and after `pause` in any case.
    fn look(&self, round: Round, pause: Duration) -> Work {
        let watched: Vec<u32> = self.holders.iter().map(|h| h.pid).filter(|pid| *pid != 0).collect();
        let mount = self.mount.clone();
        let worker = self.worker.iter().map(|w| w.process.identity().pid).collect();
        let (handle, context) = (self.handle.clone(), self.context.clone());
        async move {
            if !pause.is_zero() {
                let _ = tokio::time::timeout(pause, one_ended(watched)).await;
            }
            let workers: Vec<u32> =
                context.registry.all().iter().filter_map(|h| h.shown().worker.map(|w| w.0)).collect();
            let except = [workers, worker].concat();
            handle.refresh().await;
            let targets = mount.iter().cloned().collect();
            let mut found = holders::scan(targets, except, handle.files()).await.pop().unwrap_or_default();
            if let Some(mount) = &mount {
                holders::add_locks(&handle, mount, &mut found);
            }
            drop(handle);
            Happening::Event(Event::Holders(round, found.holders))
        }
        .boxed()
    }

    fn unmount(&mut self, how: Unmount) {
        self.report("unmounting", None, &[]);
        let Some(target) = self.mount.clone() else {
            self.works.push(std::future::ready(Happening::Event(Event::Unmounted)).boxed());
            return;
        };
        let work = async move {
            let attempt = move || match how {
                Unmount::Plain => mount::unmount(&target, KERNEL_PATIENCE),
                Unmount::Detach => mount::detach(&target, KERNEL_PATIENCE),
            };
            Happening::Event(match blocking(attempt).await {
                Some(Ok(_)) => Event::Unmounted,
                Some(Err(error)) if matches!(error.kind, ErrorKind::Busy { .. }) && how == Unmount::Plain => {
                    Event::UnmountBusy
                }
                Some(Err(error)) => Event::UnmountFailed(error),
                None => Event::UnmountFailed(ErrorKind::Daemon("unmounting".into()).into()),
            })
        };
        self.works.push(work.boxed());
    }

    /// Where the control file system is out of reach, closing the descriptor does it, once the worker is gone.
    fn abort_connection(&mut self) {
        let Some((mount, fuse)) = self.mount.as_ref().zip(self.fuse.take()) else { return };
        let dev = mount.dev;
        let work = async move {
            match blocking(move || mount::abort(dev, &fuse)).await {
                Some(Err(error)) if !matches!(error.kind, ErrorKind::NotConnected(_)) => {
                    tracing::warn!(%error, "aborting a FUSE connection");
                }
                _ => {}
            }
            Happening::Nothing
        };
        self.works.push(work.boxed());
    }
}

/// Waits until one of these processes has ended; one that cannot be found has.
async fn one_ended(pids: Vec<u32>) {
    let pids: Vec<u32> = pids.into_iter().take(MOST_WATCHED).collect();
    if pids.is_empty() {
        return std::future::pending().await;
    }
    let number = pids.len();
    let hold = move || pids.iter().filter_map(|pid| Process::of(*pid).ok()).collect();
    let processes: Vec<Process> = blocking(hold).await.unwrap_or_default();
    if processes.len() < number {
        // Not at once, in case it is just out of our sight.
        return tokio::time::sleep(SHORTEST_LOOK).await;
    }
    select_all(processes.iter().map(|process| process.ended().boxed())).await.0.unwrap_or_default();
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
