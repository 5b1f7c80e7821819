//! Windows' phone book, `rasphone.pbk` (its format: MS-RRASM, section 2.2.2.2).
//!
//! An entry is a section. In it, `MEDIA=` begins a port and `DEVICE=` what is attached to it; the keys behind them
//! belong to them. User names and passwords are not in the file.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use cleardown_core::link::{AuthMethod, Dialling, Entry, EntryName, Network, Ppp};

use super::text::{self, Line};
use super::{Bad, Import, Imported, Remarks, Skipped, modem};

/// No phone book of a person has more.
const MOST_ENTRIES: usize = 4096;

/// Keys and values; of several with the same key the first one counts. Keys are compared without regard to case.
#[derive(Debug, Default)]
pub(super) struct Keys<'a>(HashMap<String, &'a str>);

impl<'a> Keys<'a> {
    fn add(&mut self, key: &str, value: &'a str) {
        self.0.entry(key.to_ascii_lowercase()).or_insert(value);
    }

    /// The value, unless it is empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.0.get(&key.to_ascii_lowercase()).copied().filter(|value| !value.is_empty())
    }

    pub(super) fn number(&self, key: &str) -> Option<u32> {
        self.text(key)?.parse().ok()
    }

    /// The value as a number that is not 0.
    pub(super) fn set(&self, key: &str) -> Option<u32> {
        self.number(key).filter(|number| *number != 0)
    }

    /// An address that is not the unspecified one.
    fn address<T: FromStr + PartialEq + Unspecified>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok().filter(|address| *address != T::NONE)
    }
}

/// The address that means none.
trait Unspecified {
    const NONE: Self;
}

impl Unspecified for Ipv4Addr {
    const NONE: Self = Ipv4Addr::UNSPECIFIED;
}

impl Unspecified for Ipv6Addr {
    const NONE: Self = Ipv6Addr::UNSPECIFIED;
}

/// A port (`MEDIA=`) or what is attached to it (`DEVICE=`).
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) kind: &'a str,
    pub(super) keys: Keys<'a>,
    pub(super) numbers: usize,
}

/// A section of the file.
#[derive(Debug)]
pub(super) struct Section<'a> {
    name: &'a str,
    pub(super) keys: Keys<'a>,
    pub(super) media: Vec<Part<'a>>,
    pub(super) devices: Vec<Part<'a>>,
    strange: Vec<usize>,
    in_device: bool,
}

/// The entries of a phone book.
///
/// # Errors
/// [`Bad`]: the text is in no known encoding, or something stands before the first section.
pub fn rasphone(bytes: &[u8]) -> Result<Import, Bad> {
    let text = text::decode(bytes)?;
    let mut import = Import::default();
    let mut seen: Vec<EntryName> = Vec::new();
    for section in sections(&text)? {
        let name = section.name.to_owned();
        let outcome = entry(&section).and_then(|imported| {
            if seen.contains(&imported.entry.name) {
                return Err("an entry of this name came before it".to_owned());
            }
            seen.push(imported.entry.name.clone());
            Ok(imported)
        });
        match outcome {
            Ok(imported) => import.entries.push(imported),
            Err(why) => import.skipped.push(Skipped { name, why }),
        }
    }
    Ok(import)
}

fn sections(text: &str) -> Result<Vec<Section<'_>>, Bad> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for (at, line) in text::lines(text) {
        if let Line::Section(name) = line {
            if sections.len() == MOST_ENTRIES {
                return Err(Bad::new(at, format!("there are more than {MOST_ENTRIES} entries")));
            }
            let (keys, media, devices) = (Keys::default(), Vec::new(), Vec::new());
            sections.push(Section { name, keys, media, devices, strange: Vec::new(), in_device: false });
            continue;
        }
        let Some(section) = sections.last_mut() else {
            return Err(Bad::new(at, "this is no phone book: [name] of an entry should come first"));
        };
        match line {
            Line::Pair(key, value) => section.take(key, value),
            _ => section.strange.push(at),
        }
    }
    Ok(sections)
}

impl<'a> Section<'a> {
    fn take(&mut self, key: &'a str, value: &'a str) {
        let part = |kind| Part { kind, keys: Keys::default(), numbers: 0 };
        match key {
            // In capitals only: `Device` is a port's key.
            "MEDIA" => {
                self.in_device = false;
                return self.media.push(part(value));
            }
            "DEVICE" => {
                self.in_device = true;
                return self.devices.push(part(value));
            }
            _ => {}
        }
        let parts = if self.in_device { &mut self.devices } else { &mut self.media };
        let Some(part) = parts.last_mut() else { return self.keys.add(key, value) };
        part.numbers += usize::from(key.eq_ignore_ascii_case("PhoneNumber") && !value.is_empty());
        part.keys.add(key, value);
    }
}

