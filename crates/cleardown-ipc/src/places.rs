//! Room for clients. The user that the daemon belongs to, and root, never stand behind others.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections of the daemon's own user and root; more of them wait.
const OWN: usize = 256;
/// Connections of all others together, and of any one of them; more are turned away.
const OTHERS: usize = 128;
const EACH: usize = 32;

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Places {
    me: u32,
    own: Arc<Semaphore>,
    others: Arc<Mutex<HashMap<u32, usize>>>,
}

/// A client's place, for as long as this lives.
#[derive(Debug)]
pub(crate) enum Place {
    Own(#[allow(dead_code, reason = "it is only kept")] OwnedSemaphorePermit),
    Other { user: u32, others: Arc<Mutex<HashMap<u32, usize>>> },
}

impl Places {
    /// Places in the daemon of this user.
    pub(crate) fn new(me: u32) -> Self {
        Places { me, own: Arc::new(Semaphore::new(OWN)), others: Arc::default() }
    }

    /// A place for a client of this user; none when they have too many.
    pub(crate) async fn take(&self, user: u32) -> Option<Place> {
        if user == self.me || user == 0 {
            return self.own.clone().acquire_owned().await.ok().map(Place::Own);
        }
        let mut others = self.others.lock();
        let theirs = others.get(&user).copied().unwrap_or_default();
        if theirs >= EACH || others.values().sum::<usize>() >= OTHERS {
            return None;
        }
        others.insert(user, theirs + 1);
        Some(Place::Other { user, others: self.others.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Place::Other { user, others } = self {
            let mut others = others.lock();
            let left = others.get(user).map_or(0, |theirs| theirs.saturating_sub(1));
            match left {
                0 => others.remove(user),
                left => others.insert(*user, left),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_user_cannot_take_the_places_of_others() {
        let places = Places::new(0);
        let mut taken = Vec::new();
        while let Some(place) = places.take(1000).await {
            taken.push(place);
        }
        assert_eq!(taken.len(), EACH);
        assert!(places.take(1001).await.is_some());
        taken.pop();
        assert!(places.take(1000).await.is_some());
    }

    #[tokio::test]
    async fn all_others_together_cannot_take_roots() {
        let places = Places::new(0);
        let mut taken = Vec::new();
        for user in 1000..2000 {
            taken.extend(places.take(user).await);
        }
        assert_eq!(taken.len(), OTHERS);
        assert!(places.take(0).await.is_some());
    }
}
