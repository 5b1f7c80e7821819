//! The provider against a real Samba server.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;
mod connecting;
mod files;
