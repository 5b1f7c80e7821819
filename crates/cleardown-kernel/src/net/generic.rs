//! Generic netlink (the kernel's Documentation/userspace-api/netlink): families of requests, found by their names.

use std::io;

use super::socket::Socket;
use super::wire::{ACK, Request};

/// `GENL_ID_CTRL`: the family that knows the others.
const CONTROL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
/// `struct genlmsghdr`.
pub(super) const HEADER: usize = 4;

/// The header of a request for a command of a family.
pub(super) fn header(command: u8, version: u8) -> [u8; HEADER] {
    [command, version, 0, 0]
}

/// The present number of a family; none: the kernel does not have it. The question makes the kernel load a module that
/// has the family. The number lasts only until the module is unloaded.
pub(super) fn family(socket: &mut Socket, name: &str) -> io::Result<Option<u16>> {
    let name = [name.as_bytes(), &[0]].concat();
    let request =
        Request::new(CONTROL, ACK, &header(CTRL_CMD_GETFAMILY, 1)).with(CTRL_ATTR_FAMILY_NAME, &name);
    match socket.ask(&request) {
        Ok(replies) => {
            Ok(replies.iter().find_map(|reply| reply.message().attributes(HEADER).u16(CTRL_ATTR_FAMILY_ID)))
        }
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}
