//! A worker that carries a link: a peer of ours at the other end, and a socket pair for an interface.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

mod common;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use cleardown_core::link::{Entry, RasState};
use cleardown_core::{Code, Error, ErrorKind};
use cleardown_link::peer::{Options, Peer};
use cleardown_link::ppp::auth::Method;
use cleardown_link::ppp::auth::server::Users;
use cleardown_worker::control::{
    Agreed, Client, Dial, Ends, Event, LinkEnd, LinkStatus, Phase, Reply, Request, secret_descriptor,
};
use common::{PATIENCE, Worker, secret, status};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::Signal;
use tokio::net::UnixListener;

fn entry(path: &Path, more: &str) -> Entry {
    let path = path.display();
    let text = format!("name = 'office'\nuser = 'eve'\n{more}\n[device]\ntype = 'unix'\npath = '{path}'\n");
    toml::from_str(&text).unwrap()
}

/// A place to dial to.
struct Exchange {
    listener: UnixListener,
    dir: tempfile::TempDir,
}

impl Exchange {
    fn new() -> Exchange {
        let dir = tempfile::tempdir().unwrap();
        Exchange { listener: UnixListener::bind(dir.path().join("line")).unwrap(), dir }
    }

    fn entry(&self, more: &str) -> Entry {
        entry(&self.dir.path().join("line"), more)
    }

    async fn answer(&self) -> Peer {
        let users = Users::new([("eve", "tiger")]);
        let options = Options { users: Some((users, vec![Method::MsChapV2])), ..Options::default() };
        let (line, _) = self.listener.accept().await.unwrap();
        Peer::answer(line.into_std().unwrap().into(), &options).unwrap()
    }
}

async fn dial(worker: &Worker, entry: Entry, password: &str) -> Result<Agreed, Error> {
    let secret = secret_descriptor(password.as_bytes()).unwrap();
    let wish = Request::Dial(Box::new(Dial { entry, timeout_ms: Some(20_000) }));
    match worker.client.request(wish, &[secret.as_fd()], PATIENCE).await?.0 {
        Reply::Agreed(agreed) => Ok(agreed),
        other => panic!("{other:?}"),
    }
}

async fn hang_up(worker: &Worker) -> LinkEnd {
    match worker.ask(Request::HangUp { deadline_ms: 5000 }).await.unwrap() {
        Reply::HungUp(end) => end,
        other => panic!("{other:?}"),
    }
}

async fn give_interface(worker: &Worker) -> OwnedFd {
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let done = worker.client.request(Request::Interface, &[theirs.as_fd()], PATIENCE).await.unwrap().0;
    assert!(matches!(done, Reply::Done));
    ours
}

async fn link_status(worker: &Worker) -> LinkStatus {
    *worker.status().await.link.unwrap()
}

async fn connected(exchange: &Exchange, more: &str) -> (Worker, Peer, OwnedFd) {
    let worker = Worker::start("real_worker");
    let (agreed, peer) = tokio::join!(dial(&worker, exchange.entry(more), "tiger"), exchange.answer());
    let agreed = agreed.unwrap();
    let (local, remote) = (Options::default().caller, Options::default().address);
    assert_eq!((agreed.ipv4, agreed.mtu), (Some(Ends { local, remote: Some(remote) }), 1500));
    assert!(agreed.ipv6.is_some());
    let interface = give_interface(&worker).await;
    (worker, peer, interface)
}

async fn end_of(worker: &mut Worker) -> LinkEnd {
    loop {
        let event = tokio::time::timeout(PATIENCE, worker.events.recv()).await.expect("an event");
        if let Event::LinkEnded(end) = event.unwrap() {
            return end;
        }
    }
}

#[tokio::test]
async fn it_dials_shows_its_way_carries_and_hangs_up() {
    let exchange = Exchange::new();
    let (mut worker, _peer, interface) = connected(&exchange, "").await;
    let mut states = Vec::new();
    while states.last() != Some(&RasState::Projected) {
        if let Event::LinkState { state, .. } = worker.events.recv().await.unwrap() {
            states.push(state);
        }
    }
    use RasState::*;
    let way =
        [OpenPort, PortOpened, AllDevicesConnected, Authenticate, Authenticated, AuthProject, Projected];
    assert_eq!(states, way);
    let datagram = [&[0x45u8][..], &[7; 99]].concat();
    rustix::io::write(&interface, &datagram).unwrap();
    while link_status(&worker).await.bytes_out != 100 {
        tokio::task::yield_now().await;
    }
    let status = worker.status().await;
    assert_eq!((status.phase, status.has_secret), (Phase::Serving, true));
    let end = hang_up(&worker).await;
    assert_eq!((end.code, end.acknowledged, end.during), (Code::USER_DISCONNECTION, true, Connected));
    assert_eq!(link_status(&worker).await.end, Some(end.clone()));
    assert_eq!(hang_up(&worker).await, end, "an ended link says what its end was");
    // The interface has no holder left on the worker's side.
    assert_eq!(rustix::io::read(&interface, &mut [0; 10]), Ok(0));
    assert!(matches!(worker.ask(Request::Exit).await.unwrap(), Reply::Done));
    assert!(worker.ended().await);
}

