//! What both sides of an authentication share: the timer, the tries, the next packet, and where it stands.

use std::time::Duration;

use super::Outcome;
use crate::ppp::Moment;

/// The state of an exchange, whichever side speaks first.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) outcome: Outcome,
    pub(super) out: Option<Vec<u8>>,
    deadline: Option<Moment>,
    tries_left: u8,
    restart: Duration,
}

impl Exchange {
    /// Speaks first: now, and again every `restart` until it has had `tries`.
    pub(super) fn asking(restart: Duration, tries: u8, now: Moment) -> Self {
        Exchange { outcome: Outcome::Pending, out: None, deadline: Some(now), tries_left: tries, restart }
    }

    /// Waits for the other side to speak, for as long as one that asks would try.
    pub(super) fn waiting(restart: Duration, tries: u8, now: Moment) -> Self {
        let deadline = Some(now + restart * u32::from(tries));
        Exchange { deadline, ..Exchange::asking(restart, 0, now) }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// The timer; true when it is time to ask (again).
    pub(super) fn timeout(&mut self, now: Moment) -> bool {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return false;
        }
        if self.tries_left == 0 {
            self.decide(Outcome::TimedOut);
            return false;
        }
        self.tries_left -= 1;
        self.deadline = Some(now + self.restart);
        true
    }

    pub(super) fn is_pending(&self) -> bool {
        self.outcome == Outcome::Pending
    }

    pub(super) fn decide(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.deadline = None;
    }
}
