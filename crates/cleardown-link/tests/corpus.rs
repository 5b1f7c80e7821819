//! What fuzzing once found, again in every run: a session ends when it is closed, whatever came before.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::time::Duration;

use cleardown_link::ppp::session::{Config, Event, Phase, Session};

/// Each input is a row of frames: its length, the time that passes before it (in units of 20 ms), its octets.
#[test]
fn a_session_ends_once_whatever_came_before() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/session");
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    for path in inputs {
        let input = fs::read(&path).unwrap();
        let mut session = Session::new(Config { seed: [5; 32], ..Config::default() });
        let mut now = Duration::ZERO;
        let mut ends = 0;
        let mut count_ends = |session: &mut Session| {
            while session.poll_transmit().is_some() {}
            let events = std::iter::from_fn(|| session.poll_event());
            ends += events.filter(|event| matches!(event, Event::Ended { .. })).count();
        };
        session.open(now);
        let mut rest = &input[..];
        while let [length, time, more @ ..] = rest {
            let (frame, next) = more.split_at(more.len().min(usize::from(*length)));
            rest = next;
            now += Duration::from_millis(u64::from(*time) * 20);
            session.input(frame, now);
            session.timeout(now);
            count_ends(&mut session);
        }
        session.close(now);
        while let Some(deadline) = session.deadline() {
            now = deadline;
            session.timeout(now);
            count_ends(&mut session);
        }
        count_ends(&mut session);
        assert_eq!((session.phase(), ends), (Phase::Dead, 1), "{}", path.display());
    }
}
