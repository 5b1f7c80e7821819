//! What a test can make go wrong.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::ShareError;

/// The operations of a share and its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named after the methods of Share and File")]
pub enum Op {
    Stat,
    List,
    Open,
    CreateDir,
    RemoveFile,
    RemoveDir,
    Rename,
    HardLink,
    Symlink,
    ReadLink,
    SetAttr,
    StatFs,
    Watch,
    Probe,
    Read,
    Write,
    Flush,
    FileStat,
    FileSetAttr,
    Allocate,
    Punch,
    Seek,
    Copy,
    Lock,
    Close,
}

/// One planned failure.
#[derive(Clone, Debug)]
struct Plan {
    error: ShareError,
    times: u32,
    skip: u32,
    after: bool,
}

#[derive(Default)]
struct Inner {
    plans: HashMap<Op, Plan>,
    delays: HashMap<Op, Duration>,
    late: HashMap<Op, Duration>,
    calls: HashMap<Op, u64>,
    in_flight: HashMap<Op, u32>,
    most_in_flight: HashMap<Op, u32>,
    endless: bool,
    listings: u32,
}

/// The faults of one session, and a count of what it was asked.
#[derive(Default)]
pub struct Faults(Mutex<Inner>);

impl Faults {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The next `times` calls of `op` fail with `errno` and do nothing.
    pub fn fail(&self, op: Op, errno: i32, times: u32) {
        self.fail_with(op, ShareError::server(errno, format!("injected errno {errno}")), 0, times);
    }

    /// After `skip` more good calls of `op`, `times` fail with `error` and do nothing.
    pub fn fail_with(&self, op: Op, error: ShareError, skip: u32, times: u32) {
        self.inner().plans.insert(op, Plan { error, times, skip, after: false });
    }

    /// The next `times` calls of `op` take effect and their answers are lost (a transport error).
    pub fn lose_answers(&self, op: Op, times: u32) {
        let error = ShareError::transport(libc::EIO, "the answer was lost");
        self.inner().plans.insert(op, Plan { error, times, skip: 0, after: true });
    }

    /// Every call of `op` takes effect only after this time.
    pub fn delay(&self, op: Op, by: Duration) {
        self.inner().delays.insert(op, by);
    }

    /// Every call of `op` takes effect at once, and its answer takes this time.
    pub fn delay_answers(&self, op: Op, by: Duration) {
        self.inner().late.insert(op, by);
    }

    /// Listings of folders begin anew where they should end, for as long as anybody takes entries.
    pub fn endless_listings(&self) {
        self.inner().endless = true;
    }

    /// Listings under way.
    pub fn listings(&self) -> u32 {
        self.inner().listings
    }

    pub(super) fn is_endless(&self) -> bool {
        self.inner().endless
    }

    pub(super) fn listing(&self) -> Listing<'_> {
        self.inner().listings += 1;
        Listing(self)
    }

    /// No more planned failures or delays.
    pub fn clear(&self) {
        let mut inner = self.inner();
        inner.endless = false;
        inner.plans.clear();
        inner.delays.clear();
        inner.late.clear();
    }

    /// How often `op` was called.
    pub fn calls(&self, op: Op) -> u64 {
        self.inner().calls.get(&op).copied().unwrap_or(0)
    }

    /// How many calls of `op` were in flight together at most.
    pub fn most_in_flight(&self, op: Op) -> u32 {
        self.inner().most_in_flight.get(&op).copied().unwrap_or(0)
    }

    pub(super) fn begin(&self, op: Op) -> (Flight<'_>, Duration) {
        let mut inner = self.inner();
        *inner.calls.entry(op).or_default() += 1;
        let now = inner.in_flight.entry(op).or_default();
        *now += 1;
        let now = *now;
        let most = inner.most_in_flight.entry(op).or_default();
        *most = now.max(*most);
        let delay = inner.delays.get(&op).copied().unwrap_or_default();
        (Flight { faults: self, op }, delay)
    }
}

/// A listing under way.
pub(super) struct Listing<'a>(&'a Faults);

impl Drop for Listing<'_> {
    fn drop(&mut self) {
        self.0.inner().listings -= 1;
    }
}

/// A call in flight.
pub(super) struct Flight<'a> {
    faults: &'a Faults,
    op: Op,
}

impl Flight<'_> {
    /// How long the answer takes.
    pub(super) fn late(&self) -> Duration {
        self.faults.inner().late.get(&self.op).copied().unwrap_or_default()
    }

    /// The planned failure for this call, if any: `Err` when it must do nothing, `Ok(Some)` when only its answer
    /// is lost.
    pub(super) fn fault(&self) -> Result<Option<ShareError>, ShareError> {
        let mut inner = self.faults.inner();
        let Some(plan) = inner.plans.get_mut(&self.op) else { return Ok(None) };
        if plan.skip > 0 {
            plan.skip -= 1;
            return Ok(None);
        }
        if plan.times == 0 {
            return Ok(None);
        }
        plan.times -= 1;
        if plan.after { Ok(Some(plan.error.clone())) } else { Err(plan.error.clone()) }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(now) = self.faults.inner().in_flight.get_mut(&self.op) {
            *now = now.saturating_sub(1);
        }
    }
}
