//! How a link ends.

use std::io;

use cleardown_core::Code;

use crate::modem;
use crate::ppp::session;

/// How a link ended: each fact was seen, not assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub why: Why,
    /// IP had been agreed on before.
    pub ran: bool,
    /// The peer has acknowledged the end.
    pub acknowledged: bool,
    /// The modem has answered `OK` again; none where there is no modem.
    pub device_answers: Option<bool>,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The line could not be opened.
    Port(PortFailure),
    /// The modem's call failed.
    Call(modem::Failure),
    /// The protocol ended.
    Ppp(session::Reason),
    /// No handshake came about (tunnels).
    NoHandshake,
    /// The owner gave up before a call was made.
    Cancelled,
}

/// Why a line could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortFailure {
    /// What the kernel said; none when it was not asked (a name that cannot be resolved).
    pub errno: Option<i32>,
    /// The same in words.
    pub words: String,
}

impl From<io::Error> for PortFailure {
    fn from(error: io::Error) -> Self {
        PortFailure { errno: error.raw_os_error(), words: error.to_string() }
    }
}

impl PortFailure {
    fn ras(&self) -> Code {
        match self.errno {
            Some(libc::EBUSY) => Code::PORT_NOT_AVAILABLE,
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::ENOTTY) => Code::PORT_NOT_FOUND,
            Some(libc::ECONNREFUSED | libc::ETIMEDOUT | libc::EHOSTUNREACH | libc::ENETUNREACH) => {
                Code::NO_ANSWER
            }
            Some(libc::EACCES | libc::EPERM) => Code::ACCESS_DENIED,
            Some(_) => Code::PORT_OR_DEVICE,
            None => Code::DNSNAME_NOT_RESOLVABLE,
        }
    }
}

impl End {
    /// An end before there was a call, with nothing to prove.
    pub(crate) fn of(why: Why) -> Self {
        End { why, ran: false, acknowledged: false, device_answers: None }
    }

    /// The number in `raserror.h`.
    pub fn code(&self) -> Code {
        match &self.why {
            Why::Port(failure) => failure.ras(),
            Why::Call(failure) => failure.ras(),
            Why::Ppp(reason) => reason.ras(self.ran),
            Why::NoHandshake => Code::NO_ANSWER,
            Why::Cancelled => Code::USER_DISCONNECTION,
        }
    }

    /// More about it, in the kernel's or the peer's words; empty when there is nothing.
    pub fn words(&self) -> &str {
        match &self.why {
            Why::Port(failure) => &failure.words,
            Why::Ppp(reason) => reason.words(),
            _ => "",
        }
    }
}
