//! A link at work: one line, one modem (or none), one PPP session and one interface, in one task.
//!
//! The task has no privilege and knows no interface names: its owner hands it the descriptor of a TUN interface
//! when IP is agreed on, and takes care of addresses, routes and name servers.

mod end;
mod interface;
mod pump;
mod traffic;

use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::line::Line;
use crate::modem;
use crate::ppp::session;
use pump::Pump;

pub use end::{End, Why};
pub use traffic::Traffic;

/// What to dial.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The line.
    pub line: Line,
    /// The modem on it, and the number; none for a null-modem, a command or a socket.
    pub modem: Option<(modem::Config, String)>,
    /// The protocol.
    pub ppp: session::Config,
}

/// What the owner may tell a link.
#[derive(Debug)]
pub enum Order {
    /// Here is the interface (a TUN descriptor without packet information; with `IFF_VNET_HDR` or without).
    Interface(OwnedFd),
    /// End it politely; what is not done by the moment is left.
    HangUp(Instant),
    /// Find out now whether the other end is still there: the machine has slept.
    Check,
    /// Bring [`Traffic::handshake`] up to date, and say so.
    Refresh(oneshot::Sender<()>),
}

/// What a link tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The line is open; to which servers, where it goes to some on the network.
    PortOpened(Vec<IpAddr>),
    /// The modem is dialling.
    Dialling,
    /// The modem is connected; its words.
    DeviceConnected(String),
    /// The protocol's news, except its end.
    Ppp(session::Event),
    /// A tunnel's first handshake is done.
    TunnelUp {
        /// The longest datagram that it takes.
        mtu: u16,
    },
    /// The protocol is over, and the modem is being brought to rest.
    Resetting,
    /// The last word.
    Ended(End),
}

/// How a link and its owner talk.
#[derive(Debug)]
pub struct Talk {
    /// The owner's orders; closing means hang up.
    pub orders: mpsc::Receiver<Order>,
    /// The link's reports.
    pub reports: mpsc::Sender<Report>,
    /// What has passed.
    pub traffic: Arc<Traffic>,
}

impl Talk {
    /// Both ends of a new conversation: the link's, and the owner's two.
    pub fn new() -> (Talk, mpsc::Sender<Order>, mpsc::Receiver<Report>) {
        let (orders, for_link) = mpsc::channel(4);
        let (reports, for_owner) = mpsc::channel(64);
        (Talk { orders: for_link, reports, traffic: Arc::default() }, orders, for_owner)
    }
}

/// Dials, carries, and ends a link; returns when the line has been given back.
pub async fn run(plan: Plan, talk: Talk) {
    match open(&plan.line).await {
        Ok(line) => run_on(line, plan, talk).await,
        Err(error) => {
            let _ = talk.reports.send(Report::Ended(End::of(Why::Port(error.into())))).await;
        }
    }
}

/// As [`run`], on a line that is open already.
pub async fn run_on(line: crate::line::Open, plan: Plan, talk: Talk) {
    let reports = talk.reports.clone();
    let _ = reports.send(Report::PortOpened(line.server().into_iter().collect())).await;
    let end = Pump::new(plan, line, talk).run().await;
    let _ = reports.send(Report::Ended(end)).await;
}

/// Brings a modem to rest that a link before has left in an unknown state: with `device_answers`, the proof.
pub async fn rest(line: &Line, modem: modem::Config, limit: Instant) -> End {
    let opened = match tokio::time::timeout_at(limit, open(line)).await {
        Ok(opened) => opened,
        Err(_) => Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)),
    };
    match opened {
        Ok(open) => {
            let plan =
                Plan { line: line.clone(), modem: Some((modem, String::new())), ppp: Default::default() };
            Pump::new(plan, open, Talk::new().0).rest(limit).await
        }
        Err(error) => End { device_answers: Some(false), ..End::of(Why::Port(error.into())) },
    }
}

/// How long a line may take to open: a TCP connection to a silent host is the slow one.
const OPENING: Duration = Duration::from_secs(10);

async fn open(line: &Line) -> io::Result<crate::line::Open> {
    tokio::time::timeout(OPENING, line.open())
        .await
        .unwrap_or_else(|_| Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)))
}
