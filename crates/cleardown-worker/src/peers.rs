//! Whom this process talks to, as the kernel knows it: also after a connection was made again, and whatever library made it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, RawFd};

use rustix::net::sockopt::socket_type;
use rustix::net::{SocketType, getpeername};

/// The addresses that this process's TCP sockets are connected to. One system call or two for each open descriptor:
/// `/proc/net/tcp` would cost milliseconds, for the kernel goes through all that its table has room for.
pub(crate) fn peers() -> Vec<IpAddr> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: BTreeSet<IpAddr> = numbers.filter_map(peer).collect();
    all.into_iter().collect()
}

fn peer(number: RawFd) -> Option<IpAddr> {
    // SAFETY: the number was a descriptor's a moment ago. Another thread may have closed it since: the kernel is only
    // asked, and answers that there is none, or tells of another one of ours.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    let peer: SocketAddr = getpeername(descriptor).ok()??.try_into().ok()?;
    // A question to a name server is no connection.
    (socket_type(descriptor) == Ok(SocketType::STREAM)).then(|| peer.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv6Addr, TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn connections_are_found_and_nothing_else_is() {
        let ask = UdpSocket::bind("127.0.0.1:0").unwrap();
        ask.connect("127.0.0.2:53").unwrap();
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.3", port)).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let found = peers();
        assert!(found.contains(&address("127.0.0.3")), "{found:?}");
        assert!(!found.contains(&address("127.0.0.2")), "{found:?}");
        drop(client);
        assert!(!peers().contains(&address("127.0.0.3")));
    }
}
