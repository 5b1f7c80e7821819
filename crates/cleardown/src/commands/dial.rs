//! `dial`: make a link, with live progress through the states of RAS.

use std::time::Duration;

use cleardown_client::{Client, Secret};
use cleardown_core::link::{Device, Dialling, Entry, EntryName, Network, Ppp, RasState};
use cleardown_core::request::{DialRequest, Dialled};
use cleardown_core::view::{Connection, Status};
use cleardown_core::{Code, Error, ErrorKind, Exit, Result};
use cleardown_profile::{PhoneBooks, Whose};

use super::phonebook::secrets;
use crate::credentials::{self, Source};
use crate::interrupt::{self, Interrupted};
use crate::progress::DialMeter;
use crate::ui::Ui;
use crate::{connect, devices, format, json};

/// How often a person may try a password.
const TRIES: u32 = 3;

/// Dial a link: an entry of the phone book, or a number.
///
/// Each state is shown with its time. An entry that is connected gets one more reference, and each dial needs its
/// hang-up (cleardown end ends it whatever the references). Ctrl-C hangs up.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The entry.
    #[arg(required_unless_present = "number")]
    entry: Option<EntryName>,

    /// The number, in place of the entry's; without an entry with the usual settings.
    #[arg(long, value_name = "N")]
    number: Option<String>,

    /// What dials the number when there is no entry: modem0, ttyUSB0, a path (see cleardown phonebook devices).
    #[arg(
        long,
        value_name = "DEVICE",
        conflicts_with = "entry",
        default_value_if("number", clap::builder::ArgPredicate::IsPresent, "modem0")
    )]
    device: Option<String>,

    /// The user on the other side, DOMAIN\user for a domain.
    #[arg(long)]
    user: Option<String>,

    #[command(flatten)]
    password: Source,

    /// Read the password that is to take the place of one that has expired (648) from this open file descriptor, up to a line's
    /// end; on a terminal it is asked for. Where the old one is kept, the new one takes its place.
    #[arg(long, value_name = "N")]
    new_password_fd: Option<i32>,

    /// Keep the password for the next time, where passwords are kept, once the link is up.
    #[arg(long, requires = "entry")]
    remember_password: bool,

    /// How long one attempt may take: seconds, or with a unit (90s, 2m) [default: what the device needs at most].
    #[arg(long, value_name = "S", value_parser = format::parse_duration)]
    timeout: Option<Duration>,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

/// A dial: what is asked of which daemon, and what is known about the password.
pub(crate) struct Wish {
    pub(crate) client: Client,
    pub(crate) request: DialRequest,
    pub(crate) secret: Option<Secret>,
    /// What is to take the password's place should it have expired.
    new_secret: Option<Secret>,
    /// The peer has asked for the new one.
    changed: bool,
    /// The user to ask a password for; none: the peer needs none, as far as one can know.
    user: Option<String>,
    /// The password was given, or found where the user keeps it: a wrong one is not asked for again.
    given: bool,
}

impl Wish {
    /// The dial of what was looked up, as this user.
    pub(crate) async fn new(
        found: DialRequest,
        entry: &Entry,
        user: Option<String>,
        given: Option<Secret>,
    ) -> Result<Wish> {
        let client = connect::links().await?;
        let request = DialRequest { user: user.clone(), ..found };
        let ppp = !matches!(entry.device, Device::WireGuard { .. });
        let known = given.is_some();
        let secret = match given {
            Some(secret) => Some(secret),
            None => remembered(&entry.name).await?,
        };
        let user = user.or_else(|| entry.user.clone()).filter(|_| ppp);
        Ok(Wish { client, request, secret, new_secret: None, changed: false, user, given: known })
    }

    /// What the worker gets: behind a line's end the new password.
    fn secrets(&self) -> Option<Secret> {
        match (&self.secret, &self.new_secret) {
            (Some(old), Some(new)) => Some(Secret::new(format!("{}\n{}", old.expose(), new.expose()))),
            (old, _) => old.clone(),
        }
    }

