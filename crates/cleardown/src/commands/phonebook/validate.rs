//! `phonebook validate`.

use cleardown_core::link::EntryName;
use cleardown_core::{Error, Exit, Result};
use cleardown_profile::{Found, PhoneBooks};

use super::fields::sensible;
use crate::commands::DONE;
use crate::ui::Ui;

/// Check entries, or all of them: what is damaged is named with line and column, what makes no sense with its key.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The entries [default: all].
    #[arg(value_name = "NAME")]
    names: Vec<EntryName>,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    let outcomes: Vec<Result<Found>> = match args.names.is_empty() {
        true => {
            let loaded = books.load()?;
            loaded.entries.into_iter().map(Ok).chain(loaded.damaged.into_iter().map(Err)).collect()
        }
        false => args.names.iter().map(|name| books.find(name)).collect(),
    };
    let checked = outcomes.len();
    let check = |found: Result<Found>| found.and_then(|found| sensible(&found.entry)).err();
    let errors: Vec<Error> = outcomes.into_iter().filter_map(check).collect();
    errors.iter().for_each(|error| ui.error(error));
    match errors.first() {
        Some(first) => Ok(first.exit()),
        None => {
            let entries = if checked == 1 { "entry makes" } else { "entries make" };
            ui.data(format!("{checked} {entries} sense"));
            DONE
        }
    }
}
