//! The old words for links: `rasdial`, with the output and exit codes that Windows users know.
//!
//! The exit code is the number of the error, as in Windows; Linux has 8 bits for it, so it is the number modulo 256 (691
//! gives 179), and 255 where that would be 0. The whole number is in the output. A password is never taken from the
//! command line (`*` asks for it).

mod parse;

use std::path::Path;

use cleardown_client::Client;
use cleardown_core::link::{Entry, EntryName, RasState};
use cleardown_core::request::{DialRequest, Dialled, EndRequest, Which};
use cleardown_core::view::{Connection, Kind, Progress, Status};
use cleardown_core::{Code, Error, ErrorKind, Result, ras};

use self::parse::{Bad, Dial, Rasdial};
use crate::commands::dial::{self, Wish};
use crate::commands::end;
use crate::commands::phonebook::import;
use crate::ui::Ui;
use crate::{connect, format, interrupt, message};

/// What `rasdial /?` prints.
const SYNTAX: &str = r"USAGE:
        rasdial entryname [username [*]] [/DOMAIN:domain]
                [/PHONE:phonenumber] [/PHONEBOOK:phonebookfile]

        rasdial [entryname] /DISCONNECT

        rasdial

        * asks for the password; it is not taken from the command line.
";

/// The old words: rasdial, as Windows users know it.
#[derive(Debug, clap::Args)]
#[command(after_help = SYNTAX, disable_help_flag = true)]
pub(crate) struct Args {
    /// What follows `rasdial`, for example: office eve *
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<String>,
}

/// Runs `rasdial ...`.
pub(crate) async fn run(args: Args, ui: &mut Ui) -> u8 {
    let command = match parse::parse(&args.words) {
        Ok(command) => command,
        Err(bad) => return not_understood(&bad, ui),
    };
    let outcome = match command {
        Rasdial::Help => {
            ui.data(SYNTAX);
            return 0;
        }
        Rasdial::List => list(ui).await,
        Rasdial::Dial(wanted) => connect_to(wanted, ui).await,
        Rasdial::Disconnect(name) => disconnect(name, ui).await,
    };
    match outcome {
        Ok(()) => {
            ui.data("Command completed successfully.");
            0
        }
        Err(error) => fail(&error, ui),
    }
}

fn not_understood(bad: &Bad, ui: &mut Ui) -> u8 {
    match bad {
        Bad::Syntax => ui.note(SYNTAX),
        Bad::Because(why) => ui.note(format!("{}\n\n{SYNTAX}", format::printable(why))),
        Bad::Password => {
            ui.note("A password does not go on the command line, where every process can read it.");
            ui.hint(
                "write * to be asked for it, or use cleardown dial with --password-fd or --password-file",
            );
        }
        Bad::Unsupported(what) => {
            ui.note(format!("This is not supported: {what}."));
            return exit_code(Code::NOT_SUPPORTED);
        }
    }
    exit_code(Code::INVALID_PARAMETER)
}

/// The number in the 8 bits that Linux has for it; a failure is never 0.
fn exit_code(code: Code) -> u8 {
    match u8::try_from(code.0 % 256) {
        Ok(0) | Err(_) => 255,
        Ok(code) => code,
    }
}

/// An error in the old words, and below them our own, which say more.
fn fail(error: &Error, ui: &mut Ui) -> u8 {
    let code = error.code();
    match ras::text(code) {
        Some(text) => ui.note(format!("\nRemote Access error {} - {text}.\n", code.0)),
        None => ui.note(format!("\nSystem error {} has occurred.\n", code.0)),
    }
    ui.note(message::of(error));
    exit_code(code)
}

async fn links(client: &Client) -> Result<Vec<Connection>> {
    let list = client.list(false, false).await?;
    let ours = |c: &Connection| c.kind == Kind::Link && c.link.as_ref().is_some_and(|link| !link.foreign);
    Ok(list.into_iter().filter(|c| ours(c) && c.status == Status::Connected).collect())
}

