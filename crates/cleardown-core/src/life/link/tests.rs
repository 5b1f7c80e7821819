//! Examples that can be read, and random events that no sane world would send.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::{
    Action, Caller, Carrier, Done, Event, Found, LineEnd, Link, NetworkEnd, Opening, Plan, State, Step, Time,
};
use crate::code::Code;
use crate::error::{Error, ErrorKind};
use crate::link::RasState;
use crate::view::{Ended, Status};

const OPENER: Caller = Caller(0);
const ENDER: Caller = Caller(1);
const REVERTED: NetworkEnd = NetworkEnd { interface_gone: true, routes_reverted: true, dns_reverted: true };

fn s(seconds: u64) -> Time {
    Duration::from_secs(seconds)
}

fn plan(redial_attempts: u32) -> Plan {
    Plan {
        carrier: Carrier::Worker,
        redial_attempts,
        redial_pause: s(60),
        dial_timeout: s(90),
        peer_acknowledges: true,
        has_device: true,
        minimum: Duration::from_millis(2600),
    }
}

fn failed(code: Code) -> LineEnd {
    let error = ErrorKind::Link { entry: "office".into(), code, during: RasState::ConnectDevice };
    LineEnd { error: error.into(), acknowledged: false, device_answers: Some(true) }
}

fn hung_up() -> LineEnd {
    LineEnd { acknowledged: true, ..failed(Code::USER_DISCONNECTION) }
}

/// A link that a worker dials.
fn dialling(redial_attempts: u32) -> Link {
    let (mut link, actions) = Link::open("office".into(), plan(redial_attempts), OPENER, s(0));
    assert_eq!(actions, [Action::Journal(Step::Worker), Action::SpawnWorker]);
    assert_eq!(link.handle(Event::WorkerStarted, s(0)), [Action::Journal(Step::Line), Action::Dial]);
    link
}

fn connected() -> Link {
    let mut link = dialling(0);
    link.handle(Event::Reached(RasState::Authenticate), s(1));
    let actions = link.handle(Event::Agreed, s(1));
    assert_eq!(actions, [Action::Journal(Step::Network), Action::MakeNetwork]);
    assert_eq!(link.handle(Event::NetworkUp, s(1)), [Action::GiveInterface]);
    let actions = link.handle(Event::Serving, s(1));
    assert_eq!(actions, [Action::Journal(Step::Connected), Action::Report(OPENER, Ok(Done::Dialled))]);
    assert_eq!((link.status(), link.ras()), (Status::Connected, RasState::Connected));
    link
}

fn end(link: &mut Link, deadline: u64) -> Vec<Action> {
    link.handle(Event::End { caller: ENDER, deadline: s(deadline) }, s(2))
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
    let mut link = connected();
    let actions = end(&mut link, 8);
    let by = s(8) - super::machine::MARGIN;
    let expected = [Action::Journal(Step::Ending), Action::RevertNetwork, Action::HangUp { by }];
    assert_eq!(actions, expected);
    assert_eq!(link.handle(Event::Reverted(REVERTED), s(2)), []);
    link.handle(Event::Reached(RasState::WaitForModemReset), s(2));
    assert_eq!(link.status(), Status::Resetting);
    assert_eq!(link.handle(Event::LineEnded(hung_up()), s(3)), [Action::KillWorker]);
    let actions = link.handle(Event::WorkerExited, s(3));
    assert_eq!(actions[0], Action::ForgetJournal);
    let ended = ended(&actions);
    assert_eq!((ended.unproven.len(), ended.took_ms), (0, 1000));
    let proof = ended.proof.link().unwrap();
    assert!(proof.peer_acknowledged && proof.device_answers == Some(true) && proof.interface_gone);
    assert_eq!(link.state(), State::Ended);
}

#[test]
fn what_is_not_proven_is_named() {
    let mut link = connected();
    end(&mut link, 8);
    link.handle(
        Event::LineEnded(LineEnd { device_answers: Some(false), ..failed(Code::NO_CONNECTION) }),
        s(7),
    );
    link.handle(Event::WorkerExited, s(7));
    let left = NetworkEnd { dns_reverted: false, ..REVERTED };
    let actions = link.handle(Event::Reverted(left), s(7));
    let expected = ["the peer acknowledged the end", "the device answers again", "DNS reverted"];
    assert_eq!(ended(&actions).unproven, expected);
    assert!(!actions.contains(&Action::ForgetJournal), "the next daemon tries again");
}

