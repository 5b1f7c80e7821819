//! `phonebook edit`: by options, or in an editor.

use cleardown_core::link::EntryName;
use cleardown_core::{ErrorKind, Exit, Result};
use cleardown_profile::PhoneBooks;

use super::fields::Fields;
use super::{editor, own};
use crate::commands::DONE;
use crate::ui::Ui;

/// Change an entry by options, or without any in $VISUAL or $EDITOR; what makes no sense is not saved.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The entry.
    name: EntryName,

    #[command(flatten)]
    fields: Fields,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    own(&books, &args.name)?;
    let book = books.own();
    if args.fields.is_empty() {
        if !editor::edit(book, &args.name, ui).await? {
            ui.note("nothing was changed");
            return DONE;
        }
    } else {
        let entry = book.get(&args.name)?.ok_or_else(|| ErrorKind::NoSuchEntry(args.name.to_string()))?;
        book.put(&args.fields.apply(&entry)?)?;
    }
    ui.data(format!("{} is saved", args.name));
    DONE
}
