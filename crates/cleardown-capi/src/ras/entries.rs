//! Entries as RAS shows them: RasGetEntryProperties, RasSetEntryProperties, RasGetEntryDialParams, RasSetEntryDialParams,
//! RasGetCredentials, RasSetCredentials, RasGetSubEntryProperties.

use std::net::IpAddr;

use cleardown_core::link::{Device, Entry, EntryName};
use cleardown_core::{Code, Error, ErrorKind};
use cleardown_profile::secrets::Owner;
use ipnet::IpNet;

use super::book::{Book, guid, name, written};
use super::connections::device_type;
use super::list::{fill_one, read_one};
use super::types::*;
use crate::Failure;
use crate::memory::{Plain, Ptr, Str};
use crate::session;
use crate::text::{Unit, field, of_field};

/// RASEO_SpecificIpAddr, RASEO_SpecificNameServers, RASEO_RemoteDefaultGateway.
const SPECIFIC_ADDRESS: u32 = 0x02;
const SPECIFIC_NAME_SERVERS: u32 = 0x04;
const DEFAULT_GATEWAY: u32 = 0x10;
/// RASEO2_IPv6SpecificNameServers, RASEO2_IPv6RemoteDefaultGateway, RASEO2_IPv4ExplicitMetric, RASEO2_IPv6ExplicitMetric,
/// RASEO2_SpecificIPv6Addr.
const SPECIFIC_NAME_SERVERS_6: u32 = 0x1000;
const DEFAULT_GATEWAY_6: u32 = 0x2000;
const METRIC_4: u32 = 0x1_0000;
const METRIC_6: u32 = 0x2_0000;
const SPECIFIC_ADDRESS_6: u32 = 0x10_0000;
/// RASEDM_DialAll; RASIDS_Disabled.
const DIAL_ALL: u32 = 1;
const NEVER: u32 = u32::MAX;
/// RASNP_Ip and RASNP_Ipv6; RASFP_Ppp.
const IPV4: u32 = 4;
const IPV6: u32 = 8;
const FRAMING_PPP: u32 = 1;
/// RASET_Phone, RASET_Vpn, RASET_Direct.
const KIND_PHONE: u32 = 1;
const KIND_VPN: u32 = 2;
const KIND_DIRECT: u32 = 3;
/// RASCM_UserName, RASCM_Password, RASCM_Domain.
const HAS_USER: u32 = 1;
const HAS_PASSWORD: u32 = 2;
const HAS_DOMAIN: u32 = 4;
/// What stands for a password that is saved: it is never given back.
const HIDDEN: &str = "****************";

/// RasGetEntryProperties: without a name, those of a new entry. Device-specific information does not exist.
///
/// # Errors
/// 87, 603 (the size is told), 621, 623, 625, 632.
pub fn get<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    place: Ptr<RasEntry<C>>,
    size: Ptr<u32>,
    _device: Ptr<u8>,
    device_size: Ptr<u32>,
) -> Result<(), Failure> {
    let book = Book::at(path)?;
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    let entry = match entry.read(EntryName::LONGEST).map_err(|_| Code(123))?.filter(|name| !name.is_empty()) {
        Some(text) => Some(book.find(&text.parse().map_err(Failure::from)?)?),
        None => None,
    };
    let _ = device_size.write(0);
    let newest = RasEntry::<C>::SIZES.last().copied().unwrap_or_default();
    let given = (!place.is_null() && room >= 4).then(|| place.cast::<u32>().read()).flatten();
    if given.is_some_and(|given| !RasEntry::<C>::knows(given)) {
        return Err(Code::INVALID_SIZE.into());
    }
    let needed = given.unwrap_or(newest);
    let _ = size.write(needed);
    if given.is_none() || room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    let answer = entry.map_or_else(fresh, |found| {
        let mut place = shown(&found.entry);
        place.guid = guid(&book.place(&found), &found.entry.name);
        place
    });
    fill_one(place, &answer)
}

fn fresh<C: Unit>() -> RasEntry<C> {
    let mut place = RasEntry::zeroed();
    (place.protocols, place.framing, place.kind) = (IPV4 | IPV6, FRAMING_PPP, KIND_PHONE);
    place.device_type = field("modem");
    (place.sub_entries, place.dial_mode) = (1, DIAL_ALL);
    place.idle_seconds = NEVER;
    place.redial_pause = 60;
    place
}

