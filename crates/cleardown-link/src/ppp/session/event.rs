//! What a session says: its phases, what its owner learns, what goes to the line, and why it ended.

use std::net::Ipv4Addr;

use cleardown_core::Code;

use crate::hdlc::Accm;
use crate::ppp::lcp::Agreed;

/// The phases of RFC 1661, section 3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The lower layer is down.
    #[default]
    Dead,
    /// LCP negotiates.
    Establish,
    /// One or both sides prove who they are.
    Authenticate,
    /// Network protocols negotiate and run.
    Network,
    /// The link is being ended.
    Terminate,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Reason {
    /// We wanted it.
    Asked,
    /// The peer sent Terminate-Request.
    PeerEnded,
    /// The lower layer went down.
    LineLost,
    /// The peer did not answer LCP.
    NoAnswer,
    /// The peer does not agree with what is needed.
    NoAgreement,
    /// The line brings back what we send.
    LoopedBack,
    /// The peer stopped answering.
    PeerDead,
    /// The peer refused us: the RAS error and the peer's words.
    Refused { code: Code, message: String },
    /// The peer did not finish the authentication.
    AuthenticationTimedOut,
    /// The peer could not or would not prove who it is.
    PeerRefused,
    /// No network protocol could be agreed on.
    NoNetwork,
}

impl Reason {
    /// The number in `raserror.h`; `running` tells that IP had been agreed on before.
    pub fn ras(&self, running: bool) -> Code {
        match self {
            Reason::Asked => Code::USER_DISCONNECTION,
            Reason::PeerEnded if running => Code::REMOTE_DISCONNECTION,
            Reason::PeerEnded => Code::PPP_LCP_TERMINATED,
            Reason::LineLost | Reason::PeerDead => Code::LINK_FAILURE,
            Reason::NoAnswer => Code::PPP_NO_RESPONSE,
            Reason::AuthenticationTimedOut => Code::PPP_TIMEOUT,
            Reason::NoAgreement => Code::PPP_NOT_CONVERGING,
            Reason::LoopedBack => Code::PPP_LOOPBACK_DETECTED,
            Reason::Refused { code, .. } => *code,
            Reason::PeerRefused => Code::UNABLE_TO_AUTHENTICATE_SERVER,
            Reason::NoNetwork => Code::PPP_NO_PROTOCOLS_CONFIGURED,
        }
    }

    /// The peer's own words about it; empty when it said none.
    pub fn words(&self) -> &str {
        match self {
            Reason::Refused { message, .. } => message,
            _ => "",
        }
    }
}

/// What the owner of a link learns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Event {
    /// A new phase.
    Phase(Phase),
    /// LCP agreed: how the peer wants to be sent to, and what it may send.
    LineAgreed { send: Agreed, receive: Agreed },
    /// The peer says that our password has expired, and is told the new one.
    ChangingPassword,
    /// The peer has accepted us, or we it (by this name).
    Authenticated(String),
    /// IPv4 runs between these addresses, with these name servers.
    Ipv4Up { local: Ipv4Addr, remote: Ipv4Addr, dns: Vec<Ipv4Addr> },
    /// IPv4 no longer runs.
    Ipv4Down,
    /// IPv6 runs between these interface identifiers.
    Ipv6Up { local: u64, remote: u64 },
    /// IPv6 no longer runs.
    Ipv6Down,
    /// Each network protocol runs now or has been given up, and one runs at least.
    NetworkSettled,
    /// It is over. `acknowledged`: the peer has said so too (its Terminate-Ack, or its own request).
    Ended { reason: Reason, acknowledged: bool },
}

/// A frame for the line, without check sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From the address field (when it is sent) to the end of the information.
    pub bytes: Vec<u8>,
    /// What an asynchronous line must escape.
    pub accm: Accm,
}

/// What a received frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// The protocol's own business, or nothing.
    Control,
    /// An IPv4 datagram for the interface.
    Ipv4(&'a [u8]),
    /// An IPv6 datagram for the interface.
    Ipv6(&'a [u8]),
}
