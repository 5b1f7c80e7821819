//! Routes: adding and removing our own, and which way packets would take.

use std::io;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::interface::{Interface, interfaces};
use super::socket::{ask, ask_unless};
use super::wire::{
    ACK, AF_INET, AF_INET6, CREATE, DELROUTE, DUMP, EXCL, GETROUTE, Message, NEWROUTE, Request, family, ip,
};

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_TABLE: u16 = 15;
const RTA_VIA: u16 = 18;

const RT_TABLE_MAIN: u8 = 254;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;
const RTN_LOCAL: u8 = 2;
const RTNH_F_DEAD: u32 = 1;
const RTNH_F_ONLINK: u32 = 4;
const RTNH_F_LINKDOWN: u32 = 16;

/// `struct rtmsg`.
const ROUTE: usize = 12;

/// Who made a route, as the kernel keeps it (`rtm_protocol`). No other program is known to use this number; with it
/// our routes can be told from all others, also after a crash.
pub const PROTOCOL: u8 = 205;

/// A route of ours in the main table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Where it leads.
    pub to: IpNet,
    /// Over which interface.
    pub interface: Interface,
    /// Through which neighbour there; none: it is there itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// Of several to the same network the one with the lowest wins; none: the kernel's own (IPv4 0, IPv6 1024).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// The way that packets to an address take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// The address.
    pub to: IpAddr,
    /// The interface that they leave by.
    pub interface: Interface,
    /// The neighbour that they are given to; none: the address is a neighbour's, or the interface has only one
    /// other end.
    pub gateway: Option<IpAddr>,
    /// The source address that they get when the sender has not chosen one.
    pub source: Option<IpAddr>,
    /// It is an address of this machine.
    pub is_local: bool,
}

impl Path {
    /// The way to an address now; none when there is no route to it. Nothing is sent.
    ///
    /// # Errors
    /// What the kernel answers otherwise.
    pub fn to(address: IpAddr) -> io::Result<Option<Self>> {
        const NO_WAY: [i32; 3] = [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES];
        let address = address.to_canonical();
        let header = header(address, full(address), 0, 0);
        let replies = match ask(&Request::new(GETROUTE, 0, &header).with_ip(RTA_DST, address)) {
            Err(error) if error.raw_os_error().is_some_and(|errno| NO_WAY.contains(&errno)) => {
                return Ok(None);
            }
            other => other?,
        };
        let Some(found) = replies.iter().find_map(|reply| found(&reply.message(), address)) else {
            return Ok(None);
        };
        let asked = Interface { index: found.1, name: String::new() };
        // Gone in this moment: then so is the way.
        let Some(details) = asked.details()? else { return Ok(None) };
        Ok(Some(Path { interface: details.interface, ..found.0 }))
    }
}

impl Path {
    /// The way to an address beside a link: as if neither the link nor the routes around it were there. Of all tables only the
    /// main one is looked at; an interface whose cable is out is no way.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn beside(address: IpAddr, link: &Interface) -> io::Result<Option<Self>> {
        let address = address.to_canonical();
        let here = Path::to(address)?;
        if here.as_ref().is_some_and(|path| path.is_local) {
            return Ok(here);
        }
        let is_beside = |route: &Found| {
            let around = route.protocol == PROTOCOL && route.route.metric == Some(link.index);
            route.index != link.index && !around && route.usable && route.route.to.contains(&address)
        };
        let best = routes(family(address), 0)?.into_iter().filter(is_beside).max_by_key(|found| {
            let route = &found.route;
            (route.to.prefix_len(), std::cmp::Reverse(route.metric.unwrap_or_default()))
        });
        let Some(Found { index, route, .. }) = best else { return Ok(None) };
        let interface = Interface { index, name: String::new() };
        let Some(details) = interface.details()? else { return Ok(None) };
        let (interface, gateway) = (details.interface, route.gateway);
        Ok(Some(Path { to: address, interface, gateway, source: None, is_local: false }))
    }
}

/// The path without its interface's name, and the interface's index.
fn found(message: &Message<'_>, to: IpAddr) -> Option<(Path, u32)> {
    let kind = message.u8_at(7);
    if message.kind != NEWROUTE || !matches!(kind, RTN_UNICAST | RTN_LOCAL) {
        return None;
    }
    let attributes = message.attributes(ROUTE);
    let index = attributes.u32(RTA_OIF)?;
    let via = attributes.get(RTA_VIA).and_then(|via| ip(via.get(2..)?));
    let path = Path {
        to,
        interface: Interface { index, name: String::new() },
        gateway: attributes.ip(RTA_GATEWAY).or(via),
        source: attributes.ip(RTA_PREFSRC),
        is_local: kind == RTN_LOCAL,
    };
    Some((path, index))
}

impl Route {
    /// Adds it; false when it is there already. Another one's route to the same network with the same metric is
    /// an error (`EEXIST`) and stays.
    pub(super) fn add(&self) -> io::Result<bool> {
        match ask(&self.request(NEWROUTE, ACK | CREATE | EXCL)) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) && self.is_there()? => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes it; false when it is gone already. No route of another one is touched.
    pub(super) fn remove(&self) -> io::Result<bool> {
        ask_unless(
            &self.request(DELROUTE, ACK),
            &[libc::ESRCH, libc::ENODEV, libc::ENETUNREACH, libc::EINVAL],
        )
    }