/// An entry in the words of RAS.
fn shown<C: Unit>(entry: &Entry) -> RasEntry<C> {
    let mut place = fresh::<C>();
    place.device_type = field(device_type(entry.device.kind()));
    place.device_name = field(&entry.device.shown());
    place.phone_number = field(&number(&entry.device));
    place.kind = match entry.device {
        Device::Modem { .. } => KIND_PHONE,
        Device::Serial { .. } => KIND_DIRECT,
        _ => KIND_VPN,
    };
    place.protocols = u32::from(entry.ppp.ipv4) * IPV4 + u32::from(entry.ppp.ipv6) * IPV6;
    place.frame_size = u32::from(entry.ppp.mru);
    place.idle_seconds = Some(entry.dialling.idle_disconnect_seconds).filter(|s| *s != 0).unwrap_or(NEVER);
    place.redial_count = entry.dialling.redial_attempts;
    place.redial_pause = entry.dialling.redial_pause_seconds;
    if let Some(metric) = entry.network.metric {
        (place.metric_4, place.metric_6) = (metric, metric);
        place.options_2 |= METRIC_4 | METRIC_6;
    }
    if entry.network.default_route {
        place.options |= DEFAULT_GATEWAY;
        place.options_2 |= if entry.ppp.ipv6 { DEFAULT_GATEWAY_6 } else { 0 };
    }
    if let Some(address) = entry.ppp.local_address {
        place.options |= SPECIFIC_ADDRESS;
        place.address = address.octets();
    }
    let given = |address: &IpNet| match address {
        IpNet::V6(address) => Some(*address),
        IpNet::V4(_) => None,
    };
    if let Some(address) = entry.network.addresses.iter().find_map(given) {
        place.options_2 |= SPECIFIC_ADDRESS_6;
        (place.address_6, place.prefix_6) = (address.addr().octets(), u32::from(address.prefix_len()));
    }
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for server in &entry.network.dns {
        match server {
            IpAddr::V4(server) => v4.push(server.octets()),
            IpAddr::V6(server) => v6.push(server.octets()),
        }
    }
    if let Some(first) = v4.first() {
        place.options |= SPECIFIC_NAME_SERVERS;
        (place.dns, place.dns_alternate) = (*first, v4.get(1).copied().unwrap_or_default());
    }
    if let Some(first) = v6.first() {
        place.options_2 |= SPECIFIC_NAME_SERVERS_6;
        (place.dns_6, place.dns_6_alternate) = (*first, v6.get(1).copied().unwrap_or_default());
    }
    place.dns_suffix = field(entry.network.search.first().map_or("", String::as_str));
    place
}

/// What is dialled: a number, or where the peer is.
fn number(device: &Device) -> String {
    match device {
        Device::Modem { number, .. } => number.clone(),
        Device::Serial { .. } => String::new(),
        other => other.shown(),
    }
}

/// RasSetEntryProperties: changes an entry, or makes one that dials with a modem, over a serial cable or to `host:port`. What
/// RAS has no word for stays as it is.
///
/// # Errors
/// 5, 87, 123, 621, 624, 625, 632; 663: no such kind of device can be made through RAS.
pub fn set<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    place: Ptr<RasEntry<C>>,
    _size: u32,
    _device: Ptr<u8>,
    _device_size: u32,
) -> Result<(), Failure> {
    let book = Book::at(path)?;
    let wanted = name(entry)?;
    let given = read_one(place)?;
    let old = match book.own(&wanted) {
        Ok(entry) => Some(entry),
        Err(failure) if failure.code() == Code::CANNOT_FIND_PHONEBOOK_ENTRY => None,
        Err(failure) => return Err(failure),
    };
    let mut entry = match old {
        Some(entry) => Entry { device: device(Some(&entry.device), &given)?, ..entry },
        None => Entry {
            name: wanted,
            user: None,
            device: device(None, &given)?,
            ppp: Default::default(),
            network: Default::default(),
            dialling: Default::default(),
        },
    };
    apply(&mut entry, &given);
    written(book.writable()?.put(&entry))
}

