//! The machine's actions, carried out.

use std::collections::VecDeque;
use std::time::Duration;

use cleardown_core::life::link::{Action, Event};
use cleardown_core::{Error, ErrorKind};
use futures_util::FutureExt;
use rustix::process::Signal;

use super::actor::{Actor, Work};
use super::network::Job;
use crate::supervisor::{self, How};

impl Actor {
    pub(super) async fn perform_all(&mut self, actions: Vec<Action>) {
        // Actions may bring events at once (a spawn does), and those bring more actions.
        let mut actions = VecDeque::from(actions);
        while let Some(action) = actions.pop_front() {
            tracing::debug!(name = self.handle.spec.name(), ?action);
            if let Some(event) = self.perform(action).await {
                let now = self.now();
                actions.extend(self.machine.handle(event, now));
            }
        }
    }

    /// Carries out an action, or begins to. An event comes back when the answer is there at once.
    async fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Journal(step) => {
                self.record.step = step;
                self.write_record();
            }
            Action::SpawnWorker => return Some(self.spawn_worker().await),
            Action::Dial if self.record.spec.is_in_kernel() => self.jobs.push_back(Job::Device),
            Action::Dial => {
                let work = self.dial();
                self.ask(work);
            }
            Action::MakeNetwork => self.jobs.push_back(Job::Make),
            Action::GiveInterface => {
                let work = self.give_interface();
                self.ask(work);
            }
            Action::HangUp { by } => {
                let work = self.hang_up(by.saturating_sub(self.now()));
                self.ask(work);
            }
            Action::ResetDevice { by } => {
                let work = self.reset_device(by.saturating_sub(self.now()));
                self.ask(work);
            }
            Action::RevertNetwork => self.jobs.push_back(Job::Revert),
            Action::KillWorker => {
                let Some(worker) = &self.worker else { return Some(Event::WorkerExited) };
                if let Err(error) = worker.process.signal(Signal::KILL) {
                    tracing::debug!(%error, "the worker has ended already");
                }
            }
            Action::ForgetJournal => {
                if let Err(error) = self.context.links.erase(&self.record.spec.id) {
                    tracing::error!(%error, "forgetting a journal entry");
                }
            }
            Action::Report(caller, answer) => {
                let waiter = self.waiters.remove(&caller)?;
                if self.machine.state().is_over() {
                    self.last_words.push((waiter, answer));
                } else {
                    // The list must say so before the caller hears of it.
                    self.publish();
                    // Whoever does not wait any more needs no answer.
                    let _ = waiter.answer.send(answer);
                }
            }
        }
        self.next_job();
        None
    }

    /// Begins work, and lets it come to its first pause, so that requests leave in the order of the actions.
    fn ask(&mut self, mut work: Work) {
        match (&mut work).now_or_never() {
            Some(done) => self.asked.push(std::future::ready(done).boxed()),
            None => self.asked.push(work),
        }
    }

    pub(super) fn write_record(&mut self) {
        self.record.references = self.machine.references();
        if let Err(error) = self.context.links.write(&self.record.spec.id, &self.record) {
            // The link works without; what is lost is the next daemon's knowledge of it.
            tracing::error!(%error, "writing the journal");
        }
    }

    async fn spawn_worker(&mut self) -> Event {
        let (context, id) = (self.context.clone(), self.record.spec.id.clone());
        let user = Some(self.record.spec.owner).filter(|owner| *owner != context.rules.me);
        let start = move || {
            let socket = context.worker_socket(&id);
            supervisor::start_with(&*context.spawner, &id, &socket, How { user, for_links: true })
        };
        // The blocking pool has no reactor of its own, but knows ours.
        match tokio::task::spawn_blocking(start).await {
            Ok(Ok(worker)) => {
                self.record.worker = Some(worker.process.identity());
                self.write_record();
                self.employ(worker);
                Event::WorkerStarted
            }
            Ok(Err(error)) => Event::SpawnFailed(error),
            Err(error) => {
                Event::SpawnFailed(Error::from(ErrorKind::Daemon("starting a worker".into())).because(error))
            }
        }
    }
}

/// What the worker is given beyond its own deadline before it counts as silent.
pub(super) const SLACK: Duration = Duration::from_secs(2);
