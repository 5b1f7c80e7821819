//! Handles of this process: small numbers for what a caller opened and will close.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::Code;
use parking_lot::Mutex;

use crate::Failure;

/// No more open handles of a kind than this: a caller that never closes gets an error and not all memory.
const MOST: usize = 65_536;
/// After a fork from a thread that was not the one that held the lock, it is never given back.
const PATIENCE: Duration = Duration::from_secs(2);

/// The open handles of one kind.
pub(crate) struct Handles<T> {
    open: Mutex<Option<Open<T>>>,
    first: usize,
}

struct Open<T> {
    items: HashMap<usize, Arc<T>>,
    next: usize,
}

impl<T> Handles<T> {
    /// An empty table whose handles start at `first`: numbers of different kinds should differ.
    pub(crate) const fn new(first: usize) -> Self {
        Handles { open: Mutex::new(None), first }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Open<T>) -> R) -> Result<R, Failure> {
        let mut open = self.open.try_lock_for(PATIENCE).ok_or(Code::BUSY)?;
        Ok(work(open.get_or_insert_with(|| Open { items: HashMap::new(), next: self.first })))
    }

    /// Keeps an item under a new handle.
    ///
    /// # Errors
    /// 8 (ERROR_NOT_ENOUGH_MEMORY): there are far too many.
    pub(crate) fn open(&self, item: T) -> Result<usize, Failure> {
        self.with(|open| {
            if open.items.len() >= MOST {
                return Err(Code(8).into());
            }
            // Handles of Windows are multiples of four; none comes back soon.
            open.next = open.next.wrapping_add(4);
            open.items.insert(open.next, Arc::new(item));
            Ok(open.next)
        })?
    }

    /// The item of a handle.
    ///
    /// # Errors
    /// 6: there is no such handle.
    pub(crate) fn get(&self, handle: usize) -> Result<Arc<T>, Failure> {
        self.with(|open| open.items.get(&handle).cloned())?.ok_or_else(|| Code::INVALID_HANDLE.into())
    }

    /// Forgets a handle.
    ///
    /// # Errors
    /// 6: there is no such handle.
    pub(crate) fn close(&self, handle: usize) -> Result<(), Failure> {
        self.with(|open| open.items.remove(&handle))?.map(drop).ok_or_else(|| Code::INVALID_HANDLE.into())
    }
}
