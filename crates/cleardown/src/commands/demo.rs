//! `demo`.
use cleardown_core::Result;

use crate::ui::Ui;

/// Show all of it on this machine, without touching anything of yours.
///
/// An SFTP server of our own serves a temporary folder; a drive is mapped and a file written, ending is refused
/// while the file is open, and then the drive is ended with its proof.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) async fn run(_: Args, ui: &mut Ui) -> Result<u8> {
    ui.note("not yet");
    Ok(1)
}
