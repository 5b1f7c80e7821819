//! Locks of one file: what our own applications hold, beside what the server holds for them.
//!
//! The server's locks keep other clients away. Between applications of this mount it cannot tell apart what a
//! POSIX owner may do (take over part of a lock, turn it from shared to exclusive), so that is decided here
//! first. Where the share has no locks, this is all there is: they are seen on this machine only.

use cleardown_fuse::{Lock, LockType};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// A lock and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The kernel's number for the owner, the same for as long as the mount lives.
    pub(crate) owner: u64,
    /// The handle that it was taken through.
    pub(crate) fh: u64,
    /// flock and fcntl locks do not see each other.
    pub(crate) flock: bool,
    pub(crate) lock: Lock,
}

/// The locks of a file.
#[derive(Debug, Default)]
pub(crate) struct LockTable {
    held: Mutex<Vec<Held>>,
    /// One was given back.
    pub(crate) freed: Notify,
}

impl LockTable {
    /// The lock that is in the way of this one.
    pub(crate) fn conflict(&self, want: &Held) -> Option<Held> {
        self.held.lock().iter().find(|held| held.conflicts(want)).copied()
    }

    /// Takes (or, with [`LockType::Unlock`], gives back) a lock; false when another is in the way.
    pub(crate) fn take(&self, want: Held) -> bool {
        let mut held = self.held.lock();
        let free = want.lock.kind == LockType::Unlock || !held.iter().any(|other| other.conflicts(&want));
        if free {
            put(&mut held, want);
        }
        drop(held);
        // Who was refused has freed nothing, and would wake itself, again and again.
        if free {
            self.freed.notify_waiters();
        }
        free
    }

    /// Notes what an earlier worker was granted.
    pub(crate) fn adopt(&self, granted: Vec<Held>) {
        *self.held.lock() = granted;
    }

    /// Makes what an owner holds in the range of `of` what it was before.
    pub(crate) fn restore(&self, of: Held, before: &[Held]) {
        let mut held = self.held.lock();
        put(&mut held, of.unlocked());
        before.iter().for_each(|before| put(&mut held, *before));
        drop(held);
        self.freed.notify_waiters();
    }

    /// All that are held.
    pub(crate) fn all(&self) -> Vec<Held> {
        self.held.lock().clone()
    }

    /// What an owner holds.
    pub(crate) fn of(&self, owner: u64, flock: bool) -> Vec<Held> {
        self.held.lock().iter().filter(|held| held.owner == owner && held.flock == flock).copied().collect()
    }
}

/// Puts a lock in the place of what its owner has in its range; an unlock leaves nothing there.
pub(crate) fn put(held: &mut Vec<Held>, want: Held) {
    let mut kept = Vec::with_capacity(held.len() + 1);
    for other in held.drain(..) {
        if other.owner != want.owner || other.flock != want.flock || !other.overlaps(&want) {
            kept.push(other);
            continue;
        }
        if other.lock.start < want.lock.start {
            kept.push(Held { lock: Lock { end: want.lock.start - 1, ..other.lock }, ..other });
        }
        if other.lock.end > want.lock.end {
            kept.push(Held { lock: Lock { start: want.lock.end + 1, ..other.lock }, ..other });
        }
    }
    if want.lock.kind != LockType::Unlock {
        kept.push(want);
    }
    *held = kept;
}

impl Held {
    /// The request that gives it back.
    pub(crate) fn unlocked(self) -> Held {
        Held { lock: Lock { kind: LockType::Unlock, ..self.lock }, ..self }
    }
    fn overlaps(&self, other: &Held) -> bool {
        self.lock.start <= other.lock.end && other.lock.start <= self.lock.end
    }
    fn conflicts(&self, want: &Held) -> bool {
        self.flock == want.flock
            && self.owner != want.owner
            && self.overlaps(want)
            && (self.lock.kind == LockType::Write || want.lock.kind == LockType::Write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(owner: u64, start: u64, end: u64, kind: LockType) -> Held {
        Held { owner, fh: owner, flock: false, lock: Lock { start, end, kind, pid: 1 } }
    }

    #[test]
    fn an_owner_takes_over_and_gives_back_parts_of_its_locks() {
        let table = LockTable::default();
        assert!(table.take(lock(1, 0, 99, LockType::Write)));
        assert!(!table.take(lock(2, 50, 60, LockType::Read)));
        assert!(table.take(lock(1, 50, 60, LockType::Unlock)));
        assert!(table.take(lock(2, 50, 60, LockType::Read)));
        assert!(!table.take(lock(2, 49, 60, LockType::Read)));
        assert_eq!(table.of(1, false).len(), 2);
    }

    #[test]
    fn a_lock_that_is_not_granted_leaves_what_was_there() {
        let table = LockTable::default();
        assert!(table.take(lock(1, 0, 9, LockType::Read)));
        let before = table.of(1, false);
        assert!(table.take(lock(1, 5, 20, LockType::Write)));
        table.restore(lock(1, 5, 20, LockType::Write), &before);
        assert!(table.take(lock(2, 0, 4, LockType::Read)));
        assert!(!table.take(lock(2, 5, 9, LockType::Write)));
        assert!(table.take(lock(2, 10, 20, LockType::Write)));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_what_is_given_back_and_not_by_himself() {
        let table = LockTable::default();
        assert!(table.take(lock(1, 0, 9, LockType::Write)));
        let freed = table.freed.notified();
        tokio::pin!(freed);
        freed.as_mut().enable();
        assert!(!table.take(lock(2, 0, 9, LockType::Write)));
        assert!(!freed.as_mut().enable(), "nothing was given back");
        assert!(table.take(lock(1, 0, 9, LockType::Unlock)));
        freed.await;
        assert!(table.take(lock(2, 0, 9, LockType::Write)));
    }

    #[test]
    fn shared_locks_go_together_and_flock_is_apart() {
        let table = LockTable::default();
        assert!(table.take(lock(1, 0, 9, LockType::Read)));
        assert!(table.take(lock(2, 0, 9, LockType::Read)));
        assert!(!table.take(lock(1, 0, 9, LockType::Write)));
        assert!(table.take(Held { flock: true, ..lock(3, 0, 9, LockType::Write) }));
    }
}
