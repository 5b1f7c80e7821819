//! One ping (ICMP echo, RFC 792), by a raw socket: the program of that name need not be installed.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use cleardown_core::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketType};

const REQUEST: u8 = 8;
const REPLY: u8 = 0;

/// How long the answer took.
///
/// # Errors
/// There was none in time, or no raw socket may be opened.
pub(super) async fn ping(to: Ipv4Addr, patience: Duration) -> Result<Duration> {
    // A thread of the runtime inherits the namespace of the one that starts it.
    let waited = tokio::task::spawn_blocking(move || attempt(to, patience)).await;
    waited.unwrap_or_else(|e| Err(std::io::Error::other(e))).map_err(|e| {
        let failed = ErrorKind::Timeout { server: to.to_string(), during: "answering a ping".into() };
        Error::from(failed).because(e)
    })
}

fn attempt(to: Ipv4Addr, patience: Duration) -> std::io::Result<Duration> {
    let socket = net::socket(AddressFamily::INET, SocketType::RAW, Some(net::ipproto::ICMP))?;
    let packet = request(std::process::id() as u16, 1, b"cleardown");
    let began = Instant::now();
    net::sendto(&socket, &packet, SendFlags::empty(), &SocketAddrV4::new(to, 0))?;
    let mut answer = [0; 256];
    loop {
        let left = patience.checked_sub(began.elapsed()).ok_or(std::io::ErrorKind::TimedOut)?;
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&left))? == 0 {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        let (length, _) = net::recv(&socket, &mut answer[..], RecvFlags::empty())?;
        if is_reply(answer.get(..length).unwrap_or_default(), &packet) {
            return Ok(began.elapsed());
        }
    }
}

fn request(id: u16, sequence: u16, data: &[u8]) -> Vec<u8> {
    let mut packet = vec![REQUEST, 0, 0, 0];
    packet.extend(id.to_be_bytes());
    packet.extend(sequence.to_be_bytes());
    packet.extend(data);
    let sum = checksum(&packet).to_be_bytes();
    packet[2..4].copy_from_slice(&sum);
    packet
}

/// A raw socket gives the IP header too. The answer has the request's id, number and data.
fn is_reply(packet: &[u8], request: &[u8]) -> bool {
    let header = packet.first().map_or(0, |first| usize::from(first & 0x0F) * 4);
    let icmp = packet.get(header..).unwrap_or_default();
    icmp.first() == Some(&REPLY) && icmp.get(4..) == request.get(4..)
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    let mut sum: u32 = bytes.chunks(2).map(word).sum();
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_a_true_checksum_and_knows_its_reply() {
        let packet = request(7, 1, b"odd");
        assert_eq!(checksum(&packet), 0);
        let mut reply = [&[0x45; 20][..], &packet].concat();
        reply[20] = REPLY;
        assert!(is_reply(&reply, &packet));
        assert!(!is_reply(&reply[..24], &packet) && !is_reply(&[], &packet));
        assert!(!is_reply(&[&[0x45; 20][..], &packet].concat(), &packet), "the request itself");
    }
}
