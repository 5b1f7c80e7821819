//! Two engines against each other over a socket pair, with socket pairs for interfaces: no privilege is needed.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use cleardown_link::engine::{End, Order, Plan, Report, Talk, Why, run};
use cleardown_link::line::{Line, Speed};
use cleardown_link::modem;
use cleardown_link::ppp::ipcp::Offer;
use cleardown_link::ppp::session::{Config, Event, Phase, Reason, Session};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(10);

struct Link {
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
}

impl Link {
    fn dial(plan: Plan) -> Link {
        let (talk, orders, reports) = Talk::new();
        tokio::spawn(run(plan, talk));
        Link { orders, reports }
    }

    async fn report(&mut self) -> Report {
        timeout(PATIENCE, self.reports.recv()).await.expect("a report in time").expect("an engine at work")
    }

    async fn up(&mut self) -> OwnedFd {
        while !matches!(self.report().await, Report::Ppp(Event::Ipv4Up { .. })) {}
        let (ours, theirs) = datagrams();
        self.orders.send(Order::Interface(theirs)).await.unwrap();
        ours
    }

    async fn end(&mut self) -> End {
        loop {
            if let Report::Ended(end) = self.report().await {
                return end;
            }
        }
    }

    async fn hang_up(&mut self, within: Duration) -> End {
        self.orders.send(Order::HangUp(Instant::now() + within)).await.unwrap();
        self.end().await
    }
}

fn datagrams() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn plan(line: Line) -> Plan {
    Plan { line, modem: None, ppp: Config { seed: [3; 32], ..Config::default() } }
}

fn answering(seed: u8) -> Config {
    let offer = Offer { address: Some(Ipv4Addr::new(192, 0, 2, 2)), dns: [None; 2] };
    Config { ipv4: Some((Ipv4Addr::new(192, 0, 2, 1), offer)), seed: [seed; 32], ..Config::default() }
}

/// A peer of ours that answers on a Unix socket, by way of a second engine whose line is a relay.
async fn pair() -> (Link, Link, tempfile::TempDir) {
    pair_with(Config::default().line.mru).await
}

/// Both receive datagrams of so many octets.
async fn pair_with(mru: u16) -> (Link, Link, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path().join("caller"), folder.path().join("answerer")];
    let listeners = paths.clone().map(|path| UnixListener::bind(path).unwrap());
    let [mut caller, mut answerer] = paths.map(|path| plan(Line::Unix { path }));
    answerer.ppp = answering(4);
    for plan in [&mut caller, &mut answerer] {
        plan.ppp.line.mru = mru;
    }
    let (caller, answerer) = (Link::dial(caller), Link::dial(answerer));
    let (a, b) = (listeners[0].accept().await.unwrap().0, listeners[1].accept().await.unwrap().0);
    tokio::spawn(relay(a, b));
    (caller, answerer, folder)
}

async fn relay(mut a: UnixStream, mut b: UnixStream) {
    let _ = tokio::io::copy_bidirectional(&mut a, &mut b).await;
}

fn datagram(fill: u8, length: usize) -> Vec<u8> {
    let mut datagram = vec![fill; length];
    datagram[0] = 0x45;
    datagram
}

#[tokio::test]
async fn datagrams_pass_both_ways_and_the_end_is_acknowledged() {
    let (mut caller, mut answerer, _folder) = pair_with(4000).await;
    let (here, there) = (caller.up().await, answerer.up().await);
    let mut buffer = [0; 5000];
    for length in [1, 20, 576, 1500, 4000] {
        for (from, to) in [(&here, &there), (&there, &here)] {
            let sent = datagram(0x7e, length);
            rustix::io::write(from, &sent).unwrap();
            let to = to.try_clone().unwrap();
            let read = tokio::task::spawn_blocking(move || {
                let length = rustix::io::read(&to, &mut buffer).unwrap();
                buffer[..length].to_vec()
            });
            assert_eq!(timeout(PATIENCE, read).await.unwrap().unwrap(), sent);
        }
    }
    let end = caller.hang_up(PATIENCE).await;
    assert_eq!(
        end,
        End { why: Why::Ppp(Reason::Asked), ran: true, acknowledged: true, device_answers: None }
    );
    let peers = answerer.end().await;
    assert_eq!(peers.why, Why::Ppp(Reason::PeerEnded));
}

#[tokio::test]
async fn a_deaf_peer_costs_the_deadline_and_not_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deaf");
    let listener = UnixListener::bind(&path).unwrap();
    let mut link = Link::dial(plan(Line::Unix { path }));
    let (_silent, _) = listener.accept().await.unwrap();
    assert_eq!(link.report().await, Report::PortOpened(Vec::new()));
    let end = link.hang_up(Duration::from_millis(200)).await;
    assert!(!end.acknowledged);
}

#[tokio::test]
async fn a_line_that_breaks_is_told() {
    let (mut caller, answerer, folder) = pair().await;
    let _interface = caller.up().await;
    drop(answerer);
    drop(folder);
    let end = caller.end().await;
    assert!(matches!(end.why, Why::Ppp(Reason::PeerEnded | Reason::LineLost)), "{end:?}");
}

#[tokio::test]
async fn a_missing_device_and_a_missing_program_are_errors_with_numbers() {
    let serial =
        Line::Serial { device: "/dev/cleardown-none".into(), speed: Speed(115_200), flow_control: true };
    let command = Line::Command { argv: vec!["/nonexistent/program".into()] };
    for (line, ras) in [(serial, 615), (command, 615)] {
        let end = Link::dial(plan(line)).end().await;
        assert_eq!(end.code().0, ras, "{end:?}");
    }
}

#[tokio::test]
async fn a_program_is_a_line_and_is_reaped() {
    let cat = Line::Command { argv: vec!["cat".into()] };
    let mut link = Link::dial(plan(cat));
    // What we say comes back to us: the magic number tells.
    assert_eq!(link.end().await.why, Why::Ppp(Reason::LoopedBack));
}

#[tokio::test]
async fn a_modem_that_says_busy_is_676() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("modem");
    let listener = UnixListener::bind(&path).unwrap();
    let call = (modem::Config { init: vec![], ..modem::Config::default() }, "555-1234".to_owned());
    let mut link = Link::dial(Plan { modem: Some(call), ..plan(Line::Unix { path }) });
    let (modem, _) = listener.accept().await.unwrap();
    let mut dialled = Vec::new();
    while !dialled.ends_with(b"ATDT555-1234\r") {
        modem.readable().await.unwrap();
        let mut octets = [0; 64];
        if let Ok(read) = modem.try_read(&mut octets) {
            dialled.extend_from_slice(&octets[..read]);
        }
    }
    modem.try_write(b"\r\nBUSY\r\n").unwrap();
    drop(modem);
    assert_eq!(link.end().await.code().0, 676);
}

#[test]
fn a_session_that_has_ended_is_not_ended_again() {
    let mut session = Session::new(Config::default());
    session.open(Duration::ZERO);
    session.line_lost(Duration::ZERO);
    while session.poll_event().is_some() {}
    session.close(Duration::ZERO);
    assert_eq!((session.phase(), session.poll_event(), session.deadline()), (Phase::Dead, None, None));
}
