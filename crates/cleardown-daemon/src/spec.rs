//! What a connection is meant to be: everything that is fixed for its life, and that the journal keeps.

use std::path::PathBuf;

use cleardown_core::request::Kerberos;
use cleardown_core::view::Kind;
use cleardown_core::{LocalName, Remote};
use serde::{Deserialize, Serialize};

/// A connection's fixed part. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// The id: the last part of its object path, and the name of its worker's socket.
    pub(crate) id: String,
    /// The local name; none for a deviceless connection.
    pub(crate) name: Option<LocalName>,
    /// The share.
    pub(crate) remote: Remote,
    /// The user on the server, if one was given.
    pub(crate) user: Option<String>,
    /// The mount point; none for a deviceless connection.
    pub(crate) at: Option<PathBuf>,
    /// Mount read-only.
    pub(crate) read_only: bool,
    /// Log on with Kerberos.
    #[serde(default)]
    pub(crate) kerberos: Option<Kerberos>,
    /// The host key that was accepted.
    #[serde(default)]
    pub(crate) accept_host_key: Option<String>,
    /// Whose connection it is.
    pub(crate) owner: u32,
    /// How long logging on may take, in milliseconds.
    pub(crate) timeout_ms: u64,
}

impl Spec {
    /// The name by which people know it: the local name, or the remote name of a deviceless connection.
    pub(crate) fn shown_name(&self) -> String {
        self.name.as_ref().map_or_else(|| self.remote.to_string(), ToString::to_string)
    }

    /// Drive or deviceless.
    pub(crate) fn kind(&self) -> Kind {
        if self.name.is_some() { Kind::Drive } else { Kind::Deviceless }
    }

    /// Whether a caller's word means this connection: its local name, or (only when it is deviceless) its
    /// remote name.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        match &self.name {
            Some(name) => word.parse::<LocalName>().is_ok_and(|word| word == *name),
            None => word.parse::<Remote>().is_ok_and(|word| {
                word.same_place(&self.remote) && (word.user.is_none() || word.user == self.remote.user)
            }),
        }
    }
}

/// A new id. Ids are not used again, not even by a later daemon.
pub(crate) fn new_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    let id = if now > last { now } else { LAST.fetch_add(1, Ordering::Relaxed) + 1 };
    format!("c{id:x}")
}

#[cfg(test)]
pub(crate) fn sample(name: Option<&str>, remote: &str) -> Spec {
    Spec {
        id: new_id(),
        name: name.map(|n| n.parse().unwrap()),
        remote: remote.parse().unwrap(),
        user: None,
        at: name.map(|_| "/mnt/x".into()),
        read_only: false,
        kerberos: None,
        accept_host_key: None,
        owner: 0,
        timeout_ms: 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_name_means_only_deviceless_connections() {
        let drive = sample(Some("Z:"), "//fs1/x");
        assert!(drive.is_called("z") && drive.is_called("z:"));
        assert!(!drive.is_called("//fs1/x"));
        let deviceless = sample(None, "//fs1/x");
        assert!(deviceless.is_called(r"\\FS1\X"));
        assert!(!deviceless.is_called("z:"));
        assert_eq!(deviceless.shown_name(), "//fs1/x");
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