/// The device that an entry shall have.
fn device<C: Unit>(old: Option<&Device>, given: &RasEntry<C>) -> Result<Device, Failure> {
    let text = |text: Option<String>| text.ok_or(Failure::from(Code::INVALID_PARAMETER));
    let (kind, port, number) = (
        text(of_field(given.device_type))?,
        text(of_field(given.device_name))?,
        text(of_field(given.phone_number))?,
    );
    // Nothing that RAS can say has changed.
    if let Some(old) = old
        && device_type(old.kind()).eq_ignore_ascii_case(&kind)
        && old.shown() == port
        && self::number(old) == number
    {
        return Ok(old.clone());
    }
    match (kind.to_ascii_lowercase().as_str(), old) {
        (
            "modem",
            Some(Device::Modem { init, tone, speed, flow_control, has_lines, connect_seconds, .. }),
        ) => {
            let (init, tone, speed) = (init.clone(), *tone, *speed);
            let (flow_control, has_lines, connect_seconds) = (*flow_control, *has_lines, *connect_seconds);
            Ok(Device::Modem { port, number, init, tone, speed, flow_control, has_lines, connect_seconds })
        }
        ("modem", _) => Ok(Device::Modem {
            port,
            number,
            init: Vec::new(),
            tone: Default::default(),
            speed: 115_200,
            flow_control: true,
            has_lines: None,
            connect_seconds: 60,
        }),
        ("serial", _) => Ok(Device::Serial { port, speed: 115_200, flow_control: true }),
        ("vpn", None | Some(Device::Tcp { .. })) if number.contains(':') => {
            Ok(Device::Tcp { address: number })
        }
        // ERROR_UNKNOWN_DEVICE_TYPE
        _ => Err(Code(663).into()),
    }
}

fn apply<C: Unit>(entry: &mut Entry, given: &RasEntry<C>) {
    use std::mem::offset_of;
    // Callers of earlier versions do not know the later fields, which are zero then.
    let size = given.size as usize;
    if given.protocols & (IPV4 | IPV6) != 0 {
        entry.ppp.ipv4 = given.protocols & IPV4 != 0;
        entry.ppp.ipv6 = given.protocols & IPV6 != 0;
    }
    entry.network.default_route = given.options & DEFAULT_GATEWAY != 0;
    entry.ppp.local_address = (given.options & SPECIFIC_ADDRESS != 0).then(|| given.address.into());
    let servers: Vec<IpAddr> = [given.dns, given.dns_alternate].map(IpAddr::from).into();
    put_servers(&mut entry.network.dns, IpAddr::is_ipv4, given.options & SPECIFIC_NAME_SERVERS != 0, servers);
    entry.dialling.idle_disconnect_seconds = Some(given.idle_seconds).filter(|s| *s != NEVER).unwrap_or(0);
    if size > offset_of!(RasEntry<C>, redial_count) {
        entry.dialling.redial_attempts = given.redial_count;
        entry.dialling.redial_pause_seconds = given.redial_pause;
        if let Some(suffix) = of_field(given.dns_suffix).filter(|suffix| !suffix.is_empty()) {
            let others = entry.network.search.iter().skip(1).filter(|other| **other != suffix).cloned();
            entry.network.search = std::iter::once(suffix.clone()).chain(others).collect();
        }
    }
    if size > offset_of!(RasEntry<C>, metric_4) {
        let servers: Vec<IpAddr> = [given.dns_6, given.dns_6_alternate].map(IpAddr::from).into();
        let specific = given.options_2 & SPECIFIC_NAME_SERVERS_6 != 0;
        put_servers(&mut entry.network.dns, IpAddr::is_ipv6, specific, servers);
        entry.network.metric = (given.options_2 & METRIC_4 != 0).then_some(given.metric_4);
    }
}

/// The first two servers of a kind are those that RAS can name; it has no word for the others.
fn put_servers(servers: &mut Vec<IpAddr>, of_kind: fn(&IpAddr) -> bool, specific: bool, given: Vec<IpAddr>) {
    let (same, mut new): (Vec<IpAddr>, Vec<IpAddr>) = servers.iter().partition(|server| of_kind(server));
    if specific {
        new.extend(given.into_iter().filter(|server| !server.is_unspecified()));
        new.extend(same.into_iter().skip(2));
    }
    // The kinds stay in their order.
    new.sort_by_key(IpAddr::is_ipv6);
    *servers = new;
}

/// `DOMAIN\user`, apart.
fn split(user: Option<&str>) -> (&str, &str) {
    let user = user.unwrap_or_default();
    user.split_once('\\').unwrap_or(("", user))
}

