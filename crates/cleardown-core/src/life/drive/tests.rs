//! Examples that can be read, and random events that no sane world would send.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{
    Action, Caller, Done, Draining, Drive, Event, Found, Opening, Round, State, Step, Time, Unmount,
};
use crate::error::{Error, ErrorKind};
use crate::request::Verb;
use crate::view::{DriveProof, Ended, Holder, HolderKind, Loss};

const OPENER: Caller = Caller(0);
const ENDER: Caller = Caller(1);

fn s(seconds: u64) -> Time {
    Duration::from_secs(seconds)
}

fn gone() -> Error {
    ErrorKind::ServerGone("fs1".into()).into()
}

fn editor() -> Holder {
    Holder { pid: 7, user: "eve".into(), program: "vi".into(), path: "/z/a".into(), kind: HolderKind::File }
}

fn loss() -> Vec<Loss> {
    vec![Loss { path: "a".into(), bytes: 5 }]
}

/// A drive in use.
fn connected() -> Drive {
    let (mut drive, actions) = Drive::open("z:".into(), true, OPENER, s(10), s(0));
    assert_eq!(actions, [Action::Journal(Step::Worker), Action::SpawnWorker]);
    assert_eq!(drive.handle(Event::WorkerStarted, s(1)), [Action::Connect]);
    assert_eq!(drive.handle(Event::LoggedOn, s(1)), [Action::Journal(Step::Mount), Action::Mount]);
    assert_eq!(drive.handle(Event::Mounted, s(1)), [Action::Serve { adopt: false }]);
    let actions = drive.handle(Event::Serving, s(1));
    assert_eq!(actions, [Action::Journal(Step::Connected), Action::Report(OPENER, Ok(Done::Opened))]);
    drive
}

/// Somebody asks for the end; what the machine does first.
fn end(drive: &mut Drive, verb: Verb) -> Vec<Action> {
    drive.handle(Event::End { caller: ENDER, verb, deadline: Some(s(31)) }, s(1))
}

fn ended(actions: &[Action]) -> &Ended {
    let done = actions.iter().find_map(|action| match action {
        Action::Report(ENDER, Ok(Done::Ended(ended))) => Some(ended),
        _ => None,
    });
    done.unwrap_or_else(|| panic!("no end was reported in {actions:?}"))
}

#[test]
fn an_end_is_reported_with_the_whole_proof() {
    let mut drive = connected();
    assert_eq!(end(&mut drive, Verb::Refuse), [Action::ScanHolders(Round(1))]);
    let actions = drive.handle(Event::Holders(Round(1), vec![]), s(1));
    assert_eq!(actions, [Action::Quiesce(true), Action::Drain(Round(2))]);
    let actions = drive.handle(Event::Drained(Round(2), 4096), s(2));
    assert_eq!(actions, [Action::Unmount(Unmount::Plain)]);
    assert_eq!(drive.handle(Event::Unmounted, s(2)), [Action::RemoveFolder]);
    assert!(drive.name_is_free());
    // The kernel has let go: whatever came in between is flushed too.
    assert_eq!(drive.handle(Event::ServeEnded, s(2)), [Action::Drain(Round(3))]);
    assert_eq!(drive.handle(Event::Drained(Round(3), 0), s(2)), [Action::LogOff]);
    assert_eq!(drive.handle(Event::LoggedOff(true), s(2)), []);
    let actions = drive.handle(Event::WorkerExited(vec![]), s(3));
    assert_eq!(actions[0], Action::ForgetJournal);
    let proof = DriveProof {
        flushed_bytes: 4096,
        acknowledged: true,
        mount_gone: true,
        session_closed: true,
        worker_reaped: true,
    };
    let ended = ended(&actions);
    assert_eq!((ended.proof.drive().unwrap(), ended.unproven.len(), ended.took_ms), (&proof, 0, 2000));
    assert_eq!(drive.state(), State::Ended);
}

#[test]
fn a_holder_is_named_and_nothing_changes() {
    let mut drive = connected();
    end(&mut drive, Verb::Refuse);
    let actions = drive.handle(Event::Holders(Round(1), vec![editor()]), s(1));
    let busy = ErrorKind::Busy { name: "z:".into(), holders: vec![editor()] };
    assert_eq!(actions, [Action::Report(ENDER, Err(busy.into()))]);
    assert_eq!(drive.state(), State::Connected);
}

