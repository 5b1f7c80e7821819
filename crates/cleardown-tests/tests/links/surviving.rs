//! The daemon may be killed at any moment.

use cleardown_tests::{eventually, kill, needs_root};
use rustix::process::Signal;

use crate::exchange::Exchange;

#[test]
fn a_link_outlives_its_daemon() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route"]);
    exchange.dial();
    let before = exchange.dial();
    kill(exchange.machine.daemon());
    assert!(exchange.reaches_peer(), "the link carries without a daemon");
    let after = exchange.connection().expect("the next daemon lists it");
    for same in ["status", "references", "worker_pid"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    for same in ["handle", "addresses", "routes", "interface"] {
        assert_eq!(before["link"][same], after["link"][same], "{same}");
    }
    exchange.end_proven();
}

#[test]
fn a_hang_up_that_was_under_way_is_finished_by_the_next_daemon() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route"]);
    exchange.dial();
    exchange.signal_peer(Signal::STOP);
    let ending = exchange.machine.start(&["end", "office", "--timeout", "30"]);
    eventually("it ends", || exchange.connection().is_some_and(|c| c["status"] == "ending"));
    kill(exchange.machine.daemon());
    drop(ending);
    eventually("the next daemon finishes", || !exchange.is_listed());
    exchange.nothing_is_left();
}

#[test]
fn a_link_whose_daemon_and_worker_died_together_leaves_nothing() {
    needs_root!();
    let exchange = Exchange::new(&["--default-route", "--set", "network.dns=[\"192.0.2.99\"]"]);
    let listed = exchange.dial();
    let worker = i32::try_from(listed["worker_pid"].as_i64().unwrap()).unwrap();
    kill(exchange.machine.daemon());
    kill(worker);
    eventually("the next daemon clears away", || !exchange.is_listed());
    exchange.nothing_is_left();
}
