//! A link at work: one line, one modem (or none), one PPP session and one interface, in one task.
//!
//! The task has no privilege and knows no interface names: its owner hands it the descriptor of a TUN interface
//! when IP is agreed on, and takes care of addresses, routes and name servers.

mod pump;

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::line::Line;
use crate::modem;
use crate::ppp::session;
use pump::Pump;

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
    /// Here is the interface (a TUN descriptor without packet information).
    Interface(OwnedFd),
    /// End it politely; what is not done by the moment is left.
    HangUp(Instant),
}

/// What a link tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The line is open.
    PortOpened,
    /// The modem is dialling.
    Dialling,
    /// The modem is connected; its words.
    DeviceConnected(String),
    /// The protocol's news, except its end.
    Ppp(session::Event),
    /// The last word.
    Ended(End),
}

/// How a link ended: each fact was seen, not assumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Why.
    pub why: Why,
    /// The peer has acknowledged the end.
    pub acknowledged: bool,
    /// The modem has answered `OK` again; none where there is no modem.
    pub device_answers: Option<bool>,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The line could not be opened: the errno.
    Port(i32),
    /// The modem's call failed.
    Call(modem::Failure),
    /// The protocol ended.
    Ppp(session::Reason),
    /// The owner gave up before a call was made.
    Cancelled,
}

impl Why {
    /// The number in `raserror.h`.
    pub fn ras(&self) -> u32 {
        match self {
            Why::Port(libc::EBUSY) => 633,
            Why::Port(libc::ENOENT | libc::ENODEV | libc::ENXIO) => 692,
            Why::Port(_) => 619,
            Why::Call(failure) => failure.ras(),
            Why::Ppp(reason) => reason.ras(),
            Why::Cancelled => 631,
        }
    }
}

/// Dials, carries, and ends a link; returns when the line has been given back. `orders` closing means hang up.
pub async fn run(plan: Plan, orders: mpsc::Receiver<Order>, reports: mpsc::Sender<Report>) {
    match open(&plan.line).await {
        Ok(line) => run_on(line, plan, orders, reports).await,
        Err(error) => {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            let end = End { why: Why::Port(errno), acknowledged: false, device_answers: None };
            let _ = reports.send(Report::Ended(end)).await;
        }
    }
}

/// As [`run`], on a line that is open already (the plan's own is not looked at).
pub async fn run_on(
    line: crate::line::Open,
    plan: Plan,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<Report>,
) {
    let _ = reports.send(Report::PortOpened).await;
    let end = Pump::new(plan, line, orders, reports.clone()).run().await;
    let _ = reports.send(Report::Ended(end)).await;
}

/// How long a line may take to open: a TCP connection to a silent host is the slow one.
const OPENING: Duration = Duration::from_secs(10);

async fn open(line: &Line) -> io::Result<crate::line::Open> {
    tokio::time::timeout(OPENING, line.open())
        .await
        .unwrap_or_else(|_| Err(io::Error::from_raw_os_error(libc::ETIMEDOUT)))
}
