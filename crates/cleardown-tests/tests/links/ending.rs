//! Every way in which a link may end.

use cleardown_tests::{alive, eventually, kill, needs_root};
use rustix::process::Signal;

use crate::exchange::Exchange;

#[test]
fn a_deaf_peer_costs_the_deadline_and_everything_else_is_proven() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route"]);
    exchange.dial();
    exchange.signal_peer(Signal::STOP);
    let answer = exchange.end(&["--timeout", "3"]).exits(3);
    let ended = &answer.json()["ended"][0];
    assert_eq!(ended["unproven"].as_array().map(Vec::len), Some(1), "{answer}");
    assert_eq!(ended["proof"]["peer_acknowledged"], false);
    assert_eq!(ended["proof"]["interface_gone"], true);
    exchange.nothing_is_left();
    // The next dial works at once.
    exchange.signal_peer(Signal::CONT);
    exchange.dial();
    exchange.end_proven();
}

#[test]
fn a_peer_that_is_gone_ends_the_link_and_the_reason_is_kept() {
    needs_root!();
    let mut exchange = Exchange::new(&[]);
    exchange.dial();
    exchange.kill_peer();
    eventually("the link is over", || !exchange.is_listed());
    exchange.nothing_is_left();
    let last = exchange.machine.run(&["status", "office", "--json"]).ok().json();
    assert_eq!(last["connection"]["status"], "ended", "{last}");
    assert!(last["connection"]["link"]["error"].as_u64() > Some(600), "{last}");
    exchange.start_peer();
    exchange.dial();
    exchange.end_proven();
}

#[test]
fn hanging_up_works_in_the_middle_of_a_dial() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    exchange.signal_peer(Signal::STOP);
    let args = exchange.dial_args();
    let dialling = exchange.machine.start(&args.iter().map(String::as_str).collect::<Vec<_>>());
    eventually("it dials", || exchange.connection().is_some_and(|c| c["link"]["state"] != "open_port"));
    exchange.end(&["--timeout", "2"]);
    let answer = dialling.answer();
    assert_ne!(answer.code, 0);
    answer.says("631");
    exchange.nothing_is_left();
}

#[test]
fn what_a_killed_worker_left_is_ended() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route"]);
    let listed = exchange.dial();
    let worker = i32::try_from(listed["worker_pid"].as_i64().unwrap()).unwrap();
    kill(worker);
    eventually("the link is over", || !exchange.is_listed());
    exchange.nothing_is_left();
    exchange.machine.run(&["status", "office"]).says("worker died");
    exchange.dial();
    exchange.end_proven();
}

#[test]
fn two_callers_at_once_both_get_the_proof() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    exchange.dial();
    let both = [(), ()].map(|()| exchange.machine.start(&["end", "office", "--json"]));
    let codes = both.map(|running| running.answer()).map(|answer| {
        // The second may have come when it was over.
        let gone = answer.json()["refused"].as_array().is_some_and(|refused| !refused.is_empty());
        assert!(gone || answer.json()["ended"][0]["proof"]["interface_gone"] == true, "{answer}");
        answer.code
    });
    assert!(codes.contains(&0), "{codes:?}");
    exchange.nothing_is_left();
}

#[test]
fn a_worker_that_is_stopped_is_killed_before_the_deadline() {
    needs_root!();
    let exchange = Exchange::new(&[]);
    let listed = exchange.dial();
    let worker = i32::try_from(listed["worker_pid"].as_i64().unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(worker).unwrap(), Signal::STOP).unwrap();
    exchange.end(&["--timeout", "2"]).exits(3);
    eventually("the worker is gone", || !alive(worker));
    eventually("the link is over", || !exchange.is_listed());
    exchange.nothing_is_left();
}
