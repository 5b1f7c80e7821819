//! The machine itself.

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

/// Making, and replacing a worker.
impl Drive {
    fn worker_started(&mut self, out: &mut Out) {
        match &mut self.state {
            State::Opening(stage) | State::Replacing(stage) if *stage == Opening::Spawning => {
                *stage = Opening::Connecting;
                self.limit = None;
                // From here on the server may hold a session, whether or not we hear of it.
                self.session = true;
                out.push(Action::Connect);
            }
            _ => {}
        }
    }

    fn logged_on(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Connecting) if self.has_mount => {
                self.state = State::Opening(Opening::Mounting);
                self.mounted = true;
                self.folder = true;
                self.kernel = true;
                self.proof.mount_gone = false;
                out.extend([Action::Journal(Step::Mount), Action::Mount]);
            }
            State::Replacing(Opening::Connecting) if self.has_mount => {
                self.state = State::Replacing(Opening::Serving);
                out.push(Action::Serve { adopt: true });
            }
            State::Opening(Opening::Connecting) | State::Replacing(Opening::Connecting) => {
                self.connected(now, out);
            }
            _ => {}
        }
    }

    fn log_on_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Connecting) => {
                self.session = false;
                self.fail(error, now, out);
            }
            State::Replacing(Opening::Connecting) => {
                self.server_up = false;
                self.reason = Some(error);
                self.limit = Some(now + self.pause());
            }
            _ => {}
        }
    }

    fn mount_answered(&mut self, mounted: bool, error: Option<Error>, now: Time, out: &mut Out) {
        if self.state != State::Opening(Opening::Mounting) {
            return;
        }
        self.mounted = mounted;
        self.kernel = mounted;
        self.proof.mount_gone = !mounted;
        if let Some(error) = error {
            self.fail(error, now, out);
        } else if self.force {
            // It was cancelled while the kernel was mounting.
            self.abort(now, out);
        } else {
            self.state = State::Opening(Opening::Serving);
            out.push(Action::Serve { adopt: false });
        }
    }

    fn serving(&mut self, now: Time, out: &mut Out) {
        if matches!(self.state, State::Opening(Opening::Serving) | State::Replacing(Opening::Serving)) {
            self.connected(now, out);
        }
    }

    fn serve_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Serving) => self.fail(error, now, out),
            State::Replacing(Opening::Serving) => {
                self.reason = Some(error);
                out.push(Action::KillWorker);
            }
            _ => {}
        }
    }

    /// Everything is in place, for the first time or with a new worker.
    fn connected(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.server_up = true;
        self.reason = None;
        self.since = now;
        if !self.was_connected {
            self.was_connected = true;
            out.push(Action::Journal(Step::Connected));
            if let Some(opener) = self.opener.take() {
                out.push(Action::Report(opener.caller, Ok(Done::Opened)));
            }
        }
        self.resume(now, out);
    }

    /// A drive that could not be made: nothing of it may stay.
    fn fail(&mut self, error: Error, now: Time, out: &mut Out) {
        self.reason = Some(error);
        self.abandon(now, out);
    }

    fn abandon(&mut self, now: Time, out: &mut Out) {
        self.force = true;
        if let Some(opener) = &mut self.opener {
            opener.deadline = Some(now + GRACE);
        }
        if self.state != State::Opening(Opening::Mounting) || !self.mounted {
            self.abort(now, out);
        }
    }

    fn replace_worker(&mut self, now: Time, out: &mut Out) {
        self.quiet = false;
        self.state = State::Replacing(Opening::Spawning);
        if now.saturating_sub(self.since) >= STEADY {
            self.attempts = 0;
        }
        if self.attempts == 0 {
            self.attempts = 1;
            self.spawn_again(out);
        } else {
            self.limit = Some(now + self.pause());
        }
    }

    fn spawn_again(&mut self, out: &mut Out) {
        self.worker = true;
        self.limit = None;
        out.push(Action::SpawnWorker);
    }

    fn pause(&mut self) -> Duration {
        self.attempts = (self.attempts + 1).min(7);
        (Duration::from_millis(250) * 2u32.pow(u32::from(self.attempts))).min(LONGEST_PAUSE)
    }
}