    /// Whether it is in the main table, and ours.
    ///
    /// # Errors
    /// What the kernel answers.
    pub fn is_there(&self) -> io::Result<bool> {
        let same = |Found { index, route, .. }: &Found| {
            *index == self.interface.index
                && route.to == self.to.trunc()
                && route.gateway == self.gateway
                && self.metric.is_none_or(|metric| route.metric.unwrap_or_default() == metric)
        };
        Ok(ours(family(self.to.addr()))?.iter().any(same))
    }

    fn request(&self, kind: u16, flags: u16) -> Request {
        let to = self.to.trunc();
        let scope = if self.gateway.is_none() && to.addr().is_ipv4() { RT_SCOPE_LINK } else { 0 };
        let mut fixed = header(to.addr(), to.prefix_len(), RT_TABLE_MAIN, scope);
        fixed[5] = PROTOCOL;
        fixed[7] = RTN_UNICAST;
        if self.gateway.is_some() {
            // The neighbour was found by a look-up, which some networks answer although no network of the
            // interface holds it (hosts with a /32 address).
            fixed[8..].copy_from_slice(&RTNH_F_ONLINK.to_ne_bytes());
        }
        let mut request = Request::new(kind, flags, &fixed).with_u32(RTA_OIF, self.interface.index);
        if to.prefix_len() > 0 {
            request = request.with_ip(RTA_DST, to.addr());
        }
        if let Some(metric) = self.metric {
            request = request.with_u32(RTA_PRIORITY, metric);
        }
        match self.gateway {
            Some(gateway) if gateway.is_ipv4() == to.addr().is_ipv4() => {
                request.with_ip(RTA_GATEWAY, gateway)
            }
            Some(IpAddr::V6(gateway)) => {
                let mut via = u16::from(AF_INET6).to_ne_bytes().to_vec();
                via.extend_from_slice(&gateway.octets());
                request.with(RTA_VIA, &via)
            }
            _ => request,
        }
    }
}

/// All routes of ours in the main table, whichever process made them. After the last link there is none.
///
/// # Errors
/// What the kernel answers.
pub fn our_routes() -> io::Result<Vec<Route>> {
    let interfaces = interfaces()?;
    let name = |index: u32| {
        let known = interfaces.iter().map(|details| &details.interface).find(|known| known.index == index);
        known.map(|known| known.name.clone()).unwrap_or_default()
    };
    let mut routes = ours(AF_INET)?;
    routes.extend(ours(AF_INET6)?);
    for found in &mut routes {
        found.route.interface.name = name(found.index);
    }
    Ok(routes.into_iter().map(|found| found.route).collect())
}

/// A route of the main table.
struct Found {
    /// Its interface, whose name is not looked up.
    index: u32,
    route: Route,
    /// Who made it.
    protocol: u8,
    /// It leads somewhere, and its interface has a carrier.
    usable: bool,
}

/// Our routes of one family.
fn ours(family: u8) -> io::Result<Vec<Found>> {
    Ok(routes(family, PROTOCOL)?.into_iter().filter(|found| found.protocol == PROTOCOL).collect())
}

/// The main table's routes of one family; of a protocol, or (0) of all.
fn routes(family: u8, protocol: u8) -> io::Result<Vec<Found>> {
    let mut header = [0; ROUTE];
    // The kernel filters by these, unless it is an old one.
    (header[0], header[4], header[5]) = (family, RT_TABLE_MAIN, protocol);
    let replies = match ask(&Request::new(GETROUTE, DUMP, &header)) {
        // A table that never had a route.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(Vec::new()),
        other => other?,
    };
    Ok(replies.iter().filter_map(|reply| of_main_table(&reply.message(), family)).collect())
}

fn of_main_table(message: &Message<'_>, family: u8) -> Option<Found> {
    let attributes = message.attributes(ROUTE);
    let table = attributes.u32(RTA_TABLE).unwrap_or_else(|| u32::from(message.u8_at(4)));
    if message.kind != NEWROUTE || message.u8_at(0) != family || table != u32::from(RT_TABLE_MAIN) {
        return None;
    }
    let flags = u32::from_ne_bytes(std::array::from_fn(|i| message.u8_at(8 + i)));
    let usable = message.u8_at(7) == RTN_UNICAST && flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN) == 0;
    let any = if family == AF_INET { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    let index = attributes.u32(RTA_OIF)?;
    let route = Route {
        to: IpNet::new(attributes.ip(RTA_DST).unwrap_or(any), message.u8_at(1)).ok()?,
        interface: Interface { index, name: String::new() },
        gateway: attributes.ip(RTA_GATEWAY).or_else(|| ip(attributes.get(RTA_VIA)?.get(2..)?)),
        metric: attributes.u32(RTA_PRIORITY),
    };
    Some(Found { index, route, protocol: message.u8_at(5), usable })
}

/// `struct rtmsg`.
fn header(to: IpAddr, prefix: u8, table: u8, scope: u8) -> [u8; ROUTE] {
    let mut header = [0; ROUTE];
    (header[0], header[1], header[4], header[6]) = (family(to), prefix, table, scope);
    header
}

fn full(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
