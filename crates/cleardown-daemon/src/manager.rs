//! The service manager (systemd), when there is one: a socket that it opened, descriptors that it keeps for the
//! next daemon, and the word that we are ready. See sd_listen_fds(3) and sd_notify(3).

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sendmsg_addr, socket_with,
};

/// The first descriptor that a service manager hands over.
const FIRST: RawFd = 3;

/// Takes the descriptors that were handed to this process, by name. To be called once, before any thread.
pub(crate) fn handed_over() -> HashMap<String, OwnedFd> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return HashMap::new();
    }
    let count = number("LISTEN_FDS").unwrap_or_default().min(4096) as RawFd;
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let mut fds = HashMap::new();
    for fd in FIRST..FIRST + count {
        // SAFETY: the service manager opened these descriptors for us, and nobody else in this process has them.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let _ = rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC);
        fds.insert(names.next().unwrap_or_default().to_owned(), fd);
    }
    fds
}

/// Says that the daemon is ready.
pub(crate) fn ready() {
    send("READY=1", &[]);
}

/// What the manager keeps of a connection, so that it survives the death of daemon and worker at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The kernel's FUSE connection.
    Fuse,
    /// The memory with pending data.
    Arena,
    /// The memory with the password: without it nobody could log on again.
    Secret,
}

impl Kept {
    const ALL: [Kept; 3] = [Kept::Fuse, Kept::Arena, Kept::Secret];

    /// The name under which the manager keeps it.
    pub(crate) fn name(self, id: &str) -> String {
        let what = match self {
            Kept::Fuse => "fuse",
            Kept::Arena => "arena",
            Kept::Secret => "secret",
        };
        format!("{what}-{id}")
    }
}

/// Has the manager keep a connection's descriptor for the next daemon.
pub(crate) fn keep(id: &str, what: Kept, descriptor: BorrowedFd<'_>) {
    send(&format!("FDSTORE=1\nFDNAME={}", what.name(id)), &[descriptor]);
}

/// Has the manager close all descriptors of a connection.
pub(crate) fn release(id: &str) {
    for what in Kept::ALL {
        send(&format!("FDSTOREREMOVE=1\nFDNAME={}", what.name(id)), &[]);
    }
}

fn send(message: &str, descriptors: &[BorrowedFd<'_>]) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let attempt = || -> rustix::io::Result<()> {
        let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
        let address = match bytes.strip_prefix(b"@") {
            Some(name) => SocketAddrUnix::new_abstract_name(name)?,
            None => SocketAddrUnix::new(bytes)?,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        let message = [std::io::IoSlice::new(message.as_bytes())];
        sendmsg_addr(socket.as_fd(), &address, &message, &mut control, SendFlags::NOSIGNAL).map(drop)
    };
    if let Err(error) = attempt() {
        tracing::warn!(%error, "telling the service manager");
    }
}