    /// The password that is right from now on.
    fn valid(&self) -> Option<&Secret> {
        if self.changed { self.new_secret.as_ref() } else { self.secret.as_ref() }
    }
}

/// The entry in the phone books, and how a daemon gets at it: root's daemon has the same book, and an ordinary user's
/// entry is sent to the system's.
pub(crate) fn look_up(name: &EntryName) -> Result<(DialRequest, Entry)> {
    let books = PhoneBooks::of_process()?;
    let found = books.find(name)?;
    check(&found.entry)?;
    let dialled = match found.whose {
        Whose::System => Dialled::Named(found.entry.name.clone()),
        Whose::User => Dialled::Given(Box::new(found.entry.clone())),
    };
    let phonebook = Some(books.folder(found.whose).display().to_string());
    Ok((DialRequest { phonebook, ..DialRequest::of(dialled) }, found.entry))
}

fn check(entry: &Entry) -> Result<()> {
    let mut problems = entry.problems();
    // A number may be given for one dial.
    problems.retain(|problem| !problem.starts_with("device.number: there is no number"));
    match problems.is_empty() {
        true => Ok(()),
        false => Err(ErrorKind::BadEntry { name: entry.name.to_string(), problems }.into()),
    }
}

async fn remembered(name: &EntryName) -> Result<Option<Secret>> {
    if name.number().is_some() {
        return Ok(None);
    }
    Ok(secrets()?.get(name).await?.map(|secret| Secret::new(String::clone(&secret))))
}

/// An entry made up for one dial.
fn by_number(number: &str, device: &str) -> Result<Entry> {
    let device = devices::parse(device, Some(number), &cleardown_kernel::ports::ports())?;
    let (ppp, network, dialling) = (Ppp::default(), Network::default(), Dialling::default());
    let entry = Entry { name: EntryName::of_number(number)?, user: None, device, ppp, network, dialling };
    check(&entry)?;
    Ok(entry)
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    let given = args.password.read(ui)?;
    let new_secret = args.new_password_fd.map(credentials::from_descriptor).transpose()?;
    let (dialled, entry) = match (&args.entry, &args.number, &args.device) {
        (Some(name), ..) => look_up(name)?,
        (None, Some(number), Some(device)) => {
            let entry = by_number(number, device)?;
            (DialRequest::of(Dialled::Given(Box::new(entry.clone()))), entry)
        }
        _ => return Err(ErrorKind::BadParameter("name an entry, or a number and a device".into()).into()),
    };
    let mut wish = Wish::new(dialled, &entry, args.user.clone(), given).await?;
    wish.new_secret = new_secret;
    wish.request.number = args.number.clone().filter(|_| args.entry.is_some());
    wish.request.timeout_ms = args.timeout.map(format::millis);
    let connection = match persist(&mut wish, ui).await? {
        Ok(connection) => connection,
        Err(signal) => return interrupted(&wish, signal, ui).await,
    };
    let kept = args.entry.is_some() && wish.changed && remembered(&entry.name).await?.is_some();
    if let (true, Some(secret)) = (args.remember_password || kept, wish.valid()) {
        let kept = secrets()?.put(&entry.name, secret.expose()).await?;
        kept.warning.iter().for_each(|warning| ui.note(format!("warning: {warning}")));
    }
    if args.json {
        json::print(ui, &json::One::new(&connection))?;
    } else {
        ui.data(sentence(&connection));
    }
    Ok(Exit::Done as u8)
}

