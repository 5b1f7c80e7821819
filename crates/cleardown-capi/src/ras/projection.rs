//! What the network protocols of a link agreed on: RasGetProjectionInfo, RasGetProjectionInfoEx.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cleardown_core::Code;
use cleardown_core::view::Status;

use super::connections::find;
use super::types::{Aged, RasPppIp, RasPppIpV6, RasProjection};
use crate::Failure;
use crate::memory::{Plain, Ptr};
use crate::text::{Unit, field};

/// RASP_PppIp and RASP_PppIpv6.
const IP: u32 = 0x8021;
const IPV6: u32 = 0x8057;
/// ERROR_PROTOCOL_NOT_CONFIGURED: the link does not carry this protocol.
const NOT_CONFIGURED: u32 = 731;

/// ERROR_PROJECTION_NOT_COMPLETE: it has not got so far.
const NOT_COMPLETE: u32 = 730;
/// RASAPIVERSION_601, the newest, and PROJECTION_INFO_TYPE_PPP.
const VERSION: u32 = 4;
const PPP: u32 = 1;

/// The addresses of a link: its own, and the peer's.
struct Addresses {
    v4: (Option<Ipv4Addr>, Option<Ipv4Addr>),
    v6: (Option<Ipv6Addr>, Option<Ipv6Addr>),
}

impl Addresses {
    /// Of the link with this handle.
    fn of(handle: usize) -> Result<Addresses, Failure> {
        let connection = find(handle)?;
        let link = connection.link.as_ref().ok_or(Code::INVALID_HANDLE)?;
        if matches!(connection.status, Status::Opening) && link.addresses.is_empty() {
            return Err(Code(NOT_COMPLETE).into());
        }
        let (ours, theirs) = (addresses(&link.addresses), addresses(&link.peer_addresses));
        let v4 = |list: &[IpAddr]| {
            list.iter()
                .find_map(|address| if let IpAddr::V4(address) = address { Some(*address) } else { None })
        };
        let v6 = |list: &[IpAddr]| {
            list.iter()
                .find_map(|address| if let IpAddr::V6(address) = address { Some(*address) } else { None })
        };
        Ok(Addresses { v4: (v4(&ours), v4(&theirs)), v6: (v6(&ours), v6(&theirs)) })
    }
}

/// The lower half of an address, which is all that IPV6CP agrees on.
fn identifier(address: Option<Ipv6Addr>) -> [u8; 8] {
    address.and_then(|address| address.octets()[8..].try_into().ok()).unwrap_or_default()
}

/// RasGetProjectionInfo, for IPv4 and IPv6; of other protocols there is nothing to tell.
///
/// # Errors
/// 6, 87, 603 (the size is told), 632, 711; 730: not so far yet; 731: the link has no addresses of this protocol.
pub fn get<C: Unit>(handle: usize, protocol: u32, place: Ptr<u8>, size: Ptr<u32>) -> Result<(), Failure> {
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    let Addresses { v4, v6 } = Addresses::of(handle)?;
    match protocol {
        IP => {
            let ours = v4.0.ok_or(Code(NOT_CONFIGURED))?;
            let mut answer = RasPppIp::<C>::zeroed();
            answer.address = field(&ours.to_string());
            answer.server = field(&v4.1.map_or(String::new(), |address| address.to_string()));
            put(&answer, place.cast(), room, size)
        }
        IPV6 => {
            let mut answer = RasPppIpV6::<C>::zeroed();
            answer.local = identifier(Some(v6.0.ok_or(Code(NOT_CONFIGURED))?));
            answer.peer = identifier(v6.1);
            put(&answer, place.cast(), room, size)
        }
        _ => Err(Code(NOT_CONFIGURED).into()),
    }
}

/// RasGetProjectionInfoEx: IPv4 and IPv6 at once, for a link of any kind, in the form for PPP. The caller says which version of
/// RAS it means, or nothing (0).
///
/// # Errors
/// 6, 87, 603 (the size is told), 632: a version that there is not; 711, 730.
pub fn get_ex(handle: usize, place: Ptr<RasProjection<u8>>, size: Ptr<u32>) -> Result<(), Failure> {
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    let Addresses { v4, v6 } = Addresses::of(handle)?;
    let needed = u32::try_from(size_of::<RasProjection<u8>>()).unwrap_or(u32::MAX);
    let _ = size.write(needed);
    if place.is_null() || room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    if place.cast::<u32>().read().is_some_and(|version| version > VERSION) {
        return Err(Code::INVALID_SIZE.into());
    }
    let error = |there: bool| if there { 0 } else { NOT_CONFIGURED };
    let octets = |address: Option<Ipv4Addr>| address.map_or([0; 4], |address| address.octets());
    let answer = RasProjection {
        version: VERSION,
        kind: PPP,
        error_4: error(v4.0.is_some()),
        address: octets(v4.0),
        server: octets(v4.1),
        error_6: error(v6.0.is_some()),
        identifier: identifier(v6.0),
        server_identifier: identifier(v6.1),
        ..RasProjection::zeroed()
    };
    place.write(answer).ok_or_else(|| Code::INVALID_PARAMETER.into())
}

fn addresses(list: &[String]) -> Vec<IpAddr> {
    list.iter().filter_map(|text| text.split('/').next()?.parse().ok()).collect()
}

/// The size counts the structure that the caller knows, which its first field tells.
fn put<T: Aged>(answer: &T, place: Ptr<T>, room: u32, size: Ptr<u32>) -> Result<(), Failure> {
    let given = (!place.is_null() && room >= 4).then(|| place.cast::<u32>().read()).flatten();
    if given.is_some_and(|given| !T::knows(given)) {
        return Err(Code::INVALID_SIZE.into());
    }
    let needed = given.unwrap_or(T::SIZES.last().copied().unwrap_or_default());
    let _ = size.write(needed);
    if given.is_none() || room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    super::list::fill_one(place, answer)
}
