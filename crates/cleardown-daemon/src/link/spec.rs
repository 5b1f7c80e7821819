//! What a link is meant to be, and what the journal keeps of it.

use std::time::Duration;

use cleardown_core::life::link::{Carrier, Plan, Step};
use cleardown_core::link::{Device, Engine, Entry, RasState};
use cleardown_core::{Code, Error, ErrorKind};
use cleardown_kernel::Identity;
use cleardown_kernel::net::{Change, Interface};
use cleardown_worker::control::Agreed;
use serde::{Deserialize, Serialize};

/// A link's fixed part. No secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LinkSpec {
    /// The id: the last part of its object path, and the name of its worker's socket.
    pub(crate) id: String,
    /// What programs know it by; never used again.
    pub(crate) handle: u64,
    /// What is dialled; user and number are those of the caller, where one was given.
    pub(crate) entry: Entry,
    /// Who dialled it. The worker runs as this user.
    pub(crate) owner: u32,
    /// The phone book that the entry comes from, for those who ask.
    #[serde(default)]
    pub(crate) phonebook: Option<String>,
    /// Who carries it, where that can be chosen (WireGuard).
    #[serde(default)]
    pub(crate) engine: Option<Engine>,
    /// The caller's wish for how long one attempt may take, in milliseconds.
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

/// What the journal keeps of a link.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) spec: LinkSpec,
    pub(crate) step: Step,
    pub(crate) references: u32,
    /// The network in which it was made, where it has a number.
    #[serde(default)]
    pub(crate) namespace: Option<u64>,
    /// The worker, once it runs.
    #[serde(default)]
    pub(crate) worker: Option<Identity>,
    /// The interface, once it has a name.
    #[serde(default)]
    pub(crate) interface: Option<Interface>,
    /// What is to be undone, in the order in which it is made.
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
    /// What was agreed with the peer, where no worker keeps it.
    #[serde(default)]
    pub(crate) agreed: Option<Agreed>,
}

impl LinkSpec {
    /// A link that is to be dialled for the first time.
    pub(crate) fn new(entry: Entry, owner: u32, timeout_ms: Option<u64>, phonebook: Option<String>) -> Self {
        let id = crate::spec::new_id();
        // The id is a number that grows with time: so no handle is used twice, whoever runs the daemon.
        let handle = u64::from_str_radix(id.trim_start_matches('c'), 16).unwrap_or_default();
        LinkSpec { id, handle, entry, owner, phonebook, engine: None, timeout_ms }
    }

    /// The name by which people know it.
    pub(crate) fn name(&self) -> String {
        self.entry.name.to_string()
    }

    /// The port that it needs for itself, if it needs one.
    fn port(&self) -> Option<&str> {
        match &self.entry.device {
            Device::Modem { port, .. } | Device::Serial { port, .. } => {
                Some(port.strip_prefix("/dev/").unwrap_or(port))
            }
            _ => None,
        }
    }

    /// Why there cannot be this link beside that one: names are unique, and a port carries one link.
    pub(crate) fn excluded_by(&self, other: &LinkSpec) -> Option<Error> {
        if self.entry.name == other.entry.name {
            let remote = other.entry.device.shown();
            return Some(ErrorKind::NameInUse { name: other.name(), remote }.into());
        }
        let port = self.port().filter(|port| other.port() == Some(port))?;
        let (entry, code) = (self.name(), Code::PORT_NOT_AVAILABLE);
        let error = Error::from(ErrorKind::Link { entry, code, during: RasState::OpenPort });
        Some(error.because(format!("{} uses {port}", other.name())))
    }

    /// What its life depends on.
    pub(crate) fn plan(&self) -> Plan {
        let carrier = if self.is_in_kernel() { Carrier::Kernel } else { Carrier::Worker };
        Plan::of(&self.entry, carrier, self.timeout_ms.map(Duration::from_millis))
    }

    /// Whether the kernel carries it, and no worker.
    pub(crate) fn is_in_kernel(&self) -> bool {
        self.engine == Some(Engine::Kernel)
    }

    /// Whether a caller's word means this link: its name, or `#` and its handle.
    pub(crate) fn is_called(&self, word: &str) -> bool {
        self.entry.name.key() == word.to_lowercase()
            || word.strip_prefix('#').is_some_and(|number| number.parse() == Ok(self.handle))
    }
}
