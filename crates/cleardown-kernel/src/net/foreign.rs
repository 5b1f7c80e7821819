//! Links that others made, as far as the kernel tells.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::interface::{Address, Details, Interface, addresses};
use crate::holders::reader::Reader;
use crate::process::Identity;

/// ARPHRD_PPP.
const HARDWARE_PPP: u16 = 512;
/// An owner that was not found is looked for again after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// What a link of others is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForeignKind {
    /// WireGuard, in the kernel or by a program.
    WireGuard,
    /// PPP (pppd and its like).
    Ppp,
    /// Packets to and from a program.
    Tun,
    /// Ethernet frames to and from a program (virtual machines have these).
    Tap,
}

impl ForeignKind {
    /// In one word: `wireguard`, `ppp`, `tun`, `tap`.
    pub fn word(self) -> &'static str {
        match self {
            ForeignKind::WireGuard => "wireguard",
            ForeignKind::Ppp => "ppp",
            ForeignKind::Tun => "tun",
            ForeignKind::Tap => "tap",
        }
    }
}

/// A link that others made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// What it is.
    pub kind: ForeignKind,
    /// Its interface, with counters and state.
    pub details: Details,
    /// Its addresses.
    pub addresses: Vec<Address>,
    /// The process that carries it; none: the kernel does, or it cannot be seen.
    pub owner: Option<Owner>,
}

/// A process that carries a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Which.
    pub identity: Identity,
    /// The program's short name.
    pub program: String,
}

/// Looks for links of others, and remembers who carries them: to find that out takes a look at every process.
#[derive(Debug, Default)]
pub struct Lookout {
    owners: HashMap<Interface, Owner>,
    /// When somebody was looked for and not found.
    in_vain: HashMap<Interface, Instant>,
}

impl Lookout {
    /// The links among these interfaces of our network namespace. Nothing is sent and no process is asked. Blocks at most for
    /// `patience`; owners that are not found by then stay unknown.
    ///
    /// # Errors
    /// What the kernel answers when it is asked for addresses.
    pub fn links(&mut self, interfaces: Vec<Details>, patience: Duration) -> io::Result<Vec<Foreign>> {
        let until = Instant::now() + patience;
        let links: Vec<(ForeignKind, Details)> =
            interfaces.into_iter().filter_map(|details| Some((kind(&details)?, details))).collect();
        let carried = links.iter().filter(|(kind, _)| matches!(kind, ForeignKind::Tun | ForeignKind::Tap));
        let carried: HashSet<Interface> = carried.map(|(_, details)| details.interface.clone()).collect();
        self.look(&carried, until);
        if links.is_empty() {
            return Ok(Vec::new());
        }
        let mut addresses_of: HashMap<u32, Vec<Address>> = HashMap::new();
        for (index, address) in addresses()? {
            addresses_of.entry(index).or_default().push(address);
        }
        let whole = |(kind, details): (ForeignKind, Details)| {
            let owner = match kind {
                ForeignKind::Ppp => pppd(&details.interface.name),
                _ => self.owners.get(&details.interface).cloned(),
            };
            let kind = if by_wireguard(owner.as_ref()) { ForeignKind::WireGuard } else { kind };
            let addresses = addresses_of.remove(&details.interface.index).unwrap_or_default();
            Foreign { kind, details, addresses, owner }
        };
        Ok(links.into_iter().map(whole).collect())
    }

    /// Brings up to date who carries these interfaces.
    fn look(&mut self, carried: &HashSet<Interface>, until: Instant) {
        let mut reader = Reader::default();
        self.owners
            .retain(|interface, owner| carried.contains(interface) && owner.carries(interface, &mut reader));
        self.in_vain.retain(|interface, at| carried.contains(interface) && at.elapsed() < AGAIN);
        let unknown = carried.iter().filter(|interface| !self.owners.contains_key(*interface));
        let unknown: Vec<Interface> = unknown.cloned().collect();
        if unknown.iter().all(|interface| self.in_vain.contains_key(interface)) {
            return;
        }
        let mut found = owners(&mut reader, until);
        for interface in unknown {
            match found.remove(&interface.name) {
                Some(owner) => drop(self.owners.insert(interface, owner)),
                None => drop(self.in_vain.insert(interface, Instant::now())),
            }
        }
    }
}

impl Owner {
    /// Whether it is this process still, and still has the interface's descriptor.
    fn carries(&self, interface: &Interface, reader: &mut Reader) -> bool {
        let (identity, name) = (self.identity, interface.name.clone());
        let look = move || {
            Ok(Identity::of(identity.pid)? == identity && carried_by(&process(identity.pid)).contains(&name))
        };
        reader.ask(identity.pid, "an interface", look).unwrap_or(false)
    }
}

fn kind(details: &Details) -> Option<ForeignKind> {
    match details.kind.as_deref() {
        Some("wireguard") => Some(ForeignKind::WireGuard),
        Some("ppp") => Some(ForeignKind::Ppp),
        Some("tun") if details.is_tap => Some(ForeignKind::Tap),
        Some("tun") => Some(ForeignKind::Tun),
        _ if details.hardware == HARDWARE_PPP => Some(ForeignKind::Ppp),
        _ => None,
    }
}

/// Programs that speak WireGuard over a TUN interface.
fn by_wireguard(owner: Option<&Owner>) -> bool {
    owner.is_some_and(|owner| ["wireguard-go", "boringtun-cli", "gotatun"].contains(&owner.program.as_str()))
}

/// The processes of our network namespace that hold TUN descriptors, by the interface's name. A process that is stuck in
/// the kernel holds up nobody.
fn owners(reader: &mut Reader, until: Instant) -> HashMap<String, Owner> {
    let mut owners = HashMap::new();
    let Ok(namespace) = fs::read_link("/proc/thread-self/ns/net") else { return owners };
    let Ok(processes) = fs::read_dir("/proc") else { return owners };
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.take_while(|_| Instant::now() < until) {
        let namespace = namespace.clone();
        let look = move || {
            let process = process(pid);
            let here = fs::read_link(process.join("ns/net"))? == namespace;
            Ok(if here { carried_by(&process) } else { Vec::new() })
        };
        for name in reader.ask(pid, "interfaces", look).unwrap_or_default() {
            if let Some(owner) = owner(pid) {
                owners.entry(name).or_insert(owner);
            }
        }
    }
    owners
}

fn process(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// The names of the interfaces that a process holds descriptors of.
fn carried_by(process: &Path) -> Vec<String> {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else { return Vec::new() };
    let tuns = descriptors.flatten().filter(|descriptor| {
        fs::read_link(descriptor.path()).is_ok_and(|to| to == Path::new("/dev/net/tun"))
    });
    tuns.filter_map(|descriptor| {
        let info = fs::read_to_string(process.join("fdinfo").join(descriptor.file_name())).ok()?;
        Some(info.lines().find_map(|line| line.strip_prefix("iff:"))?.trim().to_owned())
    })
    .collect()
}

/// pppd(8) writes its process id into `/run/ppp0.pid`.
fn pppd(interface: &str) -> Option<Owner> {
    let text = fs::read_to_string(format!("/run/{interface}.pid")).ok()?;
    let owner = owner(text.lines().next()?.trim().parse().ok()?)?;
    // The file may be of a process that was killed.
    (owner.program == "pppd").then_some(owner)
}

fn owner(pid: u32) -> Option<Owner> {
    let identity = Identity::of(pid).ok()?;
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim_end().to_owned();
    Some(Owner { identity, program })
}
