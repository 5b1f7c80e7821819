//! One file for each command.

pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod dial;
mod each;
pub(crate) mod end;
pub(crate) mod forget;
pub(crate) mod holders;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod map;
pub(crate) mod phonebook;
pub(crate) mod remember;
pub(crate) mod restore;
pub(crate) mod status;

use cleardown_core::{Exit, Result};

use crate::cli::{Cli, Command};
use crate::ui::Ui;
use crate::{net, rasdial};

/// Runs a command; the number is the process's exit code.
pub(crate) async fn dispatch(cli: Cli, ui: &mut Ui) -> Result<u8> {
    let exit = match cli.command {
        Command::Map(args) => return map::run(args, ui).await,
        Command::End(args) => return end::run(args, ui).await,
        Command::Dial(args) => return dial::run(args, ui).await,
        Command::Rasdial(args) => return Ok(rasdial::run(args, ui).await),
        Command::Net(args) => return Ok(net::run(args, ui).await),
        Command::Demo(args) => return demo::run(args, ui).await,
        Command::List(args) => list::run(args, ui).await?,
        Command::Status(args) => status::run(args, ui).await?,
        Command::Holders(args) => holders::run(args, ui).await?,
        Command::Phonebook(args) => phonebook::run(args, ui).await?,
        Command::Forget(args) => forget::run(args, ui).await?,
        Command::Remember(args) => remember::run(args, ui).await?,
        Command::Restore(args) => return restore::run(args, ui).await,
        Command::Completions(args) => completions::run(args, ui)?,
        Command::Man(args) => man::run(args, ui)?,
    };
    Ok(exit as u8)
}

/// What most commands end with.
pub(crate) const DONE: Result<Exit> = Ok(Exit::Done);
