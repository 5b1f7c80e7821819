//! Noticing that the network has changed: netlink tells of addresses that come and go (rtnetlink(7)).

use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, recv, socket_with};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x10 | 0x40 | 0x100 | 0x400;

/// A watch on addresses and routes.
#[derive(Debug)]
pub(crate) struct Watch {
    socket: Option<AsyncFd<OwnedFd>>,
    notify: Notify,
}

impl Watch {
    /// Begins to watch; where netlink is out of reach nothing ever changes.
    pub(crate) fn new() -> Self {
        let socket = open().inspect_err(|error| tracing::info!(%error, "the network is not watched")).ok();
        Watch { socket, notify: Notify::new() }
    }

    /// Waits for the next change. Any number may wait.
    pub(crate) async fn changed(&self) {
        let Some(socket) = &self.socket else { return std::future::pending().await };
        tokio::select! {
            () = self.notify.notified() => {}
            () = drain(socket) => self.notify.notify_waiters(),
        }
    }
}

fn open() -> std::io::Result<AsyncFd<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // No protocol: number 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
    // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
    Ok(unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE)? })
}

/// Waits until there is something to read, and reads it all: what it says is of no interest.
async fn drain(socket: &AsyncFd<OwnedFd>) {
    let Ok(mut guard) = socket.readable().await else { return std::future::pending().await };
    let mut buffer = [0u8; 8192];
    while recv(socket.get_ref(), &mut buffer[..], rustix::net::RecvFlags::DONTWAIT).is_ok() {}
    guard.clear_ready();
}
