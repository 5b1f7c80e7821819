//! The machine itself.

use std::time::Duration;

use super::{
    Action, Caller, Carrier, Done, Event, Found, LineEnd, NetworkEnd, Opening, Plan, State, Step, Time,
    may_pass,
};
use crate::code::Code;
use crate::error::{Error, ErrorKind};
use crate::link::RasState;
use crate::view::{Ended, LinkProof, Proof, Status};

/// How much longer than agreed a worker may take before it counts as stuck, when no caller's deadline is nearer.
const GRACE: Duration = Duration::from_secs(5);
/// So long before a caller's deadline the worker is to be done, for the rest takes time too.
pub(super) const MARGIN: Duration = Duration::from_millis(700);

/// One link's life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link {
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) state: State,
    pub(super) ras: RasState,
    /// Why it is in that state, when there is something to say.
    pub(super) reason: Option<Error>,
    /// Dials without their hang-up.
    pub(super) references: u32,
    /// A worker process may exist.
    pub(super) worker: bool,
    /// The device may be in use, and the peer may believe in the link.
    pub(super) line: bool,
    /// Interface, routes or name servers may exist.
    pub(super) network: bool,
    /// A new worker was started to bring the device to rest; there is no second try.
    pub(super) reset_tried: bool,
    pub(super) was_connected: bool,
    /// There was a peer that could acknowledge an end.
    pub(super) met_peer: bool,
    pub(super) openers: Vec<Waiter>,
    pub(super) enders: Vec<Waiter>,
    pub(super) proof: LinkProof,
    /// When the present state gives up waiting.
    pub(super) limit: Option<Time>,
    pub(super) attempt: u32,
    /// When it was connected.
    pub(super) since: Time,
}

/// Somebody who waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiter {
    pub(super) caller: Caller,
    pub(super) deadline: Option<Time>,
    pub(super) since: Time,
}

type Out = Vec<Action>;

impl Link {
    /// Begins to dial for `opener`.
    pub fn open(name: String, plan: Plan, opener: Caller, now: Time) -> (Link, Vec<Action>) {
        let mut link = Link::blank(name, plan);
        link.references = 1;
        link.openers.push(Waiter { caller: opener, deadline: None, since: now });
        let mut out = Vec::new();
        match link.plan.carrier {
            Carrier::Worker => {
                out.push(Action::Journal(Step::Worker));
                link.spawn(now, &mut out);
            }
            Carrier::Kernel => {
                out.push(Action::Journal(Step::Network));
                link.dial(now, &mut out);
            }
        }
        (link, out)
    }

    /// Takes up a link that a former daemon left, from its journal and what is found of it.
    ///
    /// One that is connected is kept; whatever else is found is ended, and cleared away.
    pub fn adopt(name: String, plan: Plan, found: Found, now: Time) -> (Link, Vec<Action>) {
        let mut link = Link::blank(name, plan);
        let mut out = Vec::new();
        link.references = found.references.max(1);
        link.worker = found.worker;
        link.line = found.step >= Step::Line || found.line_ended.is_some();
        link.network = found.step >= Step::Network;
        link.was_connected = found.step >= Step::Connected;
        link.met_peer = link.line;
        link.since = now;
        link.proof = Link::unproven_proof(link.network, link.line && link.plan.has_device);
        link.state = State::Connected;
        link.ras = RasState::Connected;
        let carried = found.worker || link.is_in_kernel();
        let whole = found.step == Step::Connected && carried && found.interface;
        match found.line_ended {
            Some(end) => link.line_ended(end, now, &mut out),
            None if whole => {}
            None => {
                link.reason = match found.step {
                    Step::Ending => None,
                    Step::Connected if carried => Some(link.broken(Code::NO_CONNECTION)),
                    Step::Connected => {
                        Some(ErrorKind::WorkerDied("carrying it, while the daemon was away".into()).into())
                    }
                    _ => Some(ErrorKind::Cancelled.into()),
                };
                link.wind_up(now, &mut out);
            }
        }
        (link, out)
    }

    fn blank(name: String, plan: Plan) -> Link {
        Link {
            name,
            plan,
            state: State::Opening(Opening::Spawning),
            ras: RasState::OpenPort,
            reason: None,
            references: 0,
            worker: false,
            line: false,
            network: false,
            reset_tried: false,
            was_connected: false,
            met_peer: false,
            openers: Vec::new(),
            enders: Vec::new(),
            proof: Link::unproven_proof(false, false),
            limit: None,
            attempt: 1,
            since: Time::ZERO,
        }
    }

