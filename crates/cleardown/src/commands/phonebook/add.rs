//! `phonebook add`.

use cleardown_core::link::{Dialling, Entry, EntryName, Network, Ppp};
use cleardown_core::{ErrorKind, Exit, Result};
use cleardown_profile::PhoneBooks;

use super::fields::Fields;
use crate::commands::DONE;
use crate::ui::Ui;

/// Add an entry, for example: add office --device modem0 --number 555-1234 --user eve --default-route.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name.
    name: EntryName,

    #[command(flatten)]
    fields: Fields,

    /// Take the place of an entry of this name.
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    let book = books.own();
    let there = book.text(&args.name)?.is_some();
    if there && !args.replace {
        return Err(ErrorKind::EntryExists(args.name.to_string()).into());
    }
    let device = args.fields.device()?.ok_or_else(|| {
        ErrorKind::BadParameter("an entry needs a --device (see cleardown phonebook devices)".into())
    })?;
    let (ppp, network, dialling) = (Ppp::default(), Network::default(), Dialling::default());
    let entry = Entry { name: args.name.clone(), user: None, device, ppp, network, dialling };
    let entry = args.fields.apply(&entry)?;
    if there {
        book.remove(&args.name)?;
    }
    book.put(&entry)?;
    ui.data(format!("{} is in {}", args.name, ui.short(&book.path(&args.name).display().to_string())));
    DONE
}
