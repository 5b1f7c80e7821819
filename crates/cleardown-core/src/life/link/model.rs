//! An exhaustive check of the machine in a small world: one link, one worker (or the kernel in its place), one daemon, one device, a peer that may be
//! deaf, the network, and two further callers. Faults may strike between any two steps.

use std::time::Duration;

use stateright::{Model, Property};

use super::{
    Action, Caller, Carrier, Done, Event, Found, LineEnd, Link, NetworkEnd, Plan, State, Step, Time,
};
use crate::code::Code;
use crate::error::{Error, ErrorKind};
use crate::life::small_world::{Asking, Call, CallerMove, Callers, check, rank};
use crate::link::RasState;

const OPENER: Caller = Caller(0);

/// What there is outside the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// None while the daemon is down.
    link: Option<Link>,
    kind: Kind,
    journal: Option<(Step, u32)>,
    /// The worker process.
    worker: bool,
    /// It was told to dial.
    dialled: bool,
    /// The device is in use, or the line is open.
    off_hook: bool,
    /// The device did not come to rest, or nobody could see that it did, and this was said.
    wedged: bool,
    /// The peer believes in the link.
    peer: bool,
    /// The peer does not answer any more.
    deaf: bool,
    /// Interface, routes and name servers.
    network: bool,
    /// Questions to worker (in order) and kernel (in order), and news that the daemon has not heard of yet.
    asked: Vec<Ask>,
    callers: Callers<Wish>,
    faults: u8,
    /// The first broken promise.
    broken: Option<&'static str>,
}

