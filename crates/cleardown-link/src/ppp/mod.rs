//! The Point-to-Point Protocol: machines without I/O that take bytes and the time.
//!
//! | module | what it holds | source |
//! |---|---|---|
//! | [`packet`] | protocol numbers, packets, options | RFC 1661, 5 and 6 |
//! | [`automaton`] | the option-negotiation table | RFC 1661, 4 |
//! | [`negotiation`] | one control protocol: automaton, counters, timer | RFC 1661, 4.6 |
//! | [`lcp`], [`ipcp`], [`ipv6cp`] | what each protocol wants and takes | RFC 1661, 1332, 1877, 5072 |
//! | [`auth`] | PAP, CHAP-MD5, MS-CHAPv2, both sides | RFC 1334, 1994, 2759 |
//! | [`session`] | the phases of a link, from dead to network and back | RFC 1661, 3 |

pub mod auth;
pub mod automaton;
pub mod ipcp;
pub mod ipv6cp;
pub mod lcp;
pub mod negotiation;
pub mod packet;
pub mod session;

#[cfg(test)]
mod pairs;

/// A moment: the time since an epoch of the caller's choice. The machines never read a clock.
pub type Moment = std::time::Duration;