/// `DOMAIN\user`, joined.
pub(super) fn joined(domain: &str, user: &str) -> Option<String> {
    match (domain, user) {
        (_, "") => None,
        ("" | "*", user) => Some(user.to_owned()),
        (domain, user) => Some(format!("{domain}\\{user}")),
    }
}

/// RasGetEntryDialParams: number and user; and whether a password is saved, which itself is never given.
///
/// # Errors
/// 87, 621, 623, 625, 632.
pub fn dial_params<C: Unit>(
    path: Str<C>,
    place: Ptr<RasDialParams<C>>,
    saved: Ptr<u32>,
) -> Result<(), Failure> {
    let mut params = read_one(place)?;
    let book = Book::at(path)?;
    let name = of_field(params.entry).ok_or(Code::INVALID_PARAMETER)?;
    let found = book.find(&name.parse().map_err(Failure::from)?)?;
    let (domain, user) = split(found.entry.user.as_deref());
    let has_password = has_password(&book, &found.entry.name);
    (params.phone_number, params.callback_number) =
        ([C::default(); PHONE_NUMBER], [C::default(); PHONE_NUMBER]);
    (params.user, params.domain) = (field(user), field(domain));
    params.password = field(if has_password { HIDDEN } else { "" });
    let _ = saved.write(u32::from(has_password));
    fill_one(place, &params)
}

fn has_password(book: &Book, name: &EntryName) -> bool {
    // Who may not look has none.
    book.password(name).is_ok_and(|password| password.is_some())
}

/// RasSetEntryDialParams: the user, and the password or that there is none.
///
/// # Errors
/// 5, 50: the book has no passwords; 87, 621 to 624, 632.
pub fn set_dial_params<C: Unit>(
    path: Str<C>,
    place: Ptr<RasDialParams<C>>,
    remove: i32,
) -> Result<(), Failure> {
    let params = read_one(place)?;
    let text = |text: Option<String>| text.ok_or(Failure::from(Code::INVALID_PARAMETER));
    let name = text(of_field(params.entry))?.parse().map_err(Failure::from)?;
    let user = joined(&text(of_field(params.domain))?, &text(of_field(params.user))?);
    let password = text(of_field(params.password))?;
    change(path, &name, Some(user), if remove != 0 { None } else { Some(password) })
}

/// Changes user and password of one of the user's own entries; a password of asterisks is the one that is saved.
fn change<C: Unit>(
    path: Str<C>,
    name: &EntryName,
    user: Option<Option<String>>,
    password: Option<String>,
) -> Result<(), Failure> {
    let book = Book::at(path)?;
    let mut entry = book.own(name)?;
    let secrets = book.passwords()?;
    let given = password.as_ref().is_some_and(|password| !password.is_empty() && password != HIDDEN);
    if given && secrets.is_none() {
        return Err(Code::NOT_SUPPORTED.into());
    }
    if let Some(user) = user
        && user != entry.user
    {
        entry.user = user;
        written(book.writable()?.put(&entry))?;
    }
    let Some(secrets) = secrets else { return Ok(()) };
    written(session::wait(async {
        match password.map(zeroize::Zeroizing::new) {
            Some(password) if password.as_str() == HIDDEN => {}
            Some(password) if !password.is_empty() => drop(secrets.put(Owner::Link(name), &password).await?),
            _ => drop(secrets.remove(Owner::Link(name)).await?),
        }
        Ok(())
    }))
}

/// RasGetCredentials: of those that the mask asks for, what there is.
///
/// # Errors
/// 87, 621, 623, 625, 632.
pub fn credentials<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    place: Ptr<RasCredentials<C>>,
) -> Result<(), Failure> {
    let given = read_one(place)?;
    let wanted = name(entry)?;
    let book = Book::at(path)?;
    let found = book.find(&wanted)?;
    let (domain, user) = split(found.entry.user.as_deref());
    let mut answer = RasCredentials::<C>::zeroed();
    let mut tell = |bit: u32, there: bool| {
        let told = given.mask & bit != 0 && there;
        answer.mask |= if told { bit } else { 0 };
        told
    };
    let tells = (tell(HAS_USER, !user.is_empty()), tell(HAS_DOMAIN, !domain.is_empty()));
    let password = given.mask & HAS_PASSWORD != 0 && has_password(&book, &found.entry.name);
    answer.user = field(if tells.0 { user } else { "" });
    answer.domain = field(if tells.1 { domain } else { "" });
    if password {
        answer.mask |= HAS_PASSWORD;
        answer.password = field(HIDDEN);
    }
    fill_one(place, &answer)
}

