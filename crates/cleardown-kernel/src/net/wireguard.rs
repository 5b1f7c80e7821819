//! WireGuard as the kernel has it: an interface of its own kind, told what to do over generic netlink (linux/wireguard.h).
//!
//! Such an interface belongs to no process: it goes on when its maker has died, and has to be deleted. So it can be
//! journalled before it is made, by an index of our choice ([`fresh_index`]).
//!
//! `netlink-packet-wireguard` (0.2) was looked at: its messages keep keys in vectors that nobody wipes, and it brings three
//! crates for what is a page here.

mod messages;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::SystemTime;

use cleardown_core::{Error, Result};
use ipnet::IpNet;
use zeroize::Zeroizing;

use super::generic;
use super::interface::Interface;
use super::socket::Socket;

const FAMILY: &str = "wireguard";

/// What a device is to do.
pub struct Tunnel {
    /// Who we are.
    pub private_key: Zeroizing<[u8; 32]>,
    /// The UDP port; 0: any.
    pub listen_port: u16,
    /// Who may talk to us.
    pub peers: Vec<Peer>,
}

/// A peer of a device.
#[derive(Clone)]
pub struct Peer {
    /// Who it is.
    pub public_key: [u8; 32],
    /// The key shared with it beforehand.
    pub shared_key: Option<Zeroizing<[u8; 32]>>,
    /// Where it is reached; none: it comes to us.
    pub endpoint: Option<SocketAddr>,
    /// A sign of life this often, in seconds; 0: only when there is something to say.
    pub keepalive: u16,
    /// What is sent to it, and taken from it.
    pub allowed: Vec<IpNet>,
}

/// Without keys.
impl fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel").field("peers", &self.peers).finish_non_exhaustive()
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// How it is with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerState {
    /// Who it is.
    pub public_key: [u8; 32],
    /// When hands were shaken last; none: never.
    pub handshake: Option<SystemTime>,
    /// Octets that came from it, with all headers of WireGuard.
    pub bytes_in: u64,
    /// Octets that went to it.
    pub bytes_out: u64,
}

/// Whether this kernel has WireGuard. The question loads its module, where there is one; no interface is made. Blocks, for as
/// long as loading takes.
pub fn available() -> bool {
    let found = Socket::generic().and_then(|mut socket| generic::family(&mut socket, FAMILY));
    match found {
        Ok(family) => family.is_some(),
        Err(error) => {
            tracing::warn!(%error, "asking the kernel for WireGuard");
            false
        }
    }
}

/// An index for an interface that is to be made: far from those that the kernel gives, and as good as certainly used by nobody
/// before or after.
///
/// # Errors
/// What getrandom(2) answers.
pub fn fresh_index() -> Result<u32> {
    /// The kernel counts from 1; a positive `int` is what it takes.
    const FAR: u32 = 1 << 29;
    let mut random = [0; 4];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::os("choosing an index for a network interface", &errno.into()))?;
    Ok(FAR | (u32::from_ne_bytes(random) & (FAR - 1)))
}

/// Makes a device with this index, down and without addresses. The name may hold one `%d`, for which the kernel puts the
/// first free number. Journal the index before.
///
/// # Errors
/// [`cleardown_core::ErrorKind::Os`]: `EPERM`, CAP_NET_ADMIN is missing; `EOPNOTSUPP`, the kernel has no WireGuard.
pub fn create(index: u32, name: &str) -> Result<Interface> {
    Interface::create(index, name, FAMILY)
        .map_err(|error| Error::os(format!("making the network interface {name}"), &error))
}

/// The device with this index; none when there is no such device, or another kind of interface has the index.
///
/// # Errors
/// What the kernel answers otherwise.
pub fn find(index: u32) -> io::Result<Option<Interface>> {
    let details = Interface { index, name: String::new() }.details()?;
    Ok(details.filter(|details| details.kind.as_deref() == Some(FAMILY)).map(|details| details.interface))
}

/// Tells a device what to do, in place of what it did before, and brings it up: from then on it calls the peers whose
/// `keepalive` is not 0, and answers all.
///
/// # Errors
/// What the kernel answers: `ENODEV`, it is gone; `EADDRINUSE`, another socket has the port.
pub fn start(interface: &Interface, tunnel: &Tunnel, mtu: u16) -> io::Result<()> {
    let (mut socket, family) = open()?;
    for request in messages::set_up(family, interface.index, tunnel) {
        socket.ask(&request)?;
    }
    interface.bring_up(mtu.into())
}

/// Sets how often each peer gets a sign of life.
///
/// # Errors
/// What the kernel answers.
pub fn keep_alive(interface: &Interface, peers: &[Peer]) -> io::Result<()> {
    let (mut socket, family) = open()?;
    for peer in peers {
        socket.ask(&messages::keep_alive(family, interface.index, peer))?;
    }
    Ok(())
}

/// How it is with the peers of a device.
///
/// # Errors
/// What the kernel answers.
pub fn peers(interface: &Interface) -> io::Result<Vec<PeerState>> {
    let (mut socket, family) = open()?;
    let replies = socket.ask(&messages::get(family, interface.index))?;
    Ok(messages::peers(replies.iter().map(super::socket::Reply::message)))
}

/// When hands were shaken last, with whomever.
///
/// # Errors
/// What the kernel answers.
pub fn last_handshake(interface: &Interface) -> io::Result<Option<SystemTime>> {
    Ok(peers(interface)?.into_iter().filter_map(|peer| peer.handshake).max())
}

fn open() -> io::Result<(Socket, u16)> {
    let mut socket = Socket::generic()?;
    let family = generic::family(&mut socket, FAMILY)?;
    let family = family.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
    Ok((socket, family))
}
