//! Links: the Point-to-Point Protocol, what carries it, and the engine that joins them.
//!
//! [`ppp`] is the protocol: pure machines that take bytes and the time, and give bytes, events and the next
//! deadline. [`hdlc`] frames it for asynchronous lines (RFC 1662), [`modem`] brings such a line up and proves that it
//! is free again, [`line`](mod@line) opens it, [`offload`] takes TCP segments apart and joins them. [`engine`] is a link at work, [`peer`] the other
//! end of one. [`wireguard`] is the engine of another kind of link.

pub mod engine;
pub mod fcs;
pub mod hdlc;
mod job;
pub mod line;
pub mod modem;
pub mod offload;
pub mod peer;
mod plan;
pub mod ppp;
pub mod wireguard;

pub use job::Job;
