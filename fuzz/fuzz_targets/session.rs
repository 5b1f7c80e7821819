//! Any frames to a whole session, with time passing between them: no panic, bounded queues, and it ends when closed.
#![no_main]

use std::time::Duration;

use cleardown_link::ppp::session::{Config, Phase, Session};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut session = Session::new(Config { seed: [5; 32], ..Config::default() });
    let mut now = Duration::ZERO;
    session.open(now);
    let mut rest = input;
    while let [length, millis, more @ ..] = rest {
        let (frame, next) = more.split_at(more.len().min(usize::from(*length)));
        rest = next;
        now += Duration::from_millis(u64::from(*millis) * 20);
        session.input(frame, now);
        session.timeout(now);
        assert!(std::iter::from_fn(|| session.poll_transmit()).count() < 100);
        assert!(std::iter::from_fn(|| session.poll_event()).count() < 100);
    }
    session.close(now);
    while let Some(deadline) = session.deadline() {
        now = deadline;
        session.timeout(now);
        while session.poll_transmit().is_some() {}
    }
    assert_eq!(session.phase(), Phase::Dead);
});