    /// What there is to prove.
    fn unproven_proof(network: bool, device: bool) -> LinkProof {
        LinkProof {
            peer_acknowledged: false,
            device_answers: device.then_some(false),
            interface_gone: !network,
            routes_reverted: !network,
            dns_reverted: !network,
            worker_reaped: false,
            without_worker: false,
        }
    }

    fn is_in_kernel(&self) -> bool {
        self.plan.carrier == Carrier::Kernel
    }

    /// Where it is in its life.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its state as the listing shows it.
    pub fn status(&self) -> Status {
        self.state.status(self.ras)
    }

    /// How far the dial, or the end, has come.
    pub fn ras(&self) -> RasState {
        self.ras
    }

    /// Why it is in that state, when there is something to say.
    pub fn reason(&self) -> Option<&Error> {
        self.reason.as_ref()
    }

    /// Dials without their hang-up.
    pub fn references(&self) -> u32 {
        self.references
    }

    /// Which attempt to dial this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When it was connected.
    pub fn since(&self) -> Time {
        self.since
    }

    /// What is proven of its end so far.
    pub fn proof(&self) -> &LinkProof {
        &self.proof
    }

    /// When [`Event::Tick`] is wanted, at the latest.
    pub fn wake_at(&self) -> Option<Time> {
        let waiting = self.enders.iter().chain(&self.openers).filter_map(|w| w.deadline);
        waiting.chain(self.limit).min()
    }

    /// What follows from an event.
    pub fn handle(&mut self, event: Event, now: Time) -> Vec<Action> {
        let mut out = Vec::new();
        if self.state.is_over() {
            if let Event::Dial(caller) | Event::HangUp { caller, .. } | Event::End { caller, .. } = event {
                let error = ErrorKind::NotConnected(self.name.clone()).into();
                out.push(Action::Report(caller, Err(error)));
            }
            return out;
        }
        match event {
            Event::Dial(caller) => self.dial_too(caller, now, &mut out),
            Event::HangUp { caller, deadline } => self.hang_up(caller, deadline, now, &mut out),
            Event::End { caller, deadline } => self.end(caller, deadline, now, &mut out),
            Event::CallerGone(caller) => self.caller_gone(caller, now, &mut out),
            Event::Tick => self.tick(now, &mut out),

            Event::WorkerStarted => self.worker_started(now, &mut out),
            Event::SpawnFailed(error) => self.worker_gone(Some(error), now, &mut out),
            Event::Reached(ras) => self.reached(ras),
            Event::Agreed => self.agreed(&mut out),
            Event::LineEnded(end) => self.line_ended(end, now, &mut out),
            Event::NetworkUp => self.network_up(now, &mut out),
            Event::NetworkFailed(error) if self.state == State::Opening(Opening::Network) => {
                self.fail(error, now, &mut out);
            }
            Event::Serving => self.serving(now, &mut out),
            Event::ServeFailed(error) if self.state == State::Opening(Opening::TakingUp) => {
                self.fail(error, now, &mut out);
            }
            Event::NetworkFailed(_) | Event::ServeFailed(_) => {}
            Event::Idle if self.state == State::Connected => {
                self.fail(self.broken(Code(828)), now, &mut out);
            }
            Event::InterfaceGone if self.network && !self.state.is_ending() => {
                let error = self.broken(Code::NO_CONNECTION).because("somebody removed its interface");
                self.fail(error, now, &mut out);
            }
            Event::Idle | Event::InterfaceGone => {}
            Event::Reverted(end) => self.reverted(end, now, &mut out),
            Event::WorkerExited => self.worker_gone(None, now, &mut out),
        }
        out
    }
}

/// Making.
impl Link {
    fn spawn(&mut self, now: Time, out: &mut Out) {
        self.worker = true;
        self.limit = Some(now + GRACE + GRACE);
        out.push(Action::SpawnWorker);
    }

