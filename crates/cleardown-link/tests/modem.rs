//! Calls over the test kit's modem, each way to hang up, and the proof that the line is free: the next dial works at once.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::time::Duration;

use cleardown_link::engine::{End, Order, Plan, Report, Talk, Why, rest, run};
use cleardown_link::line::{Line, Speed};
use cleardown_link::modem;
use cleardown_link::peer::{Options, Peer};
use cleardown_link::ppp::session::{Config, Event, Reason};
use cleardown_testkit::hayes::{CallResult, Hayes, Modem};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

struct Link {
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
}

impl Link {
    fn dial(hayes: &Hayes) -> Link {
        let line = line(hayes);
        let call = Some((modem::Config::default(), "555-1234".to_owned()));
        let ppp = Config { seed: rand_seed(), ..Config::default() };
        let (talk, orders, reports) = Talk::new();
        tokio::spawn(run(Plan { line, modem: call, ppp }, talk));
        Link { orders, reports }
    }

    async fn until(&mut self, wanted: impl Fn(&Report) -> bool) {
        loop {
            let report = timeout(PATIENCE, self.reports.recv()).await.expect("a report in time").unwrap();
            assert!(!matches!(report, Report::Ended(_)), "it ended: {report:?}");
            if wanted(&report) {
                return;
            }
        }
    }

    async fn up(&mut self) {
        self.until(|report| matches!(report, Report::Ppp(Event::Ipv4Up { .. }))).await;
    }

    async fn end(&mut self) -> End {
        loop {
            let report = timeout(PATIENCE, self.reports.recv()).await.expect("a report in time");
            if let Report::Ended(end) = report.unwrap() {
                return end;
            }
        }
    }

    async fn hang_up(&mut self, within: Duration) -> End {
        self.orders.send(Order::HangUp(Instant::now() + within)).await.unwrap();
        self.end().await
    }
}

fn line(hayes: &Hayes) -> Line {
    Line::Serial { device: hayes.port().to_owned(), speed: Speed(115_200), flow_control: true }
}

fn rand_seed() -> [u8; 32] {
    let nanos = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos().to_le_bytes();
    std::array::from_fn(|i| nanos[i % 16].wrapping_add(i as u8))
}

/// The far end of a call: a peer that speaks PPP.
async fn answered(hayes: &Hayes) -> Peer {
    let call = tokio::task::block_in_place(|| hayes.call(PATIENCE)).expect("a call");
    Peer::answer(call.into(), &Options::default()).unwrap()
}

/// A link that is up, and its peer.
async fn connected(hayes: &Hayes) -> (Link, Peer) {
    let mut link = Link::dial(hayes);
    let peer = answered(hayes).await;
    link.up().await;
    (link, peer)
}

/// The line is free: it is proven by the modem, and by the next call.
async fn assert_free(hayes: &Hayes, end: &End) {
    assert_eq!(end.device_answers, Some(true), "{end:?}: {:?}", hayes.history());
    assert!(hayes.is_at_rest(), "{:?}", hayes.history());
    hayes.behave(Modem::default());
    let (mut link, _peer) = connected(hayes).await;
    let end = link.hang_up(PATIENCE).await;
    assert_eq!((end.acknowledged, end.device_answers), (true, Some(true)), "{:?}", hayes.history());
    assert!(hayes.is_at_rest());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_end_leaves_the_modem_at_rest_by_dtr() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    let end = link.hang_up(PATIENCE).await;
    assert_eq!((&end.why, end.ran, end.acknowledged), (&Why::Ppp(Reason::Asked), true, true));
    assert!(hayes.history().contains(&"dtr low".to_owned()));
    assert!(!hayes.history().contains(&"escape".to_owned()), "DTR was enough: {:?}", hayes.history());
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_that_ignores_dtr_is_escaped_from() {
    let hayes = Hayes::start(Modem { minds_dtr: false, ..Modem::default() }).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    let end = link.hang_up(PATIENCE).await;
    assert!(hayes.history().contains(&"escape".to_owned()), "{:?}", hayes.history());
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_modem_that_hangs_up_slowly_is_waited_for() {
    let hayes = Hayes::start(Modem { hanging_up: Duration::from_millis(1500), ..Modem::default() }).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    let end = link.hang_up(PATIENCE).await;
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_peer_does_not_keep_the_modem_from_its_reset() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, mut peer) = connected(&hayes).await;
    peer.go_deaf().await;
    let end = link.hang_up(Duration::from_secs(5)).await;
    assert!(!end.acknowledged);
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_ends_the_call_is_told_with_629() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, mut peer) = connected(&hayes).await;
    let (end, _) = tokio::join!(link.end(), peer.hang_up(PATIENCE));
    assert_eq!(end.code().0, 629);
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_falls_in_mid_call_is_told_with_829() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    hayes.drop_carrier();
    let end = link.end().await;
    assert_eq!((end.code().0, end.acknowledged), (829, false));
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_carrier_that_falls_while_we_hang_up_is_no_trouble() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    link.orders.send(Order::HangUp(Instant::now() + PATIENCE)).await.unwrap();
    hayes.drop_carrier();
    let end = link.end().await;
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wedged_modem_is_reported_and_not_waited_for_beyond_the_deadline() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    hayes.wedge(true);
    let end = link.hang_up(Duration::from_secs(2)).await;
    assert_eq!((end.acknowledged, end.device_answers), (false, Some(false)));
    // Later somebody else brings it to rest, as a daemon does whose worker was killed.
    hayes.wedge(false);
    let end = rest(&line(&hayes), modem::Config::default(), Instant::now() + PATIENCE).await;
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_has_its_number_and_leaves_the_line_free() {
    for (result, ras) in [
        (CallResult::Busy, 676),
        (CallResult::NoCarrier, 679),
        (CallResult::NoDialTone, 680),
        (CallResult::NoAnswer, 678),
    ] {
        let hayes = Hayes::start(Modem { result, ..Modem::default() }).unwrap();
        let end = Link::dial(&hayes).end().await;
        assert_eq!(end.code().0, ras);
        assert_free(&hayes, &end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_can_be_given_up_in_each_state() {
    // While the modem dials.
    let hayes = Hayes::start(Modem { result: CallResult::Silence, ..Modem::default() }).unwrap();
    let mut link = Link::dial(&hayes);
    link.until(|report| *report == Report::Dialling).await;
    let end = link.hang_up(PATIENCE).await;
    assert_eq!(end.code().0, 631);
    assert_free(&hayes, &end).await;
    // While PPP negotiates with somebody who says nothing.
    let hayes = Hayes::start(Modem::default()).unwrap();
    let mut link = Link::dial(&hayes);
    link.until(|report| matches!(report, Report::DeviceConnected(words) if words == "115200")).await;
    let _silent = tokio::task::block_in_place(|| hayes.call(PATIENCE)).unwrap();
    let end = link.hang_up(Duration::from_secs(5)).await;
    assert_eq!((end.code().0, end.acknowledged), (631, false));
    assert_free(&hayes, &end).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_633_and_its_user_is_not_disturbed() {
    let hayes = Hayes::start(Modem::default()).unwrap();
    let (mut link, _peer) = connected(&hayes).await;
    assert_eq!(Link::dial(&hayes).end().await.code().0, 633);
    let end = link.hang_up(PATIENCE).await;
    assert!(end.acknowledged);
    assert_free(&hayes, &end).await;
}
