//! What callers ask for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::link::{Entry, EntryName};
use crate::name::{LocalName, Remote};

/// The local name that a caller wants for a drive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// This one.
    Given(LocalName),
    /// The first free letter from `z:` down.
    FirstFree,
    /// None: a deviceless connection.
    Deviceless,
}

/// A wish to map a drive. The secret travels apart from it (a descriptor), so that this can be logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRequest {
    /// Under which local name.
    pub name: Name,
    /// Which share.
    pub remote: Remote,
    /// The mount point; none: the default folder for the name.
    #[serde(default)]
    pub at: Option<String>,
    /// Bring it back at the next login.
    #[serde(default)]
    pub remember: bool,
    /// Mount read-only.
    #[serde(default)]
    pub read_only: bool,
    /// The user on the server (`DOMAIN\user`); none: the one in the remote name, else what the provider does
    /// by itself (SMB: guest; SFTP: the local user's name).
    #[serde(default)]
    pub user: Option<String>,
    /// Log on with Kerberos (SMB).
    #[serde(default)]
    pub kerberos: Option<Kerberos>,
    /// End what has the name now (refused when it is busy), and forget what is remembered for it.
    #[serde(default)]
    pub replace: bool,
    /// A host key fingerprint (`SHA256:...`) that the person at the terminal has accepted.
    #[serde(default)]
    pub accept_host_key: Option<String>,
    /// How long connecting may take, in milliseconds.
    pub timeout_ms: u64,
}

impl MapRequest {
    /// The default time for connecting.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
}

/// Logging on with Kerberos: with the tickets of a cache, or, where there is a secret, with what the KDC gives for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kerberos {
    /// The ticket cache, as `KRB5CCNAME` names one (`FILE:/tmp/krb5cc_1000`); none: the usual one of the user whose
    /// connection it is (krb5.conf(5), `default_ccache_name`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
}

/// A wish to know what a server offers. The secret travels apart from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesRequest {
    /// `//server` or `//server:port`.
    pub server: String,
    /// The user on the server; none, and no secret: whoever is connected with that server or remembered for it, else a guest.
    #[serde(default)]
    pub user: Option<String>,
    /// How long it may take, in milliseconds.
    #[serde(default = "SharesRequest::timeout")]
    pub timeout_ms: u64,
}

impl SharesRequest {
    fn timeout() -> u64 {
        u64::try_from(MapRequest::TIMEOUT.as_millis()).unwrap_or(u64::MAX)
    }

    /// What this server offers to the one that it knows already.
    pub fn of(server: &str) -> Self {
        SharesRequest { server: server.to_owned(), user: None, timeout_ms: Self::timeout() }
    }
}

/// What to do when a connection that is to end is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Refuse, naming the holders.
    #[default]
    Refuse,
    /// Wait until the last holder leaves, then end.
    Wait,
    /// Abort what is in flight, and list what was lost.
    Force,
    /// Take the name away now and let the holders finish (the lazy way).
    Detach,
}

/// Which connections an end means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// These local names, or remote names of deviceless connections.
    Names(Vec<String>),
    /// All connections of the instance.
    All,
}

/// A wish to end connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndRequest {
    /// Which.
    pub which: Which,
    /// What to do when they are in use.
    #[serde(default)]
    pub verb: Verb,
    /// Remove them from the profile too.
    #[serde(default)]
    pub forget: bool,
    /// How long it may take, in milliseconds; with [`Verb::Wait`] none means for ever.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Drop one reference of a deviceless connection; the last one ends it (WNet's CONNECT_REFCOUNT).
    #[serde(default)]
    pub drop_reference: bool,
    /// End the drives whose servers are reached over a link before the link.
    #[serde(default)]
    pub with_dependents: bool,
}

impl EndRequest {
    /// The default deadline of an end that does not wait for holders.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// The polite wish: refused when they are in use, nothing forgotten, the default deadline.
    pub fn of(which: Which) -> Self {
        EndRequest {
            which,
            verb: Verb::Refuse,
            forget: false,
            timeout_ms: None,
            drop_reference: false,
            with_dependents: false,
        }
    }
}

/// What to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialled {
    /// The entry of this name in the phone book of the daemon's instance.
    Named(EntryName),
    /// This entry, from the caller's own phone book or made up for one dial.
    Given(Box<Entry>),
}

impl Dialled {
    /// The name that the link will have.
    pub fn name(&self) -> &EntryName {
        match self {
            Dialled::Named(name) => name,
            Dialled::Given(entry) => &entry.name,
        }
    }
}

/// A wish to dial. The secret travels apart from it (a descriptor), so that this can be logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialRequest {
    /// What to dial.
    pub entry: Dialled,
    /// The user on the other side, in place of the entry's.
    #[serde(default)]
    pub user: Option<String>,
    /// The number, in place of the entry's.
    #[serde(default)]
    pub number: Option<String>,
    /// How long one attempt may take, in milliseconds; none: what the device needs at most.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// The phone book that a given entry comes from, a path. It is shown, and never opened.
    #[serde(default)]
    pub phonebook: Option<String>,
}

impl DialRequest {
    /// The plain wish: the entry as it is, and as long as it takes.
    pub fn of(entry: Dialled) -> Self {
        DialRequest { entry, user: None, number: None, timeout_ms: None, phonebook: None }
    }
}

/// A wish to give a reference to a link back; the last one ends it (RasHangUp).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HangUpRequest {
    /// The link ([`crate::view::Link::handle`]).
    pub handle: u64,
    /// How long it may take, in milliseconds; none: what the device needs, and 3 s more.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}