async fn list(ui: &mut Ui) -> Result<()> {
    let links = links(&connect::links().await?).await?;
    match links.is_empty() {
        true => ui.data("No connections"),
        false => {
            ui.data("Connected to");
            links.iter().for_each(|link| ui.data(format::printable(&link.name)));
        }
    }
    Ok(())
}

async fn connect_to(wanted: Dial, ui: &mut Ui) -> Result<()> {
    let (dialled, entry) = match &wanted.phonebook {
        Some(file) => in_file(Path::new(file), &wanted.name)?,
        None => dial::look_up(&wanted.name)?,
    };
    if links(&connect::links().await?).await?.iter().any(|link| link.name.parse() == Ok(entry.name.clone())) {
        ui.data(format!("You are already connected to {}.", entry.name));
        return Ok(());
    }
    let mut wish = Wish::new(dialled, &entry, wanted.user, None).await?;
    wish.request.number = wanted.number;
    if wanted.ask {
        if !ui.interactive {
            return Err(dial::no_terminal());
        }
        wish.secret = Some(dial::ask(&wish).await?);
    }
    ui.data(format!("Connecting to {}...", entry.name));
    let mut last = "";
    let dialling = wish.client.dial(&wish.request, wish.secret.clone(), |step| {
        if let Some(line) = spoken(&step).filter(|line| *line != last) {
            last = line;
            ui.data(line);
        }
    });
    interrupt::guard(dialling).await?.map_err(|_| Error::from(ErrorKind::Cancelled))??;
    ui.data(format!("Successfully connected to {}.", entry.name));
    Ok(())
}

/// What Windows says on the way.
fn spoken(step: &Progress) -> Option<&'static str> {
    Some(match step.ras?.state {
        RasState::Authenticate | RasState::StartAuthentication => "Verifying username and password...",
        RasState::Authenticated => "Registering your computer on the network...",
        _ => return None,
    })
}

/// An entry of a phone book that Windows wrote.
fn in_file(path: &Path, name: &EntryName) -> Result<(DialRequest, Entry)> {
    let found = import::read(path, import::Format::Rasphone, None)?;
    let imported = found.entries.into_iter().find(|imported| imported.entry.name == *name);
    if let (None, Some(skipped)) =
        (&imported, found.skipped.iter().find(|s| s.name.parse() == Ok(name.clone())))
    {
        return Err(ErrorKind::NotSupported(format!("{name}: {}; dialling it", skipped.why)).into());
    }
    let entry = imported.ok_or_else(|| Error::from(ErrorKind::NoSuchEntry(name.to_string())))?.entry;
    let phonebook = std::path::absolute(path).ok().map(|path| path.display().to_string());
    let request = DialRequest::of(Dialled::Given(Box::new(entry.clone())));
    Ok((DialRequest { phonebook, ..request }, entry))
}

/// Ends a link, or all of them, whatever the references: `rasdial` in Windows keeps none from one run to the next.
async fn disconnect(name: Option<EntryName>, ui: &mut Ui) -> Result<()> {
    let wanted = |c: &Connection| name.as_ref().is_none_or(|name| c.name.parse() == Ok(name.clone()));
    let client = connect::links().await?;
    let names: Vec<String> = links(&client).await?.into_iter().filter(wanted).map(|c| c.name).collect();
    if names.is_empty() {
        ui.data("No connections");
        return Ok(());
    }
    let request = EndRequest::of(Which::Names(names));
    let report = end::end(&client, &request, ui).await?.map_err(|_| Error::from(ErrorKind::Cancelled))?;
    if let Some(refused) = report.refused.into_iter().next() {
        return Err(refused.error);
    }
    for ended in report.ended.iter().filter(|ended| !ended.unproven.is_empty()) {
        end::lines(ended).iter().for_each(|line| ui.note(line));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_into_eight_bits_and_are_never_zero() {
        let codes = [691, 676, 623, 633, 720, 768, 87].map(|code| exit_code(Code(code)));
        assert_eq!(codes, [179, 164, 111, 121, 208, 255, 87]);
    }
}
