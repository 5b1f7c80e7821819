//! What is said of links.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cleardown_core::link::{Entry, RasState};
use cleardown_core::{Code, Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// What to dial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// The entry, with the caller's user and number already in their places.
    pub entry: Entry,
    /// How long it may take until the network is agreed on, in milliseconds; none: what the device needs at most.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// Two ends of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends<A> {
    /// Our address.
    pub local: A,
    /// The peer's, when it said one.
    #[serde(default = "Option::default")]
    pub remote: Option<A>,
}

/// What was agreed with the peer: what the interface needs, beside what the entry says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    /// The longest packet that the peer takes, in octets.
    pub mtu: u16,
    /// IPv4, when it runs by agreement (IPCP).
    #[serde(default)]
    pub ipv4: Option<Ends<Ipv4Addr>>,
    /// IPv6, when it runs by agreement (IPV6CP): link-local addresses.
    #[serde(default)]
    pub ipv6: Option<Ends<Ipv6Addr>>,
    /// Name servers that the peer told.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// The addresses of the servers that the link itself goes to (TCP and WireGuard), which must not be routed into it.
    #[serde(default)]
    pub servers: Vec<IpAddr>,
}

/// How a link ended: each fact was seen, not assumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkEnd {
    /// Why, as a number of `raserror.h`; 631 when we were asked to.
    pub code: Code,
    /// More about it, such as the peer's words; empty when there is nothing.
    #[serde(default)]
    pub detail: String,
    /// Where in the dial it was.
    pub during: RasState,
    /// The peer has acknowledged the end.
    pub acknowledged: bool,
    /// The modem has answered `OK` again; none where there is no modem.
    #[serde(default)]
    pub device_answers: Option<bool>,
}

impl LinkEnd {
    /// The end of the link of this name, as the error of its dial.
    pub fn error(&self, entry: &str) -> Error {
        let kind = ErrorKind::Link { entry: entry.to_owned(), code: self.code, during: self.during };
        let error = Error::from(kind);
        if self.detail.is_empty() { error } else { error.because(&self.detail) }
    }
}

/// How a link is; all from the worker's memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkStatus {
    /// What was dialled.
    pub entry: Entry,
    /// How far it is.
    pub state: RasState,
    /// The device's words at CONNECT, such as `57600 LAPM`.
    #[serde(default)]
    pub device_words: String,
    /// What was agreed with the peer, once it was.
    #[serde(default)]
    pub agreed: Option<Agreed>,
    /// Octets of datagrams that came from the peer.
    #[serde(default)]
    pub bytes_in: u64,
    /// Octets of datagrams that went to the peer.
    #[serde(default)]
    pub bytes_out: u64,
    /// Seconds since the last handshake (WireGuard).
    #[serde(default)]
    pub handshake_seconds: Option<u64>,
    /// How it ended, once it has.
    #[serde(default)]
    pub end: Option<LinkEnd>,
}
