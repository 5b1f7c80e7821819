//! Whatever a modem says: no panic, and a hang-up comes to an end.
#![no_main]

use std::time::Duration;

use cleardown_link::modem::{Config, Event, Modem};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, says)) = input.split_first() else { return };
    let mut modem = Modem::new(Config { has_lines: first & 1 == 1, ..Config::default() });
    let mut now = Duration::ZERO;
    modem.dial("555-1234", now);
    for (i, piece) in says.chunks(11).enumerate() {
        now += Duration::from_millis(50);
        modem.input(piece, now);
        modem.carrier(first >> (i % 7) & 2 == 2, now);
        modem.timeout(now);
        if i == usize::from(first >> 4) {
            modem.hang_up(now);
        }
        while modem.poll_order().is_some() {}
    }
    modem.hang_up(now);
    while let Some(deadline) = modem.deadline() {
        now = deadline;
        modem.timeout(now);
    }
    assert_eq!(std::iter::from_fn(|| modem.poll_event()).last(), Some(Event::Wedged));
});