/// What kind of link it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Modem,
    Cable,
    InKernel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wish {
    Dial,
    HangUp,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Ask {
    Worker(Action),
    /// What the worker, or its death, says unasked.
    News(Event),
    Kernel(Action),
    /// The wait for the peer of a link that the kernel carries.
    Call,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    /// The n-th open question is answered (well, or with the failure that the world allows).
    Answer(usize, bool),
    Tick,
    Call(usize),
    Gone(usize),
    CancelOpen,
    Idle,
    PeerTurnsDeaf,
    /// The peer hangs up, or the carrier is lost.
    LineBreaks,
    WorkerDies,
    DaemonDies {
        in_flight: bool,
    },
    DaemonStarts,
    SomebodyRemovesInterface,
}

struct Small {
    faults: u8,
    kind: Kind,
    wishes: Vec<(Wish, Wish)>,
}

fn plan(kind: Kind) -> Plan {
    let in_kernel = kind == Kind::InKernel;
    Plan {
        carrier: if in_kernel { Carrier::Kernel } else { Carrier::Worker },
        redial_attempts: 1,
        redial_pause: Duration::from_secs(9),
        dial_timeout: Duration::from_secs(60),
        peer_acknowledges: !in_kernel,
        has_device: kind == Kind::Modem,
        minimum: Duration::from_secs(1),
    }
}

fn error() -> Error {
    ErrorKind::Link { entry: "office".into(), code: Code::LINE_BUSY, during: RasState::ConnectDevice }.into()
}

impl World {
    fn new(kind: Kind, wishes: (Wish, Wish), faults: u8) -> World {
        let mut world = World {
            link: None,
            kind,
            journal: None,
            worker: false,
            dialled: false,
            off_hook: false,
            wedged: false,
            peer: false,
            deaf: false,
            network: false,
            asked: Vec::new(),
            callers: Callers::new(wishes, Wish::End),
            faults,
            broken: None,
        };
        let (link, actions) = Link::open("office".into(), plan(kind), OPENER, Time::ZERO);
        world.link = Some(link);
        world.carry_out(actions);
        world.compress_times(Time::ZERO);
        world
    }

    fn has_device(&self) -> bool {
        self.kind == Kind::Modem
    }

    fn is_in_kernel(&self) -> bool {
        self.kind == Kind::InKernel
    }

    fn promise(&mut self, kept: bool, what: &'static str) {
        if !kept && self.broken.is_none() {
            self.broken = Some(what);
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(link) = &mut self.link else { return };
        let now = if event == Event::Tick { link.wake_at().unwrap_or_default() } else { Time::ZERO };
        let over = link.state().is_over();
        let actions = link.handle(event, now);
        let (ending, references) = (link.state().is_ending(), link.references());
        self.promise(ending == (references == 0), "references last as long as the link");
        let silent = actions.iter().all(|a| matches!(a, Action::Report(_, Err(_))));
        self.promise(!over || silent, "nothing is done after the end");
        self.carry_out(actions);
        self.compress_times(now);
        if !over && self.over() {
            let proof = self.link.as_ref().map(Link::proof);
            self.wedged |= proof.is_some_and(|proof| proof.device_answers == Some(false));
            self.promise(self.nothing_is_left(), "nothing is left after the end, but what is said to be");
        }
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        let step = |world: &World| world.journal.map(|(step, _)| step);
        for action in actions {
            match action {
                Action::Journal(step) => {
                    let grows = self.journal.is_none_or(|(before, _)| before <= step);
                    self.promise(grows, "steps only grow");
                    self.journal = Some((step, self.link.as_ref().map_or(1, Link::references)));
                }
                Action::SpawnWorker => {
                    self.promise(!self.is_in_kernel(), "the kernel needs no worker");
                    self.promise(!self.worker, "one worker at a time");
                    self.promise(self.journal.is_some(), "intent before the deed");
                    self.worker = true;
                    self.dialled = false;
                    self.asked.push(Ask::Worker(action));
                }
                Action::Dial if self.is_in_kernel() => {
                    self.promise(step(self) >= Some(Step::Network), "intent before the deed");
                    self.network = true;
                    self.asked.push(Ask::Call);
                }
                Action::Dial => {
                    self.promise(step(self) >= Some(Step::Line), "intent before the deed");
                    self.promise(!self.off_hook, "a line is used once at a time");
                    self.off_hook |= self.worker;
                    self.dialled |= self.worker;
                    self.ask_worker(action);
                }
                Action::GiveInterface | Action::HangUp { .. } | Action::ResetDevice { .. } => {
                    self.ask_worker(action);
                }
                Action::MakeNetwork => {
                    self.promise(step(self) >= Some(Step::Network), "intent before the deed");
                    self.network = true;
                    self.asked.push(Ask::Kernel(action));
                }
                Action::RevertNetwork => {
                    self.promise(step(self) == Some(Step::Ending), "an end is journalled before it begins");
                    self.asked.push(Ask::Kernel(action));
                }
                Action::KillWorker => self.worker_vanishes(),
                Action::ForgetJournal => self.journal = None,
                Action::Report(caller, result) => self.report(caller, &result),
            }
        }
    }

    fn ask_worker(&mut self, action: Action) {
        if self.worker {
            // When is of no interest here.
            let action = match action {
                Action::HangUp { .. } => Action::HangUp { by: Time::ZERO },
                Action::ResetDevice { .. } => Action::ResetDevice { by: Time::ZERO },
                other => other,
            };
            if self.asked.last() != Some(&Ask::Worker(action.clone())) {
                self.asked.push(Ask::Worker(action));
            }
        }
    }

    fn report(&mut self, caller: Caller, result: &Result<Done, Error>) {
        let waited = self.callers.answered(caller.0);
        self.promise(waited, "one answer for each caller");
        match result {
            Ok(Done::Dialled) => {
                // Unless it has just broken.
                let unheard = self.asked.iter().any(|ask| matches!(ask, Ask::News(_)));
                let carried = (self.worker && self.off_hook) || self.is_in_kernel();
                let whole = carried && self.network;
                self.promise(whole || unheard, "dialled means connected");
            }
            Ok(Done::Released(left)) => self.promise(*left > 0, "the last reference ends it"),
            Ok(Done::Ended(ended)) => {
                let Some(proof) = ended.proof.link() else {
                    return self.promise(false, "a link's proof");
                };
                self.promise(!proof.worker_reaped || !self.worker, "worker reaped is true");
                self.promise(!proof.interface_gone || !self.network, "interface gone is true");
                self.promise(proof.device_answers != Some(true) || !self.off_hook, "device answers is true");
                self.promise(!proof.peer_acknowledged || !self.peer, "peer acknowledged is true");
                let clean = !self.worker && !self.network && !self.off_hook && !self.peer;
                self.promise(clean || !ended.unproven.is_empty(), "no success without proof");
            }
            Err(_) => {}
        }
    }

    fn worker_vanishes(&mut self) {
        self.asked.retain(|ask| !matches!(ask, Ask::Worker(_)));
        if !self.has_device() {
            // Nothing but the process kept the line open.
            self.off_hook = false;
        }
        self.dialled = false;
        if std::mem::take(&mut self.worker) && self.link.is_some() {
            self.asked.push(Ask::News(Event::WorkerExited));
        }
    }

    /// The line is given back, or the device is wedged.
    fn line_ends(&mut self, acknowledged: bool, wedged: bool) -> Event {
        self.off_hook &= wedged;
        self.wedged = wedged;
        let device_answers = self.has_device().then_some(!wedged);
        Event::LineEnded(LineEnd { error: error(), acknowledged, device_answers })
    }

    fn answer(&mut self, n: usize, well: bool) -> Option<()> {
        let ask = self.asked.remove(n);
        if !well {
            match ask {
                Ask::News(_) => return None,
                _ => self.fault()?,
            }
        }
        let event = match ask {
            Ask::News(event) => event,
            Ask::Kernel(Action::MakeNetwork) if well => Event::NetworkUp,
            Ask::Kernel(Action::MakeNetwork) => Event::NetworkFailed(error()),
            Ask::Kernel(_) => {
                self.network = !well;
                let end = NetworkEnd { interface_gone: well, routes_reverted: well, dns_reverted: well };
                Event::Reverted(end)
            }
            Ask::Call if well => Event::Agreed,
            Ask::Call => {
                // The interface is removed before this is said, unless an end does that.
                self.network &= self.link.as_ref().is_some_and(|link| link.state().is_ending());
                self.line_ends(false, false)
            }
            Ask::Worker(Action::SpawnWorker) if well => Event::WorkerStarted,
            Ask::Worker(Action::SpawnWorker) => {
                self.worker = false;
                Event::SpawnFailed(error())
            }
            Ask::Worker(Action::Dial) if well => {
                self.peer = true;
                Event::Agreed
            }
            Ask::Worker(Action::Dial) => self.line_ends(false, false),
            Ask::Worker(Action::GiveInterface) if well => Event::Serving,
            Ask::Worker(Action::GiveInterface) => Event::ServeFailed(error()),
            Ask::Worker(Action::HangUp { .. }) => {
                let acknowledged = self.peer && !self.deaf;
                self.peer &= self.deaf;
                self.line_ends(acknowledged, !well && self.has_device())
            }
            Ask::Worker(_) => self.line_ends(false, !well && self.has_device()),
        };
        self.tell(event);
        Some(())
    }

    fn fault(&mut self) -> Option<()> {
        self.faults = self.faults.checked_sub(1)?;
        Some(())
    }

    fn make(&mut self, step: &Move) -> Option<()> {
        match *step {
            Move::Answer(n, well) => self.answer(n, well)?,
            Move::Tick => self.tell(Event::Tick),
            Move::Call(n) => self.call(n),
            Move::Gone(n) => {
                self.callers.calls[n].state = Asking::Done;
                self.tell(Event::CallerGone(Caller(n as u64 + 1)));
            }
            Move::CancelOpen => {
                self.callers.opener = Asking::Done;
                self.tell(Event::CallerGone(OPENER));
            }
            Move::Idle => {
                self.fault()?;
                self.tell(Event::Idle);
            }
            Move::PeerTurnsDeaf => {
                self.fault()?;
                self.deaf = true;
            }
            Move::LineBreaks => {
                self.fault()?;
                self.peer = false;
                let end = self.line_ends(false, false);
                self.asked.push(Ask::News(end));
            }
            Move::WorkerDies => {
                self.fault()?;
                self.worker_vanishes();
            }
            Move::DaemonDies { in_flight } => self.daemon_dies(in_flight)?,
            Move::DaemonStarts => self.daemon_starts(),
            Move::SomebodyRemovesInterface => {
                self.fault()?;
                self.tell(Event::InterfaceGone);
            }
        }
        Some(())
    }

    fn call(&mut self, n: usize) {
        self.callers.calls[n].state = Asking::Waiting;
        let caller = Caller(n as u64 + 1);
        let deadline = Duration::from_secs(30);
        self.tell(match self.callers.calls[n].wish {
            Wish::Dial => Event::Dial(caller),
            Wish::HangUp => Event::HangUp { caller, deadline },
            Wish::End => Event::End { caller, deadline },
        });
    }

    fn daemon_dies(&mut self, in_flight: bool) -> Option<()> {
        self.fault()?;
        self.link = None;
        // What worker and kernel were asked for happens, or not; answers and callers are gone either way.
        for ask in std::mem::take(&mut self.asked) {
            match ask {
                Ask::Worker(Action::Dial) if in_flight => self.peer = true,
                Ask::Worker(Action::HangUp { .. }) if in_flight => {
                    self.peer &= self.deaf;
                    self.off_hook = false;
                }
                Ask::Worker(Action::ResetDevice { .. }) if in_flight => self.off_hook = false,
                Ask::Kernel(Action::RevertNetwork) if in_flight => self.network = false,
                _ => {}
            }
        }
        self.callers.cut_off();
        Some(())
    }

    fn daemon_starts(&mut self) {
        let Some((step, references)) = self.journal else { return };
        let ended = self.worker && self.dialled && !self.off_hook;
        let device_answers = self.has_device().then_some(true);
        let found = Found {
            step,
            references,
            worker: self.worker,
            line_ended: ended.then(|| LineEnd { error: error(), acknowledged: false, device_answers }),
            interface: self.network && (self.worker || self.is_in_kernel()),
        };
        let (link, actions) = Link::adopt("office".into(), plan(self.kind), found, Time::ZERO);
        let kept = link.references();
        self.promise(link.state() != State::Connected || kept == references, "references are kept");
        self.link = Some(link);
        self.carry_out(actions);
        self.compress_times(Time::ZERO);
    }

    fn first_of_its_actor(&self, n: usize) -> bool {
        let actor = |ask: &Ask| match ask {
            Ask::Worker(_) | Ask::News(_) => 0,
            Ask::Kernel(_) => 1,
            Ask::Call => 2,
        };
        !self.asked[..n].iter().any(|other| actor(other) == actor(&self.asked[n]))
    }

    fn over(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.state().is_over())
    }

    /// Nothing is left, except what the proof says, and the journal keeps.
    fn nothing_is_left(&self) -> bool {
        let Some(link) = &self.link else { return false };
        let proof = link.proof();
        let network = !self.network || (!proof.interface_gone && self.journal.is_some());
        let device = !self.off_hook || proof.device_answers == Some(false);
        !self.worker && network && device && (self.network || self.journal.is_none())
    }

    /// Lets the world take its course after one more caller asks for the end.
    fn course(&self) -> World {
        let mut world = self.clone();
        world.faults = 0;
        if world.link.is_none() {
            world.daemon_starts();
        }
        if world.link.is_some() && !world.over() {
            world.callers.calls[2] = Call { wish: Wish::End, state: Asking::Not };
            world.call(2);
        }
        for _ in 0..100 {
            let answerable = (0..world.asked.len()).find(|n| world.first_of_its_actor(*n));
            match answerable {
                _ if world.over() => break,
                Some(n) => drop(world.answer(n, true)),
                None => match world.link.as_ref().and_then(Link::wake_at) {
                    Some(_) => world.tell(Event::Tick),
                    None => break,
                },
            }
        }
        world
    }

    /// See [`rank`].
    fn compress_times(&mut self, now: Time) {
        let Some(link) = &mut self.link else { return };
        let mut times: Vec<&mut Time> = Vec::new();
        for waiter in link.enders.iter_mut().chain(&mut link.openers) {
            waiter.since = Time::ZERO;
            times.extend(&mut waiter.deadline);
        }
        times.extend(&mut link.limit);
        rank(times, now);
        link.since = Time::ZERO;
    }
}

impl Model for Small {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        self.wishes.iter().map(|wishes| World::new(self.kind, *wishes, self.faults)).collect()
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.broken.is_some() {
            return;
        }
        let Some(link) = &world.link else {
            if world.journal.is_some() {
                moves.push(Move::DaemonStarts);
                if world.worker && world.faults > 0 {
                    moves.push(Move::WorkerDies);
                }
            }
            return;
        };
        for n in (0..world.asked.len()).filter(|n| world.first_of_its_actor(*n)) {
            moves.extend([Move::Answer(n, true), Move::Answer(n, false)]);
        }
        if link.wake_at().is_some() {
            moves.push(Move::Tick);
        }
        moves.extend(world.callers.moves().map(|step| match step {
            CallerMove::Ask(n) => Move::Call(n),
            CallerMove::Leave(n) => Move::Gone(n),
            CallerMove::OpenerLeaves => Move::CancelOpen,
        }));
        if world.faults == 0 {
            return;
        }
        moves.extend([Move::DaemonDies { in_flight: true }, Move::DaemonDies { in_flight: false }]);
        let dialling = world.asked.contains(&Ask::Worker(Action::Dial));
        if world.worker {
            moves.push(Move::WorkerDies);
            if world.off_hook && world.dialled && !dialling {
                moves.push(Move::LineBreaks);
            }
        }
        if world.peer && !world.deaf {
            moves.push(Move::PeerTurnsDeaf);
        }
        if link.state() == State::Connected {
            moves.extend([Move::Idle, Move::SomebodyRemovesInterface]);
        }
    }

    fn next_state(&self, world: &World, step: Move) -> Option<World> {
        let mut next = world.clone();
        next.make(&step)?;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no promise is broken", |_, world: &World| world.broken.is_none()),
            Property::always("the journal covers what exists", |_, world: &World| {
                let step = world.journal.map(|(step, _)| step);
                (step.is_some() || !world.worker)
                    && (step >= Some(Step::Line) || !world.off_hook || world.wedged)
                    && (step >= Some(Step::Network) || !world.network)
            }),
            Property::always("every state has a way out", |_, world: &World| {
                let end = world.course();
                let gone = end.link.is_none() && end.journal.is_none();
                (gone || (end.over() && end.nothing_is_left()))
                    && end.callers.all_answered()
                    && end.broken.is_none()
            }),
            Property::sometimes("a connected link", |_, world: &World| is(world, State::Connected)),
            Property::sometimes("a pause before the next attempt", |_, world: &World| {
                is(world, State::Pausing)
            }),
            Property::sometimes("an end", |_, world: &World| is(world, State::Ended)),
            Property::sometimes("a failed dial", |_, world: &World| is(world, State::Failed)),
            Property::sometimes("two references", |_, world: &World| {
                world.link.as_ref().is_some_and(|link| link.references() == 2)
            }),
        ]
    }
}

fn is(world: &World, state: State) -> bool {
    world.link.as_ref().is_some_and(|link| link.state() == state)
}

fn explore(kind: Kind, faults: u8, wishes: Vec<(Wish, Wish)>) {
    check(Small { faults, kind, wishes }, |world| {
        format!("{:?} {:?}", world.link.as_ref().map(Link::state), world.asked)
    });
}

const PAIRS: [(Wish, Wish); 6] = [
    (Wish::Dial, Wish::Dial),
    (Wish::Dial, Wish::HangUp),
    (Wish::Dial, Wish::End),
    (Wish::HangUp, Wish::HangUp),
    (Wish::HangUp, Wish::End),
    (Wish::End, Wish::End),
];

#[test]
fn every_pair_of_callers_with_a_fault_at_any_step() {
    for kind in [Kind::Modem, Kind::Cable, Kind::InKernel] {
        explore(kind, 1, PAIRS.to_vec());
    }
}

#[test]
fn two_faults_at_any_step() {
    for kind in [Kind::Modem, Kind::InKernel] {
        explore(kind, 2, vec![(Wish::Dial, Wish::HangUp), (Wish::HangUp, Wish::End)]);
    }
}