#[tokio::test]
async fn a_wrong_password_is_691_and_the_next_dial_works() {
    let exchange = Exchange::new();
    let worker = Worker::start("real_worker");
    let (refused, _peer) = tokio::join!(dial(&worker, exchange.entry(""), "lion"), exchange.answer());
    let kind = refused.unwrap_err().kind;
    let ErrorKind::Link { entry, code, during } = kind else { panic!("{kind:?}") };
    assert_eq!((entry.as_str(), code, during), ("office", Code(691), RasState::Authenticate));
    let (agreed, _peer) = tokio::join!(dial(&worker, exchange.entry(""), "tiger"), exchange.answer());
    assert!(agreed.is_ok());
}

#[tokio::test]
async fn a_dial_is_given_up_by_hanging_up_or_when_its_time_is_over() {
    let exchange = Exchange::new();
    let worker = Worker::start("real_worker");
    let (refused, end) = tokio::join!(dial(&worker, exchange.entry(""), "tiger"), async {
        let _silent = exchange.listener.accept().await.unwrap();
        worker.ask(Request::HangUp { deadline_ms: 100 }).await.unwrap()
    });
    assert_eq!(refused.unwrap_err().code().0, 631);
    assert!(matches!(end, Reply::HungUp(LinkEnd { acknowledged: false, .. })));
    let wish = Dial { entry: exchange.entry(""), timeout_ms: Some(50) };
    let late = worker.ask(Request::Dial(Box::new(wish))).await.unwrap_err();
    assert_eq!(late.code(), Code::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn it_survives_its_daemon_and_gives_interface_and_secret_to_the_next() {
    let exchange = Exchange::new();
    let (worker, _peer, interface) = connected(&exchange, "").await;
    let (next, _events) = Client::connect(&worker.socket).unwrap();
    assert_eq!(secret(&next).await.as_deref(), Some(&b"tiger"[..]));
    let (_, kept) = next.request(Request::Descriptors, &[], PATIENCE).await.unwrap();
    rustix::io::write(&kept[0], b"here").unwrap();
    let mut octets = [0; 100];
    // Others may have come before: the peer's IPv6 speaks unasked where there is a kernel behind it.
    assert_eq!(rustix::io::read(&interface, &mut octets), Ok(4));
    assert_eq!(status(&next).await.phase, Phase::Serving);
}

#[tokio::test]
async fn the_peers_end_is_told_with_its_number() {
    let exchange = Exchange::new();
    let (mut worker, mut peer, _interface) = connected(&exchange, "").await;
    peer.hang_up(PATIENCE).await;
    let end = end_of(&mut worker).await;
    assert_eq!((end.code, end.acknowledged, end.during), (Code(629), true, RasState::Connected));
    drop(peer);
    assert_eq!(worker.status().await.phase, Phase::Closed);
}

#[tokio::test]
async fn sigterm_hangs_up_politely() {
    let exchange = Exchange::new();
    let (mut worker, mut peer, _interface) = connected(&exchange, "").await;
    worker.signal(Signal::TERM);
    assert_eq!(peer.ended().await.unwrap().code().0, 629);
    while !matches!(worker.events.recv().await.unwrap(), Event::LinkState { state: RasState::Projected, .. })
    {
    }
    while link_status(&worker).await.end.is_none() {
        tokio::task::yield_now().await;
    }
    assert!(link_status(&worker).await.end.unwrap().acknowledged);
}

#[tokio::test]
async fn silence_for_as_long_as_the_entry_allows_is_told_once() {
    let exchange = Exchange::new();
    let idle = "dialling = { idle_disconnect_seconds = 1 }";
    let (mut worker, _peer, _interface) = connected(&exchange, idle).await;
    while tokio::time::timeout(PATIENCE, worker.events.recv()).await.expect("an event")
        != Some(Event::LinkIdle)
    {}
}

#[tokio::test]
async fn an_idle_link_takes_less_than_8_megabytes() {
    let exchange = Exchange::new();
    let (worker, _peer, _interface) = connected(&exchange, "").await;
    let own = worker.own_memory();
    assert!(own < 8 << 10, "{own} KiB");
}