/// Ending, as long as it can be taken back.
impl Drive {
    fn end(&mut self, verb: Verb, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(_) => self.fail(ErrorKind::Cancelled.into(), now, out),
            State::Connected => self.resume(now, out),
            _ if verb == Verb::Force && !self.force => self.force(now, out),
            // A caller who does not want to wait gets an answer from a fresh look.
            State::Draining(Draining::Waiting) => self.scan(false, now, out),
            _ => {}
        }
    }

    /// Connected and in working order: goes on with an end that somebody wants, or back to ordinary life.
    fn resume(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.proof.acknowledged = false;
        if self.has_mount && !self.mounted {
            self.linger(now, out);
        } else if self.has_mount && !self.kernel {
            self.unmount(Unmount::Detach, out);
        } else if self.enders.is_empty() {
            self.force = false;
            self.state = State::Connected;
            self.quiesce(false, out);
        } else if self.wanted(Verb::Force) {
            self.force(now, out);
        } else {
            self.quiesce(false, out);
            self.scan(false, now, out);
        }
    }

    fn scan(&mut self, busy: bool, now: Time, out: &mut Out) {
        if self.has_mount {
            self.state = State::Draining(Draining::Scanning { busy });
            let round = self.next_round();
            out.push(Action::ScanHolders(round));
        } else {
            self.flush(now, out);
        }
    }

    fn holders(&mut self, holders: Vec<Holder>, now: Time, out: &mut Out) {
        let busy = match self.state {
            State::Draining(Draining::Scanning { busy }) => busy,
            State::Draining(Draining::Waiting) => false,
            _ => return,
        };
        if holders.is_empty() && !busy {
            return self.flush(now, out);
        }
        let kind = ErrorKind::Busy { name: self.name.clone(), holders: holders.clone() };
        self.answer(|w| w.verb == Verb::Refuse, &kind.into(), out);
        if self.wanted(Verb::Detach) {
            self.detach(holders, out);
        } else if self.enders.is_empty() {
            self.resume(now, out);
        } else {
            self.state = State::Draining(Draining::Waiting);
            let round = self.next_round();
            out.push(Action::WatchHolders(round));
        }
    }

    fn flush(&mut self, now: Time, out: &mut Out) {
        self.state = State::Draining(Draining::Flushing);
        self.limit = self.wanted(Verb::Detach).then(|| self.part_of_deadline(now, GRACE));
        self.quiesce(true, out);
        self.drain(out);
    }

    /// Takes the name away; holders and pending data go on without it.
    fn detach(&mut self, holders: Vec<Holder>, out: &mut Out) {
        self.left_inside = Some(holders);
        self.unmount(Unmount::Detach, out);
    }

    fn drain(&mut self, out: &mut Out) {
        self.proof.acknowledged = false;
        let round = self.next_round();
        out.push(Action::Drain(round));
    }

    fn drained(&mut self, bytes: u64, now: Time, out: &mut Out) {
        self.proof.flushed_bytes = self.proof.flushed_bytes.saturating_add(bytes);
        self.proof.acknowledged = true;
        match self.state {
            State::Draining(Draining::Flushing) if self.force => self.abort(now, out),
            State::Draining(Draining::Flushing) if self.has_mount => self.unmount(Unmount::Plain, out),
            State::Draining(Draining::Flushing) => self.close(now, out),
            State::Lingering { flushing: true } if self.force && self.kernel => self.abort(now, out),
            State::Lingering { flushing: true } => self.close(now, out),
            _ => self.proof.acknowledged = false,
        }
    }

    fn drain_failed(&mut self, files: Vec<Loss>, now: Time, out: &mut Out) {
        let flushing =
            matches!(self.state, State::Draining(Draining::Flushing) | State::Lingering { flushing: true });
        if !flushing {
            return;
        }
        if self.force {
            return self.abort(now, out);
        }
        if self.mounted && self.wanted(Verb::Detach) {
            return self.detach(Vec::new(), out);
        }
        let files = files.into_iter().map(|loss| loss.path).collect();
        let error = Error::from(ErrorKind::FlushFailed { name: self.name.clone(), files });
        self.answer(|_| true, &error, out);
        if let State::Lingering { flushing } = &mut self.state {
            *flushing = false;
            self.reason = Some(error);
            self.limit = Some(now + self.pause());
        } else {
            self.resume(now, out);
        }
    }

    /// Force begins: bring what can be brought in half the time, then abort.
    fn force(&mut self, now: Time, out: &mut Out) {
        self.force = true;
        match self.state {
            State::Connected | State::Draining(_) | State::Lingering { .. } if !self.server_up => {
                self.abort(now, out);
            }
            State::Connected | State::Draining(_) => {
                if self.state != State::Draining(Draining::Flushing) {
                    self.flush(now, out);
                }
                self.limit = Some(self.part_of_deadline(now, Duration::MAX));
            }
            State::Lingering { flushing } => {
                if !flushing {
                    self.state = State::Lingering { flushing: true };
                    self.drain(out);
                }
                self.limit = Some(self.part_of_deadline(now, Duration::MAX));
            }
            State::Replacing(_) => self.abort(now, out),
            // A plain unmount is under way: free it from whatever keeps it.
            State::Unmounting if self.kernel => out.push(Action::AbortConnection),
            State::Unmounting | State::Opening(_) | State::Closing | State::Reaping => {}
            State::Ended | State::Failed => {}
        }
    }

    fn caller_gone(&mut self, caller: Caller, now: Time, out: &mut Out) {
        if self.opener.as_ref().is_some_and(|w| w.caller == caller) {
            self.opener = None;
            if !self.force {
                self.fail(ErrorKind::Cancelled.into(), now, out);
            }
        }
        self.enders.retain(|w| w.caller != caller);
        self.enders_left(now, out);
    }

    /// Some enders are gone: takes back what nobody wants any more.
    fn enders_left(&mut self, now: Time, out: &mut Out) {
        let draining = matches!(self.state, State::Draining(_));
        if draining && (self.enders.is_empty() || (self.force && !self.wanted(Verb::Force))) {
            self.force = false;
            self.resume(now, out);
        }
    }

    fn tick(&mut self, now: Time, out: &mut Out) {
        if self.limit.is_some_and(|limit| limit <= now) {
            self.limit = None;
            self.limit_passed(now, out);
        }
        if self.state.is_over() {
            return;
        }
        let passed = |w: &Waiter| w.deadline.is_some_and(|deadline| deadline <= now);
        if self.opener.as_ref().is_some_and(passed) {
            self.opener_too_late(now, out);
        }
        if self.enders.iter().any(passed) {
            let unproven = self.unproven();
            let error = ErrorKind::Deadline { name: self.name.clone(), unproven }.into();
            self.answer(passed, &error, out);
            self.enders_left(now, out);
        }
    }

    fn opener_too_late(&mut self, now: Time, out: &mut Out) {
        if self.force {
            // The undo takes long; the opener need not wait for it.
            if let (Some(opener), Some(reason)) = (self.opener.take(), self.reason.clone()) {
                out.push(Action::Report(opener.caller, Err(reason)));
            }
        } else if let State::Opening(stage) = self.state {
            let kind = ErrorKind::Timeout { server: self.name.clone(), during: stage.to_string() };
            self.fail(kind.into(), now, out);
        }
    }

    fn limit_passed(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Replacing(Opening::Spawning) => self.spawn_again(out),
            State::Replacing(Opening::Connecting) => out.push(Action::Connect),
            State::Draining(_) | State::Lingering { .. } if self.force => self.abort(now, out),
            State::Draining(Draining::Flushing) if self.mounted && self.wanted(Verb::Detach) => {
                self.detach(Vec::new(), out)
            }
            State::Lingering { .. } => self.linger(now, out),
            State::Unmounting => out.push(Action::Unmount(Unmount::Detach)),
            State::Closing | State::Reaping => self.reap(true, now, out),
            _ => {}
        }
    }
}