#[test]
fn the_kernel_is_the_last_gate() {
    let mut drive = connected();
    end(&mut drive, Verb::Refuse);
    drive.handle(Event::Holders(Round(1), vec![]), s(1));
    drive.handle(Event::Drained(Round(2), 0), s(1));
    // Somebody whom the scan did not see is inside.
    let actions = drive.handle(Event::UnmountBusy, s(1));
    assert_eq!(actions, [Action::Quiesce(false), Action::ScanHolders(Round(3))]);
    let actions = drive.handle(Event::Holders(Round(3), vec![]), s(1));
    let unseen = ErrorKind::Busy { name: "z:".into(), holders: vec![] };
    assert_eq!(actions, [Action::Report(ENDER, Err(unseen.into()))]);
    assert_eq!(drive.state(), State::Connected);
}

#[test]
fn waiting_ends_when_the_last_holder_leaves() {
    let mut drive = connected();
    end(&mut drive, Verb::Wait);
    let actions = drive.handle(Event::Holders(Round(1), vec![editor()]), s(1));
    assert_eq!(actions, [Action::WatchHolders(Round(2))]);
    let actions = drive.handle(Event::Holders(Round(2), vec![]), s(20));
    assert_eq!(actions, [Action::Quiesce(true), Action::Drain(Round(3))]);
}

#[test]
fn a_failed_flush_leaves_it_connected_and_names_the_files() {
    let mut drive = connected();
    end(&mut drive, Verb::Refuse);
    drive.handle(Event::Holders(Round(1), vec![]), s(1));
    let actions = drive.handle(Event::DrainFailed(Round(2), loss()), s(2));
    let error = ErrorKind::FlushFailed { name: "z:".into(), files: vec!["a".into()] };
    assert_eq!(actions, [Action::Report(ENDER, Err(error.into())), Action::Quiesce(false)]);
    assert_eq!(drive.state(), State::Connected);
}

#[test]
fn an_interrupt_before_the_unmount_takes_the_end_back() {
    let mut drive = connected();
    end(&mut drive, Verb::Refuse);
    drive.handle(Event::Holders(Round(1), vec![]), s(1));
    assert_eq!(drive.handle(Event::CallerGone(ENDER), s(2)), [Action::Quiesce(false)]);
    assert_eq!(drive.state(), State::Connected);
}

#[test]
fn force_ends_by_its_deadline_although_nobody_answers() {
    let mut drive = connected();
    assert_eq!(end(&mut drive, Verb::Force), [Action::Quiesce(true), Action::Drain(Round(1))]);
    assert_eq!(drive.wake_at(), Some(s(16)));
    let actions = drive.handle(Event::Tick, s(16));
    assert_eq!(actions, [Action::AbortConnection, Action::Unmount(Unmount::Detach)]);
    assert_eq!(drive.handle(Event::Unmounted, s(16)), [Action::RemoveFolder, Action::LogOff]);
    assert_eq!(drive.wake_at(), Some(s(21)));
    assert_eq!(drive.handle(Event::Tick, s(21)), [Action::KillWorker]);
    let actions = drive.handle(Event::WorkerExited(loss()), s(21));
    let ended = ended(&actions);
    assert_eq!(ended.lost, loss());
    let proof = ended.proof.drive().unwrap();
    assert!(proof.mount_gone && proof.worker_reaped);
    assert!(!proof.acknowledged && !proof.session_closed);
    assert_eq!(ended.unproven.len(), 2);
}

#[test]
fn detach_frees_the_name_and_the_last_holder_ends_it() {
    let mut drive = connected();
    end(&mut drive, Verb::Detach);
    let actions = drive.handle(Event::Holders(Round(1), vec![editor()]), s(1));
    assert_eq!(actions, [Action::Unmount(Unmount::Detach)]);
    let actions = drive.handle(Event::Unmounted, s(1));
    let detached = Action::Report(ENDER, Ok(Done::Detached(vec![editor()])));
    assert_eq!(actions, [Action::RemoveFolder, detached]);
    assert!(drive.name_is_free());
    assert_eq!(drive.state(), State::Lingering { flushing: false });
    assert_eq!(drive.handle(Event::ServeEnded, s(99)), [Action::Drain(Round(2))]);
}

