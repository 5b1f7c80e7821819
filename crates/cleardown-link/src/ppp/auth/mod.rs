//! Authentication: PAP (RFC 1334), CHAP with MD5 (RFC 1994) and MS-CHAPv2 (RFC 2759), for both sides.

pub mod client;
mod exchange;
pub mod mschap;
mod password;
pub mod server;

use cleardown_core::Code;

use super::packet::protocol;

/// How one side proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// The password in clear text.
    Pap,
    /// A keyed MD5 digest of the peer's challenge.
    ChapMd5,
    /// Microsoft's challenge and response, version 2, which also proves the server.
    MsChapV2,
}

impl Method {
    /// From the value of LCP's authentication option.
    pub fn parse(value: &[u8]) -> Option<Self> {
        [Method::MsChapV2, Method::ChapMd5, Method::Pap].into_iter().find(|method| method.option() == value)
    }

    /// The value of LCP's authentication option.
    pub fn option(self) -> Vec<u8> {
        match self {
            Method::Pap => vec![0xc0, 0x23],
            Method::ChapMd5 => vec![0xc2, 0x23, 5],
            Method::MsChapV2 => vec![0xc2, 0x23, 0x81],
        }
    }

    /// The protocol that carries it.
    pub fn protocol(self) -> u16 {
        match self {
            Method::Pap => protocol::PAP,
            Method::ChapMd5 | Method::MsChapV2 => protocol::CHAP,
        }
    }
}

/// Where an authentication stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Outcome {
    /// Not decided.
    Pending,
    /// Accepted; the server's side learns who.
    Accepted(String),
    /// Not accepted: the RAS error, and what the peer said (cut, printable characters only).
    Refused { code: Code, message: String },
    /// No answer.
    TimedOut,
}

/// What a peer says, fit to be shown: printable, and not endless.
pub(super) fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).take(200).collect()
}

/// The digest of RFC 1994, section 4.1: identifier, secret, challenge.
pub(super) fn chap_md5(id: u8, secret: &[u8], challenge: &[u8]) -> [u8; 16] {
    use md5::{Digest, Md5};
    Md5::new().chain_update([id]).chain_update(secret).chain_update(challenge).finalize().into()
}

/// Takes CHAP's challenge and response apart: a counted value, then a name.
pub(super) fn value_and_name(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

/// CHAP's and PAP's codes.
mod code {
    pub(super) const PAP_REQUEST: u8 = 1;
    pub(super) const PAP_ACK: u8 = 2;
    pub(super) const PAP_NAK: u8 = 3;
    pub(super) const CHALLENGE: u8 = 1;
    pub(super) const RESPONSE: u8 = 2;
    pub(super) const SUCCESS: u8 = 3;
    pub(super) const FAILURE: u8 = 4;
    pub(super) const CHANGE_PASSWORD: u8 = 7;
}
