//! `phonebook validate`.

use cleardown_core::link::{Entry, EntryName};
use cleardown_core::{Error, Exit, Result};
use cleardown_profile::{Found, PhoneBooks, settings};

use super::fields::sensible;
use crate::commands::DONE;
use crate::format;
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
            loaded
                .entries
                .into_iter()
                .map(Ok)
                .chain(loaded.damaged.into_iter().map(|damaged| Err(damaged.error)))
                .collect()
        }
        false => args.names.iter().map(|name| books.find(name)).collect(),
    };
    let checked = outcomes.len();
    let mut errors: Vec<Error> = Vec::new();
    for outcome in outcomes {
        match outcome.and_then(|found| sensible(&found.entry).map(|()| found.entry)) {
            Ok(entry) => misspelt(&books, &entry, ui)?,
            Err(error) => errors.push(error),
        }
    }
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

/// A later version may know the key, so it is no error.
fn misspelt(books: &PhoneBooks, entry: &Entry, ui: &mut Ui) -> Result<()> {
    for key in settings::unknown_keys(&books.text(&entry.name)?, entry) {
        ui.note(format::printable(&format!("warning: {}: the key {key} means nothing here", entry.name)));
    }
    Ok(())
}
