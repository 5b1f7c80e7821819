//! Our PPP against pppd in a kernel of its own (user-mode-linux), over one end of a socket pair.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail at once, and says when it is skipped"
)]

mod common;

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use cleardown_link::engine::{End, Order, Plan, Report, Talk, Why, run_on};
use cleardown_link::line::{Line, Open};
use cleardown_link::ppp::auth::client::Identity;
use cleardown_link::ppp::session::{Config, Event, Reason};
use cleardown_testkit::pppd;
use cleardown_testkit::process::Group;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const OURS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 2);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 1);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 64, 0, 53);
const PATIENCE: Duration = Duration::from_secs(60);

/// pppd, waiting on a line. Dropping it switches its machine off.
struct Pppd {
    _machine: Group,
    line: Option<OwnedFd>,
    _folder: tempfile::TempDir,
}

impl Pppd {
    /// None, with a word on standard error, where the machine lacks something.
    fn start(auth: &str) -> Option<Pppd> {
        let folder = tempfile::tempdir().unwrap();
        let run = format!("while :; do\n  {} {auth}\ndone", pppd::PPPD);
        let init = pppd::init(folder.path(), "secret", &run)?;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        let machine = pppd::start(&init, theirs).unwrap();
        Some(Pppd { _machine: machine, line: Some(ours), _folder: folder })
    }
}

struct Link {
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
}

impl Link {
    fn dial(line: OwnedFd, password: &str) -> Link {
        let identity =
            Identity { user: "client".into(), secret: password.to_owned().into(), new_secret: None };
        let ppp = Config { identity: Some(identity), seed: [5; 32], ..Config::default() };
        let unused = Line::Command { argv: Vec::new() };
        let (talk, orders, reports) = Talk::new();
        let plan = Plan { line: unused, modem: None, ppp };
        tokio::spawn(run_on(Open::stream(line).unwrap(), plan, talk));
        Link { orders, reports }
    }

    async fn until<T>(&mut self, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
        loop {
            let report = timeout(PATIENCE, self.reports.recv()).await.expect("a report in time");
            let report = report.expect("an engine at work");
            if let Some(found) = wanted(&report) {
                return found;
            }
            assert!(!matches!(report, Report::Ended(_)), "the link ended: {report:?}");
        }
    }

    async fn end(&mut self) -> End {
        self.until(|report| if let Report::Ended(end) = report { Some(end.clone()) } else { None }).await
    }
}

async fn right_and_wrong_password(auth: &str, checks: bool) {
    let Some(mut pppd) = Pppd::start(auth) else { return };
    let line = pppd.line.take().unwrap();
    let mut link = Link::dial(line.try_clone().unwrap(), "secret");
    let (local, remote, dns) = link
        .until(|report| match report {
            Report::Ppp(Event::Ipv4Up { local, remote, dns }) => Some((*local, *remote, dns.clone())),
            _ => None,
        })
        .await;
    assert_eq!((local, remote, &dns[..]), (OURS, THEIRS, &[DNS, DNS][..]));
    ping(&link).await;
    link.orders.send(Order::HangUp(Instant::now() + Duration::from_secs(5))).await.unwrap();
    let end = link.end().await;
    assert_eq!(
        end,
        End { why: Why::Ppp(Reason::Asked), ran: true, acknowledged: true, device_answers: None }
    );
    if checks {
        let end = Link::dial(line, "guess").end().await;
        assert_eq!(end.code().0, 691, "{end:?}");
    }
}

/// One ICMP echo through the link, whose interface is a socket pair.
async fn ping(link: &Link) {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    link.orders.send(Order::Interface(theirs)).await.unwrap();
    common::ping(ours, OURS, THEIRS).await;
}

#[tokio::test]
async fn pppd_without_authentication() {
    right_and_wrong_password("noauth", false).await;
}

#[tokio::test]
async fn pppd_with_pap() {
    right_and_wrong_password("auth +pap -chap -mschap -mschap-v2", true).await;
}

#[tokio::test]
async fn pppd_with_chap_md5() {
    right_and_wrong_password("auth +chap -pap -mschap -mschap-v2", true).await;
}

#[tokio::test]
async fn pppd_with_mschap_v2() {
    right_and_wrong_password("auth +mschap-v2 -pap -chap -mschap", true).await;
}

#[tokio::test]
async fn pppd_that_refuses_every_network_protocol_is_720() {
    let Some(mut pppd) = Pppd::start("noauth noip noipv6") else { return };
    let end = Link::dial(pppd.line.take().unwrap(), "secret").end().await;
    assert_eq!((end.code().0, end.ran), (720, false), "{end:?}");
}
