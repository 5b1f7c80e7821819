//! A daemon and peers that answer calls on a Unix socket.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cleardown_client::{Client, Instance, Start};
use cleardown_core::link::{Device, Dialling, Entry, Network, Ppp};
use cleardown_core::request::{DialRequest, Dialled, EndRequest, Which};
use cleardown_core::view::{Connection, Ended};
use cleardown_link::peer::{Options, Peer};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;

/// As many links as the issue asks for.
pub(super) const LINKS: usize = 100;

/// A runtime as that of an ordinary program.
pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

/// The daemon, and whoever answers its calls.
pub(super) struct Stage {
    pub(super) client: Client,
    listener: UnixListener,
    socket: PathBuf,
    calls: u32,
}

/// A link that is up, its peer, and how long the dial took.
pub(super) struct Dialed {
    pub(super) connection: Connection,
    pub(super) peer: Peer,
    pub(super) took: Duration,
}

impl Stage {
    pub(super) async fn new() -> io::Result<Stage> {
        let socket = home()?.join("ppp.sock");
        let listener = UnixListener::bind(&socket)?;
        let client = Client::connect(Instance::User, Start::OnDemand).await.map_err(io::Error::other)?;
        Ok(Stage { client, listener, socket, calls: 0 })
    }

    /// Dials a link whose peer answers pings.
    pub(super) async fn dial(&mut self, name: &str) -> io::Result<Dialed> {
        self.calls += 1;
        let options = options(self.calls);
        let request = given(entry(name, Device::Unix { path: self.socket.clone() })?);
        let start = Instant::now();
        let answering = async {
            let (line, _) = self.listener.accept().await?;
            Peer::answer(line.into_std()?.into(), &options)
        };
        let dialling = async {
            let connection = self.client.dial(&request, None, |_| {}).await.map_err(io::Error::other)?;
            Ok((connection, start.elapsed()))
        };
        let ((connection, took), peer) = tokio::try_join!(dialling, answering)?;
        Ok(Dialed { connection, peer, took })
    }

    /// Dials many.
    pub(super) async fn dial_many(&mut self, count: usize) -> io::Result<Vec<Dialed>> {
        let mut links = Vec::new();
        for number in 0..count {
            links.push(self.dial(&format!("link{number}")).await?);
        }
        Ok(links)
    }

    /// Ends links; the reports of those that have ended.
    pub(super) async fn end(&self, which: Which, timeout: Option<Duration>) -> io::Result<Vec<Ended>> {
        let timeout_ms = timeout.map(|limit| limit.as_millis() as u64);
        let request = EndRequest { timeout_ms, ..EndRequest::of(which) };
        let report = self.client.end(&request, |_| {}).await.map_err(io::Error::other)?;
        match report.refused.into_iter().next() {
            Some(refused) => Err(io::Error::other(refused.error)),
            None => Ok(report.ended),
        }
    }

    /// Ends everything, and the daemon.
    pub(super) async fn close(self) -> io::Result<()> {
        self.end(Which::All, None).await?;
        self.client.shutdown_daemon().await.map_err(io::Error::other)
    }
}

/// The part's own folder.
pub(super) fn home() -> io::Result<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).ok_or_else(|| io::Error::other("no home"))
}

/// A peer with addresses of its own.
pub(super) fn options(number: u32) -> Options {
    let address = |host| Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 80, 0, 0)) + number * 4 + host);
    Options { address: address(1), caller: address(2), ..Options::default() }
}

pub(super) fn entry(name: &str, device: Device) -> io::Result<Entry> {
    Ok(Entry {
        name: name.parse().map_err(io::Error::other)?,
        user: None,
        device,
        ppp: Ppp::default(),
        network: Network { peer_dns: false, ..Network::default() },
        dialling: Dialling::default(),
    })
}

pub(super) fn given(entry: Entry) -> DialRequest {
    DialRequest::of(Dialled::Given(Box::new(entry)))
}

/// The interface of a link.
pub(super) fn interface(connection: &Connection) -> io::Result<String> {
    let name = connection.link.as_ref().and_then(|link| link.interface.clone());
    name.ok_or_else(|| io::Error::other("the link has no interface"))
}