/// The end, from the point of no return.
impl Drive {
    /// Cuts everything off, without waiting for anybody.
    fn abort(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        if self.kernel {
            out.push(Action::AbortConnection);
        }
        if self.mounted {
            self.unmount(Unmount::Detach, out);
        } else if let State::Opening(Opening::Connecting) = self.state {
            // A worker that is logging on cannot log off; the server sees the connection close.
            self.reap(true, now, out);
        } else {
            self.close(now, out);
        }
    }

    fn unmount(&mut self, how: Unmount, out: &mut Out) {
        self.limit = None;
        self.state = State::Unmounting;
        out.push(Action::Unmount(how));
    }

    fn unmounted(&mut self, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        self.not_mounted(out);
        if self.force {
            return self.close(now, out);
        }
        if let Some(left) = self.left_inside.take() {
            self.enders.retain(|w| {
                if w.verb == Verb::Detach {
                    out.push(Action::Report(w.caller, Ok(Done::Detached(left.clone()))));
                }
                w.verb != Verb::Detach
            });
        }
        self.linger(now, out);
    }

    /// The name and its folder are given back at once, for whoever wants them next.
    fn not_mounted(&mut self, out: &mut Out) {
        self.mounted = false;
        self.proof.mount_gone = true;
        self.remove_folder(out);
    }

    fn remove_folder(&mut self, out: &mut Out) {
        if std::mem::take(&mut self.folder) {
            out.push(Action::RemoveFolder);
        }
    }

    fn unmount_busy(&mut self, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        if self.force || !self.kernel {
            self.unmount(Unmount::Detach, out);
        } else if !self.worker {
            self.replace_worker(now, out);
        } else if self.enders.is_empty() {
            self.resume(now, out);
        } else {
            self.quiesce(false, out);
            self.scan(true, now, out);
        }
    }

