//! The machine itself: what it is, and how an event finds the code that handles it.

mod draining;
mod ending;
mod opening;

use std::time::Duration;

use super::{Action, Caller, Done, Draining, Event, Found, Opening, Round, State, Step, Time, Unmount};
use crate::error::{Error, ErrorKind};
use crate::request::Verb;
use crate::view::{DriveProof, Ended, Holder, Loss, Proof};

/// How long a log-off, a dying worker or an undo may take when no caller's deadline is nearer.
const GRACE: Duration = Duration::from_secs(5);
/// The longest pause between two attempts of the same thing.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A worker that lived so long was not broken from the start: it is replaced at once.
const STEADY: Duration = Duration::from_secs(60);

/// One drive's life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drive {
    pub(super) name: String,
    /// Deviceless connections have no mount.
    pub(super) has_mount: bool,
    pub(super) state: State,
    /// Why it is in that state, when there is something to say.
    pub(super) reason: Option<Error>,
    pub(super) server_up: bool,
    /// A worker process may exist.
    pub(super) worker: bool,
    /// The server may hold a session of ours.
    pub(super) session: bool,
    /// The mount table may have it.
    pub(super) mounted: bool,
    /// The folder made for the mount may exist.
    pub(super) folder: bool,
    /// The kernel's FUSE connection may live.
    pub(super) kernel: bool,
    /// New opens are refused.
    pub(super) quiet: bool,
    /// It was once complete: what it holds is worth keeping.
    pub(super) was_connected: bool,
    /// No way back: what does not end in time is ended.
    pub(super) force: bool,
    pub(super) opener: Option<Waiter>,
    pub(super) enders: Vec<Waiter>,
    /// Who is left inside, when the name is being detached.
    pub(super) left_inside: Option<Vec<Holder>>,
    pub(super) proof: DriveProof,
    pub(super) lost: Vec<Loss>,
    pub(super) round: Round,
    /// When the present state gives up waiting, or tries again.
    pub(super) limit: Option<Time>,
    pub(super) attempts: u8,
    /// When it was last connected.
    pub(super) since: Time,
}

/// Somebody who waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    pub(super) caller: Caller,
    pub(super) verb: Verb,
    pub(super) deadline: Option<Time>,
    pub(super) since: Time,
}

type Out = Vec<Action>;

impl Drive {
    /// Begins to make a drive (`has_mount`) or a deviceless connection for `opener`, who waits until `deadline`.
    pub fn open(
        name: String,
        has_mount: bool,
        opener: Caller,
        deadline: Time,
        now: Time,
    ) -> (Drive, Vec<Action>) {
        let mut drive = Drive::blank(name, has_mount);
        drive.state = State::Opening(Opening::Spawning);
        drive.worker = true;
        drive.opener =
            Some(Waiter { caller: opener, verb: Verb::Refuse, deadline: Some(deadline), since: now });
        (drive, vec![Action::Journal(Step::Worker), Action::SpawnWorker])
    }

    /// Takes up a drive that a former daemon left, from its journal and what is found of it.
    ///
    /// One that was connected is kept, if need be with a new worker; an unfinished one is undone, and the
    /// remains of an ended one are cleared away.
    pub fn adopt(name: String, has_mount: bool, found: Found, now: Time) -> (Drive, Vec<Action>) {
        let mut drive = Drive::blank(name, has_mount);
        let mut out = Vec::new();
        drive.worker = found.worker;
        drive.session = true;
        drive.mounted = found.mounted;
        drive.folder = has_mount && found.step >= Step::Mount;
        drive.kernel = found.kernel;
        drive.proof.mount_gone = !found.mounted;
        drive.was_connected = found.step == Step::Connected;
        drive.since = now;
        let whole = !has_mount || (found.mounted && found.kernel);
        if !drive.was_connected {
            drive.reason = Some(ErrorKind::Cancelled.into());
            drive.abandon(now, &mut out);
        } else if found.worker && whole {
            drive.state = State::Connected;
            out.push(Action::Quiesce(false));
        } else if found.worker && found.mounted {
            drive.kernel_let_go(now, &mut out);
        } else if found.worker {
            drive.linger(now, &mut out);
        } else if found.kernel || !has_mount {
            drive.replace_worker(now, &mut out);
        } else {
            // Worker and descriptor are both gone, and with them whatever was pending.
            drive.reason = Some(ErrorKind::WorkerDied("the daemon was away".into()).into());
            drive.abandon(now, &mut out);
        }
        (drive, out)
    }

