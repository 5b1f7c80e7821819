//! What a session has received and answered: the drive proves its claims with these.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::abi::opcode;

const OPCODES: usize = 64;

/// Counts since the session began (an adopted one begins at 0).
#[derive(Debug)]
pub struct Counters {
    received: [AtomicU64; OPCODES],
    expecting: AtomicU64,
    answered: AtomicU64,
    written: AtomicU64,
    malformed: AtomicU64,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Counters {
            received: [const { AtomicU64::new(0) }; OPCODES],
            expecting: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            written: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
        }
    }

    pub(crate) fn receive(&self, code: u32) {
        self.received[(code as usize).min(OPCODES - 1)].fetch_add(1, Relaxed);
    }
    pub(crate) fn expect_answer(&self) {
        self.expecting.fetch_add(1, Relaxed);
    }
    pub(crate) fn answer(&self) {
        self.answered.fetch_add(1, Relaxed);
    }
    pub(crate) fn write(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Relaxed);
    }
    pub(crate) fn malform(&self) {
        self.malformed.fetch_add(1, Relaxed);
    }

    /// Requests received, by name (`LOOKUP`, `WRITE` ...), those that occurred.
    pub fn received(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.received.iter().enumerate().filter_map(|(code, count)| {
            let count = count.load(Relaxed);
            (count > 0).then(|| (opcode::name(code as u32).unwrap_or("UNKNOWN"), count))
        })
    }
    /// Requests of one name received.
    pub fn received_of(&self, name: &str) -> u64 {
        self.received().find(|(other, _)| *other == name).map_or(0, |(_, count)| count)
    }
    /// Requests answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }
    /// Requests that wait for their answer.
    pub fn in_flight(&self) -> u64 {
        let answered = self.answered.load(Relaxed);
        self.expecting.load(Relaxed).saturating_sub(answered)
    }
    /// Bytes of WRITE payload received.
    pub fn bytes_written(&self) -> u64 {
        self.written.load(Relaxed)
    }
    /// Requests that could not be decoded, and were answered with `EIO`; always 0 unless kernel and crate
    /// disagree.
    pub fn malformed(&self) -> u64 {
        self.malformed.load(Relaxed)
    }
}
