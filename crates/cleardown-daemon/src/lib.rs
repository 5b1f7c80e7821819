//! cleardownd: registry, supervision of workers, authorization; also the worker's binary.
//!
//! `map`, `end` and `restore` are the wishes of callers; `actor` drives one connection by the pure life cycle in
//! `cleardown_core::life::drive`; `reconcile` takes up what a former daemon left.

mod actor;
mod authorize;
mod context;
mod daemon;
mod end;
mod handle;
mod holders;
mod lifetime;
mod link;
mod log;
mod manager;
mod map;
mod memory;
mod mount_table;
mod network;
mod options;
mod ppp_peer;
#[doc(hidden)]
pub mod pretend;
mod reconcile;
mod registry;
mod restore;
mod run;
mod sftp_server;
mod shares;
mod sleep;
mod spec;
mod supervisor;
#[cfg(test)]
mod tests;

pub use log::{log_to_file, start_log};
pub use options::Options;
pub use ppp_peer::ppp_peer;
pub use run::run;
pub use sftp_server::sftp_server;
