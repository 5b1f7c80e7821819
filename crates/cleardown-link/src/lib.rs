//! Links: the Point-to-Point Protocol without I/O.
//!
//! [`ppp`] is the protocol: pure machines that take bytes and the time, and give bytes, events and the next
//! deadline. [`hdlc`] frames it for asynchronous lines (RFC 1662), [`modem`]
//! brings such a line up and proves that it is free again. Transports and engines come on top.

pub mod engine;
pub mod fcs;
pub mod hdlc;
pub mod line;
pub mod modem;
pub mod ppp;
