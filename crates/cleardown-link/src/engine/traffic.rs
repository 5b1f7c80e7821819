//! What passes through a link, counted where others may look at any time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Counters of the datagrams of a link.
#[derive(Debug, Default)]
pub struct Traffic {
    received: AtomicU64,
    sent: AtomicU64,
    handshake: Mutex<Option<Instant>>,
}

impl Traffic {
    /// Octets of datagrams that came from the peer.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Octets of datagrams that went to the peer.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// How long ago the last handshake was (tunnels).
    pub fn handshake(&self) -> Option<Duration> {
        self.handshake.lock().map(|at| at.elapsed())
    }

    pub(crate) fn add_received(&self, octets: usize) {
        self.received.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_sent(&self, octets: usize) {
        self.sent.fetch_add(octets as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_handshake(&self, at: Option<Instant>) {
        *self.handshake.lock() = at;
    }
}
