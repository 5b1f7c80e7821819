//! A WireGuard tunnel, carried by this process (`gotatun`) over the descriptor of a TUN interface; and the call of one that the
//! kernel carries ([`kernel`]).

mod interface;
pub mod kernel;
mod plan;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::{BoxFuture, OptionFuture, join_all, select_all};
use gotatun::device::{Device, DeviceBuilder, DeviceTransports, Error, Peer};
use tokio::time::Instant;

use crate::engine::{End, Order, Report, Talk, Why};
use interface::{Slot, interface};

pub use plan::{Plan, WirePeer};

/// How long the names of the peers may take to be looked up.
const RESOLVING: Duration = Duration::from_secs(10);
/// How long the first handshake may take, of those that are tried every five seconds.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// How often is looked whether a peer has come that we cannot call.
const WAITING: Duration = Duration::from_millis(250);

/// Shakes hands, carries, and ends a tunnel.
pub async fn run(plan: Plan, mut talk: Talk) {
    let end = tunnel(plan, &mut talk).await;
    let _ = talk.reports.send(Report::Ended(end)).await;
}

async fn tunnel(plan: Plan, talk: &mut Talk) -> End {
    let (slot, sender, receiver) = interface(plan.mtu, &talk.traffic);
    let mtu = plan.mtu;
    let opened = async {
        let peers = resolve(&plan.peers).await?;
        let servers = peers.iter().filter_map(|peer| Some(peer.endpoint?.ip())).collect();
        let builder = DeviceBuilder::new().with_default_udp().with_ip_pair(sender, receiver);
        let builder = builder.with_private_key(plan.private_key).with_listen_port(plan.listen_port);
        Ok((builder.with_peers(peers.clone()).build().await.map_err(io_error)?, peers, servers))
    };
    let (device, peers, servers): (_, Vec<Peer>, Vec<IpAddr>) = match unless_hung_up(opened, talk).await {
        Some(Ok(opened)) => opened,
        Some(Err(error)) => return End::of(Why::Port(io::Error::into(error))),
        None => return End::of(Why::Cancelled),
    };
    let _ = talk.reports.send(Report::PortOpened(servers)).await;
    let _ = talk.reports.send(Report::Dialling).await;
    let shaken = tokio::time::timeout(HANDSHAKE, first_handshake(&device, &peers));
    let end = match unless_hung_up(shaken, talk).await {
        Some(Ok(())) => {
            let _ = talk.reports.send(Report::TunnelUp { mtu }).await;
            carry(&device, &peers, &slot, talk).await;
            End { ran: true, ..End::of(Why::Cancelled) }
        }
        Some(Err(_late)) => End::of(Why::NoHandshake),
        None => End::of(Why::Cancelled),
    };
    // After this no task of the device is left, and with them goes our hold on the interface.
    slot.close();
    device.stop().await;
    // The protocol has no farewell: nobody acknowledges.
    end
}

/// Looks the peers' addresses up. A name without one is an error without an errno.
async fn resolve(peers: &[WirePeer]) -> io::Result<Vec<Peer>> {
    let mut resolved = Vec::new();
    for peer in peers {
        let endpoint = match &peer.endpoint {
            Some(name) => Some(look_up(name).await?),
            None => None,
        };
        resolved.push(peer.with_endpoint(endpoint));
    }
    Ok(resolved)
}

async fn look_up(name: &str) -> io::Result<SocketAddr> {
    let unknown = |why: &str| io::Error::other(format!("{name}: {why}"));
    match tokio::time::timeout(RESOLVING, tokio::net::lookup_host(name)).await {
        Ok(Ok(mut addresses)) => addresses.next().ok_or_else(|| unknown("no address")),
        Ok(Err(error)) => Err(unknown(&error.to_string())),
        Err(_late) => Err(unknown("the name servers do not answer")),
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::IoError(error) | Error::Bind(error, _) => error,
        other => io::Error::new(io::ErrorKind::InvalidInput, other.to_string()),
    }
}

/// Waits for whichever peer answers first.
async fn first_handshake<T: DeviceTransports>(device: &Device<T>, peers: &[Peer]) {
    let callable = peers.iter().filter(|peer| peer.endpoint.is_some());
    let calls: Vec<BoxFuture<'_, ()>> = callable.map(|peer| Box::pin(call(device, peer)) as _).collect();
    if !calls.is_empty() {
        select_all(calls).await;
        return;
    }
    while last_handshake(device).await.is_none() {
        tokio::time::sleep(WAITING).await;
    }
}

async fn call<T: DeviceTransports>(device: &Device<T>, peer: &Peer) {
    // A packet that cannot be sent (no route yet) is tried again by the device's timers.
    while device.force_handshake(&peer.public_key).await.is_err() {
        tokio::time::sleep(WAITING).await;
    }
}

async fn last_handshake<T: DeviceTransports>(device: &Device<T>) -> Option<Duration> {
    device
        .read(async |device| device.peers().await)
        .await
        .iter()
        .filter_map(|peer| peer.stats.last_handshake)
        .min()
}

/// Follows the owner's orders until it wants no more.
async fn carry<T: DeviceTransports>(device: &Device<T>, peers: &[Peer], slot: &Slot, talk: &mut Talk) {
    let mut check = OptionFuture::from(None);
    loop {
        let order = tokio::select! {
            order = talk.orders.recv() => order,
            Some(_) = &mut check => {
                check = None.into();
                continue;
            }
        };
        match order {
            // The keys may be too old for a peer that did not sleep: new ones are agreed on.
            Some(Order::Check) => {
                let calls =
                    peers.iter().filter(|peer| peer.endpoint.is_some()).map(|peer| call(device, peer));
                let calls = tokio::time::timeout(HANDSHAKE, join_all(calls.collect::<Vec<_>>()));
                check = Some(Box::pin(calls)).into();
            }
            Some(Order::Interface(tun)) => {
                if let Err(error) = slot.open(tun) {
                    tracing::error!(%error, "the interface cannot be used");
                }
            }
            Some(Order::Refresh(done)) => {
                let handshake = last_handshake(device).await;
                talk.traffic.set_handshake(handshake.and_then(|ago| Instant::now().checked_sub(ago)));
                let _ = done.send(());
            }
            Some(Order::HangUp(_)) | None => return,
        }
    }
}

/// Waits for `work`; none when the owner hangs up before.
async fn unless_hung_up<T>(work: impl Future<Output = T>, talk: &mut Talk) -> Option<T> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            order = talk.orders.recv() => if let Some(Order::HangUp(_)) | None = order { return None },
        }
    }
}
