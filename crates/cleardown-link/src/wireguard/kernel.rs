//! The call of a tunnel that the kernel carries: it needs no process once hands are shaken.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use cleardown_kernel::net::Interface;
use cleardown_kernel::net::wireguard::{self, Peer};

use super::{HANDSHAKE, Plan, resolve};
use crate::engine::{End, Why};

/// The kernel calls a peer only when there is something to send to it, and the promise of a sign of life is: so each peer that we
/// can call is promised one this often until hands are shaken, in seconds.
const CALLING: u16 = 25;
/// The kernel does not say when hands are shaken: it is asked after this time, and then ever less often.
const FIRST_LOOK: Duration = Duration::from_millis(2);
const LAST_LOOK: Duration = Duration::from_millis(100);

/// Has a new device do what the plan says, and waits for the first handshake, as [`super::run`] does. Gives the addresses of
/// the peers. Dropping the future leaves the device as it is.
///
/// # Errors
/// How the dial ended; the device is still there.
pub async fn call(plan: Plan, device: Interface) -> Result<Vec<IpAddr>, End> {
    let peers = resolve(&plan.peers).await.map_err(broken)?;
    let tunnel = plan.for_kernel(&peers);
    let servers = tunnel.peers.iter().filter_map(|peer| Some(peer.endpoint?.ip())).collect();
    let mut calling = plan.for_kernel(&peers);
    let quiet: Vec<Peer> = tunnel.peers.into_iter().filter(|peer| peer.keepalive == 0).collect();
    for peer in calling.peers.iter_mut().filter(|peer| peer.keepalive == 0 && peer.endpoint.is_some()) {
        peer.keepalive = CALLING;
    }
    let (own, mtu) = (device.clone(), plan.mtu);
    blocking(move || wireguard::start(&own, &calling, mtu)).await?;
    match tokio::time::timeout(HANDSHAKE, first_handshake(&device)).await {
        Ok(shaken) => shaken?,
        Err(_late) => return Err(End::of(Why::NoHandshake)),
    }
    blocking(move || wireguard::keep_alive(&device, &quiet)).await?;
    Ok(servers)
}

/// Has a device's peers called now: the machine has slept, and the kernel forgets all keys before that. Does not wait for
/// the answer.
///
/// # Errors
/// The kernel refuses.
pub async fn check(plan: Plan, device: Interface) -> Result<(), End> {
    let callable = plan.peers.iter().filter(|peer| peer.endpoint.is_some());
    let peers = plan.for_kernel(&callable.map(|peer| peer.with_endpoint(None)).collect::<Vec<_>>()).peers;
    let promise =
        |keepalive| peers.iter().cloned().map(|peer| Peer { keepalive, ..peer }).collect::<Vec<_>>();
    // A sign of life is sent when one is promised that was not.
    let (none, soon) = (promise(0), promise(CALLING));
    let in_turn =
        move || [none, soon, peers].iter().try_for_each(|peers| wireguard::keep_alive(&device, peers));
    blocking(in_turn).await
}

async fn first_handshake(device: &Interface) -> Result<(), End> {
    let mut pause = FIRST_LOOK;
    loop {
        let device = device.clone();
        if blocking(move || wireguard::last_handshake(&device)).await?.is_some() {
            return Ok(());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_LOOK);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, End> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(broken)
}

fn broken(error: io::Error) -> End {
    End::of(Why::Port(error.into()))
}
