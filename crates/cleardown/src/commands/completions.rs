//! `completions`: scripts for shells.

use cleardown_core::{Exit, Result};

use super::DONE;
use crate::ui::Ui;

/// Print a completion script for a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

pub(crate) fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::command(), "cleardown", &mut script);
    ui.raw(&String::from_utf8_lossy(&script));
    DONE
}