    fn blank(name: String, has_mount: bool) -> Drive {
        Drive {
            name,
            has_mount,
            state: State::Connected,
            reason: None,
            server_up: true,
            worker: false,
            session: false,
            mounted: false,
            folder: false,
            kernel: false,
            quiet: false,
            was_connected: false,
            force: false,
            opener: None,
            enders: Vec::new(),
            left_inside: None,
            proof: DriveProof { mount_gone: true, ..DriveProof::default() },
            lost: Vec::new(),
            round: Round(0),
            limit: None,
            attempts: 0,
            since: Time::ZERO,
        }
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its state as the listing shows it.
    pub fn status(&self) -> crate::view::Status {
        self.state.status(self.server_up)
    }

    /// Why it is in that state, when there is something to say.
    pub fn reason(&self) -> Option<&Error> {
        self.reason.as_ref()
    }

    /// When it was last connected.
    pub fn since(&self) -> Time {
        self.since
    }

    /// What is proven of its end so far.
    pub fn proof(&self) -> &DriveProof {
        &self.proof
    }

    /// True once its name may be given to another: nothing of it is in the mount table any more.
    pub fn name_is_free(&self) -> bool {
        let past_unmount = matches!(self.state, State::Lingering { .. } | State::Closing | State::Reaping);
        self.state.is_over() || (self.has_mount && !self.mounted && past_unmount)
    }

    /// When [`Event::Tick`] is wanted, at the latest.
    pub fn wake_at(&self) -> Option<Time> {
        let waiting = self.enders.iter().chain(&self.opener).filter_map(|w| w.deadline);
        waiting.chain(self.limit).min()
    }

    /// What follows from an event.
    pub fn handle(&mut self, event: Event, now: Time) -> Vec<Action> {
        let mut out = Vec::new();
        if self.state.is_over() {
            if let Event::End { caller, .. } = event {
                let error = ErrorKind::NotConnected(self.name.clone()).into();
                out.push(Action::Report(caller, Err(error)));
            }
            return out;
        }
        match event {
            Event::End { caller, verb, deadline } => {
                self.enders.push(Waiter { caller, verb, deadline, since: now });
                self.end(verb, now, &mut out);
            }
            Event::CallerGone(caller) => self.caller_gone(caller, now, &mut out),
            Event::Tick => self.tick(now, &mut out),

            Event::WorkerStarted => self.worker_started(&mut out),
            Event::SpawnFailed(error) => {
                // What the worker before it left is still what it left.
                let lost = std::mem::take(&mut self.lost);
                self.worker_gone(lost, Some(error), now, &mut out);
            }
            Event::LoggedOn => self.logged_on(now, &mut out),
            Event::LogOnFailed(error) => self.log_on_failed(error, now, &mut out),
            Event::Mounted => self.mount_answered(true, None, now, &mut out),
            Event::MountFailed(error) => self.mount_answered(false, Some(error), now, &mut out),
            Event::Serving => self.serving(now, &mut out),
            Event::ServeFailed(error) => self.serve_failed(error, now, &mut out),
            Event::Holders(round, holders) if round == self.round => self.holders(holders, now, &mut out),
            Event::Drained(round, bytes) if round == self.round => self.drained(bytes, now, &mut out),
            Event::DrainFailed(round, files) if round == self.round => {
                self.drain_failed(files, now, &mut out);
            }
            Event::Holders(..) | Event::Drained(..) | Event::DrainFailed(..) => {}
            Event::Unmounted => self.unmounted(now, &mut out),
            Event::UnmountBusy => self.unmount_busy(now, &mut out),
            Event::UnmountFailed(error) => self.unmount_failed(error, now, &mut out),
            Event::MountGone => self.mount_gone(now, &mut out),
            Event::ServeEnded => self.kernel_let_go(now, &mut out),
            Event::LoggedOff(confirmed) => self.logged_off(confirmed, now),
            Event::WorkerExited(lost) => self.worker_gone(lost, None, now, &mut out),
            Event::ServerLost(error) => {
                self.server_up = false;
                self.reason = Some(error);
                if self.force && matches!(self.state, State::Draining(_) | State::Lingering { .. }) {
                    self.abort(now, &mut out);
                }
            }
            Event::ServerBack => {
                self.server_up = true;
                if self.state == State::Connected {
                    self.reason = None;
                }
            }
        }
        out
    }
}

/// Small helpers.
impl Drive {
    fn wanted(&self, verb: Verb) -> bool {
        self.enders.iter().any(|w| w.verb == verb)
    }

    fn next_round(&mut self) -> Round {
        self.round = Round(self.round.0.wrapping_add(1));
        self.round
    }

    fn quiesce(&mut self, on: bool, out: &mut Out) {
        if self.quiet != on {
            self.quiet = on;
            out.push(Action::Quiesce(on));
        }
    }

    /// Answers those enders whom `whom` picks with this error.
    fn answer(&mut self, whom: impl Fn(&Waiter) -> bool, error: &Error, out: &mut Out) {
        self.enders.retain(|w| {
            let answered = whom(w);
            if answered {
                out.push(Action::Report(w.caller, Err(error.clone())));
            }
            !answered
        });
    }

    /// Half of the time that is left to the most impatient caller (the rest is for the next steps), at most `longest`.
    fn part_of_deadline(&self, now: Time, longest: Duration) -> Time {
        let nearest = self.enders.iter().filter_map(|w| w.deadline).min();
        let half = nearest.map_or(GRACE, |deadline| deadline.saturating_sub(now) / 2);
        now + half.min(longest)
    }

    /// What is not proven, in words.
    fn unproven(&self) -> Vec<String> {
        let facts = [
            (self.proof.acknowledged, "every write acknowledged by the server"),
            (self.proof.mount_gone, "mount gone"),
            (self.proof.session_closed, "session closed by the server"),
            (self.proof.worker_reaped, "worker reaped"),
        ];
        facts.into_iter().filter(|(proven, _)| !proven).map(|(_, what)| what.to_owned()).collect()
    }
}
