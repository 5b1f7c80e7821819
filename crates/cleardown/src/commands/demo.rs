//! `demo`: see [`crate::demo`].

use std::path::PathBuf;

use cleardown_core::Result;

use crate::demo;
use crate::ui::Ui;

/// Show all of it on this machine, without touching anything of yours.
///
/// An SFTP server of our own serves a temporary folder; a drive is mapped and a file written, ending is refused
/// while the file is open, and then the drive is ended with its proof. For root a link follows, in a network namespace
/// of its own: a PPP peer of our own is dialled and pinged, the process that dialled is killed, and the link is listed
/// and hung up from another.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The inner process: everything happens in this folder.
    #[arg(long, hide = true, value_name = "DIR")]
    inside: Option<PathBuf>,

    /// Which part the inner process plays.
    #[arg(long, hide = true, value_enum, default_value = "drive", requires = "inside")]
    part: demo::Part,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    match args.inside {
        Some(folder) => demo::play(args.part, &folder, ui).await,
        None => demo::run(ui).await,
    }
}
