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
mod spec;
mod supervisor;
#[cfg(test)]
mod tests;

pub use options::Options;
pub use ppp_peer::ppp_peer;
pub use run::run;
pub use sftp_server::sftp_server;

/// Starts the log on standard error, when `CLEARDOWN_LOG` asks for it (`info`, `cleardown_daemon=debug`, ...; see
/// `tracing_subscriber::EnvFilter`).
pub fn start_log() {
    let Ok(filter) = std::env::var("CLEARDOWN_LOG") else { return };
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(std::io::stderr).init();
}

/// Sends the log, and that of the workers to come, to the file `log` in the run-time directory, when nobody reads
/// our standard error: neither a service manager nor a person at a terminal.
pub fn log_to_file(options: &Options) {
    let read = std::env::var_os("NOTIFY_SOCKET").is_some() || rustix::termios::isatty(std::io::stderr());
    if read || std::env::var_os("CLEARDOWN_LOG").is_none() {
        return;
    }
    let mut location = cleardown_ipc::Location::of(cleardown_ipc::Instance::User);
    if let Some(dir) = &options.runtime_dir {
        location.dir = dir.clone();
    }
    if location.prepare().is_err() {
        return; // The daemon will say why.
    }
    if let Ok(file) = std::fs::OpenOptions::new().create(true).append(true).open(location.dir.join("log")) {
        let _ = rustix::stdio::dup2_stderr(&file);
    }
}
