//! Which network this is.

use std::os::fd::AsRawFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// A number of the calling thread's network namespace, which no other one gets until the machine starts again
/// (`SO_NETNS_COOKIE`); none: the kernel is older than 5.14. Interfaces' names and indices are unique in one namespace only.
pub fn namespace() -> Option<u64> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).ok()?;
    let mut cookie = 0_u64;
    let mut length = size_of::<u64>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel writes at most `length` octets to `cookie`, which has as many.
    let answer = unsafe {
        let place = std::ptr::from_mut(&mut cookie).cast();
        libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, place, &mut length)
    };
    (answer == 0).then_some(cookie)
}
