//! What applications were promised: the torture run's own account, which travels from the writers' process as JSON.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use serde::{Deserialize, Serialize};

/// What the server must have under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promise {
    /// A file whose content has this [`hash`].
    Content(u64),
    /// Nothing: it was removed or renamed.
    Nothing,
    /// After an error nobody knows.
    Unknown,
}

/// All promises, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// What must be there.
    pub promises: BTreeMap<String, Promise>,
    /// What applications were told when something failed, and how often.
    pub errors: BTreeMap<String, usize>,
}

impl Book {
    /// Notes what came of an operation: `promise` if it was acknowledged.
    pub fn note<T>(&mut self, name: &str, done: &io::Result<T>, promise: Promise) {
        if let Err(error) = done {
            *self.errors.entry(error.to_string()).or_default() += 1;
        }
        self.promises.insert(name.to_owned(), if done.is_ok() { promise } else { Promise::Unknown });
    }

    /// Both books in one.
    #[must_use]
    pub fn and(mut self, other: Book) -> Book {
        self.promises.extend(other.promises);
        for (error, times) in other.errors {
            *self.errors.entry(error).or_default() += times;
        }
        self
    }
}

/// A file's content in short.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
