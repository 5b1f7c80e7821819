//! Network interfaces: which there are, what they carry, and that one is gone.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::socket::{Reply, Socket, ask, ask_unless};
use super::watch::{Event, Watch};
use super::wire::{
    ACK, AF_INET6, AF_UNSPEC, Attributes, CREATE, DELADDR, DELLINK, DUMP, EXCL, GETADDR, GETLINK, GETSTATS,
    Message, NEWADDR, NEWLINK, NEWSTATS, Request, family,
};

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFLA_STATS_LINK_64: u16 = 1;
const IFF_UP: u32 = 1;

/// `struct ifinfomsg`.
pub(super) const LINK: usize = 16;
/// `struct ifaddrmsg`.
const ADDRESS: usize = 8;
/// `struct if_stats_msg`.
const STATS: usize = 12;

/// A network interface by its index, which is not used again in its namespace, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interface {
    /// The kernel's number for it.
    pub index: u32,
    /// Its name when we last saw it.
    pub name: String,
}

/// What one look at an interface shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Which it is.
    pub interface: Interface,
    /// The kernel's word for what it is (`tun`, `wireguard`, `veth`, ...); none for hardware and loopback.
    pub kind: Option<String>,
    /// For `tun`: it carries Ethernet frames (a TAP) instead of packets.
    pub is_tap: bool,
    /// The hardware type (`ARPHRD_*`).
    pub hardware: u16,
    /// It is up, as its administrator wants it.
    pub is_up: bool,
    /// The longest packet, in octets.
    pub mtu: u32,
    /// What it has carried.
    pub counters: Counters,
}

/// What an interface has carried since it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Octets that came out of the interface.
    pub bytes_in: u64,
    /// Octets that went into it.
    pub bytes_out: u64,
    /// Packets that came out of it.
    pub packets_in: u64,
    /// Packets that went into it.
    pub packets_out: u64,
}

impl Details {
    /// Whether it is of a kind that we make.
    pub(super) fn is_a_tunnel(&self) -> bool {
        matches!(self.kind.as_deref(), Some("tun" | "wireguard"))
    }
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// Ours, with the length of the network's prefix; of a pair, all of the address.
    pub local: IpNet,
    /// The other end's, when the two are a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
}

impl Interface {
    /// The interface of this name, if there is one.
    ///
    /// # Errors
    /// What the kernel answers otherwise.
    pub fn named(name: &str) -> io::Result<Option<Self>> {
        let request = Request::new(GETLINK, ACK, &link_header(0, 0, 0)).with(IFLA_IFNAME, &zero_ended(name));
        Ok(look(&request)?.map(|details| details.interface))
    }

    /// What the kernel knows of it now; none when it is gone.
    ///
    /// # Errors
    /// What the kernel answers otherwise.
    pub fn details(&self) -> io::Result<Option<Details>> {
        look(&Request::new(GETLINK, ACK, &link_header(self.index, 0, 0)))
    }

    /// Whether it is gone: nothing has its index, and nothing that has its name is it.
    ///
    /// # Errors
    /// What the kernel answers otherwise.
    pub fn is_gone(&self) -> io::Result<bool> {
        Ok(self.details()?.is_none()
            && Interface::named(&self.name)?.is_none_or(|other| other.index != self.index))
    }

