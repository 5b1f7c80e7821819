//! The inner process: map, write, list, be refused, end, compare.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use cleardown_client::{Client, Secret};
use cleardown_core::request::{EndRequest, MapRequest, Name, Which};
use cleardown_core::view::{Connection, Ended, Status};
use cleardown_core::{Error, ErrorKind, Exit, Result};

use super::server::Server;
use super::{is_mounted_below, to_the_end};
use crate::commands::{end, map};
use crate::ui::Ui;
use crate::{connect, format, table};

/// What is written: enough that it does not fit into any single request.
const SIZE: usize = 8_000_000;

/// Plays, and ends what a failure or a signal has left.
pub(crate) async fn play(folder: &Path, ui: &mut Ui) -> Result<u8> {
    to_the_end(scenes(folder, ui)).await
}

async fn scenes(folder: &Path, ui: &mut Ui) -> Result<()> {
    let password = password()?;
    let share = folder.join("share");
    let server = Server::start(&share, &password).await?;
    let remote = server.remote()?;
    say(ui, "server", &format!("{remote} serves {}", share.display()));

    let client = connect::own().await?;
    let connection = map_z(&client, folder, &server, password).await?;
    say(ui, "map", &map::sentence(&connection, ui));

    let file = write(folder.join("z/letter.txt")).await?;
    let held = folder.join("z/letter.txt");
    say(ui, "write", &format!("{} into {}, which stays open", format::bytes(SIZE as u64), held.display()));
    let list = client.list(false, true).await?;
    expect(list.iter().any(|c| c.name == "z:" && c.holders.iter().any(is_me)), "the list names the holder")?;
    let lines = table::of_connections(&list, ui).lines(None);
    lines.iter().zip(["list", ""]).for_each(|(line, label)| say(ui, label, line));

    let refusal = refused(&client).await?;
    let text = crate::message::of(&refusal);
    text.lines().take(2).zip(["end", ""]).for_each(|(line, label)| say(ui, label, line.trim()));

    drop(file);
    say(ui, "close", "the file is closed");
    let ended = ended(&client).await?;
    end::lines(&ended).iter().for_each(|line| say(ui, "end", line));
    let proven = ended
        .proof
        .drive()
        .is_some_and(|p| p.acknowledged && p.session_closed && p.mount_gone && p.worker_reaped);
    expect(proven && ended.lost.is_empty() && ended.unproven.is_empty(), "the end is proven")?;

    let arrived = std::fs::read(share.join("letter.txt")).map_err(|e| Error::os("reading the share", &e))?;
    expect(arrived == letter(), "the server has what was written")?;
    say(ui, "check", &format!("the server has {}, byte for byte", format::bytes(arrived.len() as u64)));
    expect(!is_mounted_below(folder), "the mount is gone")?;
    expect(client.list(true, false).await?.is_empty(), "the list is empty")?;
    say(ui, "list", "nothing is connected");
    Ok(())
}

pub(super) fn say(ui: &mut Ui, label: &str, text: &str) {
    ui.data(format!("{label:<7} {text}"));
}

/// An expectation that fails ends the demonstration.
pub(super) fn expect(holds: bool, what: &str) -> Result<()> {
    if holds {
        return Ok(());
    }
    let failed = ErrorKind::Os { during: "the demonstration".into(), errno: 0 };
    Err(Error::from(failed).because(format!("expected: {what}")))
}

fn is_me(holder: &cleardown_core::view::Holder) -> bool {
    holder.pid == std::process::id()
}

pub(super) fn password() -> Result<Secret> {
    let mut random = [0; 16];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| Error::os("drawing a random number", &e.into()))?;
    Ok(Secret::new(random.iter().map(|byte| format!("{byte:02x}")).collect()))
}

async fn map_z(client: &Client, folder: &Path, server: &Server, password: Secret) -> Result<Connection> {
    let request = MapRequest {
        name: Name::Given("z:".parse()?),
        remote: server.remote()?,
        at: Some(folder.join("z").display().to_string()),
        remember: false,
        read_only: false,
        user: None,
        replace: false,
        kerberos: None,
        accept_host_key: Some(server.ready.fingerprint.clone()),
        timeout_ms: format::millis(MapRequest::TIMEOUT),
    };
    let connection = client.map(&request, Some(password), |_| {}).await?;
    expect(connection.status == Status::Connected, "z: is connected")?;
    Ok(connection)
}

/// The drive's files are touched on another thread: a file system can make its callers wait.
async fn write(path: std::path::PathBuf) -> Result<File> {
    let during = format!("writing {}", path.display());
    let written = tokio::task::spawn_blocking(move || {
        let mut file = File::create(path)?;
        file.write_all(&letter())?;
        Ok(file)
    });
    written.await.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| Error::os(during, &e))
}

fn letter() -> Vec<u8> {
    b"When end says that a connection has ended, it has.\n".iter().copied().cycle().take(SIZE).collect()
}

fn request() -> EndRequest {
    EndRequest::of(Which::Names(vec!["z:".into()]))
}

async fn refused(client: &Client) -> Result<Error> {
    let report = client.end(&request(), |_| {}).await?;
    let refused = report.refused.into_iter().next();
    let refused = refused.filter(|r| r.error.exit() == Exit::Busy && r.holders.iter().any(is_me));
    refused.map(|r| r.error).ok_or_else(|| unexpected("the end is refused and names this process"))
}

async fn ended(client: &Client) -> Result<Ended> {
    let report = client.end(&request(), |_| {}).await?;
    if let Some(refused) = report.refused.into_iter().next() {
        return Err(refused.error);
    }
    report.ended.into_iter().next().ok_or_else(|| unexpected("z: has ended"))
}

pub(super) fn unexpected(what: &str) -> Error {
    expect(false, what).err().unwrap_or_else(|| ErrorKind::Cancelled.into())
}
