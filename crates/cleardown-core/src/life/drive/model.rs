//! An exhaustive check of the machine in a small world: one drive, one worker, one daemon, one server, a user
//! with one open file, and callers with every pair of verbs. Faults may strike between any two steps.

use std::time::Duration;

use stateright::{Model, Property};

use super::{
    Action, Caller, Done, Draining, Drive, Event, Found, Opening, Round, State, Step, Time, Unmount,
};
use crate::error::{Error, ErrorKind};
use crate::life::small_world::{Asking, Call, CallerMove, Callers, check, rank};
use crate::request::Verb;
use crate::view::{Holder, HolderKind, Loss};

const OPENER: Caller = Caller(0);
const VERBS: [Verb; 4] = [Verb::Refuse, Verb::Wait, Verb::Force, Verb::Detach];

/// What there is outside the machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// None while the daemon is down.
    drive: Option<Drive>,
    has_mount: bool,
    journal: Option<Step>,
    /// The worker process.
    worker: bool,
    /// It answers the kernel, and has the pending data.
    serves: bool,
    folder: bool,
    mounted: bool,
    /// The kernel's FUSE connection.
    kernel: bool,
    server: bool,
    /// The server has a session of ours.
    session: bool,
    /// The user's program has a file open, or stands in the drive.
    holder: bool,
    /// An application's write was answered and has not reached the server.
    dirty: bool,
    /// Questions to worker (in order), kernel (in order) and scanner that have no answer yet.
    asked: Vec<Ask>,
    callers: Callers<Verb>,
    /// A caller wanted force: then loss is allowed.
    loss_allowed: bool,
    /// Daemon and worker died together, and with them what was dirty; nobody can name it any more.
    destroyed: bool,
    faults: u8,
    /// The first broken promise.
    broken: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Ask {
    Worker(Action),
    Kernel(Action),
    Scanner(Round),
    /// A fact that the daemon has not heard of yet.
    Fact(Event),
}

