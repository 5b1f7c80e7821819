//! `map`: connect a share to a local name.

use std::path::Path;
use std::time::Duration;

use cleardown_client::{Client, Secret};
use cleardown_core::request::{Kerberos, MapRequest, Name};
use cleardown_core::view::{Connection, Kind, Status};
use cleardown_core::{Error, ErrorKind, Exit, Remote, Result};

use crate::credentials::{self, Source};
use crate::interrupt::{self, Interrupted};
use crate::progress::Meter;
use crate::ui::{self, Ui};
use crate::{connect, format, json};

/// How often a person may try a password.
const TRIES: u32 = 3;

/// Map a network drive: connect a share to a local name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The local name: z:, any short word, '*' for the first free letter, or - for a connection without one.
    #[arg(value_parser = parse_name, allow_hyphen_values = true)]
    name: Name,

    /// The share: //server/share, \\server\share, smb://user@server:port/share or sftp://user@host:port/path.
    remote: Remote,

    /// The mount point [default: ~/Network/NAME, for root /mnt/cleardown/NAME].
    #[arg(long, value_name = "DIR")]
    at: Option<String>,

    /// Bring it back at the next login.
    #[arg(long)]
    remember: bool,

    /// Mount read-only.
    #[arg(long)]
    read_only: bool,

    /// The user on the server, DOMAIN\user for a domain.
    #[arg(long)]
    user: Option<String>,

    #[command(flatten)]
    password: Source,

    /// Log on with Kerberos: with the tickets of kinit(1), or with --user USER@REALM and a password from a file or descriptor.
    #[arg(long)]
    kerberos: bool,

    /// End what has the name now, unless it is busy, and forget what is remembered for it.
    #[arg(long)]
    replace: bool,

    /// How long connecting may take: seconds, or with a unit (500ms, 2m).
    #[arg(long, value_name = "S", default_value = "10", value_parser = format::parse_duration)]
    timeout: Duration,

    /// Print JSON (schema/v1.json).
    #[arg(long)]
    json: bool,
}

/// The local name as people write it.
fn parse_name(text: &str) -> Result<Name> {
    Ok(match text {
        "*" => Name::FirstFree,
        "-" | "" => Name::Deviceless,
        name => Name::Given(name.parse()?),
    })
}

impl Args {
    fn request(&self) -> Result<MapRequest> {
        let absolute = |at: &String| {
            let path =
                std::path::absolute(Path::new(at)).map_err(|e| Error::os("finding the mount point", &e))?;
            path.into_os_string().into_string().map_err(|path| {
                let at = path.to_string_lossy().into_owned();
                Error::from(ErrorKind::MountPoint { path: at, why: "its name is not UTF-8".into() })
            })
        };
        Ok(MapRequest {
            name: self.name.clone(),
            remote: self.remote.clone(),
            at: self.at.as_ref().map(absolute).transpose()?,
            remember: self.remember,
            read_only: self.read_only,
            user: self.user.clone(),
            replace: self.replace,
            // The caller's tickets; a daemon may have been started in another login.
            kerberos: self.kerberos.then(|| Kerberos { cache: std::env::var("KRB5CCNAME").ok() }),
            accept_host_key: None,
            timeout_ms: format::millis(self.timeout),
        })
    }
}

pub(crate) async fn run(args: Args, ui: &mut Ui) -> Result<u8> {
    let mut request = args.request()?;
    let mut secret = args.password.read(ui)?;
    let client = connect::own().await?;
    if secret.is_none() && ui.interactive && credentials::ask_first(&request) {
        secret = Some(credentials::prompt(credentials::question(&request)).await?);
    }
    let connection = match persist(&client, &mut request, secret, ui).await? {
        Ok(connection) => connection,
        Err(signal) => return interrupted(&client, &request, signal, ui).await,
    };
    if args.json {
        json::print(ui, &json::One::new(&connection))?;
    } else {
        ui.data(sentence(&connection, ui));
    }
    Ok(Exit::Done as u8)
}

/// Maps; on a terminal it asks for what is missing, a password or trust in a host key, and tries again.
pub(crate) async fn persist(
    client: &Client,
    request: &mut MapRequest,
    mut secret: Option<Secret>,
    ui: &mut Ui,
) -> Result<std::result::Result<Connection, Interrupted>> {
    let given = secret.is_some();
    let mut tries = 0;
    loop {
        let mut meter = Meter::new(ui);
        let mapped = client.map(request, secret.clone(), |progress| meter.show(&progress));
        let outcome = interrupt::guard(mapped).await?;
        drop(meter);
        let error = match outcome {
            Ok(Ok(connection)) => return Ok(Ok(connection)),
            Err(signal) => return Ok(Err(signal)),
            Ok(Err(error)) => error,
        };
        match &error.kind {
            ErrorKind::Authentication { .. } if ui.interactive && !given && tries < TRIES => {
                tries += 1;
                ui.note(error.kind.to_string());
                secret = Some(ask_again(request, ui).await?);
            }
            ErrorKind::HostKeyUnknown { fingerprint, .. }
                if ui.interactive && request.accept_host_key.is_none() =>
            {
                let fingerprint = fingerprint.clone();
                if !trusts(&error, ui).await {
                    return Err(error);
                }
                request.accept_host_key = Some(fingerprint);
            }
            ErrorKind::Authentication { .. } if secret.is_none() => {
                return Err(error.because("no password was given, and there is no terminal to ask on"));
            }
            _ => return Err(error),
        }
    }
}

async fn ask_again(request: &mut MapRequest, ui: &mut Ui) -> Result<Secret> {
    if request.user.is_none() && request.remote.user.is_none() {
        ui.ask(&format!("User on {}: ", request.remote.authority()));
        let user = ui::answer().await.ok_or(ErrorKind::Cancelled)?;
        request.user = Some(user).filter(|user| !user.is_empty());
    }
    credentials::prompt(credentials::question(request)).await
}

async fn trusts(error: &Error, ui: &mut Ui) -> bool {
    ui.note(error.kind.to_string());
    ui.ask("Compare the fingerprint with what the server's administrator says. Trust it (yes/no)? ");
    ui::answer().await.is_some_and(|answer| answer.eq_ignore_ascii_case("yes"))
}

/// The map was cancelled and is rolled back; says what the name stands for now.
async fn interrupted(client: &Client, request: &MapRequest, signal: Interrupted, ui: &mut Ui) -> Result<u8> {
    let now = match &request.name {
        Name::Given(name) => Some(client.status(name.as_str()).await),
        _ => None,
    };
    match now {
        Some(Ok(c)) if c.status == Status::Connected => ui.note(format!("interrupted; {}", sentence(&c, ui))),
        Some(Err(error)) if error.exit() != Exit::NotConnected => {
            ui.note(format!("interrupted; what {} is now is not known: {error}", request.remote));
        }
        _ => ui.note(format!("interrupted; {} is not connected", request.remote)),
    }
    Ok(signal.exit_code())
}

/// `z: is connected to //fs1/projects at ~/Network/z`.
pub(crate) fn sentence(connection: &Connection, ui: &Ui) -> String {
    let name = match connection.kind {
        Kind::Deviceless => "a connection without a local name",
        Kind::Drive | Kind::Link => &connection.name,
    };
    let at = connection.at.as_deref().map(|at| format!(" at {}", ui.short(at))).unwrap_or_default();
    format::printable(&format!("{name} is {} to {}{at}", connection.status, connection.remote))
}