#[test]
fn a_dead_worker_is_replaced_and_the_end_goes_on() {
    let mut drive = connected();
    end(&mut drive, Verb::Refuse);
    drive.handle(Event::Holders(Round(1), vec![]), s(1));
    assert_eq!(drive.handle(Event::WorkerExited(loss()), s(2)), [Action::SpawnWorker]);
    assert_eq!(drive.handle(Event::WorkerStarted, s(2)), [Action::Connect]);
    assert_eq!(drive.handle(Event::LoggedOn, s(2)), [Action::Serve { adopt: true }]);
    assert_eq!(drive.handle(Event::Serving, s(2)), [Action::ScanHolders(Round(3))]);
}

#[test]
fn where_workers_die_time_and_again_the_next_is_there_at_once_and_pauses_before_it_logs_on() {
    let mut drive = connected();
    assert_eq!(drive.handle(Event::WorkerExited(loss()), s(2)), [Action::SpawnWorker]);
    assert_eq!(drive.handle(Event::WorkerStarted, s(2)), [Action::Connect]);
    drive.handle(Event::LoggedOn, s(2));
    drive.handle(Event::Serving, s(2));
    assert_eq!(drive.handle(Event::WorkerExited(loss()), s(3)), [Action::SpawnWorker]);
    assert_eq!(drive.handle(Event::WorkerStarted, s(3)), []);
    assert_eq!(drive.wake_at(), Some(s(4)));
    assert_eq!(drive.handle(Event::Tick, s(4)), [Action::Connect]);
    // One that dies before it serves is not started again at once.
    assert_eq!(drive.handle(Event::WorkerExited(loss()), s(4)), []);
    assert_eq!(drive.wake_at(), Some(s(6)));
    assert_eq!(drive.handle(Event::Tick, s(6)), [Action::SpawnWorker]);
}

#[test]
fn a_map_that_fails_leaves_nothing() {
    let (mut drive, _) = Drive::open("z:".into(), true, OPENER, s(10), s(0));
    drive.handle(Event::WorkerStarted, s(0));
    assert_eq!(drive.handle(Event::LogOnFailed(gone()), s(1)), [Action::KillWorker]);
    let actions = drive.handle(Event::WorkerExited(vec![]), s(1));
    assert_eq!(actions, [Action::ForgetJournal, Action::Report(OPENER, Err(gone()))]);
    assert_eq!(drive.state(), State::Failed);
}

#[test]
fn a_restarted_daemon_keeps_what_was_connected_and_undoes_the_rest() {
    let whole = Found { step: Step::Connected, worker: true, mounted: true, kernel: true };
    let (drive, actions) = Drive::adopt("z:".into(), true, whole, s(0));
    assert_eq!((drive.state(), actions), (State::Connected, vec![Action::Quiesce(false)]));

    let half = Found { step: Step::Mount, ..whole };
    let (_, actions) = Drive::adopt("z:".into(), true, half, s(0));
    assert_eq!(actions, [Action::AbortConnection, Action::Unmount(Unmount::Detach)]);

    let dead = Found { worker: false, kernel: false, ..whole };
    let (_, actions) = Drive::adopt("z:".into(), true, dead, s(0));
    assert_eq!(actions, [Action::Unmount(Unmount::Detach)]);

    let unmounted = Found { mounted: false, kernel: false, ..whole };
    let (_, actions) = Drive::adopt("z:".into(), true, unmounted, s(0));
    assert_eq!(actions, [Action::Drain(Round(1))]);
}

