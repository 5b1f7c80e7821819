//! The provider against a real Samba server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod coherence;
mod common;
mod conformance;
mod connecting;
mod files;
mod losing;
mod namespaces;
