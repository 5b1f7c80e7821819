//! `phonebook`: the entries that links are dialled from. It works on files and needs no daemon.

mod add;
mod devices;
mod edit;
mod editor;
mod fields;
pub(crate) mod import;
mod list;
mod show;
mod validate;

use clap::Subcommand;
use cleardown_core::link::EntryName;
use cleardown_core::{Error, ErrorKind, Exit, Result};
use cleardown_profile::secrets::Bus;
use cleardown_profile::{PhoneBooks, Secrets, Whose, config_dir};

use super::DONE;
use crate::ui::Ui;

/// Keep the phone book: the entries that links are dialled from.
///
/// Each entry is one readable file in ~/.config/cleardown/phonebook (for root, and for everybody to dial,
/// /etc/cleardown/phonebook). One's own entries come before the system's of the same name.
#[derive(Debug, clap::Args)]
#[command(visible_alias = "book", disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Add(add::Args),
    Edit(edit::Args),
    Rename(Rename),
    Remove(Remove),
    Validate(validate::Args),
    Import(import::Args),
    Devices(devices::Args),
}

/// Give an entry another name; its password goes with it.
#[derive(Debug, clap::Args)]
struct Rename {
    /// The entry.
    name: EntryName,
    /// Its new name.
    new_name: EntryName,
}

/// Remove entries with their passwords; links that are connected stay.
#[derive(Debug, clap::Args)]
struct Remove {
    /// The entries.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<EntryName>,
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<Exit> {
    match args.command {
        Command::List(args) => list::run(&args, ui),
        Command::Show(args) => show::run(&args, ui),
        Command::Add(args) => add::run(&args, ui),
        Command::Edit(args) => edit::run(&args, ui).await,
        Command::Rename(args) => rename(&args, ui).await,
        Command::Remove(args) => remove(&args, ui).await,
        Command::Validate(args) => validate::run(&args, ui),
        Command::Import(args) => import::run(&args, ui).await,
        Command::Devices(args) => devices::run(&args, ui),
    }
}

/// The remembered passwords of this user.
pub(crate) fn secrets() -> Result<Secrets> {
    // A profile that was moved is a world of its own, without the user's key ring.
    let bus = if std::env::var_os("CLEARDOWN_CONFIG_DIR").is_some() { Bus::None } else { Bus::Session };
    Ok(Secrets::new(&config_dir()?, bus))
}

/// Refuses what the user may read and not change: an entry of the system's phone book.
fn own(books: &PhoneBooks, name: &EntryName) -> Result<()> {
    // A damaged file is the user's own to mend.
    if books.own().text(name)?.is_some() {
        return Ok(());
    }
    match books.find(name)?.whose {
        Whose::User => Ok(()),
        Whose::System if rustix::process::geteuid().is_root() => Ok(()),
        Whose::System => Err(ErrorKind::NotPermitted(format!("{name} is in the system's phone book")).into()),
    }
}

async fn rename(args: &Rename, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    own(&books, &args.name)?;
    books.own().rename(&args.name, &args.new_name)?;
    if args.name != args.new_name {
        let secrets = secrets()?;
        if let Some(secret) = secrets.get(&args.name).await? {
            let kept = secrets.put(&args.new_name, &secret).await?;
            kept.warning.iter().for_each(|warning| ui.note(format!("warning: {warning}")));
            secrets.remove(&args.name).await?;
        }
    }
    ui.data(format!("{} is now {}", args.name, args.new_name));
    DONE
}

async fn remove(args: &Remove, ui: &mut Ui) -> Result<Exit> {
    let books = PhoneBooks::of_process()?;
    for name in &args.names {
        own(&books, name)?;
        if !books.own().remove(name)? {
            return Err(Error::from(ErrorKind::NoSuchEntry(name.to_string())));
        }
        secrets()?.remove(name).await?;
        ui.data(format!("{name} is removed"));
    }
    DONE
}