#[test]
fn each_dial_needs_its_hang_up() {
    let mut link = connected();
    let two = Caller(2);
    let actions = link.handle(Event::Dial(two), s(2));
    assert_eq!(actions, [Action::Journal(Step::Connected), Action::Report(two, Ok(Done::Dialled))]);
    assert_eq!(link.references(), 2);
    let three = Caller(3);
    let actions = link.handle(Event::HangUp { caller: three, deadline: s(9) }, s(2));
    assert_eq!(actions.last(), Some(&Action::Report(three, Ok(Done::Released(1)))));
    let actions = link.handle(Event::HangUp { caller: ENDER, deadline: s(9) }, s(2));
    assert!(actions.contains(&Action::RevertNetwork));
    assert_eq!(link.references(), 0);
}

#[test]
fn a_busy_line_is_dialled_again_and_a_wrong_password_is_not() {
    let mut link = dialling(1);
    assert_eq!(link.handle(Event::LineEnded(failed(Code::LINE_BUSY)), s(5)), []);
    assert_eq!((link.state(), link.wake_at()), (State::Pausing, Some(s(65))));
    assert_eq!(link.handle(Event::Tick, s(65)), [Action::Dial]);
    assert_eq!(link.attempt(), 2);
    let actions = link.handle(Event::LineEnded(failed(Code::AUTHENTICATION_FAILURE)), s(70));
    assert_eq!(actions, [Action::Journal(Step::Ending), Action::KillWorker]);
    let actions = link.handle(Event::WorkerExited, s(70));
    let refused = failed(Code::AUTHENTICATION_FAILURE).error;
    assert_eq!(actions, [Action::ForgetJournal, Action::Report(OPENER, Err(refused))]);
    assert_eq!(link.state(), State::Failed);
}

/// A link that the kernel dials.
fn dialling_in_kernel(redial_attempts: u32) -> Link {
    let plan = Plan {
        carrier: Carrier::Kernel,
        peer_acknowledges: false,
        has_device: false,
        minimum: Duration::ZERO,
        ..plan(redial_attempts)
    };
    let (link, actions) = Link::open("office".into(), plan, OPENER, s(0));
    assert_eq!(
        actions,
        [Action::Journal(Step::Network), Action::Dial],
        "the interface may exist from now on"
    );
    link
}

#[test]
fn what_the_kernel_carries_has_no_worker() {
    let mut link = dialling_in_kernel(0);
    assert_eq!(link.handle(Event::Agreed, s(1)), [Action::Journal(Step::Network), Action::MakeNetwork]);
    let actions = link.handle(Event::NetworkUp, s(1));
    assert_eq!(actions, [Action::Journal(Step::Connected), Action::Report(OPENER, Ok(Done::Dialled))]);
    assert_eq!(end(&mut link, 8), [Action::Journal(Step::Ending), Action::RevertNetwork]);
    let actions = link.handle(Event::Reverted(REVERTED), s(2));
    assert!(ended(&actions).unproven.is_empty(), "{actions:?}");
    assert_eq!((link.state(), actions[0].clone()), (State::Ended, Action::ForgetJournal));
}

#[test]
fn an_end_does_not_wait_for_the_kernels_peer() {
    let mut link = dialling_in_kernel(0);
    assert_eq!(end(&mut link, 8), [Action::Journal(Step::Ending), Action::RevertNetwork]);
    assert_eq!(link.state(), State::Reverting);
    assert_eq!(link.handle(Event::Agreed, s(2)), [], "too late");
    assert_eq!(link.handle(Event::Reverted(REVERTED), s(2))[0], Action::ForgetJournal);
    assert_eq!(link.state(), State::Failed);
}

#[test]
fn the_kernel_dials_again_too() {
    let mut link = dialling_in_kernel(1);
    let silent = LineEnd { device_answers: None, ..failed(Code::NO_ANSWER) };
    assert_eq!(link.handle(Event::LineEnded(silent.clone()), s(20)), []);
    assert_eq!(link.state(), State::Pausing);
    assert_eq!(link.handle(Event::Tick, s(80)), [Action::Dial]);
    let actions = link.handle(Event::LineEnded(silent.clone()), s(100));
    assert_eq!(actions, [Action::Journal(Step::Ending), Action::RevertNetwork]);
    let actions = link.handle(Event::Reverted(REVERTED), s(100));
    assert_eq!(actions, [Action::ForgetJournal, Action::Report(OPENER, Err(silent.error))]);
}

