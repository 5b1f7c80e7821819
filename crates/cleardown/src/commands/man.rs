//! `man`: manual pages, generated from the command table when a package is built.

use std::path::PathBuf;

use cleardown_core::{Error, Exit, Result};

use super::DONE;
use crate::ui::Ui;

/// Write the manual pages.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder for all pages; without it the main page goes to standard output.
    folder: Option<PathBuf>,
}

pub(crate) fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    let failed = |e: std::io::Error| Error::os("writing the manual pages", &e);
    match args.folder {
        Some(folder) => {
            std::fs::create_dir_all(&folder).map_err(failed)?;
            clap_mangen::generate_to(crate::command(), folder).map_err(failed)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(crate::command()).render(&mut page).map_err(failed)?;
            ui.raw(&String::from_utf8_lossy(&page));
        }
    }
    DONE
}
