//! The kernel's part of a link: interface, addresses, routes and name servers, made and undone one after the other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::link::Event;
use cleardown_core::link::{Device, Entry, Network};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_kernel::net::{self, Address, Change, Facts, Interface, Method, Path, Tun};
use cleardown_worker::control::Agreed;
use futures_util::FutureExt;
use ipnet::IpNet;

use super::actor::{Actor, Happening, Work};
use crate::context::Context;

/// What the kernel names our interfaces.
pub(super) const NAME: &str = "cd%d";
/// How long name servers may take to be set, and to be set back.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Something that is asked of the kernel. Jobs are done one after the other.
#[derive(Debug)]
pub(super) enum Job {
    /// Make the interface of a link that the kernel carries, for the dial.
    Device,
    /// Remove it, for the dial has failed.
    Dismantle(Error),
    /// Make the interface where there is none yet, and plan the rest.
    Make,
    /// Make what was planned and is in the journal.
    Apply,
    /// Something else was agreed in mid-link: plan the network for that.
    PlanAgain,
    /// The network below has changed: find the ways around the link anew.
    LookAround,
    /// Make what is wanted now, and undo what that replaces.
    Replace {
        /// As it is to be.
        wanted: Vec<Change>,
        /// What is no longer wanted.
        old: Vec<Change>,
    },
    /// Undo everything.
    Revert,
}

impl Actor {
    /// Begins the next job, when none is under way.
    pub(super) fn next_job(&mut self) {
        while self.job.is_none() {
            let Some(job) = self.jobs.pop_front() else { return };
            self.job = self.begin(job);
        }
    }

