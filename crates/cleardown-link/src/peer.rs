//! The other end of a link: answers a call, proves who calls, gives an address, and answers pings. For the
//! demonstration and for tests; nothing leaves the process.

mod host;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rand::RngExt;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::engine::{self, End, Order, Plan, Report, Talk};
use crate::line::{Line, Open};
use crate::ppp::auth::Method;
use crate::ppp::auth::server::Users;
use crate::ppp::ipcp::Offer;
use crate::ppp::session::{Config, Event};

/// How a peer answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its own address.
    pub address: Ipv4Addr,
    /// The caller's.
    pub caller: Ipv4Addr,
    /// The name servers that it tells.
    pub dns: [Option<Ipv4Addr>; 2],
    /// Who may call, and how that is proven (best first); none: anyone.
    pub users: Option<(Users, Vec<Method>)>,
    /// IPv4; without it the calls of most end with 720.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            address: Ipv4Addr::new(192, 0, 2, 1),
            caller: Ipv4Addr::new(192, 0, 2, 2),
            dns: [None; 2],
            users: None,
            ipv4: true,
            ipv6: true,
        }
    }
}

impl Options {
    fn config(&self) -> Config {
        let offer = Offer { address: Some(self.caller), dns: self.dns };
        Config {
            peers: self.users.clone(),
            ipv4: self.ipv4.then_some((self.address, offer)),
            ipv6: self.ipv6,
            asks_dns: false,
            seed: rand::rng().random(),
            ..Config::default()
        }
    }
}

/// A peer that has answered.
#[derive(Debug)]
pub struct Peer {
    engine: JoinHandle<()>,
    host: Option<JoinHandle<()>>,
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
    line: OwnedFd,
}

impl Peer {
    /// Answers on a connected stream. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What socketpair(2) and fcntl(2) say.
    pub fn answer(line: OwnedFd, options: &Options) -> io::Result<Peer> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (interface, host) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let mut peer = Peer::with_interface(line, options, interface)?;
        peer.host = Some(tokio::spawn(host::answer_pings(host)));
        Ok(peer)
    }

    /// As [`Peer::answer`], with datagrams going to an interface of the caller's, which answers for itself.
    ///
    /// # Errors
    /// What fcntl(2) says.
    pub fn with_interface(line: OwnedFd, options: &Options, interface: OwnedFd) -> io::Result<Peer> {
        let open = Open::stream(line.try_clone()?)?;
        let (talk, orders, reports) = Talk::new();
        let unused = Line::Command { argv: Vec::new() };
        let plan = Plan { line: unused, modem: None, ppp: options.config() };
        let engine = tokio::spawn(engine::run_on(open, plan, talk));
        let _ = orders.try_send(Order::Interface(interface));
        Ok(Peer { engine, host: None, orders, reports, line })
    }

    /// Waits until IPv4 is agreed on; false when it ended before.
    pub async fn up(&mut self) -> bool {
        while let Some(report) = self.reports.recv().await {
            match report {
                Report::Ppp(Event::Ipv4Up { .. }) => return true,
                Report::Ended(_) => return false,
                _ => {}
            }
        }
        false
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> Option<End> {
        while let Some(report) = self.reports.recv().await {
            if let Report::Ended(end) = report {
                return Some(end);
            }
        }
        None
    }

    /// Ends the call politely.
    pub async fn hang_up(&mut self, patience: Duration) -> Option<End> {
        let _ = self.orders.send(Order::HangUp(Instant::now() + patience)).await;
        self.ended().await
    }

    /// From now on nothing is answered; the line stays open, and what comes is thrown away.
    pub async fn go_deaf(&mut self) {
        self.engine.abort();
        let _ = (&mut self.engine).await;
        let Ok(line) = self.line.as_fd().try_clone_to_owned().and_then(Open::stream) else { return };
        self.engine = tokio::spawn(async move {
            let mut waste = [0; 4096];
            while matches!(line.read(&mut waste).await, Ok(1..)) {}
        });
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.engine.abort();
        self.host.iter().for_each(JoinHandle::abort);
    }
}