    fn worker_started(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Spawning) => {
                // From here on the device may be in use, whether or not we hear of it.
                out.push(Action::Journal(Step::Line));
                self.dial(now, out);
            }
            State::Resetting => {
                let by = self.hang_up_by(now);
                self.limit = Some(by.give_up);
                out.push(Action::ResetDevice { by: by.worker });
            }
            _ => {}
        }
    }

    fn dial(&mut self, now: Time, out: &mut Out) {
        self.state = State::Opening(Opening::Dialling);
        self.ras = RasState::OpenPort;
        self.line = true;
        self.network |= self.is_in_kernel();
        self.proof = Link::unproven_proof(self.network, self.plan.has_device);
        self.limit = Some(now + self.plan.dial_timeout + self.plan.hang_up_timeout() + GRACE);
        out.push(Action::Dial);
    }

    fn reached(&mut self, ras: RasState) {
        if !matches!(self.state, State::Opening(Opening::Dialling) | State::HangingUp | State::Resetting) {
            return;
        }
        // A late word of the dial must not make an ending link look alive.
        let of_the_end = matches!(ras, RasState::WaitForModemReset | RasState::Disconnected);
        if !self.state.is_ending() || of_the_end {
            self.ras = ras;
        }
        self.met_peer |= ras.has_peer();
    }

    fn agreed(&mut self, out: &mut Out) {
        self.met_peer = true;
        if self.state != State::Opening(Opening::Dialling) {
            return;
        }
        self.state = State::Opening(Opening::Network);
        self.ras = RasState::ApplySettings;
        self.limit = None;
        self.network = true;
        self.proof = Link::unproven_proof(true, self.plan.has_device);
        out.extend([Action::Journal(Step::Network), Action::MakeNetwork]);
    }

    fn network_up(&mut self, now: Time, out: &mut Out) {
        if self.state == State::Opening(Opening::Network) {
            self.state = State::Opening(Opening::TakingUp);
            if self.is_in_kernel() {
                return self.serving(now, out);
            }
            self.limit = Some(now + GRACE);
            out.push(Action::GiveInterface);
        }
    }

    fn serving(&mut self, now: Time, out: &mut Out) {
        if self.state != State::Opening(Opening::TakingUp) {
            return;
        }
        self.state = State::Connected;
        self.ras = RasState::Connected;
        self.limit = None;
        self.reason = None;
        self.since = now;
        self.was_connected = true;
        out.push(Action::Journal(Step::Connected));
        for opener in std::mem::take(&mut self.openers) {
            out.push(Action::Report(opener.caller, Ok(Done::Dialled)));
        }
    }

    /// One attempt failed, and the line is at rest.
    fn dial_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        if self.attempt <= self.plan.redial_attempts && may_pass(&error) {
            self.reason = Some(error);
            self.state = State::Pausing;
            self.ras = RasState::Disconnected;
            self.limit = Some(now + self.plan.redial_pause);
        } else {
            self.fail(error, now, out);
        }
    }

    fn redial(&mut self, now: Time, out: &mut Out) {
        self.attempt += 1;
        if self.worker || self.is_in_kernel() {
            self.dial(now, out);
        } else {
            self.state = State::Opening(Opening::Spawning);
            self.spawn(now, out);
        }
    }

    /// It ends, and not because a caller wants that.
    fn fail(&mut self, error: Error, now: Time, out: &mut Out) {
        self.reason = Some(error);
        self.wind_up(now, out);
    }
}

/// What callers want.
impl Link {
    fn dial_too(&mut self, caller: Caller, now: Time, out: &mut Out) {
        if self.state.is_ending() {
            let error = ErrorKind::Ending(self.name.clone()).into();
            return out.push(Action::Report(caller, Err(error)));
        }
        self.references = self.references.saturating_add(1);
        if self.state == State::Connected {
            out.extend([Action::Journal(Step::Connected), Action::Report(caller, Ok(Done::Dialled))]);
        } else {
            self.openers.push(Waiter { caller, deadline: None, since: now });
        }
    }

    fn hang_up(&mut self, caller: Caller, deadline: Time, now: Time, out: &mut Out) {
        if self.state.is_ending() || self.references <= 1 {
            return self.end(caller, deadline, now, out);
        }
        self.references -= 1;
        if self.state == State::Connected {
            out.push(Action::Journal(Step::Connected));
        }
        out.push(Action::Report(caller, Ok(Done::Released(self.references))));
    }