#[test]
fn a_daemon_takes_up_what_the_kernel_carries() {
    let mut found =
        Found { step: Step::Connected, references: 2, worker: false, line_ended: None, interface: true };
    let plan = dialling_in_kernel(0).plan;
    let (link, actions) = Link::adopt("office".into(), plan.clone(), found.clone(), s(0));
    assert_eq!((link.state(), link.references(), actions), (State::Connected, 2, vec![]));
    found.interface = false;
    let (link, actions) = Link::adopt("office".into(), plan, found, s(0));
    assert_eq!(actions, [Action::Journal(Step::Ending), Action::RevertNetwork]);
    assert_eq!(link.reason().map(Error::code), Some(Code::NO_CONNECTION));
}

#[test]
fn who_gives_up_in_mid_dial_hangs_up() {
    let mut link = dialling(0);
    let actions = link.handle(Event::CallerGone(OPENER), s(3));
    assert!(matches!(actions[..], [Action::Journal(Step::Ending), Action::HangUp { .. }]), "{actions:?}");
    link.handle(Event::LineEnded(failed(Code::USER_DISCONNECTION)), s(4));
    assert_eq!(link.handle(Event::WorkerExited, s(4)), [Action::ForgetJournal]);
}

#[test]
fn who_hangs_up_in_mid_dial_and_leaves_gives_one_reference_back() {
    let mut link = dialling(0);
    let two = Caller(2);
    assert_eq!(link.handle(Event::Dial(two), s(1)), []);
    let actions = link.handle(Event::HangUp { caller: ENDER, deadline: s(9) }, s(2));
    assert_eq!(actions, [Action::Report(ENDER, Ok(Done::Released(1)))]);
    assert_eq!(link.handle(Event::CallerGone(OPENER), s(2)), []);
    assert_eq!((link.references(), link.state()), (1, State::Opening(Opening::Dialling)));
    link.handle(Event::CallerGone(two), s(3));
    assert!(link.state().is_ending());
}

#[test]
fn what_a_killed_worker_left_is_brought_to_rest_by_a_new_one() {
    let mut link = connected();
    let actions = link.handle(Event::WorkerExited, s(2));
    let expected = [Action::Journal(Step::Ending), Action::RevertNetwork, Action::SpawnWorker];
    assert_eq!(actions, expected);
    assert_eq!(link.status(), Status::Resetting);
    let actions = link.handle(Event::WorkerStarted, s(2));
    assert!(matches!(actions[..], [Action::ResetDevice { .. }]));
    link.handle(Event::Reverted(REVERTED), s(2));
    assert_eq!(link.handle(Event::LineEnded(failed(Code::PORT_DISCONNECTED)), s(3)), [Action::KillWorker]);
    assert_eq!(link.handle(Event::WorkerExited, s(3)), [Action::ForgetJournal]);
    assert_eq!(link.proof().device_answers, Some(true));
    assert!(matches!(link.reason().unwrap().kind, ErrorKind::WorkerDied(_)));
}

#[test]
fn a_worker_that_is_stuck_is_killed_before_the_callers_deadline() {
    let mut link = connected();
    end(&mut link, 8);
    let wake = link.wake_at().unwrap();
    assert!(wake < s(8));
    assert_eq!(link.handle(Event::Tick, wake), [Action::KillWorker]);
    let actions = link.handle(Event::Tick, s(8));
    let deadline = matches!(&actions[..], [Action::Report(ENDER, Err(e))] if matches!(e.kind, ErrorKind::Deadline { .. }));
    assert!(deadline, "{actions:?}");
}

#[test]
fn a_restarted_daemon_keeps_what_is_connected_and_finishes_what_was_ending() {
    let whole =
        Found { step: Step::Connected, references: 2, worker: true, line_ended: None, interface: true };
    let (link, actions) = Link::adopt("office".into(), plan(0), whole.clone(), s(0));
    assert_eq!((link.state(), link.references(), actions), (State::Connected, 2, vec![]));

    let ending = Found { step: Step::Ending, ..whole.clone() };
    let (_, actions) = Link::adopt("office".into(), plan(0), ending, s(0));
    assert!(matches!(actions[..], [Action::Journal(_), Action::RevertNetwork, Action::HangUp { .. }]));

    let over = Found { line_ended: Some(failed(Code::REMOTE_DISCONNECTION)), ..whole.clone() };
    let (link, actions) = Link::adopt("office".into(), plan(0), over, s(0));
    assert!(matches!(actions[..], [Action::Journal(_), Action::RevertNetwork, Action::KillWorker]));
    assert_eq!(link.reason().unwrap().code(), Code::REMOTE_DISCONNECTION);

    let half = Found { step: Step::Line, interface: false, ..whole };
    let (_, actions) = Link::adopt("office".into(), plan(0), half, s(0));
    assert!(matches!(actions[..], [Action::Journal(_), Action::HangUp { .. }]));
}

