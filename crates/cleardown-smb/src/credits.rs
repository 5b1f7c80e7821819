//! The credit window (MS-SMB2 3.2.4.1.2): what the server lets us have in flight, and the message ids that go with it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{AcquireError, Semaphore};

/// Bytes of payload that one credit pays for.
pub(crate) const BYTES_PER_CREDIT: u32 = 65536;
/// Credits we would like to have at hand.
const WANTED: usize = 1024;
/// Credits beyond this are not used, whatever the server grants.
const MOST: usize = 8192;

/// Credits that `bytes` of payload cost.
pub(crate) fn charge(bytes: u32) -> u16 {
    u16::try_from(bytes.saturating_sub(1) / BYTES_PER_CREDIT + 1).unwrap_or(u16::MAX)
}

/// The window of one connection.
pub(crate) struct Window {
    free: Semaphore,
    /// Credits that we have and have not sent.
    total: AtomicUsize,
    /// The most that we ever had: a request that costs more would wait for ever.
    peak: AtomicUsize,
    next: AtomicU64,
}

impl Window {
    /// A connection starts with one credit.
    pub(crate) fn new() -> Window {
        Window {
            free: Semaphore::new(1),
            total: AtomicUsize::new(1),
            peak: AtomicUsize::new(1),
            next: AtomicU64::new(0),
        }
    }

    /// Waits for credits. First come, first served, so that large requests do not starve. Given back by nobody:
    /// they are spent with [`Window::ids`]; replies bring new ones.
    pub(crate) async fn take(&self, charge: u32) -> Result<(), AcquireError> {
        self.free.acquire_many(charge).await?.forget();
        Ok(())
    }

    /// Takes credits if they are there.
    pub(crate) fn take_now(&self, charge: u32) -> bool {
        self.free.try_acquire_many(charge).map(|permit| permit.forget()).is_ok()
    }

    /// Message ids for a request that has its credits.
    pub(crate) fn ids(&self, charge: u16) -> u64 {
        self.total.fetch_sub(usize::from(charge).min(self.total.load(Ordering::Relaxed)), Ordering::Relaxed);
        self.next.fetch_add(u64::from(charge.max(1)), Ordering::Relaxed)
    }

    /// How many credits a request should ask for.
    pub(crate) fn ask(&self, charge: u16) -> u16 {
        if self.total.load(Ordering::Relaxed) < WANTED { charge.saturating_add(128) } else { charge }
    }

    /// Credits that a reply brought.
    pub(crate) fn grant(&self, credits: u16) {
        let credits = usize::from(credits);
        if credits > 0 && self.total.load(Ordering::Relaxed) + credits <= MOST {
            let total = self.total.fetch_add(credits, Ordering::Relaxed) + credits;
            self.peak.fetch_max(total, Ordering::Relaxed);
            self.free.add_permits(credits);
        }
    }

    /// The largest payload that the server has ever given us credits for.
    pub(crate) fn affordable(&self) -> u32 {
        u32::try_from(self.peak.load(Ordering::Relaxed)).unwrap_or(u32::MAX).saturating_mul(BYTES_PER_CREDIT)
    }

    /// Nobody waits any more.
    pub(crate) fn close(&self) {
        self.free.close();
    }
}
