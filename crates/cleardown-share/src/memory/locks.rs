//! Byte-range locks of one file.

use crate::share::LockKind;

/// Whose a lock is: the session and the owner within it.
pub(super) type Owner = (u64, u64);

#[derive(Clone, Copy)]
struct Held {
    owner: Owner,
    handle: u64,
    start: u64,
    end: u64,
    kind: LockKind,
}

/// The locks of a file.
#[derive(Default)]
pub(super) struct Locks(Vec<Held>);

impl Locks {
    /// Takes a lock (replacing what the owner held there); false when another owner's lock conflicts.
    pub(super) fn take(&mut self, owner: Owner, handle: u64, offset: u64, len: u64, kind: LockKind) -> bool {
        let (start, end) = (offset, offset.saturating_add(len));
        let conflicts = |held: &Held| {
            held.owner != owner
                && held.start < end
                && start < held.end
                && (kind == LockKind::Exclusive || held.kind == LockKind::Exclusive)
        };
        if self.0.iter().any(conflicts) {
            return false;
        }
        self.give_back(owner, offset, len);
        self.0.push(Held { owner, handle, start, end, kind });
        true
    }

    /// Gives back what the owner holds in a range; the rest stays.
    pub(super) fn give_back(&mut self, owner: Owner, offset: u64, len: u64) {
        let (start, end) = (offset, offset.saturating_add(len));
        let held = std::mem::take(&mut self.0);
        for lock in held {
            if lock.owner != owner || lock.start >= end || start >= lock.end {
                self.0.push(lock);
                continue;
            }
            if lock.start < start {
                self.0.push(Held { end: start, ..lock });
            }
            if end < lock.end {
                self.0.push(Held { start: end, ..lock });
            }
        }
    }

    /// A handle is closed: what was locked through it is free.
    pub(super) fn forget_handle(&mut self, session: u64, handle: u64) {
        self.0.retain(|held| (held.owner.0, held.handle) != (session, handle));
    }

    /// A session is gone.
    pub(super) fn forget_session(&mut self, session: u64) {
        self.0.retain(|held| held.owner.0 != session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_splits_when_its_middle_is_given_back() {
        let mut locks = Locks::default();
        assert!(locks.take((1, 1), 0, 0, 100, LockKind::Exclusive));
        locks.give_back((1, 1), 40, 20);
        assert!(locks.take((2, 1), 0, 40, 20, LockKind::Exclusive));
        assert!(!locks.take((2, 1), 0, 0, 1, LockKind::Shared));
        assert!(!locks.take((2, 1), 0, 99, 1, LockKind::Shared));
    }

    #[test]
    fn shared_locks_agree() {
        let mut locks = Locks::default();
        assert!(locks.take((1, 1), 0, 0, 10, LockKind::Shared));
        assert!(locks.take((1, 2), 0, 5, 10, LockKind::Shared));
        assert!(!locks.take((1, 2), 0, 0, 10, LockKind::Exclusive));
        locks.forget_session(1);
        assert!(locks.take((2, 0), 0, 0, u64::MAX, LockKind::Exclusive));
    }
}
