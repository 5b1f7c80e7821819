//! Links: the Point-to-Point Protocol without I/O.
//!
//! [`ppp`] is the protocol: pure machines that take bytes and the time, and give bytes, events and the next
//! deadline. [`hdlc`] frames it for asynchronous lines (RFC 1662). Transports and engines come on top.

pub mod fcs;
pub mod hdlc;
pub mod ppp;