    /// Deletes it, although somebody may hold its descriptor (who then reads `EBADFD`); false when it is gone
    /// already. Routes and addresses go with it. Only interfaces of the kinds that we make are deleted.
    ///
    /// # Errors
    /// `EPERM`; `InvalidInput` when it is neither a TUN interface nor one of WireGuard.
    pub fn delete(&self) -> io::Result<bool> {
        match self.details()? {
            None => Ok(false),
            Some(now) if !now.is_a_tunnel() => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no interface of a tunnel"))
            }
            Some(_) => {
                ask_unless(&Request::new(DELLINK, ACK, &link_header(self.index, 0, 0)), &[libc::ENODEV])
            }
        }
    }

    /// Waits until it is gone, blocking, at most for `patience`; false when it is not. The kernel's news are
    /// waited for, nothing is polled.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn wait_gone(&self, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        let mut watch = Watch::links()?;
        while !self.is_gone()? {
            loop {
                let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
                match poll(&mut [PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)], left.as_ref()) {
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(errno) => return Err(errno.into()),
                    Ok(0) => return self.is_gone(),
                    Ok(_) => {}
                }
                if watch.take()?.iter().any(|event| self.may_have_gone(event)) {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// As [`Interface::wait_gone`], for async callers and without a deadline of its own. Cancel safe.
    ///
    /// # Errors
    /// What the kernel answers.
    pub async fn gone(&self) -> io::Result<()> {
        let mut watch = Watch::links()?;
        while !self.is_gone()? {
            while !self.may_have_gone(&watch.next().await?) {}
        }
        Ok(())
    }

    fn may_have_gone(&self, event: &Event) -> bool {
        match event {
            Event::LinkGone(interface) => interface.index == self.index,
            Event::Missed => true,
            _ => false,
        }
    }

    /// An interface of this kind with a name and an index of our choice, down and without addresses.
    pub(super) fn create(index: u32, name: &str, kind: &str) -> io::Result<Self> {
        let request = Request::new(NEWLINK, ACK | CREATE | EXCL, &link_header(index, 0, 0))
            .with(IFLA_IFNAME, &zero_ended(name))
            .nested(IFLA_LINKINFO, |r| r.with(IFLA_INFO_KIND, kind.as_bytes()));
        ask(&request)?;
        let named = Interface { index, name: name.to_owned() }.details()?;
        let interface = named.ok_or(io::ErrorKind::NotFound)?.interface;
        forbid_automatic_addresses(&interface)?;
        ignore_router_advertisements(&interface);
        Ok(interface)
    }

    /// Sets the MTU and brings it up. May be done again.
    pub(super) fn bring_up(&self, mtu: u32) -> io::Result<()> {
        let request = Request::new(NEWLINK, ACK, &link_header(self.index, IFF_UP, IFF_UP));
        ask(&request.with_u32(IFLA_MTU, mtu)).map(drop)
    }

    /// False: it had it already.
    pub(super) fn add_address(&self, address: &Address) -> io::Result<bool> {
        let request = address_request(NEWADDR, ACK | CREATE | EXCL, self.index, address);
        ask_unless(&request, &[libc::EEXIST])
    }

    /// False: it did not have it, or is gone.
    pub(super) fn remove_address(&self, address: &Address) -> io::Result<bool> {
        let request = address_request(DELADDR, ACK, self.index, address);
        ask_unless(&request, &[libc::EADDRNOTAVAIL, libc::ENODEV])
    }
}

/// The kernel would give a tunnel's interface a random link-local address once it is up.
pub(super) fn forbid_automatic_addresses(interface: &Interface) -> io::Result<()> {
    const NONE: u8 = 1;
    let request = Request::new(NEWLINK, ACK, &link_header(interface.index, 0, 0)).nested(IFLA_AF_SPEC, |r| {
        r.nested(u16::from(AF_INET6), |r| r.with(IFLA_INET6_ADDR_GEN_MODE, &[NONE]))
    });
    // Not supported: this kernel has no IPv6, or it is off.
    ask_unless(&request, &[libc::EAFNOSUPPORT]).map(drop)
}

/// What goes into a link is for its entry to say: a peer must not get a default route by advertising itself.
pub(super) fn ignore_router_advertisements(interface: &Interface) {
    let setting = format!("/proc/sys/net/ipv6/conf/{}/accept_ra", interface.name);
    match std::fs::write(setting, "0") {
        // This kernel has no IPv6, or it is off.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        // A container's /proc/sys is read-only; links shall work there too.
        Err(error) => {
            tracing::warn!(%error, "the peer of {} may advertise itself as a router", interface.name)
        }
        Ok(()) => {}
    }
}

/// All interfaces of our network namespace, with their counters: one question.
///
/// # Errors
/// What the kernel answers.
pub fn interfaces() -> io::Result<Vec<Details>> {
    let replies = ask(&Request::new(GETLINK, DUMP, &link_header(0, 0, 0)))?;
    Ok(replies.iter().filter_map(|reply| parse(&reply.message())).collect())
}

/// What all interfaces of our network namespace have carried, by index: one question, at a tenth of what [`interfaces`] costs.
///
/// # Errors
/// What the kernel answers.
pub fn counters() -> io::Result<HashMap<u32, Counters>> {
    let mut only = [0; STATS];
    only[8..].copy_from_slice(&(1u32 << (IFLA_STATS_LINK_64 - 1)).to_ne_bytes());
    let replies = ask(&Request::new(GETSTATS, DUMP, &only))?;
    let counted = |message: Message<'_>| {
        let stats = message.attributes(STATS).get(IFLA_STATS_LINK_64)?;
        (message.kind == NEWSTATS).then(|| (message.u32_at(4), parse_counters(stats)))
    };
    Ok(replies.iter().filter_map(|reply| counted(reply.message())).collect())
}

/// The interfaces that have these indices. One question each; those that are gone are left out.
///
/// # Errors
/// What the kernel answers.
pub fn details_of(indices: &[u32]) -> io::Result<Vec<Details>> {
    let mut socket = Socket::open()?;
    let mut details = |index: &u32| seen(socket.ask(&Request::new(GETLINK, 0, &link_header(*index, 0, 0))));
    indices.iter().filter_map(|index| details(index).transpose()).collect()
}