    /// Begins a job; none when it has nothing to do.
    fn begin(&mut self, job: Job) -> Option<Work> {
        let changes = self.record.changes.clone();
        Some(match job {
            Job::Device => return self.make_device(),
            Job::Dismantle(error) => self.dismantle(error),
            Job::Make => {
                let (entry, agreed) =
                    (self.record.spec.entry.clone(), self.agreed.clone().unwrap_or_default());
                let device = self.record.interface.clone();
                async move {
                    let made = blocking(move || make(device, &entry.network, &entry.device, &agreed)).await;
                    Happening::Planned(made.and_then(|made| made).map(Box::new))
                }
                .boxed()
            }
            Job::Apply => async move {
                let applied = blocking(move || net::apply_all(&changes, PATIENCE)).await;
                Happening::Applied(applied.and_then(|applied| applied))
            }
            .boxed(),
            Job::PlanAgain => return self.plan_again(),
            Job::LookAround => return self.look_around(),
            Job::Replace { wanted, old } => async move {
                Happening::Undone(blocking(move || replace(&wanted, old)).await.unwrap_or_default())
            }
            .boxed(),
            Job::Revert => async move {
                let undo = move || {
                    let (facts, failed) = net::revert_all(&changes, PATIENCE);
                    for error in failed {
                        tracing::error!(%error, "undoing a change of the network");
                    }
                    facts
                };
                Happening::Reverted(blocking(undo).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "undoing changes of the network");
                    Facts::default()
                }))
            }
            .boxed(),
        })
    }

    pub(super) async fn planned(&mut self, planned: Result<Box<Planned>>) {
        match planned {
            Ok(planned) => {
                self.record.interface = Some(planned.interface);
                self.record.changes = planned.changes;
                self.tun = planned.tun;
                self.write_record();
                self.jobs.push_front(Job::Apply);
            }
            Err(error) => self.feed(Event::NetworkFailed(error)).await,
        }
    }

    pub(super) async fn applied(&mut self, done: Result<()>) {
        match done {
            Ok(()) => self.feed(Event::NetworkUp).await,
            Err(error) => self.feed(Event::NetworkFailed(error)).await,
        }
    }

    /// The packets of the tunnel itself follow the network below: after its default route has moved to another interface, or has
    /// gone and come back, the routes around the link are made anew.
    fn look_around(&self) -> Option<Work> {
        if self.machine.state().is_ending() {
            return None;
        }
        let (interface, agreed) = (self.record.interface.clone()?, self.agreed.clone()?);
        if agreed.servers.is_empty() {
            return None;
        }
        let changes = self.record.changes.clone();
        let look = move || net::around(&interface, &changes, &ways_beside(&agreed, &interface));
        Some(async move { Happening::FoundWays(blocking(look).await.unwrap_or_default()) }.boxed())
    }

    /// Journals the ways around the link, old and new, and takes them. A server that cannot be reached now keeps its old way.
    pub(super) fn found_ways(&mut self, ways: Vec<net::Route>) {
        if ways.is_empty() || self.machine.state().is_ending() {
            return;
        }
        let replaces = |old: &net::Route| ways.iter().any(|new| new.to == old.to && new != old);
        let own = self.record.interface.clone();
        let old = self.record.changes.iter().filter(|change| match change {
            Change::Route(route) => Some(&route.interface) != own.as_ref() && replaces(route),
            _ => false,
        });
        let old = old.cloned().collect();
        self.replace(ways.into_iter().map(Change::Route).collect(), old);
    }

    /// Journals what is wanted beside what it replaces, and goes about it.
    fn replace(&mut self, wanted: Vec<Change>, old: Vec<Change>) {
        let new = wanted.iter().filter(|change| !self.record.changes.contains(change));
        let new: Vec<Change> = new.cloned().collect();
        if !new.is_empty() {
            self.record.changes.extend(new);
            self.write_record();
        }
        // Also what is known already: with an interface's fall, or with the last address, the kernel has removed it.
        self.jobs.push_front(Job::Replace { wanted, old });
    }

    /// These changes are undone before the end.
    pub(super) fn undone(&mut self, undone: &[Change]) {
        if !undone.is_empty() {
            self.record.changes.retain(|change| !undone.contains(change));
            self.write_record();
        }
    }

    /// The peer has agreed on something else in mid-link (IPv6 after IPv4, another address, other name servers).
    fn plan_again(&mut self) -> Option<Work> {
        if self.machine.state().is_ending() {
            return None;
        }
        let (interface, agreed) = (self.record.interface.clone()?, self.agreed.clone()?);
        let Entry { network, device, .. } = self.record.spec.entry.clone();
        let method = self.record.changes.iter().find_map(|change| match change {
            Change::Dns(dns) => Some(dns.method.clone()),
            _ => None,
        });
        let plan = move || {
            let method = method.or_else(|| resolving(&network, &agreed));
            let ways = ways_beside(&agreed, &interface);
            net::plan(&interface, &network, &kernels(&agreed, &device), &ways, method)
        };
        Some(async move { Happening::PlannedAgain(blocking(plan).await.unwrap_or_default()) }.boxed())
    }

    /// What was planned takes the place of what is there. A route around the link to a server that is not to be reached now stays.
    pub(super) fn planned_again(&mut self, wanted: Vec<Change>) {
        if wanted.is_empty() || self.machine.state().is_ending() {
            return;
        }
        let own = self.record.interface.clone();
        let around = |change: &Change| match change {
            Change::Route(route) if Some(&route.interface) != own.as_ref() => Some(route.to),
            _ => None,
        };
        let stays = |change: &Change| {
            around(change).is_some_and(|to| wanted.iter().all(|new| around(new) != Some(to)))
        };
        let known = &self.record.changes;
        let old = known.iter().filter(|change| !wanted.contains(change) && !stays(change));
        let old: Vec<Change> = old.cloned().collect();
        if !old.is_empty() || wanted.iter().any(|change| !known.contains(change)) {
            self.replace(wanted, old);
        }
    }
}

/// Makes what is wanted and undoes what is old; gives back what of that is undone.
fn replace(wanted: &[Change], old: Vec<Change>) -> Vec<Change> {
    let warn = |error: Error| tracing::warn!(%error, "changing the network of a link");
    // The new addresses come first, for with the last one the kernel drops all routes; then the old ones of everything go:
    // two routes that differ in nothing but their ways cannot be there together, nor can two lists of name servers.
    let addresses: Vec<Change> =
        wanted.iter().filter(|change| matches!(change, Change::Address { .. })).cloned().collect();
    net::apply_all(&addresses, PATIENCE).unwrap_or_else(warn);
    // The interface itself is the same one, with another MTU.
    let of_it = old.iter().filter(|change| !matches!(change, Change::Interface { .. }));
    let (_, failed) = net::revert_all(&of_it.cloned().collect::<Vec<_>>(), PATIENCE);
    let undone = failed.is_empty();
    failed.into_iter().for_each(warn);
    net::apply_all(wanted, PATIENCE).unwrap_or_else(warn);
    if undone { old } else { Vec::new() }
}