    fn end(&mut self, caller: Caller, deadline: Time, now: Time, out: &mut Out) {
        self.enders.push(Waiter { caller, deadline: Some(deadline), since: now });
        if !self.state.is_ending() {
            self.reason = match self.state {
                State::Connected => None,
                _ => Some(self.broken(Code::USER_DISCONNECTION)),
            };
            self.wind_up(now, out);
        } else if self.state == State::HangingUp && self.line {
            // Somebody with less patience than those before.
            let by = self.hang_up_by(now);
            if self.limit.is_some_and(|limit| by.give_up < limit) {
                self.limit = Some(by.give_up);
                out.push(Action::HangUp { by: by.worker });
            }
        }
    }

    fn caller_gone(&mut self, caller: Caller, now: Time, out: &mut Out) {
        self.enders.retain(|w| w.caller != caller);
        let before = self.openers.len();
        self.openers.retain(|w| w.caller != caller);
        if self.openers.len() < before && !self.state.is_ending() {
            // It may have given its reference back already: a hang-up in mid-dial does not say whose dial it is about.
            let dialling = u32::try_from(self.openers.len()).unwrap_or(u32::MAX);
            self.references = self.references.min(dialling);
            if self.references == 0 {
                self.fail(ErrorKind::Cancelled.into(), now, out);
            }
        }
    }
}

/// Ending.
impl Link {
    /// The end begins: there is no way back. The network is undone while the worker hangs up.
    fn wind_up(&mut self, now: Time, out: &mut Out) {
        if self.state.is_ending() {
            return;
        }
        self.references = 0;
        self.state = State::HangingUp;
        self.ras = RasState::Disconnected;
        let patience = self.plan.hang_up_timeout() + GRACE + GRACE;
        for opener in &mut self.openers {
            opener.deadline = Some(now + patience);
        }
        out.push(Action::Journal(Step::Ending));
        if self.network {
            out.push(Action::RevertNetwork);
        }
        self.proceed(now, out);
    }

    /// The next thing that is left to do.
    fn proceed(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        if self.line && self.worker {
            self.state = State::HangingUp;
            let by = self.hang_up_by(now);
            self.limit = Some(by.give_up);
            return out.push(Action::HangUp { by: by.worker });
        }
        if self.line && self.plan.has_device && !self.reset_tried {
            self.reset_tried = true;
            self.state = State::Resetting;
            self.ras = RasState::WaitForModemReset;
            return self.spawn(now, out);
        }
        // Whatever is not proven of the line stays so.
        self.line = false;
        self.ras = RasState::Disconnected;
        if self.worker {
            self.state = State::Reaping;
            return out.push(Action::KillWorker);
        }
        if self.network {
            self.state = State::Reverting;
            return;
        }
        self.finish(now, out);
    }

    fn line_ended(&mut self, end: LineEnd, now: Time, out: &mut Out) {
        if !std::mem::take(&mut self.line) {
            return;
        }
        // A worker that only brought the device to rest has met no peer.
        self.proof.peer_acknowledged = end.acknowledged;
        self.proof.device_answers = end.device_answers;
        match self.state {
            State::Opening(Opening::Dialling) => self.dial_failed(end.error, now, out),
            State::Opening(_) | State::Connected => self.fail(end.error, now, out),
            _ => self.proceed(now, out),
        }
    }

    fn worker_gone(&mut self, error: Option<Error>, now: Time, out: &mut Out) {
        self.worker = false;
        match self.state {
            State::Pausing => {}
            State::Opening(stage) => {
                let died = || ErrorKind::WorkerDied(stage.to_string()).into();
                self.fail(error.unwrap_or_else(died), now, out);
            }
            State::Connected => self.fail(ErrorKind::WorkerDied("carrying it".into()).into(), now, out),
            State::HangingUp | State::Resetting | State::Reaping => self.proceed(now, out),
            State::Reverting | State::Ended | State::Failed => {}
        }
    }

    fn reverted(&mut self, end: NetworkEnd, now: Time, out: &mut Out) {
        self.network = false;
        self.proof.interface_gone = end.interface_gone;
        self.proof.routes_reverted = end.routes_reverted;
        self.proof.dns_reverted = end.dns_reverted;
        if self.state == State::Reverting {
            self.finish(now, out);
        }
    }

