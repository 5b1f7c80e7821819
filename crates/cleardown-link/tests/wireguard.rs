//! Our WireGuard against wireguard-go in another namespace.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may fail at once, and says when it is skipped"
)]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use cleardown_core::link::Entry;
use cleardown_link::Job;
use cleardown_link::engine::{End, Order, Report, Talk, Traffic};
use cleardown_testkit::Namespace;
use cleardown_testkit::wireguard::{self, Keys, WireGuardGo};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

const PATIENCE: Duration = Duration::from_secs(20);
const OURS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const THEIRS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

fn entry(peer: &str, endpoint: &str) -> Entry {
    toml::from_str(&format!(
        "name = 'vpn'\n[device]\ntype = 'wireguard'\n[[device.peers]]\npublic_key = '{peer}'\n\
         endpoint = '{endpoint}'\nallowed_ips = ['10.77.0.0/24']\n"
    ))
    .unwrap()
}

struct Link {
    orders: mpsc::Sender<Order>,
    reports: mpsc::Receiver<Report>,
    traffic: std::sync::Arc<Traffic>,
}

impl Link {
    fn dial(entry: &Entry, private: &str) -> Link {
        let (talk, orders, reports) = Talk::new();
        let traffic = talk.traffic.clone();
        let job = Job::of(entry, Some(Zeroizing::new(private.to_owned()))).unwrap();
        tokio::spawn(job.run(talk));
        Link { orders, reports, traffic }
    }

    async fn report(&mut self) -> Report {
        timeout(PATIENCE, self.reports.recv()).await.expect("a report in time").unwrap()
    }

    async fn hang_up(&mut self) -> End {
        self.orders.send(Order::HangUp(Instant::now() + PATIENCE)).await.unwrap();
        loop {
            if let Report::Ended(end) = self.report().await {
                return end;
            }
        }
    }
}

/// Runs in a namespace, with the sockets of the tunnel in it.
fn in_namespace(namespace: &Namespace, work: impl AsyncFnOnce() + Send) {
    namespace.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(work());
    });
}

#[test]
fn a_tunnel_to_wireguard_go_carries_and_ends_at_once() {
    if !wireguard::available() {
        return;
    }
    let us = Keys::new();
    let peer = WireGuardGo::start(&us.public);
    in_namespace(&peer.cable.near, async || {
        let mut link = Link::dial(&entry(&peer.keys.public, "192.0.2.2:51820"), &us.private);
        assert_eq!(link.report().await, Report::PortOpened(vec![[192, 0, 2, 2].into()]));
        assert_eq!(link.report().await, Report::Dialling);
        assert_eq!(link.report().await, Report::TunnelUp { mtu: 1420 });
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let kept = ours.try_clone().unwrap();
        link.orders.send(Order::Interface(theirs)).await.unwrap();
        common::ping(ours, OURS, THEIRS).await;
        let (done, refreshed) = oneshot::channel();
        link.orders.send(Order::Refresh(done)).await.unwrap();
        refreshed.await.unwrap();
        assert!(link.traffic.handshake().is_some_and(|ago| ago < PATIENCE));
        assert!(link.traffic.sent() > 0 && link.traffic.received() > 0);
        let asked = Instant::now();
        let end = link.hang_up().await;
        eprintln!("the tunnel ended in {:?}", asked.elapsed());
        assert_eq!((end.code().0, end.ran), (631, true));
        // Nobody holds the interface any more.
        assert_eq!(rustix::io::read(&kept, &mut [0; 10]), Ok(0));
    });
}

#[test]
fn a_peer_that_does_not_know_us_is_no_connection() {
    if !wireguard::available() {
        return;
    }
    let us = Keys::new();
    let peer = WireGuardGo::start(&us.public);
    in_namespace(&peer.cable.near, async || {
        let stranger = Keys::new();
        let mut link = Link::dial(&entry(&peer.keys.public, "192.0.2.2:51820"), &stranger.private);
        while link.report().await != Report::Dialling {}
        assert!(timeout(Duration::from_millis(500), link.report()).await.is_err(), "no handshake");
        let end = link.hang_up().await;
        assert_eq!((end.code().0, end.ran), (631, false));
    });
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_868() {
    let (us, peer) =
        ("YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
    let mut link = Link::dial(&entry(peer, "nowhere.invalid:51820"), us);
    let Report::Ended(end) = link.report().await else { panic!("it should end at once") };
    assert_eq!(end.code().0, 868);
}