fn any_event() -> impl Strategy<Value = Event> {
    let error = || Error::from(ErrorKind::Cancelled);
    let code = prop_oneof![Just(Code::LINE_BUSY), Just(Code::AUTHENTICATION_FAILURE)];
    let ras = prop_oneof![
        Just(RasState::ConnectDevice),
        Just(RasState::Authenticate),
        Just(RasState::WaitForModemReset)
    ];
    let facts = (any::<bool>(), prop_oneof![Just(None), any::<bool>().prop_map(Some)]);
    prop_oneof![
        3 => (1u64..6).prop_map(|n| Event::Dial(Caller(n))),
        3 => (1u64..6, 1u64..40).prop_map(|(n, by)| Event::HangUp { caller: Caller(n), deadline: s(by) }),
        2 => (1u64..6, 1u64..40).prop_map(|(n, by)| Event::End { caller: Caller(n), deadline: s(by) }),
        2 => (0u64..6).prop_map(|n| Event::CallerGone(Caller(n))),
        4 => Just(Event::Tick),
        4 => Just(Event::WorkerStarted),
        1 => Just(Event::SpawnFailed(error())),
        2 => ras.prop_map(Event::Reached),
        4 => Just(Event::Agreed),
        2 => (code, facts).prop_map(|(code, (acknowledged, device_answers))| {
            Event::LineEnded(LineEnd { acknowledged, device_answers, ..failed(code) })
        }),
        4 => Just(Event::NetworkUp),
        1 => Just(Event::NetworkFailed(error())),
        4 => Just(Event::Serving),
        1 => Just(Event::ServeFailed(error())),
        1 => Just(Event::Idle),
        1 => Just(Event::InterfaceGone),
        2 => any::<(bool, bool)>().prop_map(|(a, b)| Event::Reverted(NetworkEnd {
            interface_gone: a,
            routes_reverted: b,
            dns_reverted: true,
        })),
        2 => Just(Event::WorkerExited),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_events_breaks_it(events in prop::collection::vec(any_event(), 0..60)) {
        let (mut link, _) = Link::open("office".into(), plan(1), OPENER, s(0));
        let mut waiting = BTreeSet::from([OPENER]);
        let mut now = s(0);
        for event in events {
            if let Event::Dial(caller) | Event::HangUp { caller, .. } | Event::End { caller, .. } = &event
                && !waiting.insert(*caller)
            {
                continue;
            }
            match &event {
                Event::CallerGone(caller) => drop(waiting.remove(caller)),
                Event::Tick => now = link.wake_at().unwrap_or(now).max(now),
                _ => {}
            }
            let (over, met) = (link.state().is_over(), link.met_peer);
            let actions = link.handle(event, now);
            prop_assert!(!over || actions.iter().all(|action| matches!(action, Action::Report(_, Err(_)))));
            prop_assert_eq!(link.references() == 0, link.state().is_ending());
            prop_assert!(link.met_peer || !met);
            for action in &actions {
                match action {
                    Action::Report(caller, done) => {
                        prop_assert!(waiting.remove(caller), "{caller:?} was answered unasked");
                        if let Ok(Done::Ended(ended)) = done {
                            let proof = ended.proof.link().unwrap();
                            prop_assert!(proof.worker_reaped && !link.worker && !link.network);
                            prop_assert!(!ended.unproven.is_empty() || proof.interface_gone);
                        }
                    }
                    Action::ForgetJournal => prop_assert!(link.state().is_over() && !link.network),
                    Action::Dial => prop_assert!(link.worker && link.state() == State::Opening(Opening::Dialling)),
                    _ => {}
                }
            }
            if link.state().is_over() {
                prop_assert!(waiting.is_empty(), "{waiting:?} wait for ever");
            }
        }
    }
}
