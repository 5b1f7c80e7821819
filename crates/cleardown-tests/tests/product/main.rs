//! The product from end to end. One file per capability; the same test runs over both protocols and as root and as
//! an ordinary user wherever that can make a difference.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests")]

mod coherence;
mod crash;
mod dbus;
mod end;
mod files;
mod holders;
mod kerberos;
mod listing;
mod log;
mod map;
mod net_use;
mod profile;
mod secrets;
mod service_manager;
