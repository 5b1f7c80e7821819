//! `phonebook show`.

use cleardown_core::link::EntryName;
use cleardown_core::{Exit, Result};
use cleardown_profile::PhoneBooks;

use crate::commands::DONE;
use crate::ui::Ui;
use crate::{format, json};

/// Show an entry: its file, which never has a password in it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The entry.
    name: EntryName,

    /// Print JSON (schema/v1.json), with what is usual too.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    let found = books.find(&args.name)?;
    if args.json {
        json::print(ui, &json::OneEntry::new(&found))?;
        return DONE;
    }
    for line in books.text(&args.name)?.lines() {
        ui.data(format::printable(line));
    }
    for problem in found.entry.problems() {
        ui.note(format!("problem: {problem}"));
    }
    DONE
}