impl Ask {
    fn actor(&self) -> u8 {
        match self {
            Ask::Worker(_) => 0,
            Ask::Kernel(_) => 1,
            Ask::Scanner(_) => 2,
            Ask::Fact(Event::MountGone) => 3,
            Ask::Fact(_) => 4,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Move {
    /// The n-th open question is answered (well, or with the failure that the world allows).
    Answer(usize, bool),
    Tick,
    Call(usize),
    Hangup(usize),
    CancelOpen,
    Hold(bool),
    Write,
    WritesArrive,
    Server(bool),
    WorkerDies,
    DaemonDies {
        in_flight: bool,
    },
    DaemonStarts,
    UserUnmounts {
        lazy: bool,
    },
    UserAborts,
}

struct Small {
    faults: u8,
    has_mount: bool,
    verbs: Vec<(Verb, Verb)>,
}

fn error() -> Error {
    ErrorKind::ServerGone("server".into()).into()
}

impl World {
    fn new(has_mount: bool, verbs: (Verb, Verb), faults: u8) -> World {
        let mut world = World {
            drive: None,
            has_mount,
            journal: None,
            worker: false,
            serves: false,
            folder: false,
            mounted: false,
            kernel: false,
            server: true,
            session: false,
            holder: false,
            dirty: false,
            asked: Vec::new(),
            callers: Callers::new(verbs, Verb::Wait),
            loss_allowed: false,
            destroyed: false,
            faults,
            broken: None,
        };
        let (drive, actions) =
            Drive::open("z:".into(), has_mount, OPENER, Duration::from_secs(10), Time::ZERO);
        world.drive = Some(drive);
        world.carry_out(actions);
        world
    }

    fn promise(&mut self, kept: bool, what: &'static str) {
        if !kept && self.broken.is_none() {
            self.broken = Some(what);
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(drive) = &mut self.drive else { return };
        let now = if event == Event::Tick { drive.wake_at().unwrap_or_default() } else { Time::ZERO };
        let over = drive.state().is_over();
        let actions = drive.handle(event, now);
        drive.compress_times(now);
        let silent = actions.iter().all(|a| matches!(a, Action::Report(_, Err(_))));
        self.promise(!over || silent, "nothing is done after the end");
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Journal(step) => self.journal = Some(step),
                Action::SpawnWorker => {
                    self.promise(!self.worker, "one worker at a time");
                    self.promise(self.journal.is_some(), "intent before the deed");
                    self.worker = true;
                    self.asked.push(Ask::Worker(Action::SpawnWorker));
                }
                Action::Connect | Action::Serve { .. } | Action::Drain(_) | Action::LogOff => {
                    if self.worker {
                        self.asked.push(Ask::Worker(action));
                    }
                }
                Action::KillWorker => {
                    self.worker_vanishes();
                }
                Action::Mount => {
                    self.promise(self.journal >= Some(Step::Mount), "intent before the deed");
                    self.folder = true;
                    self.asked.push(Ask::Kernel(Action::Mount));
                }
                Action::Unmount(_) => self.asked.push(Ask::Kernel(action)),
                Action::AbortConnection => self.kernel_closes(),
                Action::ScanHolders(round) | Action::WatchHolders(round) => {
                    self.asked.push(Ask::Scanner(round));
                }
                Action::Quiesce(_) => {}
                Action::RemoveFolder => {
                    self.promise(!self.mounted, "no folder is removed under a mount");
                    self.folder = false;
                }
                Action::ForgetJournal => {
                    self.journal = None;
                    self.promise(!self.dirty || self.loss_allowed, "nothing is lost without force");
                }
                Action::Report(caller, result) => self.report(caller, &result),
            }
        }
    }

    fn report(&mut self, caller: Caller, result: &Result<Done, Error>) {
        let waited = self.callers.answered(caller.0);
        self.promise(waited, "one answer for each caller");
        match result {
            Ok(Done::Opened) => {
                // Unless somebody has just unmounted it.
                let unheard = self.asked.contains(&Ask::Fact(Event::MountGone));
                self.promise(self.mounted || !self.has_mount || unheard, "opened means mounted");
            }
            Ok(Done::Ended(ended)) => {
                let Some(proof) = ended.proof.drive() else { return self.promise(false, "a drive's proof") };
                self.promise(!proof.mount_gone || !self.mounted, "mount gone is true");
                self.promise(!proof.worker_reaped || !self.worker, "worker reaped is true");
                self.promise(!proof.session_closed || !self.session, "session closed is true");
                self.promise(!proof.acknowledged || !(self.dirty || self.destroyed), "acknowledged is true");
                self.promise(self.dirty != ended.lost.is_empty(), "every loss is named");
                if result.as_ref().is_ok_and(Done::is_proven) {
                    let clean = !self.mounted && !self.worker && !self.session && !self.dirty && !self.folder;
                    self.promise(clean, "no success without proof");
                }
            }
            Ok(Done::Detached(_)) => self.promise(!self.mounted, "detached means that the name is free"),
            Err(_) => {}
        }
    }

    fn fact(&mut self, event: Event) {
        if self.drive.is_some() {
            self.asked.push(Ask::Fact(event));
        }
    }

    /// The kernel's side closes; whoever serves it hears of it.
    fn kernel_closes(&mut self) {
        if std::mem::take(&mut self.kernel) {
            self.holder = false;
            if self.worker {
                self.fact(Event::ServeEnded);
            }
        }
    }

    fn worker_vanishes(&mut self) {
        self.serves = false;
        self.asked.retain(|ask| !matches!(ask, Ask::Worker(_) | Ask::Fact(Event::ServeEnded)));
        if self.worker {
            self.worker = false;
            let lost = self.losses();
            self.fact(Event::WorkerExited(lost));
        }
        if self.drive.is_none() {
            // Nobody else has the descriptor and the data.
            self.kernel_closes();
            self.destroyed |= std::mem::take(&mut self.dirty);
        }
    }

    fn losses(&self) -> Vec<Loss> {
        if self.dirty { vec![Loss { path: "file".into(), bytes: 1 }] } else { Vec::new() }
    }

    fn answer(&mut self, n: usize, well: bool) -> Option<()> {
        let event = match self.asked.remove(n) {
            Ask::Fact(event) => well.then_some(event)?,
            Ask::Scanner(round) => {
                let holder = Holder {
                    pid: 1,
                    user: "u".into(),
                    program: "p".into(),
                    path: "/z".into(),
                    kind: HolderKind::File,
                };
                // The scanner may miss somebody: another namespace, another user.
                Event::Holders(round, if self.holder && well { vec![holder] } else { Vec::new() })
            }
            Ask::Kernel(Action::Mount) if well => {
                self.mounted = true;
                self.kernel = true;
                Event::Mounted
            }
            Ask::Kernel(Action::Mount) => {
                self.fault()?;
                self.folder = false;
                Event::MountFailed(error())
            }
            Ask::Kernel(Action::Unmount(_)) if !well => {
                self.fault()?;
                Event::UnmountFailed(error())
            }
            Ask::Kernel(Action::Unmount(how)) => {
                if how == Unmount::Plain && self.mounted && self.holder {
                    Event::UnmountBusy
                } else {
                    self.mounted = false;
                    if !self.holder {
                        self.kernel_closes();
                    }
                    Event::Unmounted
                }
            }
            Ask::Worker(Action::SpawnWorker) if well => Event::WorkerStarted,
            Ask::Worker(Action::SpawnWorker) => {
                self.fault()?;
                self.worker = false;
                Event::SpawnFailed(error())
            }
            Ask::Worker(Action::Connect) if self.server && well => {
                self.session = true;
                Event::LoggedOn
            }
            Ask::Worker(Action::Connect) => {
                if self.server {
                    self.fault()?;
                }
                Event::LogOnFailed(error())
            }
            Ask::Worker(Action::Serve { .. }) if well => {
                self.serves = true;
                if !self.kernel {
                    self.fact(Event::ServeEnded);
                }
                Event::Serving
            }
            Ask::Worker(Action::Serve { .. }) => {
                self.fault()?;
                Event::ServeFailed(error())
            }
            Ask::Worker(Action::Drain(round)) if self.server && well => {
                self.dirty = false;
                Event::Drained(round, 0)
            }
            Ask::Worker(Action::Drain(round)) => {
                if self.server {
                    self.fault()?;
                }
                let files = self.losses();
                Event::DrainFailed(round, files)
            }
            Ask::Worker(Action::LogOff) => {
                let confirmed = self.server && well;
                self.session &= !confirmed;
                self.tell(Event::LoggedOff(confirmed));
                return well.then(|| self.worker_vanishes());
            }
            Ask::Worker(_) | Ask::Kernel(_) => return None,
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
            Move::Call(n) => {
                let Call { wish: verb, state } = &mut self.callers.calls[n];
                *state = Asking::Waiting;
                let verb = *verb;
                self.loss_allowed |= verb == Verb::Force;
                let deadline = (verb != Verb::Wait).then_some(Duration::from_secs(30));
                self.tell(Event::End { caller: Caller(n as u64 + 1), verb, deadline });
            }
            Move::Hangup(n) => {
                self.callers.calls[n].state = Asking::Done;
                self.tell(Event::CallerGone(Caller(n as u64 + 1)));
            }
            Move::CancelOpen => {
                self.callers.opener = Asking::Done;
                self.tell(Event::CallerGone(OPENER));
            }
            Move::Hold(on) => {
                self.holder = on;
                if !on && !self.mounted {
                    self.kernel_closes();
                }
            }
            Move::Write => self.dirty = true,
            Move::WritesArrive => self.dirty = false,
            Move::Server(up) => {
                if !up {
                    self.fault()?;
                }
                self.server = up;
                self.fact(if up { Event::ServerBack } else { Event::ServerLost(error()) });
            }
            Move::WorkerDies => {
                self.fault()?;
                self.worker_vanishes();
            }
            Move::DaemonDies { in_flight } => self.daemon_dies(in_flight)?,
            Move::DaemonStarts => self.daemon_starts(),
            Move::UserUnmounts { lazy } => {
                self.fault()?;
                self.mounted = false;
                self.fact(Event::MountGone);
                if !lazy || !self.holder {
                    self.kernel_closes();
                }
            }
            Move::UserAborts => {
                self.fault()?;
                self.kernel_closes();
            }
        }
        Some(())
    }

    fn daemon_dies(&mut self, in_flight: bool) -> Option<()> {
        self.fault()?;
        self.drive = None;
        // What the kernel was asked for happens, or not; answers and callers are gone either way.
        for ask in std::mem::take(&mut self.asked) {
            match ask {
                Ask::Kernel(Action::Mount) if in_flight => {
                    // The descriptor died with the daemon: a mount without a server.
                    self.mounted = true;
                }
                Ask::Kernel(Action::Unmount(Unmount::Detach)) if in_flight => {
                    self.mounted = false;
                    if !self.holder {
                        self.kernel_closes();
                    }
                }
                _ => {}
            }
        }
        self.callers.cut_off();
        if !self.worker {
            self.kernel_closes();
            self.destroyed |= std::mem::take(&mut self.dirty);
        }
        Some(())
    }

    fn daemon_starts(&mut self) {
        let Some(step) = self.journal else { return };
        let found =
            Found { step, worker: self.worker, mounted: self.mounted, kernel: self.worker && self.kernel };
        let (mut drive, actions) = Drive::adopt("z:".into(), self.has_mount, found, Time::ZERO);
        drive.compress_times(Time::ZERO);
        self.drive = Some(drive);
        self.carry_out(actions);
        if self.worker && self.has_mount && !self.kernel && step == Step::Connected {
            self.fact(Event::ServeEnded);
        }
    }

    fn first_of_its_actor(&self, n: usize) -> bool {
        !self.asked[..n].iter().any(|other| other.actor() == self.asked[n].actor())
    }

    fn over(&self) -> bool {
        self.drive.as_ref().is_some_and(|d| d.state().is_over())
    }

    fn clean(&self) -> bool {
        !self.worker && !self.mounted && !self.folder && self.journal.is_none()
    }

    /// Lets the world take its course, whether the server is up or not, after one more caller asks.
    fn course(&self, verb: Verb, healthy: bool) -> World {
        let mut world = self.clone();
        world.faults = 0;
        if world.drive.is_none() {
            world.daemon_starts();
        }
        if healthy {
            world.server = true;
            world.tell(Event::ServerBack);
            let _ = world.make(&Move::Hold(false));
        }
        let deadline = (verb != Verb::Wait).then_some(Duration::from_secs(30));
        world.loss_allowed |= verb == Verb::Force;
        world.callers.calls[2] = Call { wish: verb, state: Asking::Waiting };
        world.tell(Event::End { caller: Caller(3), verb, deadline });
        for _ in 0..200 {
            let answerable = (0..world.asked.len()).find(|n| {
                let hangs = !world.server
                    && matches!(
                        world.asked[*n],
                        Ask::Worker(Action::Drain(_) | Action::LogOff | Action::Connect)
                    );
                !hangs && world.first_of_its_actor(*n)
            });
            match answerable {
                _ if world.over() => break,
                Some(n) => {
                    let _ = world.answer(n, true);
                }
                None => match world.drive.as_ref().and_then(Drive::wake_at) {
                    Some(_) => world.tell(Event::Tick),
                    None => break,
                },
            }
        }
        world
    }
}

impl Drive {
    /// See [`rank`].
    fn compress_times(&mut self, now: Time) {
        let waiters = self.enders.iter_mut().chain(&mut self.opener);
        let mut times: Vec<&mut Time> = Vec::new();
        for waiter in waiters {
            waiter.since = Time::ZERO;
            times.extend(&mut waiter.deadline);
        }
        times.extend(&mut self.limit);
        rank(times, now);
        self.since = Time::ZERO;
        self.attempts = self.attempts.min(1);
    }
}

impl World {
    /// Answers to old rounds are dropped (the machine ignores them), and the present round becomes zero.
    fn settle(&mut self) {
        let current = self.drive.as_ref().map(|d| d.round);
        self.asked.retain_mut(|ask| match ask {
            Ask::Scanner(round) | Ask::Worker(Action::Drain(round)) => {
                let keep = Some(*round) == current;
                *round = Round(0);
                keep
            }
            _ => true,
        });
        if let Some(drive) = &mut self.drive {
            drive.round = Round(0);
        }
    }
}

impl Model for Small {
    type State = World;
    type Action = Move;

    fn init_states(&self) -> Vec<World> {
        self.verbs
            .iter()
            .map(|verbs| {
                let mut world = World::new(self.has_mount, *verbs, self.faults);
                world.settle();
                world
            })
            .collect()
    }

    fn actions(&self, world: &World, moves: &mut Vec<Move>) {
        if world.broken.is_some() {
            return;
        }
        let Some(drive) = &world.drive else {
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
        if drive.wake_at().is_some() {
            moves.push(Move::Tick);
        }
        moves.extend(world.callers.moves().map(|step| match step {
            CallerMove::Ask(n) => Move::Call(n),
            CallerMove::Leave(n) => Move::Hangup(n),
            CallerMove::OpenerLeaves => Move::CancelOpen,
        }));
        let in_use = world.kernel && world.serves && drive.was_connected;
        if world.holder {
            moves.push(Move::Hold(false));
            if in_use && !world.dirty {
                moves.push(Move::Write);
            }
        } else if in_use && world.mounted && !drive.quiet {
            moves.push(Move::Hold(true));
        }
        if world.dirty && world.server && world.serves {
            moves.push(Move::WritesArrive);
        }
        if !world.server {
            moves.push(Move::Server(true));
        }
        if world.faults > 0 {
            if world.server {
                moves.push(Move::Server(false));
            }
            if world.worker {
                moves.push(Move::WorkerDies);
            }
            moves.extend([Move::DaemonDies { in_flight: true }, Move::DaemonDies { in_flight: false }]);
            if world.mounted {
                moves.push(Move::UserUnmounts { lazy: true });
                if !world.holder {
                    moves.push(Move::UserUnmounts { lazy: false });
                }
                moves.push(Move::UserAborts);
            }
        }
    }

    fn next_state(&self, world: &World, step: Move) -> Option<World> {
        let mut next = world.clone();
        next.make(&step)?;
        next.settle();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no promise is broken", |_, world: &World| world.broken.is_none()),
            Property::always("the journal covers what exists", |_, world: &World| {
                world.journal.is_some() || !(world.worker || world.mounted || world.folder)
            }),
            Property::always("force ends it, even with a frozen server", |_, world: &World| {
                if world.clean() {
                    return true;
                }
                let end = world.course(Verb::Force, false);
                end.over() && end.clean() && end.callers.all_answered() && end.broken.is_none()
            }),
            Property::always("waiting ends it without loss when the world is healthy", |_, world: &World| {
                if world.clean() {
                    return true;
                }
                let end = world.course(Verb::Wait, true);
                end.over() && end.clean() && end.callers.all_answered() && end.broken.is_none()
            }),
            Property::sometimes("a proven end", |_, world: &World| {
                world.clean() && world.over() && !world.session
            }),
            Property::sometimes("an unproven end", |_, world: &World| {
                world.clean() && world.over() && world.session
            }),
            Property::sometimes("a lazy end", |_, world: &World| {
                world.holder
                    && world.drive.as_ref().is_some_and(|d| d.state() == State::Lingering { flushing: false })
            }),
            Property::sometimes("an adopted mount", |_, world: &World| {
                world.drive.as_ref().is_some_and(|d| d.state() == State::Replacing(Opening::Serving))
            }),
            Property::sometimes("a wait for a holder", |_, world: &World| {
                world.drive.as_ref().is_some_and(|d| d.state() == State::Draining(Draining::Waiting))
            }),
        ]
    }
}

fn explore(has_mount: bool, faults: u8, verbs: Vec<(Verb, Verb)>) {
    check(Small { faults, has_mount, verbs }, |world| {
        format!("{:?} {:?}", world.drive.as_ref().map(Drive::state), world.asked)
    });
}

#[test]
fn every_pair_of_verbs_with_a_fault_at_any_step() {
    let pairs = VERBS.iter().enumerate().flat_map(|(n, a)| VERBS[n..].iter().map(|b| (*a, *b))).collect();
    explore(true, 1, pairs);
}

#[test]
fn two_faults_at_any_step() {
    explore(true, 2, vec![(Verb::Refuse, Verb::Force)]);
}

#[test]
fn deviceless_connections_with_two_faults() {
    explore(false, 2, vec![(Verb::Wait, Verb::Force), (Verb::Refuse, Verb::Detach)]);
}
