//! A ping made by hand, for interfaces that are socket pairs.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};

/// Sends echo requests through our end of the interface until a reply comes. Panics when none does.
pub(crate) async fn ping(interface: OwnedFd, from: Ipv4Addr, to: Ipv4Addr) {
    let request = echo_request(from, to);
    let reply = tokio::task::spawn_blocking(move || {
        set_socket_timeout(&interface, Timeout::Recv, Some(Duration::from_secs(1))).unwrap();
        let mut buffer = [0; 2000];
        for _ in 0..30 {
            rustix::io::write(&interface, &request).unwrap();
            // Other datagrams may come first (IPv6's neighbours speak unasked).
            while let Ok(length @ 1..) = rustix::io::read(&interface, &mut buffer) {
                if buffer[0] == 0x45 && buffer[20] == 0 {
                    return buffer[..length].to_vec();
                }
            }
        }
        panic!("no echo came back");
    });
    let reply = reply.await.unwrap();
    assert_eq!(&reply[12..20], &[to.octets(), from.octets()].concat()[..]);
    assert_eq!(&reply[24..], b"\x12\x34\x00\x01cleardown");
}

fn echo_request(from: Ipv4Addr, to: Ipv4Addr) -> Vec<u8> {
    let mut icmp = b"\x08\0\0\0\x12\x34\x00\x01cleardown".to_vec();
    let sum = checksum(&icmp);
    icmp[2..4].copy_from_slice(&sum);
    let mut ip = vec![0x45, 0, 0, (20 + icmp.len()) as u8, 0, 1, 0x40, 0, 64, 1, 0, 0];
    ip.extend_from_slice(&from.octets());
    ip.extend_from_slice(&to.octets());
    let sum = checksum(&ip);
    ip[10..12].copy_from_slice(&sum);
    ip.extend_from_slice(&icmp);
    ip
}

fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
