//! The messages of linux/wireguard.h.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use ipnet::IpNet;

use super::{Peer, PeerState, Tunnel};
use crate::net::generic::{HEADER, header};
use crate::net::wire::{ACK, Attributes, DUMP, Message, Request, family};

const VERSION: u8 = 1;
const GET_DEVICE: u8 = 0;
const SET_DEVICE: u8 = 1;

const DEVICE_INDEX: u16 = 1;
const DEVICE_PRIVATE_KEY: u16 = 3;
const DEVICE_FLAGS: u16 = 5;
const DEVICE_LISTEN_PORT: u16 = 6;
const DEVICE_PEERS: u16 = 8;
const DEVICE_REPLACE_PEERS: u32 = 1;

const PEER_PUBLIC_KEY: u16 = 1;
const PEER_SHARED_KEY: u16 = 2;
const PEER_FLAGS: u16 = 3;
const PEER_ENDPOINT: u16 = 4;
const PEER_KEEPALIVE: u16 = 5;
const PEER_LAST_HANDSHAKE: u16 = 6;
const PEER_BYTES_IN: u16 = 7;
const PEER_BYTES_OUT: u16 = 8;
const PEER_ALLOWED: u16 = 9;
const PEER_REPLACE_ALLOWED: u32 = 2;
const PEER_UPDATE_ONLY: u32 = 4;

const ALLOWED_FAMILY: u16 = 1;
const ALLOWED_ADDRESS: u16 = 2;
const ALLOWED_PREFIX: u16 = 3;

/// `NLA_F_NESTED`: this family insists on it.
const NESTED: u16 = 0x8000;

/// So many allowed networks go into one message: an attribute ends at 64 KiB, and one network takes up to 40 octets.
const ALLOWED_AT_ONCE: usize = 512;
/// More than any message here.
const ROOM: usize = 32 << 10;

fn set(id: u16, index: u32) -> Request {
    Request::with_room(id, ACK, &header(SET_DEVICE, VERSION), ROOM).with_u32(DEVICE_INDEX, index)
}

/// All that the device is to do, in place of what it did: to be sent in this order.
pub(super) fn set_up(id: u16, index: u32, tunnel: &Tunnel) -> Vec<Request> {
    let device = set(id, index)
        .with(DEVICE_PRIVATE_KEY, &*tunnel.private_key)
        .with_u16(DEVICE_LISTEN_PORT, tunnel.listen_port)
        .with_u32(DEVICE_FLAGS, DEVICE_REPLACE_PEERS);
    let peers = tunnel.peers.iter().flat_map(|peer| {
        let (first, rest) = peer.allowed.split_at(peer.allowed.len().min(ALLOWED_AT_ONCE));
        let first = one_peer(set(id, index), |r| allowed(whole(r, peer), first));
        let rest = rest
            .chunks(ALLOWED_AT_ONCE)
            .map(move |more| one_peer(set(id, index), |r| allowed(known(r, peer), more)));
        std::iter::once(first).chain(rest)
    });
    std::iter::once(device).chain(peers).collect()
}

pub(super) fn keep_alive(id: u16, index: u32, peer: &Peer) -> Request {
    one_peer(set(id, index), |r| known(r, peer).with_u16(PEER_KEEPALIVE, peer.keepalive))
}

pub(super) fn get(id: u16, index: u32) -> Request {
    Request::new(id, DUMP, &header(GET_DEVICE, VERSION)).with_u32(DEVICE_INDEX, index)
}

fn one_peer(request: Request, inside: impl FnOnce(Request) -> Request) -> Request {
    request.nested(DEVICE_PEERS | NESTED, |r| r.nested(NESTED, inside))
}

fn whole(request: Request, peer: &Peer) -> Request {
    // All zeroes: no such key.
    let shared = peer.shared_key.as_deref().unwrap_or(&[0; 32]);
    let request = request
        .with(PEER_PUBLIC_KEY, &peer.public_key)
        .with_u32(PEER_FLAGS, PEER_REPLACE_ALLOWED)
        .with(PEER_SHARED_KEY, shared)
        .with_u16(PEER_KEEPALIVE, peer.keepalive);
    match peer.endpoint {
        Some(endpoint) => request.with(PEER_ENDPOINT, &sockaddr(endpoint)),
        None => request,
    }
}

/// A peer that the device has already.
fn known(request: Request, peer: &Peer) -> Request {
    request.with(PEER_PUBLIC_KEY, &peer.public_key).with_u32(PEER_FLAGS, PEER_UPDATE_ONLY)
}

fn allowed(request: Request, networks: &[IpNet]) -> Request {
    let one = |request: Request, network: &IpNet| {
        request.nested(NESTED, |r| {
            r.with_u16(ALLOWED_FAMILY, family(network.addr()).into())
                .with_ip(ALLOWED_ADDRESS, network.addr())
                .with(ALLOWED_PREFIX, &[network.prefix_len()])
        })
    };
    request.nested(PEER_ALLOWED | NESTED, |r| networks.iter().fold(r, one))
}

/// `struct sockaddr_in`, `struct sockaddr_in6`.
fn sockaddr(address: SocketAddr) -> Vec<u8> {
    let mut bytes = u16::from(family(address.ip())).to_ne_bytes().to_vec();
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend_from_slice(&v4.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend_from_slice(&v6.flowinfo().to_be_bytes());
            bytes.extend_from_slice(&v6.ip().octets());
            bytes.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    bytes
}

/// The peers that these messages tell of. One with many allowed networks is told of several times in a row, and the first
/// time completely.
pub(super) fn peers<'a>(messages: impl Iterator<Item = Message<'a>>) -> Vec<PeerState> {
    let mut all: Vec<PeerState> = Vec::new();
    for message in messages {
        let peers = message.attributes(HEADER).get(DEVICE_PEERS).unwrap_or_default();
        for peer in Attributes::of(peers).filter_map(|(_, peer)| self::peer(Attributes::of(peer))) {
            if all.last().is_none_or(|last| last.public_key != peer.public_key) {
                all.push(peer);
            }
        }
    }
    all
}

fn peer(attributes: Attributes<'_>) -> Option<PeerState> {
    Some(PeerState {
        public_key: attributes.get(PEER_PUBLIC_KEY)?.try_into().ok()?,
        handshake: attributes.get(PEER_LAST_HANDSHAKE).and_then(timespec),
        bytes_in: attributes.u64(PEER_BYTES_IN).unwrap_or_default(),
        bytes_out: attributes.u64(PEER_BYTES_OUT).unwrap_or_default(),
    })
}

/// `struct __kernel_timespec`; all zeroes: never.
fn timespec(bytes: &[u8]) -> Option<SystemTime> {
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
        u64::try_from(i64::from_ne_bytes(bytes)).ok()
    };
    let (seconds, nanos) = (number(0)?, number(8)?);
    if (seconds, nanos) == (0, 0) {
        return None;
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

#[cfg(test)]
mod tests;
