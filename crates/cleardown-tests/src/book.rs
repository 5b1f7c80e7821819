//! What applications were promised: the torture run's own account, which travels from the writers' process as JSON.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How far a time of modification may be off: SFTP has whole seconds, and a file system's clock goes in ticks.
const COARSE: Duration = Duration::from_millis(1100);

/// What the server must have under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promise {
    /// A file.
    File {
        /// The [`hash`] of its content.
        content: u64,
        /// When it was changed.
        modified: Modified,
    },
    /// Nothing: it was removed or renamed.
    Nothing,
    /// After an error nobody knows.
    Unknown,
}

/// When a file was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Modified {
    /// Its time was set to this, in seconds since 1970.
    Set(u64),
    /// Its last change began then, in seconds since 1970.
    NotBefore(u64),
}

impl Modified {
    /// A change begins now.
    pub fn now() -> Modified {
        Modified::NotBefore(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs())
    }

    /// Whether a file may have this time of modification.
    pub fn allows(self, time: SystemTime) -> bool {
        match self {
            Modified::Set(seconds) => time == UNIX_EPOCH + Duration::from_secs(seconds),
            Modified::NotBefore(seconds) => {
                let begun = UNIX_EPOCH + Duration::from_secs(seconds);
                time + COARSE >= begun && time <= SystemTime::now() + COARSE
            }
        }
    }
}

/// All promises, by name.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Book {
    /// What must be there.
    pub promises: BTreeMap<String, Promise>,
    /// What applications were told when something failed, and how often.
    pub errors: BTreeMap<String, usize>,
    /// What applications were told that was not true.
    pub untruths: Vec<String>,
}

impl Book {
    /// An application was told that something failed.
    pub fn failed(&mut self, what: &str, error: &io::Error) {
        *self.errors.entry(format!("{what}: {error}")).or_default() += 1;
    }

    /// Both books in one.
    #[must_use]
    pub fn and(mut self, other: Book) -> Book {
        self.promises.extend(other.promises);
        self.untruths.extend(other.untruths);
        other.errors.into_iter().for_each(|(error, times)| *self.errors.entry(error).or_default() += times);
        self
    }
}

/// A file's content in short.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
