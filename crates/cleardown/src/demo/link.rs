//! The link's part: dial an embedded PPP peer, ping through, kill the process that dialled, list and hang up from another.
//!
//! It plays in a network namespace of its own, so that the machine's interfaces and routes stay as they are.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cleardown_client::{Client, Secret};
use cleardown_core::link::{Device, Dialling, Entry, EntryName, Network, Ppp};
use cleardown_core::request::{DialRequest, Dialled, EndRequest, Which};
use cleardown_core::view::{Connection, Ended, Status};
use cleardown_core::{Error, ErrorKind, Exit, Result};
use cleardown_profile::PhoneBook;
use rustix::thread::UnshareFlags;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::peer::Peer;
use super::{ping, to_the_end};
use crate::commands::{dial, end};
use crate::demo::play::{expect, password, say, unexpected};
use crate::progress::DialMeter;
use crate::ui::Ui;
use crate::{connect, table};

/// How long a ping may take, and the whole dial.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why links cannot be shown here; none when they can.
pub(super) fn obstacle() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("a link needs root, to make its interface and routes");
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("a link needs /dev/net/tun, which this machine has not");
    }
    None
}

/// Plays, and ends what a failure or a signal has left.
pub(crate) async fn play(folder: &Path, ui: &mut Ui) -> Result<u8> {
    // SAFETY: only this thread changes its network; it has no sockets yet, and shares no descriptors with others.
    if let Err(errno) = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNET) } {
        say(ui, "link", &format!("left out: no network namespace can be made here ({errno})"));
        return Ok(Exit::Done as u8);
    }
    to_the_end(scenes(folder, ui)).await
}

async fn scenes(folder: &Path, ui: &mut Ui) -> Result<()> {
    let secret = password()?;
    let socket = folder.join("ppp.sock");
    let peer = Peer::start(&socket, &secret).await?;
    say(ui, "peer", &format!("a PPP peer of our own answers calls at {}", socket.display()));
    PhoneBook::new(&folder.join("config")).put(&entry(&socket)?)?;

    let mut caller = Caller::start(folder, &secret).await?;
    for line in caller.lines().await? {
        say(ui, "dial", &line);
    }
    let client = connect::own().await?;
    let connection = client.status("office").await?;
    let interface = interface(&connection)?;
    let took = ping::ping(peer.ready.address, PATIENCE).await?;
    let millis = took.as_secs_f64() * 1000.0;
    say(ui, "ping", &format!("{} answers through {interface} in {millis:.1} ms", peer.ready.address));

    caller.kill().await?;
    say(ui, "kill", "the process that dialled is killed; the link does not depend on it");
    let list = client.list(false, true).await?;
    expect(
        list.iter().any(|c| c.name == "office" && c.status == Status::Connected),
        "office is still connected",
    )?;
    let lines = table::of_connections(&list, ui).lines(None);
    lines.iter().zip(["list", ""]).for_each(|(line, label)| say(ui, label, line));

    let ended = hang_up(&client).await?;
    end::lines(&ended).iter().for_each(|line| say(ui, "hangup", line));
    let proven = ended.proof.link().is_some_and(|proof| {
        let back = proof.interface_gone && proof.routes_reverted && proof.dns_reverted;
        proof.peer_acknowledged && back && proof.worker_reaped
    });
    expect(proven && ended.unproven.is_empty(), "the end is proven")?;
    expect(!has_interface(&interface)?, "the interface is gone")?;
    expect(client.list(true, false).await?.is_empty(), "the list is empty")?;
    say(ui, "check", &format!("the kernel has no {interface} any more, and the list is empty"));
    Ok(())
}

fn entry(socket: &Path) -> Result<Entry> {
    Ok(Entry {
        name: "office".parse()?,
        user: Some(Peer::USER.to_owned()),
        device: Device::Unix { path: socket.to_owned() },
        ppp: Ppp { ipv6: false, ..Ppp::default() },
        network: Network { default_route: true, peer_dns: false, ..Network::default() },
        dialling: Dialling::default(),
    })
}

fn interface(connection: &Connection) -> Result<String> {
    let interface = connection.link.as_ref().and_then(|link| link.interface.clone());
    interface.ok_or_else(|| unexpected("the link has an interface"))
}

/// Whether the kernel has an interface of this name, in the namespace of this process.
fn has_interface(name: &str) -> Result<bool> {
    let table =
        std::fs::read_to_string("/proc/self/net/dev").map_err(|e| Error::os("reading /proc/net/dev", &e))?;
    Ok(table.lines().any(|line| line.trim_start().split(':').next() == Some(name)))
}

async fn hang_up(client: &Client) -> Result<Ended> {
    let request = EndRequest::of(Which::Names(vec!["office".into()]));
    let report = client.end(&request, |_| {}).await?;
    if let Some(refused) = report.refused.into_iter().next() {
        return Err(refused.error);
    }
    report.ended.into_iter().next().ok_or_else(|| unexpected("office has ended"))
}

/// The process that dials: `demo --part caller`.
struct Caller(Child);

impl Caller {
    async fn start(folder: &Path, secret: &Secret) -> Result<Caller> {
        let failed = |e: std::io::Error| Error::os("starting the process that dials", &e);
        let own = std::env::current_exe().map_err(failed)?;
        let mut child = Command::new(own)
            .args(["demo", "--part", "caller", "--inside"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take().ok_or_else(|| unexpected("a pipe"))?;
        let line = Zeroizing::new(format!("{}\n", secret.expose()));
        stdin.write_all(line.as_bytes()).await.map_err(failed)?;
        Ok(Caller(child))
    }

    /// What it says on the way, up to the line on standard output that the link is there.
    async fn lines(&mut self) -> Result<Vec<String>> {
        let (Some(out), Some(err)) = (self.0.stdout.take(), self.0.stderr.take()) else {
            return Err(unexpected("two pipes"));
        };
        let (mut out, mut err) = (BufReader::new(out).lines(), BufReader::new(err).lines());
        let mut said = Vec::new();
        let reading = async {
            loop {
                tokio::select! {
                    biased;
                    line = err.next_line() => match line {
                        Ok(Some(line)) => said.push(line.trim_start().to_owned()),
                        _ => return Err(unexpected(&format!("the dial succeeds; it said: {}", said.join("; ")))),
                    },
                    line = out.next_line() => if let Ok(Some(line)) = line {
                        said.push(line);
                        return Ok(());
                    },
                }
            }
        };
        let outcome = tokio::time::timeout(PATIENCE, reading).await;
        outcome.map_err(|_| unexpected("the dial succeeds in time"))??;
        Ok(said)
    }

    async fn kill(mut self) -> Result<()> {
        self.0.kill().await.map_err(|e| Error::os("killing the process that dialled", &e))
    }
}

/// The caller's own part: it dials, says so, and stays until it is killed.
pub(crate) async fn call(ui: &mut Ui) -> Result<u8> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|e| Error::os("reading the password", &e))?;
    let secret = Secret::new(line.trim_end().to_owned());
    let name: EntryName = "office".parse()?;
    let request = DialRequest::of(Dialled::Named(name));
    let client = connect::own().await?;
    let mut meter = DialMeter::new(ui);
    let connection = client.dial(&request, Some(secret), |step| meter.show(&step)).await?;
    ui.data(dial::sentence(&connection));
    let began = Instant::now();
    while began.elapsed() < PATIENCE * 3 {
        tokio::time::sleep(PATIENCE).await;
    }
    Err(ErrorKind::Cancelled.into())
}