/// Dials; on a terminal it asks for a password where one is needed, and again after a wrong one.
pub(crate) async fn persist(
    wish: &mut Wish,
    ui: &mut Ui,
) -> Result<std::result::Result<Connection, Interrupted>> {
    if let (None, true, Some(_)) = (&wish.secret, ui.interactive, &wish.user) {
        // A wrong guess costs a call, so the question comes first.
        wish.secret = Some(ask(wish).await?);
    }
    let mut tries = 0;
    loop {
        let mut meter = DialMeter::new(ui);
        let mut changed = false;
        let dialled = wish.client.dial(&wish.request, wish.secrets(), |step| {
            changed |= step.ras.as_ref().is_some_and(|ras| ras.state == RasState::AuthChangePassword);
            meter.show(&step);
        });
        let dialled = interrupt::guard(dialled).await?;
        wish.changed = changed;
        let error = match dialled {
            Ok(Ok(connection)) => return Ok(Ok(connection)),
            Err(signal) => return Ok(Err(signal)),
            Ok(Err(error)) => error,
        };
        if error.code() == Code::PASSWD_EXPIRED && ui.interactive && wish.new_secret.is_none() {
            ui.note(error.kind.to_string());
            wish.new_secret = Some(ask_for_new(wish).await?);
            continue;
        }
        let wrong = error.code() == Code::AUTHENTICATION_FAILURE;
        if !wrong || !ui.interactive || wish.given || tries == TRIES {
            return Err(error);
        }
        tries += 1;
        ui.note(error.kind.to_string());
        if wish.user.is_none() {
            ui.ask(&format!("User for {}: ", wish.request.entry.name()));
            let user = crate::ui::answer().await.ok_or(ErrorKind::Cancelled)?;
            wish.user = Some(user.clone()).filter(|user| !user.is_empty());
            wish.request.user.clone_from(&wish.user);
        }
        wish.secret = Some(ask(wish).await?);
    }
}

/// Asks for the password on the terminal.
pub(crate) async fn ask(wish: &Wish) -> Result<Secret> {
    let name = wish.request.entry.name();
    let question = match &wish.user {
        Some(user) => format!("Password of {user} for {name}: "),
        None => format!("Password for {name}: "),
    };
    credentials::prompt(question).await
}

/// Asks for the password that is to take the old one's place, twice.
async fn ask_for_new(wish: &Wish) -> Result<Secret> {
    let name = wish.request.entry.name();
    let new = credentials::prompt(format!("New password for {name}: ")).await?;
    let again = credentials::prompt("The same again: ".to_owned()).await?;
    if new.expose() != again.expose() {
        return Err(ErrorKind::BadParameter("the two new passwords differ".into()).into());
    }
    Ok(new)
}

/// The dial was cancelled, which hangs up; says what is left.
async fn interrupted(wish: &Wish, signal: Interrupted, ui: &mut Ui) -> Result<u8> {
    let name = wish.request.entry.name();
    match wish.client.status(name.as_str()).await {
        Ok(c) if c.status == Status::Connected => ui.note(format!("interrupted; {}", sentence(&c))),
        Ok(c) => ui.note(format!("interrupted; {name} is {}", c.status)),
        Err(error) if error.exit() == Exit::NotConnected => {
            ui.note(format!("interrupted; {name} is not connected"));
        }
        Err(error) => ui.note(format!("interrupted; what {name} is now is not known: {error}")),
    }
    Ok(signal.exit_code())
}

/// `office is connected: ppp-office, 10.64.64.64 (555-1234 over ttyS0)`.
pub(crate) fn sentence(c: &Connection) -> String {
    let mut text = format!("{} is {}", c.name, c.status);
    if let Some(link) = &c.link {
        let facts: Vec<&str> = link.interface.iter().chain(&link.addresses).map(String::as_str).collect();
        if !facts.is_empty() {
            text += &format!(": {}", facts.join(", "));
        }
        match c.remote == link.device || c.remote.is_empty() {
            true => text += &format!(" (over {})", link.device),
            false => text += &format!(" ({} over {})", c.remote, link.device),
        }
        if c.references > 1 {
            text += &format!(", {} references", c.references);
        }
    }
    format::printable(&text)
}

/// The error of a dial that needs a user's terminal, and has none.
pub(crate) fn no_terminal() -> Error {
    ErrorKind::BadParameter("there is no terminal on which to ask for the password".into()).into()
}