/// Whether this process may change the network.
///
/// # Errors
/// [`ErrorKind::NotPermitted`].
pub(super) fn permitted() -> Result<()> {
    const CAP_NET_ADMIN: u32 = 12;
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or_default();
    if effective >> CAP_NET_ADMIN & 1 == 1 {
        return Ok(());
    }
    let what = "dialling by this daemon, which may not change the network; the system's daemon may";
    Err(ErrorKind::NotPermitted(what.into()).into())
}

/// What is to be made for a link.
#[derive(Debug)]
pub(super) struct Planned {
    interface: Interface,
    /// None where the kernel carries the link.
    tun: Option<Tun>,
    changes: Vec<Change>,
}

/// Looks which way the tunnel's own packets take now, makes the interface where there is none yet, and plans.
fn make(
    interface: Option<Interface>,
    network: &Network,
    device: &Device,
    agreed: &Agreed,
) -> Result<Planned> {
    let ways = ways(agreed);
    let (interface, tun) = match interface {
        Some(interface) => (interface, None),
        None => {
            // WireGuard's engine takes datagrams one by one.
            let plain = matches!(device, Device::WireGuard { .. });
            let tun = if plain { Tun::create(NAME)? } else { Tun::create_offloading(NAME)? };
            (tun.interface().clone(), Some(tun))
        }
    };
    let method = resolving(network, agreed);
    let changes = net::plan(&interface, network, &kernels(agreed, device), &ways, method);
    Ok(Planned { interface, tun, changes })
}

/// How names are resolved here, where a link has name servers or domains.
fn resolving(network: &Network, agreed: &Agreed) -> Option<Method> {
    let wants_names =
        !network.dns.is_empty() || !network.search.is_empty() || (network.peer_dns && !agreed.dns.is_empty());
    wants_names.then(|| Method::of_this_machine(PATIENCE))
}

/// Which way the tunnel's own packets take now.
fn ways(agreed: &Agreed) -> Vec<Path> {
    let way = |server| Path::to(server).inspect_err(|e| tracing::warn!(%e, "looking up a route")).ok()?;
    agreed.servers.iter().copied().filter_map(way).collect()
}

/// Which way they would take if the link were not there.
fn ways_beside(agreed: &Agreed, interface: &Interface) -> Vec<Path> {
    let way = |server| Path::beside(server, interface).inspect_err(|e| tracing::warn!(%e, "a route")).ok()?;
    agreed.servers.iter().copied().filter_map(way).collect()
}

/// What was agreed on, in the kernel's words.
fn kernels(agreed: &Agreed, device: &Device) -> net::Agreed {
    let mut addresses: Vec<Address> = Vec::new();
    if let Some(ends) = agreed.ipv4 {
        let peer = ends.remote.filter(|remote| !remote.is_unspecified()).map(IpAddr::from);
        addresses.push(Address { local: IpNet::from(IpAddr::from(ends.local)), peer });
    }
    if let Some(ends) = agreed.ipv6 {
        let peer = ends.remote.filter(|remote| !remote.is_unspecified()).map(IpAddr::from);
        addresses.push(Address { local: IpNet::from(IpAddr::from(ends.local)), peer });
    }
    let routes = match device {
        Device::WireGuard { peers, .. } => {
            peers.iter().flat_map(|peer| peer.allowed_ips.iter().copied()).collect()
        }
        _ => Vec::new(),
    };
    net::Agreed { addresses, routes, dns: agreed.dns.clone(), mtu: agreed.mtu }
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let lost = |error| Error::from(ErrorKind::Daemon("changing the network".into())).because(error);
    tokio::task::spawn_blocking(work).await.map_err(lost)
}

/// Tells links when their interfaces have gone and when the network below them has changed, for as long as the future lives.
pub(crate) async fn watch(context: Arc<Context>) {
    let mut watch = match net::Watch::new() {
        Ok(watch) => watch,
        Err(error) => return tracing::info!(%error, "the network is not watched"),
    };
    loop {
        let event = watch.next().await;
        context.registry.links().iter().for_each(|link| link.network_changed.notify_one());
        let gone = match event {
            Ok(net::Event::LinkGone(interface)) => Some(interface),
            Ok(net::Event::Missed) => None,
            Ok(_) => continue,
            Err(error) => return tracing::error!(%error, "the network is not watched any more"),
        };
        for link in context.registry.links() {
            let Some(own) = link.interface() else { continue };
            let is_gone = match &gone {
                Some(gone) => gone.index == own.index,
                None => is_gone(&own),
            };
            if is_gone {
                link.interface_is_gone();
            }
        }
    }
}

fn is_gone(interface: &Interface) -> bool {
    interface.is_gone().unwrap_or(false)
}