    /// Nothing is left: says so to everybody who waits.
    fn finish(&mut self, now: Time, out: &mut Out) {
        self.proof.worker_reaped = true;
        self.proof.without_worker = self.is_in_kernel();
        self.state = if self.was_connected { State::Ended } else { State::Failed };
        let reverted = self.proof.interface_gone && self.proof.routes_reverted && self.proof.dns_reverted;
        if reverted {
            // Otherwise the next daemon tries again.
            out.push(Action::ForgetJournal);
        }
        let reason = self.reason.clone().unwrap_or_else(|| ErrorKind::Cancelled.into());
        for opener in std::mem::take(&mut self.openers) {
            out.push(Action::Report(opener.caller, Err(reason.clone())));
        }
        for waiter in std::mem::take(&mut self.enders) {
            let took = now.saturating_sub(waiter.since).as_millis();
            let ended = Ended {
                name: self.name.clone(),
                proof: Proof::Link(self.proof.clone()),
                lost: Vec::new(),
                unproven: self.unproven(),
                took_ms: u64::try_from(took).unwrap_or(u64::MAX),
                forgotten: false,
            };
            out.push(Action::Report(waiter.caller, Ok(Done::Ended(ended))));
        }
    }
}

/// Time.
impl Link {
    fn tick(&mut self, now: Time, out: &mut Out) {
        if self.limit.is_some_and(|limit| limit <= now) {
            self.limit = None;
            self.limit_passed(now, out);
        }
        let passed = |w: &Waiter| w.deadline.is_some_and(|deadline| deadline <= now);
        if self.enders.iter().any(passed) {
            let unproven = self.unproven();
            let error: Error = ErrorKind::Deadline { name: self.name.clone(), unproven }.into();
            answer(&mut self.enders, passed, &error, out);
        }
        if self.openers.iter().any(passed) {
            // What is left of a failed dial takes long to clear away; the opener need not wait for it.
            let reason = self.reason.clone().unwrap_or_else(|| ErrorKind::Cancelled.into());
            answer(&mut self.openers, passed, &reason, out);
        }
    }

    fn limit_passed(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Pausing => self.redial(now, out),
            State::Opening(stage) => {
                let who = if self.is_in_kernel() { "the kernel" } else { "the worker" };
                let error = ErrorKind::Timeout { server: who.into(), during: stage.to_string() };
                self.fail(error.into(), now, out);
            }
            // The worker is stuck. Its death is an answer.
            State::HangingUp | State::Resetting => out.push(Action::KillWorker),
            _ => {}
        }
    }

    /// By when the worker is to have hung up, and when we stop to believe that it will.
    fn hang_up_by(&self, now: Time) -> By {
        match self.enders.iter().filter_map(|w| w.deadline).min() {
            Some(deadline) => {
                let margin = MARGIN.min(deadline.saturating_sub(now) / 4);
                By { worker: deadline.saturating_sub(margin), give_up: deadline.saturating_sub(margin / 2) }
            }
            None => {
                let worker = now + self.plan.hang_up_timeout();
                By { worker, give_up: worker + GRACE }
            }
        }
    }

    /// What is not proven, in words.
    fn unproven(&self) -> Vec<String> {
        let needs_peer = self.plan.peer_acknowledges && self.met_peer;
        let facts = [
            (self.proof.peer_acknowledged || !needs_peer, "the peer acknowledged the end"),
            (self.proof.device_answers != Some(false), "the device answers again"),
            (self.proof.interface_gone, "interface gone"),
            (self.proof.routes_reverted, "routes reverted"),
            (self.proof.dns_reverted, "DNS reverted"),
            (self.proof.worker_reaped, "worker reaped"),
        ];
        facts.into_iter().filter(|(proven, _)| !proven).map(|(_, what)| what.to_owned()).collect()
    }

    fn broken(&self, code: Code) -> Error {
        ErrorKind::Link { entry: self.name.clone(), code, during: self.ras }.into()
    }
}

struct By {
    worker: Time,
    give_up: Time,
}

/// Answers those whom `whom` picks with this error.
fn answer(waiters: &mut Vec<Waiter>, whom: impl Fn(&Waiter) -> bool, error: &Error, out: &mut Out) {
    waiters.retain(|w| {
        let answered = whom(w);
        if answered {
            out.push(Action::Report(w.caller, Err(error.clone())));
        }
        !answered
    });
}