/// RasSetCredentials: saves, or with `clear` removes, those that the mask names.
///
/// # Errors
/// 5, 50: the book has no passwords; 87, 621 to 624, 632.
pub fn set_credentials<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    place: Ptr<RasCredentials<C>>,
    clear: i32,
) -> Result<(), Failure> {
    let given = read_one(place)?;
    let name = name(entry)?;
    let text = |text: Option<String>| text.ok_or(Failure::from(Code::INVALID_PARAMETER));
    let clear = clear != 0;
    let old = Book::at(path)?.own(&name)?.user;
    let (old_domain, old_user) = split(old.as_deref());
    let pick = |bit: u32, new: Option<String>, old: &str| match given.mask & bit {
        0 => Ok(old.to_owned()),
        _ if clear => Ok(String::new()),
        _ => text(new),
    };
    let user = pick(HAS_USER, of_field(given.user), old_user)?;
    let domain = pick(HAS_DOMAIN, of_field(given.domain), old_domain)?;
    let password = match given.mask & HAS_PASSWORD {
        0 => HIDDEN.to_owned(),
        _ => pick(HAS_PASSWORD, of_field(given.password), "")?,
    };
    change(path, &name, Some(joined(&domain, &user)), Some(password))
}

/// RasGetSubEntryProperties: an entry has one line, the first.
///
/// # Errors
/// 87, 603, 621, 623, 632.
pub fn sub_entry<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    number: u32,
    place: Ptr<RasSubEntry<C>>,
    size: Ptr<u32>,
    _device: Ptr<u8>,
    device_size: Ptr<u32>,
) -> Result<(), Failure> {
    let entry = Book::at(path)?.find(&name(entry)?)?.entry;
    let room = size.read().ok_or(Code::INVALID_PARAMETER)?;
    if number != 1 {
        return Err(Error::from(ErrorKind::NoSuchEntry(entry.name.to_string()))
            .because("it has one line")
            .into());
    }
    let _ = device_size.write(0);
    let needed = u32::try_from(size_of::<RasSubEntry<C>>()).unwrap_or(u32::MAX);
    let _ = size.write(needed);
    if place.is_null() || room < needed {
        return Err(Code::BUFFER_TOO_SMALL.into());
    }
    let mut answer = RasSubEntry::<C>::zeroed();
    answer.device_type = field(device_type(entry.device.kind()));
    answer.device_name = field(&entry.device.shown());
    answer.phone_number = field(&self::number(&entry.device));
    fill_one(place, &answer)
}

/// RasSetSubEntryProperties: the device of the one line that an entry has.
///
/// # Errors
/// As [`set`]; 623: another line.
pub fn set_sub_entry<C: Unit>(
    path: Str<C>,
    entry: Str<C>,
    number: u32,
    place: Ptr<RasSubEntry<C>>,
    _size: u32,
    _device: Ptr<u8>,
    _device_size: u32,
) -> Result<(), Failure> {
    let given = read_one(place)?;
    let book = Book::at(path)?;
    let wanted = name(entry)?;
    let mut entry = book.own(&wanted)?;
    if number != 1 {
        return Err(Code::CANNOT_FIND_PHONEBOOK_ENTRY.into());
    }
    let mut like = shown::<C>(&entry);
    (like.device_type, like.device_name) = (given.device_type, given.device_name);
    like.phone_number = given.phone_number;
    entry.device = device(Some(&entry.device), &like)?;
    written(book.writable()?.put(&entry))
}

/// RasDeleteSubEntry: the one line of an entry stays.
///
/// # Errors
/// 5, 50, 87, 621, 624; 623: no such entry or line.
pub fn delete_sub_entry<C: Unit>(path: Str<C>, entry: Str<C>, number: u32) -> Result<(), Failure> {
    let book = Book::at(path)?;
    book.own(&name(entry)?)?;
    Err(if number == 1 { Code::NOT_SUPPORTED } else { Code::CANNOT_FIND_PHONEBOOK_ENTRY }.into())
}
