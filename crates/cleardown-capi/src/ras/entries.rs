//! Entries as RAS shows them: RasGetEntryProperties, RasSetEntryProperties, RasGetEntryDialParams, RasSetEntryDialParams,
//! RasGetCredentials, RasSetCredentials, RasGetSubEntryProperties.

use std::net::IpAddr;

use cleardown_core::link::{Device, Entry, EntryName};
use cleardown_core::{Code, Error, ErrorKind};
use cleardown_profile::secrets::Owner;

use super::book::{Book, name, written};
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
        Some(text) => Some(book.find(&text.parse().map_err(Failure::from)?)?.entry),
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
    fill_one(place, &entry.as_ref().map_or_else(fresh, shown))
}

fn fresh<C: Unit>() -> RasEntry<C> {
    let mut place = RasEntry::zeroed();
    (place.protocols, place.framing, place.kind) = (IPV4 | IPV6, FRAMING_PPP, KIND_PHONE);
    place.device_type = field("modem");
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
    place.idle_seconds = entry.dialling.idle_disconnect_seconds;
    place.redial_count = entry.dialling.redial_attempts;
    place.redial_pause = entry.dialling.redial_pause_seconds;
    place.metric_4 = entry.network.metric.unwrap_or_default();
    place.metric_6 = place.metric_4;
    if entry.network.default_route {
        place.options |= DEFAULT_GATEWAY;
    }
    if let Some(address) = entry.ppp.local_address {
        place.options |= SPECIFIC_ADDRESS;
        place.address = address.octets();
    }
    let servers = entry.network.dns.iter().filter_map(|server| match server {
        IpAddr::V4(server) => Some(server.octets()),
        IpAddr::V6(_) => None,
    });
    let servers: Vec<[u8; 4]> = servers.collect();
    if let Some(first) = servers.first() {
        place.options |= SPECIFIC_NAME_SERVERS;
        place.dns = *first;
        place.dns_alternate = servers.get(1).copied().unwrap_or_default();
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
    if given.protocols & (IPV4 | IPV6) != 0 {
        entry.ppp.ipv4 = given.protocols & IPV4 != 0;
        entry.ppp.ipv6 = given.protocols & IPV6 != 0;
    }
    entry.network.default_route = given.options & DEFAULT_GATEWAY != 0;
    entry.ppp.local_address = (given.options & SPECIFIC_ADDRESS != 0).then(|| given.address.into());
    let keep_v6 = entry.network.dns.iter().filter(|server| server.is_ipv6()).copied();
    let mut servers: Vec<IpAddr> = Vec::new();
    if given.options & SPECIFIC_NAME_SERVERS != 0 {
        let wanted = [given.dns, given.dns_alternate].into_iter().filter(|server| *server != [0; 4]);
        servers.extend(wanted.map(IpAddr::from));
    }
    servers.extend(keep_v6);
    entry.network.dns = servers;
    entry.dialling.idle_disconnect_seconds = given.idle_seconds;
    // Callers of the first versions do not know these: there the fields are zero.
    let size = given.size;
    if size as usize > std::mem::offset_of!(RasEntry<C>, redial_count) {
        entry.dialling.redial_attempts = given.redial_count;
        entry.dialling.redial_pause_seconds = given.redial_pause;
        if let Some(suffix) = of_field(given.dns_suffix).filter(|suffix| !suffix.is_empty()) {
            entry.network.search = vec![suffix];
        }
    }
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
    params.phone_number = [C::default(); PHONE_NUMBER];
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
