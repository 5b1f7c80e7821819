//! Links over a modem, which has to be at rest whatever happens.

use std::fs;

use cleardown_testkit::hayes::{CallResult, Modem};
use cleardown_tests::{eventually, kill, needs_root};

use crate::telephone::Telephone;

#[test]
fn a_modem_is_dialled_used_and_answers_again() {
    needs_root!();
    let telephone = Telephone::new();
    telephone.dial();
    let listed = telephone.exchange.connection().unwrap();
    assert_eq!((&listed["remote"], &listed["link"]["device_type"]), (&"555-1234".into(), &"modem".into()));
    assert!(telephone.exchange.reaches_peer());
    let answer = telephone.exchange.end(&[]).ok();
    let proof = &answer.json()["ended"][0]["proof"];
    assert_eq!((&proof["device_answers"], &proof["peer_acknowledged"]), (&true.into(), &true.into()));
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.exchange.nothing_is_left();
}

#[test]
fn a_busy_line_is_said_so_and_the_modem_is_at_rest() {
    needs_root!();
    let telephone = Telephone::new();
    telephone.modem.behave(Modem { result: CallResult::Busy, ..Modem::default() });
    let answer = telephone.exchange.try_dial();
    assert_ne!(answer.code, 0);
    answer.says("676");
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.exchange.nothing_is_left();
}

#[test]
fn a_busy_line_is_dialled_again_after_a_pause() {
    needs_root!();
    let telephone = Telephone::with("[dialling]\nredial_attempts = 2\nredial_pause_seconds = 2\n");
    telephone.modem.behave(Modem { result: CallResult::Busy, ..Modem::default() });
    let dialling = telephone.start();
    eventually("it pauses", || {
        telephone.exchange.connection().is_some_and(|c| c["link"]["state"] == "disconnected")
    });
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.modem.behave(Modem::default());
    telephone.put_through(&[]);
    dialling.answer().ok();
    telephone.exchange.end_proven();
}

#[test]
fn a_link_that_nobody_uses_is_ended_and_its_modem_at_rest() {
    needs_root!();
    let telephone = Telephone::with("[dialling]\nidle_disconnect_seconds = 1\n");
    telephone.dial();
    eventually("the link is over", || !telephone.exchange.is_listed());
    telephone.exchange.machine.run(&["status", "office"]).says("828");
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.exchange.nothing_is_left();
}

#[test]
fn the_modem_of_a_killed_worker_is_brought_to_rest() {
    needs_root!();
    let telephone = Telephone::new();
    telephone.dial();
    let worker = telephone.exchange.connection().unwrap()["worker_pid"].as_i64().unwrap();
    kill(i32::try_from(worker).unwrap());
    eventually("the link is over", || !telephone.exchange.is_listed());
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.exchange.nothing_is_left();
    telephone.dial();
    telephone.exchange.end_proven();
}

#[test]
fn a_wedged_modem_is_reported_as_not_reset() {
    needs_root!();
    let telephone = Telephone::new();
    telephone.dial();
    telephone.modem.wedge(true);
    let answer = telephone.exchange.end(&["--timeout", "6"]).exits(3);
    let ended = &answer.json()["ended"][0];
    assert_eq!(ended["proof"]["device_answers"], false, "{answer}");
    assert_eq!(ended["proof"]["interface_gone"], true, "{answer}");
    let unproven = ended["unproven"].as_array().unwrap();
    assert!(unproven.contains(&"the device answers again".into()), "{answer}");
    telephone.exchange.nothing_is_left();
    // Switched off and on.
    telephone.modem.wedge(false);
    assert!(fs::exists(telephone.modem.port()).unwrap());
}

#[test]
fn a_lost_carrier_ends_the_link() {
    needs_root!();
    let telephone = Telephone::new();
    telephone.dial();
    telephone.modem.drop_carrier();
    eventually("the link is over", || !telephone.exchange.is_listed());
    telephone.exchange.machine.run(&["status", "office"]).says("829");
    assert!(telephone.modem.is_at_rest(), "{:?}", telephone.modem.history());
    telephone.exchange.nothing_is_left();
}
