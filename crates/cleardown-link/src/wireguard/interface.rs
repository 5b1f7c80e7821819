//! The two directions of an interface that comes after the tunnel is made.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use gotatun::packet::{Ip, Packet, PacketBufPool};
use gotatun::tun::{IpRecv, IpSend, MtuWatcher};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use crate::engine::Traffic;

type Tun = Arc<AsyncFd<OwnedFd>>;

/// Where the interface goes when the owner has made it.
pub(super) struct Slot(watch::Sender<Option<Tun>>);

/// Datagrams to the interface; before there is one they are dropped, as by any network.
pub(super) struct Sender {
    slot: watch::Receiver<Option<Tun>>,
    traffic: Arc<Traffic>,
}

/// Datagrams from the interface.
pub(super) struct Receiver {
    slot: watch::Receiver<Option<Tun>>,
    traffic: Arc<Traffic>,
    mtu: u16,
}

pub(super) fn interface(mtu: u16, traffic: &Arc<Traffic>) -> (Slot, Sender, Receiver) {
    let (slot, both) = watch::channel(None);
    let sender = Sender { slot: both.clone(), traffic: Arc::clone(traffic) };
    (Slot(slot), sender, Receiver { slot: both, traffic: Arc::clone(traffic), mtu })
}

impl Slot {
    pub(super) fn open(&self, tun: OwnedFd) -> io::Result<()> {
        rustix::io::ioctl_fionbio(&tun, true)?;
        // SAFETY: the `AsyncFd` owns the descriptor, which so stays open and the same while it is registered.
        let tun = unsafe { AsyncFd::register(tun)? };
        self.0.send_replace(Some(Arc::new(tun)));
        Ok(())
    }

    pub(super) fn close(&self) {
        self.0.send_replace(None);
    }
}

impl IpSend for Sender {
    async fn send(&mut self, packet: Packet<Ip>) -> io::Result<()> {
        let packet = packet.into_bytes();
        let octets: &[u8] = packet.as_ref();
        self.traffic.add_received(octets.len());
        if let Some(tun) = &*self.slot.borrow() {
            // A full interface drops; one that is gone is its owner's affair.
            let _ = rustix::io::write(tun, octets);
        }
        Ok(())
    }
}

impl IpRecv for Receiver {
    async fn recv<'a>(
        &'a mut self,
        pool: &mut PacketBufPool,
    ) -> io::Result<impl Iterator<Item = Packet<Ip>> + Send + 'a> {
        loop {
            let tun = self.tun().await;
            let mut packet = pool.get();
            let read = tokio::select! {
                read = read(&tun, &mut packet) => read,
                _ = self.slot.changed() => continue,
            };
            let Ok(length @ 1..) = read else {
                // The interface is gone; another may come.
                if self.slot.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            };
            packet.truncate(length);
            if let Ok(packet) = packet.try_into_ip() {
                self.traffic.add_sent(length);
                return Ok(std::iter::once(packet));
            }
        }
    }

    fn mtu(&self) -> MtuWatcher {
        MtuWatcher::new(self.mtu)
    }
}

impl Receiver {
    async fn tun(&mut self) -> Tun {
        loop {
            if let Some(tun) = &*self.slot.borrow_and_update() {
                return Arc::clone(tun);
            }
            if self.slot.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn read(tun: &AsyncFd<OwnedFd>, into: &mut [u8]) -> io::Result<usize> {
    loop {
        let mut guard = tun.readable().await?;
        if let Ok(read) = guard.try_io(|tun| Ok(rustix::io::read(tun, &mut *into)?)) {
            return read;
        }
    }
}
