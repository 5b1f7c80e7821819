//! `demo`: see [`crate::demo`].

use std::path::PathBuf;

use cleardown_core::Result;

use crate::demo;
use crate::ui::Ui;

/// Show all of it on this machine, without touching anything of yours.
///
/// An SFTP server of our own serves a temporary folder; a drive is mapped and a file written, ending is refused
/// while the file is open, and then the drive is ended with its proof.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The inner process: everything happens in this folder.
    #[arg(long, hide = true, value_name = "DIR")]
    inside: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    match args.inside {
        Some(folder) => demo::play(&folder, ui).await,
        None => demo::run(ui).await,
    }
}
