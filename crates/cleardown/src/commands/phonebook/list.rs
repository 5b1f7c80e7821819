//! `phonebook list`.

use cleardown_core::link::{Device, Entry};
use cleardown_core::{Exit, Result};
use cleardown_profile::{Found, PhoneBooks, Whose};

use crate::commands::DONE;
use crate::json;
use crate::table::Table;
use crate::ui::Ui;

/// List the entries; damaged ones are named.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit> {
    let loaded = PhoneBooks::of_process()?.load()?;
    if args.json {
        json::print(ui, &json::Book::new(&loaded))?;
        return DONE;
    }
    if loaded.entries.is_empty() && loaded.damaged.is_empty() {
        ui.note("the phone book is empty");
    }
    if !loaded.entries.is_empty() {
        table(&loaded.entries).lines(ui.columns).iter().for_each(|line| ui.data(line));
    }
    loaded.damaged.iter().for_each(|damaged| ui.error(&damaged.error));
    DONE
}

fn table(entries: &[Found]) -> Table {
    let mut table = Table::new(vec!["NAME", "TYPE", "DEVICE", "NUMBER", "USER", "BOOK"], &["TYPE", "BOOK"]);
    for Found { whose, entry } in entries {
        let user = entry.user.clone().unwrap_or_else(|| "-".to_owned());
        let (kind, shown) = (entry.device.kind().to_owned(), entry.device.shown());
        table.push(vec![entry.name.to_string(), kind, shown, number(entry), user, book(*whose).to_owned()]);
    }
    table
}

fn number(entry: &Entry) -> String {
    match &entry.device {
        Device::Modem { number, .. } if !number.is_empty() => number.clone(),
        _ => "-".to_owned(),
    }
}

/// Whose phone book it is, in a word.
pub(super) fn book(whose: Whose) -> &'static str {
    match whose {
        Whose::User => "own",
        Whose::System => "system",
    }
}
