//! The interface of a link at work.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use cleardown_kernel::net::Tun;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::offload::{self, Joiner};

/// A TUN descriptor (or in tests a socket that keeps datagrams apart).
pub(super) struct Interface {
    descriptor: AsyncFd<OwnedFd>,
    /// Where the kernel leaves segmentation to us.
    joiner: Option<Joiner>,
}

impl Interface {
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        let joiner = Tun::offloads(&descriptor).then(Joiner::default);
        // SAFETY: the `AsyncFd` owns the descriptor, which so stays open and the same while it is registered.
        let descriptor = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE)? };
        Ok(Interface { descriptor, joiner })
    }

    /// The longest packet that [`Interface::read`] may give for a link of this MTU.
    pub(super) fn longest(&self, mtu: u16) -> usize {
        if self.joiner.is_some() { offload::LONGEST } else { usize::from(mtu) }
    }

    /// Waits for a packet.
    pub(super) async fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut guard = self.descriptor.readable().await?;
            if let Ok(read) = guard.try_io(|tun| Ok(rustix::io::read(tun, &mut *into)?)) {
                return read;
            }
        }
    }

    /// A packet that waits already.
    pub(super) fn read_more(&self, into: &mut [u8]) -> Option<usize> {
        // What is wrong, if anything is, will be met again.
        rustix::io::read(&self.descriptor, into).ok().filter(|read| *read > 0)
    }

    /// The datagrams of a packet that was read, each in two parts.
    pub(super) fn split(&self, packet: &mut [u8], mut each: impl FnMut(&[u8], &[u8])) {
        match self.joiner {
            Some(_) => offload::split(packet, each),
            None => each(packet, &[]),
        }
    }

    /// Hands the kernel a datagram, at [`Interface::flush`] at the latest. A full interface drops, as any network does.
    pub(super) fn write(&mut self, datagram: &[u8]) {
        let tun = &self.descriptor;
        match &mut self.joiner {
            Some(joiner) => joiner.push(datagram, |parts| put(tun, parts)),
            None => put(tun, &[IoSlice::new(datagram)]),
        }
    }

    pub(super) fn flush(&mut self) {
        let tun = &self.descriptor;
        self.joiner.iter_mut().for_each(|joiner| joiner.flush(|parts| put(tun, parts)));
    }
}

fn put(tun: &AsyncFd<OwnedFd>, parts: &[IoSlice<'_>]) {
    let _ = rustix::io::writev(tun, parts);
}
