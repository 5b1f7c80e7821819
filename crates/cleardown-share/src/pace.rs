//! How long to wait before the server is tried again.

use std::time::Duration;

/// The waits between attempts to reconnect: short at first, and long after the server has refused to let us in.
///
/// Servers lock an account after a few wrong passwords (Windows domains commonly after five to ten within half an
/// hour). A drive whose password was changed must not be what locks its user out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    failures: u32,
    refusals: u32,
}

impl Pace {
    /// The first and the longest wait for a server that is away.
    const AWAY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
    /// The first and the longest wait for a server that refuses us.
    const REFUSED: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1920));

    /// The server could not be reached, or broke off.
    pub fn away(&mut self) -> Duration {
        self.refusals = 0;
        self.failures = self.failures.saturating_add(1);
        doubled(Self::AWAY, self.failures - 1)
    }

    /// The server does not accept who we are. A server that dies while we log on may look like that, so the first
    /// time is taken for an absence.
    pub fn refused(&mut self) -> Duration {
        self.refusals = self.refusals.saturating_add(1);
        match self.refusals {
            1 => doubled(Self::AWAY, self.failures),
            again => doubled(Self::REFUSED, again - 2),
        }
    }
}

fn doubled((first, longest): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_is_tried_soon_and_then_every_five_seconds() {
        let mut pace = Pace::default();
        let waits: Vec<u128> = (0..40).map(|_| pace.away().as_millis()).collect();
        assert_eq!(waits[..8], [50, 100, 200, 400, 800, 1600, 3200, 5000]);
        assert!(waits[8..].iter().all(|wait| *wait == 5000), "{waits:?}");
    }

    #[test]
    fn a_password_that_is_refused_is_tried_seven_times_in_an_hour() {
        let mut pace = Pace::default();
        let mut at = Duration::ZERO;
        let tries = std::iter::from_fn(|| {
            at += pace.refused();
            (at < Duration::from_secs(3600)).then_some(())
        });
        assert_eq!(1 + tries.count(), 7);
        assert_eq!((0..99).map(|_| pace.refused()).last(), Some(Pace::REFUSED.1));
        assert_eq!(pace.away(), Pace::AWAY.0);
    }
}
