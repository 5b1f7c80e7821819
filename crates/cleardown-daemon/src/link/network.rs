//! The kernel's part of a link: interface, addresses, routes and name servers, made and undone one after the other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::life::link::Event;
use cleardown_core::link::{Device, Network};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_kernel::net::{self, Address, Change, Facts, Interface, Method, Path, Tun};
use cleardown_worker::control::Agreed;
use futures_util::FutureExt;
use ipnet::IpNet;

use super::actor::{Actor, Happening, Work};
use crate::context::Context;

/// What the kernel names our interfaces.
const NAME: &str = "cd%d";
/// How long name servers may take to be set, and to be set back.
const PATIENCE: Duration = Duration::from_secs(2);

/// Something that is asked of the kernel. Jobs are done one after the other.
#[derive(Debug)]
pub(super) enum Job {
    /// Make the interface, and plan the rest.
    Make,
    /// Make what was planned and is in the journal.
    Apply,
    /// Something else was agreed in mid-link: what is new of it is made.
    Again,
    /// The network below has changed: find the ways around the link anew.
    LookAround,
    /// Take them, and leave the old ones.
    GoAround {
        /// The routes as they are to be.
        wanted: Vec<Change>,
        /// Those that they replace.
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
            Job::Make => {
                let (entry, agreed) =
                    (self.record.spec.entry.clone(), self.agreed.clone().unwrap_or_default());
                async move {
                    let made = blocking(move || make(&entry.network, &entry.device, &agreed)).await;
                    Happening::Planned(made.and_then(|made| made).map(Box::new))
                }
                .boxed()
            }
            Job::Apply => async move {
                let applied = blocking(move || net::apply_all(&changes, PATIENCE)).await;
                Happening::Applied(applied.and_then(|applied| applied))
            }
            .boxed(),
            Job::Again => return self.again(),
            Job::LookAround => return self.look_around(),
            Job::GoAround { wanted, old } => async move {
                let go = move || {
                    // The old ones first: two routes that differ in nothing but their ways cannot be there together.
                    let (_, failed) = net::revert_all(&old, PATIENCE);
                    if let Err(error) = net::apply_all(&wanted, PATIENCE) {
                        tracing::warn!(%error, "a route around a link");
                    }
                    if failed.is_empty() { old } else { Vec::new() }
                };
                Happening::Undone(blocking(go).await.unwrap_or_default())
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

    pub(super) async fn planned(&mut self, planned: Result<Box<(Tun, Vec<Change>)>>) {
        match planned {
            Ok(planned) => {
                let (tun, changes) = *planned;
                self.record.interface = Some(tun.interface().clone());
                self.record.changes = changes;
                self.tun = Some(tun);
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
        let look = move || {
            let beside = |server| {
                Path::beside(server, &interface).inspect_err(|e| tracing::warn!(%e, "a route")).ok()?
            };
            let ways: Vec<Path> = agreed.servers.into_iter().filter_map(beside).collect();
            net::around(&interface, &changes, &ways)
        };
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
        let old: Vec<Change> = old.cloned().collect();
        let wanted: Vec<Change> = ways.into_iter().map(Change::Route).collect();
        let new = wanted.iter().filter(|change| !self.record.changes.contains(change));
        let new: Vec<Change> = new.cloned().collect();
        if !new.is_empty() {
            self.record.changes.extend(new);
            self.write_record();
        }
        // Also what is known already: with its interface's fall the kernel has removed it.
        self.jobs.push_front(Job::GoAround { wanted, old });
    }

    /// These changes are undone before the end.
    pub(super) fn undone(&mut self, undone: &[Change]) {
        if !undone.is_empty() {
            self.record.changes.retain(|change| !undone.contains(change));
            self.write_record();
        }
    }

    /// Addresses that came later (IPv6 after IPv4). What is gone again stays until the end: it does no harm.
    fn again(&mut self) -> Option<Work> {
        if self.machine.state().is_ending() {
            return None;
        }
        let (interface, agreed) = (self.record.interface.clone()?, self.agreed.clone()?);
        let entry = &self.record.spec.entry;
        let (ways, agreed) = (ways(&agreed), kernels(&agreed, &entry.device));
        let wanted = net::plan(&interface, &entry.network, &agreed, &ways, None);
        // An address with another peer is no new one to the kernel.
        let is_known = |change: &Change| {
            let local = local_address(change);
            let same = |known: &Change| known == change || (local.is_some() && local == local_address(known));
            self.record.changes.iter().any(same)
        };
        let new: Vec<Change> = wanted
            .into_iter()
            .filter(|change| !matches!(change, Change::Interface { .. } | Change::Dns(_)))
            .filter(|change| !is_known(change))
            .collect();
        if new.is_empty() {
            return None;
        }
        self.record.changes.extend(new.iter().cloned());
        self.write_record();
        Some(
            async move {
                if let Ok(Err(error)) = blocking(move || net::apply_all(&new, PATIENCE)).await {
                    tracing::warn!(%error, "addresses that were agreed on later");
                }
                Happening::Nothing
            }
            .boxed(),
        )
    }
}

fn local_address(change: &Change) -> Option<IpAddr> {
    match change {
        Change::Address { address, .. } => Some(address.local.addr()),
        _ => None,
    }
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

/// Looks which way the tunnel's own packets take now, makes the interface, and plans.
fn make(network: &Network, device: &Device, agreed: &Agreed) -> Result<(Tun, Vec<Change>)> {
    let ways = ways(agreed);
    let tun = Tun::create(NAME)?;
    let wants_names =
        !network.dns.is_empty() || !network.search.is_empty() || (network.peer_dns && !agreed.dns.is_empty());
    let method = wants_names.then(|| Method::of_this_machine(PATIENCE));
    let changes = net::plan(tun.interface(), network, &kernels(agreed, device), &ways, method);
    Ok((tun, changes))
}

/// Which way the tunnel's own packets take now.
fn ways(agreed: &Agreed) -> Vec<Path> {
    let way = |server| Path::to(server).inspect_err(|e| tracing::warn!(%e, "looking up a route")).ok()?;
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

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
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
