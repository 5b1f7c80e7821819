//! What the network protocols of a link agreed on: RasGetProjectionInfo.

use std::net::IpAddr;

use cleardown_core::Code;

use super::connections::find;
use super::types::{Aged, RasPppIp, RasPppIpV6};
use crate::Failure;
use crate::memory::{Plain, Ptr};
use crate::text::{Unit, field};

/// RASP_PppIp and RASP_PppIpv6.
const IP: u32 = 0x8021;
const IPV6: u32 = 0x8057;
/// ERROR_PROTOCOL_NOT_CONFIGURED: the link does not carry this protocol.
const NOT_CONFIGURED: u32 = 731;

/// RasGetProjectionInfo, for IPv4 and IPv6; of other protocols there is nothing to tell.
///
/// # Errors
/// 6, 87, 603 (the size is told), 632, 711; 731: the link has no addresses of this protocol.
pub fn get<C: Unit>(handle: usize, protocol: u32, place: Ptr<u8>, size: Ptr<u32>) -> Result<(), Failure> {
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    let connection = find(handle)?;
    let link = connection.link.as_ref().ok_or(Code::INVALID_HANDLE)?;
    let (ours, theirs) = (addresses(&link.addresses), addresses(&link.peer_addresses));
    let v4 = |list: &[IpAddr]| list.iter().find(|address| address.is_ipv4()).copied();
    let v6 = |list: &[IpAddr]| {
        list.iter().find_map(|address| match address {
            IpAddr::V6(address) => Some(address.octets()),
            IpAddr::V4(_) => None,
        })
    };
    let identifier = |address: Option<[u8; 16]>| -> [u8; 8] {
        address.and_then(|octets| octets[8..].try_into().ok()).unwrap_or_default()
    };
    match protocol {
        IP => {
            let ours = v4(&ours).ok_or(Code(NOT_CONFIGURED))?;
            let mut answer = RasPppIp::<C>::zeroed();
            answer.address = field(&ours.to_string());
            answer.server = field(&v4(&theirs).map_or(String::new(), |address| address.to_string()));
            put(&answer, place.cast(), room, size)
        }
        IPV6 => {
            let ours = v6(&ours).ok_or(Code(NOT_CONFIGURED))?;
            let mut answer = RasPppIpV6::<C>::zeroed();
            answer.local = identifier(Some(ours));
            answer.peer = identifier(v6(&theirs));
            put(&answer, place.cast(), room, size)
        }
        _ => Err(Code(NOT_CONFIGURED).into()),
    }
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