fn entry(section: &Section<'_>) -> Result<Imported, String> {
    let name: EntryName = section.name.parse().map_err(|_| "its name is not allowed here".to_owned())?;
    if name.number().is_some() {
        return Err("its name begins with a dot".to_owned());
    }
    let strange = section.strange.iter().take(10).map(|at| format!("line {at}, which is not understood"));
    let mut remarks = Remarks { left: strange.collect(), assumed: Vec::new() };
    let device = modem::device(section, &mut remarks)?;
    let keys = &section.keys;
    let (ppp, network) = (ppp(keys, &mut remarks), network(keys, &mut remarks));
    behaviour(section, &mut remarks);
    let dialling = Dialling {
        redial_attempts: keys.number("RedialAttempts").unwrap_or(0).min(999),
        redial_pause_seconds: keys.number("RedialSeconds").unwrap_or(60),
        idle_disconnect_seconds: keys.number("IdleDisconnectSeconds").unwrap_or(0),
    };
    Ok(Imported { entry: Entry { name, user: None, device, ppp, network, dialling }, secret: None, remarks })
}

fn ppp(keys: &Keys<'_>, remarks: &mut Remarks) -> Ppp {
    // The bits of RASNP_* that are excluded: IPv4 has 4, IPv6 8.
    let excluded = keys.number("ExcludedProtocols").unwrap_or(0);
    let mut ppp = Ppp { ipv4: excluded & 4 == 0, ipv6: excluded & 8 == 0, ..Ppp::default() };
    if !ppp.ipv4 && !ppp.ipv6 {
        ppp.ipv4 = true;
        remarks.assumed.push("all IP protocols were excluded; IPv4 is allowed".to_owned());
    }
    if let Some(bits) = keys.set("AuthRestrictions") {
        let methods = [(0x200, AuthMethod::MsChapV2), (0x20, AuthMethod::Chap), (0x8, AuthMethod::Pap)];
        let allowed: Vec<AuthMethod> =
            methods.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, m)| *m).collect();
        for (bit, name) in [(0x10, "SPAP"), (0x40, "MS-CHAP version 1"), (0x80, "EAP")] {
            if bits & bit != 0 {
                remarks.left.push(format!("authentication by {name}"));
            }
        }
        match allowed.is_empty() {
            true => {
                remarks.assumed.push("no other authentication was allowed; the usual ways are".to_owned())
            }
            false => ppp.auth = allowed,
        }
    }
    if matches!(keys.number("DataEncryption"), Some(8 | 512 | 1024)) {
        remarks.left.push("encryption by PPP (MPPE) was required".to_owned());
    }
    if keys.number("IpAssign") == Some(2) {
        ppp.local_address = keys.address("IpAddress");
    }
    ppp
}

fn network(keys: &Keys<'_>, remarks: &mut Remarks) -> Network {
    // Windows takes an absent key for a link that gets everything.
    let gets = |key| keys.number(key).unwrap_or(1) != 0;
    let mut network = Network {
        default_route: gets("IpPrioritizeRemote"),
        metric: keys.set("IpInterfaceMetric"),
        ..Network::default()
    };
    if keys.text("Ipv6PrioritizeRemote").is_some() && gets("Ipv6PrioritizeRemote") != network.default_route {
        remarks.left.push(
            "a default route for one of IPv4 and IPv6 only: what holds for IPv4 holds for both".to_owned(),
        );
    }
    if keys.number("IpNameAssign") == Some(2) {
        network.peer_dns = false;
        let servers = ["IpDnsAddress", "IpDns2Address"].into_iter().filter_map(|key| keys.address(key));
        network.dns.extend(servers.map(IpAddr::V4));
        if ["IpWinsAddress", "IpWins2Address"].iter().any(|key| keys.address::<Ipv4Addr>(key).is_some()) {
            remarks.left.push("WINS servers".to_owned());
        }
    }
    if keys.number("Ipv6NameAssign") == Some(2) {
        let servers = ["Ipv6DnsAddress", "Ipv6Dns2Address"].into_iter().filter_map(|key| keys.address(key));
        network.dns.extend(servers.map(IpAddr::V6));
    }
    network.search = keys.text("IpDnsSuffix").map(str::to_owned).into_iter().collect();
    network
}

/// What Windows does besides, and we do not.
fn behaviour(section: &Section<'_>, remarks: &mut Remarks) {
    let keys = &section.keys;
    let all = || std::iter::once(keys).chain(section.devices.iter().map(|part| &part.keys));
    let told = [
        (all().any(|keys| keys.set("CallbackMode").is_some()), "callback"),
        (keys.set("CustomScript").is_some(), "a script or a terminal after dialling"),
        (
            section.devices.iter().any(|part| part.kind.eq_ignore_ascii_case("switch")),
            "a script or a terminal after dialling",
        ),
        (section.media.len() > 1, "multilink: only the first device is used"),
        (keys.set("RedialOnLinkFailure").is_some(), "dialling again when the link breaks"),
        (keys.text("PrerequisiteEntry").is_some(), "another entry that is dialled before"),
        (keys.text("CustomDialDll").is_some(), "a dialler of its own"),
        (section.devices.iter().any(|part| part.numbers > 1), "alternate numbers: only the first is used"),
        (keys.set("IpSecFlags").is_some(), "IPsec settings"),
        (keys.text("AutoTriggerOn").is_some() || keys.set("AutoLogon").is_some(), "dialling by itself"),
    ];
    for (_, what) in told.iter().filter(|(there, _)| *there) {
        if !remarks.left.iter().any(|said| said == what) {
            remarks.left.push((*what).to_owned());
        }
    }
}