/// All addresses of our network namespace, with the index of their interface: one question.
///
/// # Errors
/// What the kernel answers.
pub fn addresses() -> io::Result<Vec<(u32, Address)>> {
    let replies = ask(&Request::new(GETADDR, DUMP, &[0; ADDRESS]))?;
    Ok(replies.iter().filter_map(|reply| parse_address(&reply.message())).collect())
}

fn look(request: &Request) -> io::Result<Option<Details>> {
    seen(ask(request))
}

/// What the answer about one interface says; none when it is gone.
fn seen(answer: io::Result<Vec<Reply>>) -> io::Result<Option<Details>> {
    match answer {
        Ok(replies) => Ok(replies.iter().find_map(|reply| parse(&reply.message()))),
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse(message: &Message<'_>) -> Option<Details> {
    if message.kind != NEWLINK {
        return None;
    }
    let attributes = message.attributes(LINK);
    let info = Attributes::of(attributes.get(IFLA_LINKINFO).unwrap_or_default());
    let kind = info.text(IFLA_INFO_KIND);
    Some(Details {
        interface: Interface { index: message.u32_at(4), name: attributes.text(IFLA_IFNAME)? },
        is_tap: kind.as_deref() == Some("tun") && is_tap(info.get(IFLA_INFO_DATA).unwrap_or_default()),
        kind,
        hardware: message.u16_at(2),
        is_up: message.u32_at(8) & IFF_UP != 0,
        mtu: attributes.u32(IFLA_MTU).unwrap_or_default(),
        counters: parse_counters(attributes.get(IFLA_STATS64).unwrap_or_default()),
    })
}

/// `IFLA_TUN_TYPE`.
fn is_tap(data: &[u8]) -> bool {
    const IFLA_TUN_TYPE: u16 = 3;
    const IFF_TAP: u8 = 2;
    Attributes::of(data).get(IFLA_TUN_TYPE).and_then(|kind| kind.first()) == Some(&IFF_TAP)
}

/// The first four numbers of `struct rtnl_link_stats64`: packets, then octets, each received and sent.
fn parse_counters(stats: &[u8]) -> Counters {
    let number = |at: usize| {
        let bytes = stats.get(at * 8..at * 8 + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u64::from_ne_bytes).unwrap_or_default()
    };
    let [packets_in, packets_out, bytes_in, bytes_out] = [0, 1, 2, 3].map(number);
    Counters { bytes_in, bytes_out, packets_in, packets_out }
}

/// For IPv4 the kernel tells the local and the peer's address; for IPv6 without a peer only `IFA_ADDRESS`.
fn parse_address(message: &Message<'_>) -> Option<(u32, Address)> {
    if message.kind != NEWADDR {
        return None;
    }
    let attributes = message.attributes(ADDRESS);
    let far = attributes.ip(IFA_ADDRESS);
    let local = attributes.ip(IFA_LOCAL).or(far)?;
    let peer = far.filter(|far| *far != local);
    let prefix = if peer.is_some() { full(local) } else { message.u8_at(1) };
    Some((message.u32_at(4), Address { local: IpNet::new(local, prefix).ok()?, peer }))
}

/// The length of a whole address.
fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn address_request(kind: u16, flags: u16, index: u32, address: &Address) -> Request {
    const IFA_F_NODAD: u8 = 0x02;
    let local = address.local.addr();
    let flag = if local.is_ipv6() { IFA_F_NODAD } else { 0 };
    let mut fixed = vec![family(local), address.local.prefix_len(), flag, scope(local)];
    fixed.extend_from_slice(&index.to_ne_bytes());
    Request::new(kind, flags, &fixed)
        .with_ip(IFA_LOCAL, local)
        .with_ip(IFA_ADDRESS, address.peer.unwrap_or(local))
}

fn scope(address: IpAddr) -> u8 {
    const RT_SCOPE_LINK: u8 = 253;
    match address {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => RT_SCOPE_LINK,
        _ => 0,
    }
}

/// `struct ifinfomsg`.
fn link_header(index: u32, flags: u32, change: u32) -> [u8; LINK] {
    let mut header = [0; LINK];
    header[0] = AF_UNSPEC;
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..16].copy_from_slice(&change.to_ne_bytes());
    header
}

fn zero_ended(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Which interface a message about links tells of.
pub(super) fn named_in(message: &Message<'_>) -> Option<Interface> {
    let name = message.attributes(LINK).text(IFLA_IFNAME)?;
    Some(Interface { index: message.u32_at(4), name })
}