fn any_event() -> impl Strategy<Value = Event> {
    let verb = prop_oneof![Just(Verb::Refuse), Just(Verb::Wait), Just(Verb::Force), Just(Verb::Detach)];
    let round = (0u8..6).prop_map(Round);
    let lost = prop_oneof![Just(vec![]), Just(loss())];
    prop_oneof![
        6 => (1u64..5, verb, 1u64..40).prop_map(|(n, verb, by)| Event::End {
            caller: Caller(n),
            verb,
            deadline: (verb != Verb::Wait).then_some(s(by)),
        }),
        2 => (0u64..5).prop_map(|n| Event::CallerGone(Caller(n))),
        4 => Just(Event::Tick),
        2 => Just(Event::WorkerStarted),
        1 => Just(Event::SpawnFailed(gone())),
        2 => Just(Event::LoggedOn),
        1 => Just(Event::LogOnFailed(gone())),
        2 => Just(Event::Mounted),
        1 => Just(Event::MountFailed(gone())),
        2 => Just(Event::Serving),
        1 => Just(Event::ServeFailed(gone())),
        4 => (round.clone(), prop_oneof![Just(vec![]), Just(vec![editor()])])
            .prop_map(|(round, holders)| Event::Holders(round, holders)),
        4 => (round.clone(), 0u64..9).prop_map(|(round, bytes)| Event::Drained(round, bytes)),
        2 => round.prop_map(|round| Event::DrainFailed(round, loss())),
        3 => Just(Event::Unmounted),
        1 => Just(Event::UnmountBusy),
        1 => Just(Event::UnmountFailed(gone())),
        1 => Just(Event::MountGone),
        2 => Just(Event::ServeEnded),
        3 => any::<bool>().prop_map(Event::LoggedOff),
        2 => lost.prop_map(Event::WorkerExited),
        1 => Just(Event::ServerLost(gone())),
        1 => Just(Event::ServerBack),
    ]
}

/// What has been seen, from outside of the machine.
#[derive(Default)]
struct Seen {
    waiting: BTreeSet<Caller>,
    drained: bool,
    unmounted: bool,
    logged_off: bool,
    exited: bool,
}

impl Seen {
    fn event(&mut self, event: &Event) {
        match event {
            Event::End { caller, .. } => drop(self.waiting.insert(*caller)),
            Event::CallerGone(caller) => drop(self.waiting.remove(caller)),
            Event::Drained(..) => self.drained = true,
            Event::Unmounted | Event::MountGone | Event::MountFailed(_) => self.unmounted = true,
            Event::LoggedOff(true) => self.logged_off = true,
            Event::WorkerExited(_) | Event::SpawnFailed(_) => self.exited = true,
            _ => {}
        }
    }

    fn actions(&mut self, drive: &Drive, actions: &[Action]) -> Result<(), TestCaseError> {
        for action in actions {
            match action {
                Action::Mount => self.unmounted = false,
                Action::SpawnWorker => (self.exited, self.logged_off) = (false, false),
                Action::Drain(_) => self.drained = false,
                Action::ForgetJournal => {
                    prop_assert!(drive.state().is_over() && !drive.worker && !drive.mounted);
                }
                Action::Report(caller, result) => {
                    prop_assert!(self.waiting.remove(caller), "{caller:?} was answered unasked");
                    if let Ok(Done::Ended(ended)) = result {
                        self.proof(ended.proof.drive().unwrap(), drive.was_connected)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn proof(&self, proof: &DriveProof, was_connected: bool) -> Result<(), TestCaseError> {
        prop_assert!(proof.worker_reaped && self.exited);
        prop_assert!(!proof.acknowledged || self.drained || !was_connected);
        prop_assert!(!proof.session_closed || self.logged_off || !was_connected);
        prop_assert!(proof.mount_gone);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_it(events in prop::collection::vec(any_event(), 0..60), has_mount: bool) {
        let (mut drive, _) = Drive::open("z:".into(), has_mount, OPENER, s(10), s(0));
        let mut seen = Seen { waiting: BTreeSet::from([OPENER]), unmounted: true, ..Seen::default() };
        let mut now = s(0);
        for event in events {
            if matches!(&event, Event::End { caller, .. } if seen.waiting.contains(caller)) {
                continue;
            }
            if event == Event::Tick {
                now = drive.wake_at().unwrap_or(now).max(now);
            }
            let over = drive.state().is_over();
            seen.event(&event);
            let actions = drive.handle(event, now);
            if over {
                prop_assert!(actions.iter().all(|action| matches!(action, Action::Report(_, Err(_)))));
            }
            seen.actions(&drive, &actions)?;
            if let State::Draining(Draining::Flushing) = drive.state() {
                prop_assert!(!drive.enders.is_empty(), "nobody wants this end");
            }
            if let State::Replacing(Opening::Mounting) = drive.state() {
                prop_assert!(false, "a mount is never replaced");
            }
        }
    }
}
