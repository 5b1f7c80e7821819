//! The command line: `cleardown`, and `net` and `rasdial` for those who know them.
//!
//! Data goes to standard output, everything else to standard error; see `docs/exit-codes.md` and `docs/json.md`.

mod cli;
mod commands;
mod connect;
mod credentials;
mod demo;
mod devices;
mod format;
mod interrupt;
mod json;
mod message;
mod net;
mod progress;
mod rasdial;
mod table;
mod ui;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use cleardown_core::{Error, Exit};

use crate::cli::Cli;
use crate::ui::Ui;

/// The command table, from which manual pages and completions are generated.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line; `args[0]` is the name under which it was called.
pub fn main(args: Vec<OsString>) -> ExitCode {
    start_log();
    let mut ui = Ui::from_process();
    let parsed = match args.first().map(base_name).as_deref() {
        Some("net") => Ok(Cli::net(args.into_iter().skip(1))),
        Some("rasdial") => Ok(Cli::rasdial(args.into_iter().skip(1))),
        _ => Cli::try_parse_from(args),
    };
    let code = match parsed {
        Ok(cli) => run(cli, &mut ui),
        Err(error) => {
            let ours = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Error>());
            if let Some(ours) = ours {
                return ExitCode::from(fail(&mut ui, ours));
            }
            // Help and version are data; anything else is a usage error, exit code 2. A closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(u8::from(error.use_stderr()) * Exit::Usage as u8);
        }
    };
    ExitCode::from(code)
}

fn run(cli: Cli, ui: &mut Ui) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(ui, &Error::os("starting the runtime", &error)),
    };
    let outcome = runtime.block_on(commands::dispatch(cli, ui));
    // What still runs (a prompt, a lookup) is not waited for: the daemon does the work, not we.
    runtime.shutdown_background();
    match (outcome, ui.unwritten.take()) {
        (Ok(0), Some(error)) => fail(ui, &Error::os("writing the output", &error)),
        (Ok(code), _) => code,
        (Err(error), _) => fail(ui, &error),
    }
}

fn fail(ui: &mut Ui, error: &Error) -> u8 {
    ui.error(error);
    error.exit() as u8
}

fn base_name(path: &OsString) -> String {
    std::path::Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Diagnostics for those who ask (`CLEARDOWN_LOG=debug`), on standard error.
fn start_log() {
    if let Ok(filter) = tracing_subscriber::EnvFilter::try_from_env("CLEARDOWN_LOG") {
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    }
}
