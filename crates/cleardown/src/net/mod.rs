//! The old words: `net use` and `net view`, with the output and exit codes that Windows users know.
//!
//! Exit codes are those of Windows' `net`: 0 done, 1 not understood, 2 failed. Two things differ on purpose. A
//! password is never taken from the command line (`*` asks for it). And where a forced end loses data, the files
//! are listed on standard error and the exit code is 2.

mod parse;
mod texts;
mod use_add;
mod use_delete;
mod use_list;
mod view;

use cleardown_core::{Error, Result};
use cleardown_profile::{NetUse, config_dir};

use self::parse::{Net, Use};
use crate::ui::Ui;

/// The old words: net use and net view, as Windows users know them.
#[derive(Debug, clap::Args)]
#[command(after_help = texts::SYNTAX, disable_help_flag = true)]
pub(crate) struct Args {
    /// What follows `net`, for example: use z: \\server\share
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// Exit codes of `net`.
const DONE: u8 = 0;
const NOT_UNDERSTOOD: u8 = 1;
const FAILED: u8 = 2;

/// Runs `net ...`.
pub(crate) async fn run(args: Args, ui: &mut Ui) -> u8 {
    let net = match parse::parse(&args.words) {
        Ok(net) => net,
        Err(why) => {
            if !why.is_empty() {
                ui.note(format!("{why}\n"));
            }
            ui.note(texts::SYNTAX);
            return NOT_UNDERSTOOD;
        }
    };
    let outcome = match net {
        Net::Help => {
            ui.data(texts::SYNTAX);
            Ok(DONE)
        }
        Net::HelpMsg(code) => Ok(help_message(code, ui)),
        Net::Use(what) => use_command(what, ui).await,
        Net::View { server, all } => view::run(&server, all, ui).await,
        Net::Servers => view::servers(ui).await,
    };
    outcome.unwrap_or_else(|error| fail(&error, ui))
}

async fn use_command(what: Use, ui: &mut Ui) -> Result<u8> {
    match what {
        Use::List => use_list::all(ui).await,
        Use::Persistent(persistent) => {
            choose(NetUse { persistent })?;
            Ok(completed(ui))
        }
        Use::Show(name) => use_list::one(&name, ui).await,
        Use::Add(add) => use_add::run(add, ui).await,
        Use::Delete { name, yes } => use_delete::one(&name, yes, ui).await,
        Use::DeleteAll { yes } => use_delete::all(yes, ui).await,
    }
}

/// What was chosen, in the profile of whoever has one.
fn chosen() -> Result<NetUse> {
    config_dir().map_or_else(|_| Ok(NetUse::default()), |config| NetUse::load(&config))
}

fn choose(choice: NetUse) -> Result<()> {
    choice.save(&config_dir()?)
}

fn help_message(code: u32, ui: &mut Ui) -> u8 {
    match texts::system(code) {
        Some(text) => {
            ui.data(format!("\n{text}\n"));
            DONE
        }
        None => {
            ui.note(format!("{code} is not a valid Windows network message number."));
            FAILED
        }
    }
}

/// An error in the old words, and below them our own, which say more.
fn fail(error: &Error, ui: &mut Ui) -> u8 {
    ui.note(texts::failure(error));
    FAILED
}

/// The sentence that ends what went well.
fn completed(ui: &mut Ui) -> u8 {
    ui.data("The command completed successfully.\n");
    DONE
}

/// A question that wants Y or N. `/y` and `/n` have answered it; nobody there to answer means no.
async fn confirm(question: &str, given: Option<bool>, ui: &mut Ui) -> bool {
    if let Some(answer) = given {
        return answer;
    }
    ui.ask(&format!("{question} (Y/N) [N]: "));
    match crate::ui::answer().await {
        Some(answer) => matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"),
        None => {
            ui.note("\nNo valid response was provided.\n");
            false
        }
    }
}

/// A remote name as Windows writes it: SMB without a port in backslashes, anything else as it is.
fn backslashed(remote: &str) -> String {
    if remote.starts_with("//") { remote.replace('/', "\\") } else { remote.to_owned() }
}

/// A local name as Windows shows it: letters in capitals.
fn shown(name: &str) -> String {
    let letter = name.len() == 2 && name.ends_with(':');
    if letter { name.to_uppercase() } else { name.to_owned() }
}