    fn unmount_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        if self.force || !self.kernel {
            self.reason = Some(error);
            self.limit = Some(now + self.pause());
            return;
        }
        self.left_inside = None;
        self.answer(|_| true, &error, out);
        if self.worker { self.resume(now, out) } else { self.replace_worker(now, out) }
    }

    fn mount_gone(&mut self, now: Time, out: &mut Out) {
        if !self.mounted {
            return;
        }
        match self.state {
            State::Opening(Opening::Mounting) => {}
            State::Opening(_) => {
                self.not_mounted(out);
                let why = "it was unmounted at once by somebody else".into();
                self.fail(ErrorKind::MountPoint { path: self.name.clone(), why }.into(), now, out);
            }
            State::Unmounting => self.unmounted(now, out),
            State::Replacing(_) => {
                self.not_mounted(out);
            }
            _ => {
                self.not_mounted(out);
                self.quiesce(false, out);
                if self.force { self.force(now, out) } else { self.linger(now, out) }
            }
        }
    }

    /// The kernel has closed its side.
    fn kernel_let_go(&mut self, now: Time, out: &mut Out) {
        self.kernel = false;
        match self.state {
            State::Opening(Opening::Mounting) => {}
            State::Opening(_) => {
                let why = "it was unmounted at once by somebody else".into();
                self.fail(ErrorKind::MountPoint { path: self.name.clone(), why }.into(), now, out);
            }
            // Unmounted or aborted by somebody else: what is left of the mount is of no use.
            State::Connected | State::Draining(_) if self.mounted => self.unmount(Unmount::Detach, out),
            State::Lingering { flushing: false } => self.linger(now, out),
            _ => {}
        }
    }

    /// Without a mount. Once the kernel has let go, the last data goes to the server, then it is closed.
    fn linger(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        let flushing = !self.kernel;
        self.state = State::Lingering { flushing };
        if !self.worker {
            self.replace_worker(now, out);
        } else if flushing {
            self.drain(out);
        }
    }

    fn close(&mut self, now: Time, out: &mut Out) {
        self.state = State::Closing;
        if self.worker && self.session {
            self.limit = Some(self.part_of_deadline(now, GRACE));
            out.push(Action::LogOff);
        } else {
            self.reap(true, now, out);
        }
    }

    fn logged_off(&mut self, confirmed: bool, now: Time) {
        if self.state == State::Closing {
            self.session = !confirmed;
            self.state = State::Reaping;
            self.limit = Some(self.part_of_deadline(now, GRACE));
        }
    }

    fn reap(&mut self, kill: bool, now: Time, out: &mut Out) {
        if !self.worker {
            return self.finish(now, out);
        }
        self.state = State::Reaping;
        self.limit = Some(now + GRACE);
        if kill {
            out.push(Action::KillWorker);
        }
    }

    fn worker_gone(&mut self, lost: Vec<Loss>, error: Option<Error>, now: Time, out: &mut Out) {
        self.worker = false;
        self.lost = lost;
        if error.is_some() && !matches!(self.state, State::Closing | State::Reaping) {
            self.reason = error.clone();
        }
        match self.state {
            // The mount's answer is still to come.
            State::Opening(Opening::Mounting) => {
                let stage = Opening::Mounting.to_string();
                self.reason = Some(error.unwrap_or_else(|| ErrorKind::WorkerDied(stage).into()));
                self.abandon(now, out);
            }
            State::Opening(stage) => {
                let died = || ErrorKind::WorkerDied(stage.to_string()).into();
                self.fail(error.unwrap_or_else(died), now, out);
            }
            State::Unmounting => {}
            State::Closing | State::Reaping => self.finish(now, out),
            _ if self.force => self.abort(now, out),
            _ => self.replace_worker(now, out),
        }
    }

    /// Nothing is left: says so to everybody who waits.
    fn finish(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.proof.worker_reaped = true;
        self.proof.session_closed = !self.session;
        // What was never in use had nothing to acknowledge; otherwise only a drain proves it.
        self.proof.acknowledged |= !self.was_connected;
        self.proof.acknowledged &= self.lost.is_empty();
        self.remove_folder(out);
        out.push(Action::ForgetJournal);
        self.state = if self.was_connected { State::Ended } else { State::Failed };
        if let Some(opener) = self.opener.take() {
            let reason = self.reason.clone().unwrap_or_else(|| ErrorKind::Cancelled.into());
            out.push(Action::Report(opener.caller, Err(reason)));
        }
        for waiter in std::mem::take(&mut self.enders) {
            let took = now.saturating_sub(waiter.since).as_millis();
            let ended = Ended {
                name: self.name.clone(),
                proof: Proof::Drive(self.proof.clone()),
                lost: self.lost.clone(),
                unproven: self.unproven(),
                took_ms: u64::try_from(took).unwrap_or(u64::MAX),
                forgotten: false,
            };
            out.push(Action::Report(waiter.caller, Ok(Done::Ended(ended))));
        }
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
