//! Which links there are and how far each has come: RasEnumConnections, RasGetConnectStatus, RasGetSubEntryHandle.

use std::net::IpAddr;
use std::path::Path;

use cleardown_core::link::RasState;
use cleardown_core::view::{Connection, Status};
use cleardown_core::{Code, ErrorKind};
use cleardown_profile::{PhoneBooks, Whose};
use serde::Deserialize;

use super::book::guid;
use super::types::{RasConn, RasConnStatus};
use super::{instance, list};
use crate::Failure;
use crate::memory::{Plain, Ptr};
use crate::text::{Unit, field};

/// RASCF_AllUsers, RASCF_OwnerKnown and RASCF_OwnerMatch; RASCSS_Reconnecting.
const ALL_USERS: u32 = 1;
const OWNER_KNOWN: u32 = 4;
const OWNER_MATCH: u32 = 8;
const RECONNECTING: u32 = 2;

/// What RASCONN shows of a [`Connection`].
#[derive(Deserialize)]
struct Listed {
    name: String,
    status: Status,
    owner: String,
    link: Option<Link>,
}

#[derive(Deserialize)]
struct Link {
    handle: u64,
    device: String,
    device_type: String,
    phonebook: Option<String>,
}

/// RasEnumConnections: the links that are connected.
///
/// # Errors
/// 87, 603 (the bytes needed and the count are told), 632, 711.
pub fn enumerate<C: Unit>(buffer: Ptr<RasConn<C>>, bytes: Ptr<u32>, count: Ptr<u32>) -> Result<(), Failure> {
    if bytes.is_null() || count.is_null() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let mut links: Vec<Listed> = instance::query(async |client| client.list_of().await)?;
    // A link is listed once it is connected, and until its end begins.
    links.retain(|listed| {
        listed.link.is_some() && matches!(listed.status, Status::Connected | Status::Reconnecting)
    });
    let (me, books) = (crate::user::name(), PhoneBooks::of_process().ok());
    list::fill(&links, buffer, bytes, count, |listed| conn(listed, &me, books.as_ref()))
}

fn conn<C: Unit>(listed: &Listed, me: &str, books: Option<&PhoneBooks>) -> RasConn<C> {
    let mut conn = RasConn::zeroed();
    conn.entry = field(&listed.name);
    conn.sub_entry = 1;
    conn.flags = OWNER_KNOWN | if listed.owner == me { OWNER_MATCH } else { 0 };
    if let Some(link) = &listed.link {
        conn.handle = usize::try_from(link.handle).unwrap_or_default();
        conn.device_type = field(device_type(&link.device_type));
        conn.device_name = field(&link.device);
        if let (Some(book), Ok(name)) = (&link.phonebook, listed.name.parse()) {
            conn.phonebook = field(book);
            conn.guid = guid(book, &name);
            let everybodys = books.and_then(|books| books.whose(Path::new(book))) == Some(Whose::System);
            conn.flags |= if everybodys { ALL_USERS } else { 0 };
        }
        // A name for this link that no other link ever has.
        conn.correlation = [(link.handle & 0xffff_ffff) as u32, (link.handle >> 32) as u32, 0, 0x00c1_ea4d];
    }
    conn
}

/// RASDT_Modem and the like, for our kinds of devices.
pub(super) fn device_type(kind: &str) -> &'static str {
    match kind {
        "modem" => "modem",
        "serial" => "SERIAL",
        "pppoe" => "PPPoE",
        "wireguard" | "tcp" | "unix" | "command" | "tun" | "sstp" => "vpn",
        _ => "GENERIC",
    }
}

/// RasGetConnectStatus: the call's own error is given back, the link's is in the structure. While a link that was hung up
/// comes to rest it is disconnected; then there is no such handle.
///
/// # Errors
/// 6, 87, 632, 711.
pub fn status<C: Unit>(handle: usize, place: Ptr<RasConnStatus<C>>) -> Result<(), Failure> {
    list::read_one(place)?;
    let connection = find(handle)?;
    let link = connection.link.as_ref().ok_or(Code::INVALID_HANDLE)?;
    let mut status = RasConnStatus::<C>::zeroed();
    let gone = matches!(
        connection.status,
        Status::Draining | Status::Ending | Status::Resetting | Status::Ended | Status::Failed
    );
    status.state = if gone { RasState::Disconnected } else { link.state }.number();
    status.error = link.error.map_or(0, |code| code.0);
    status.device_type = field(device_type(&link.device_type));
    status.device_name = field(&link.device);
    status.phone_number = field(&connection.remote);
    if device_type(&link.device_type) == "vpn" {
        status.remote_end = end_point(&connection.remote);
    }
    status.sub_state = if connection.status == Status::Reconnecting { RECONNECTING } else { 0 };
    list::fill_one(place, &status)
}

/// RASTUNNELENDPOINT: the type of an address and the address, where the peer is known by one (`10.0.0.1:51820`).
fn end_point(remote: &str) -> [u32; 5] {
    let host = remote.rsplit_once(':').map_or(remote, |(host, _)| host);
    let address = host.trim_matches(['[', ']']).parse();
    let word = |octets: &[u8]| octets.try_into().map(u32::from_ne_bytes).unwrap_or_default();
    let mut end = [0; 5];
    match address {
        Ok(IpAddr::V4(address)) => (end[0], end[1]) = (1, word(&address.octets())),
        Ok(IpAddr::V6(address)) => {
            end[0] = 2;
            end[1..].iter_mut().zip(address.octets().chunks(4)).for_each(|(end, octets)| *end = word(octets));
        }
        Err(_) => {}
    }
    end
}

/// The link of a handle.
///
/// # Errors
/// 6: it was never given out, or its link has ended and come to rest. 711.
pub(super) fn find(handle: usize) -> Result<Connection, Failure> {
    let number = u64::try_from(handle).unwrap_or_default();
    if number == 0 || handle == usize::MAX {
        return Err(Code::INVALID_HANDLE.into());
    }
    let found =
        instance::query(async |client| client.link(number).await).map_err(|failure| match failure {
            Failure::Told(error, _)
                if matches!(error.kind, ErrorKind::NotConnected(_) | ErrorKind::OnlyRemembered(_)) =>
            {
                Code::INVALID_HANDLE.into()
            }
            failure => failure,
        })?;
    // A link that ended by itself is known until somebody has read why.
    let rests = found.status == Status::Ended && found.link.as_ref().is_none_or(|link| link.error.is_none());
    if rests || found.status == Status::Remembered { Err(Code::INVALID_HANDLE.into()) } else { Ok(found) }
}

/// RasGetSubEntryHandle: a link has one line, the first, and its handle is the link's.
///
/// # Errors
/// 6, 87; 668: there is no such line.
pub fn sub_entry(handle: usize, number: u32, place: Ptr<usize>) -> Result<(), Failure> {
    if place.is_null() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    find(handle)?;
    if number != 1 {
        return Err(Code::NO_CONNECTION.into());
    }
    let _ = place.write(handle);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_tunnels_are_told_as_addresses() {
        assert_eq!(end_point("10.0.0.1:51820")[..2], [1, u32::from_ne_bytes([10, 0, 0, 1])]);
        let last = u32::from_ne_bytes([0, 0, 0, 7]);
        assert_eq!(end_point("[2001::7]:443"), [2, u32::from_ne_bytes([0x20, 1, 0, 0]), 0, 0, last]);
        assert_eq!(end_point("vpn.example.com:443"), [0; 5]);
        assert_eq!(end_point(""), [0; 5]);
    }
}
