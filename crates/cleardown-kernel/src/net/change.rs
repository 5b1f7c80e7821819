//! Changes of the network as data: journalled before they are made, and undone by whoever reads the journal.

use std::io;
use std::time::{Duration, Instant};

use cleardown_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::dns::Dns;
use super::interface::{Address, Interface, addresses};
use super::route::Route;

/// One change. Making it twice is making it once; undoing what was never made, or is undone already, does nothing;
/// and undoing touches nothing that others made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// The interface gets this MTU and is brought up. Undone by deleting it, whoever holds its descriptor.
    Interface {
        /// Which.
        interface: Interface,
        /// In octets.
        mtu: u32,
    },
    /// The interface gets an address.
    Address {
        /// Which.
        interface: Interface,
        /// The address.
        address: Address,
    },
    /// A route.
    Route(Route),
    /// Name servers and search domains.
    Dns(Dns),
}

impl Change {
    /// Makes it. Blocks, for name servers at most for `patience`.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Os`], with what was tried.
    pub fn apply(&self, patience: Duration) -> Result<()> {
        match self {
            Change::Interface { interface, mtu } => self.doing("setting up", interface.bring_up(*mtu)),
            Change::Address { interface, address } => {
                self.doing("adding", interface.add_address(address)).map(drop)
            }
            Change::Route(route) => self.doing("adding", route.add()).map(drop).map_err(|error| match error
                .kind
            {
                ErrorKind::Os { errno: libc::EEXIST, .. } => error.because(
                    "somebody else's route to this network has the same metric; the entry may name another",
                ),
                _ => error,
            }),
            Change::Dns(dns) => dns.apply(patience),
        }
    }

    /// Undoes it, also when it was made by another process or not at all. Blocks, for name servers at most for
    /// `patience`.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Os`], with what was tried.
    pub fn revert(&self, patience: Duration) -> Result<()> {
        match self {
            Change::Interface { interface, .. } => self.doing("deleting", interface.delete()).map(drop),
            Change::Address { interface, address } => {
                self.doing("removing", interface.remove_address(address)).map(drop)
            }
            Change::Route(route) => self.doing("removing", route.remove()).map(drop),
            Change::Dns(dns) => dns.revert(patience),
        }
    }

    /// Whether nothing of it is left, seen with fresh eyes. Blocks, for name servers at most for `patience`.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Os`]: it cannot be seen.
    pub fn is_reverted(&self, patience: Duration) -> Result<bool> {
        match self {
            Change::Interface { interface, .. } => self.doing("looking for", interface.is_gone()),
            Change::Address { interface, address } => {
                let all = self.doing("looking for", addresses())?;
                let same = |known: &(u32, Address)| {
                    known.0 == interface.index && known.1.local.addr() == address.local.addr()
                };
                Ok(!all.iter().any(same))
            }
            Change::Route(route) => Ok(!self.doing("looking for", route.is_there())?),
            Change::Dns(dns) => dns.is_reverted(patience),
        }
    }

    fn doing<T>(&self, what: &str, outcome: io::Result<T>) -> Result<T> {
        outcome.map_err(|error| Error::os(format!("{what} {}", self.name()), &error))
    }

    fn name(&self) -> String {
        match self {
            Change::Interface { interface, .. } => format!("the network interface {}", interface.name),
            Change::Address { interface, address } => {
                format!("the address {} of {}", address.local, interface.name)
            }
            Change::Route(route) => format!("the route to {} over {}", route.to, route.interface.name),
            Change::Dns(_) => "the name servers".into(),
        }
    }
}

/// What is proven of a link's end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The interface is gone.
    pub interface_gone: bool,
    /// No address and no route is left.
    pub routes_reverted: bool,
    /// Names are resolved as before.
    pub dns_reverted: bool,
}

impl Facts {
    /// Looks at what is left of these changes; what cannot be seen is not proven.
    pub fn of(changes: &[Change], patience: Duration) -> Self {
        let until = Instant::now() + patience;
        let all = |of: fn(&Change) -> bool| {
            changes.iter().filter(|change| of(change)).all(|change| {
                change.is_reverted(until.saturating_duration_since(Instant::now())).unwrap_or(false)
            })
        };
        Facts {
            interface_gone: all(|change| matches!(change, Change::Interface { .. })),
            routes_reverted: all(|change| matches!(change, Change::Address { .. } | Change::Route(_))),
            dns_reverted: all(|change| matches!(change, Change::Dns(_))),
        }
    }

    /// Whether nothing is left.
    pub fn complete(self) -> bool {
        self.interface_gone && self.routes_reverted && self.dns_reverted
    }
}

/// Makes the changes in their order, at most for `patience`; stops at the first that fails, and leaves what was made
/// to [`revert_all`]. The whole list is to be in the journal before.
///
/// # Errors
/// What the change says that failed.
pub fn apply_all(changes: &[Change], patience: Duration) -> Result<()> {
    let until = Instant::now() + patience;
    changes.iter().try_for_each(|change| change.apply(until.saturating_duration_since(Instant::now())))
}

/// Undoes the changes in the opposite order, as many as can be, at most for about `patience`, and tells what is
/// proven and what failed.
pub fn revert_all(changes: &[Change], patience: Duration) -> (Facts, Vec<Error>) {
    let until = Instant::now() + patience;
    let left = || until.saturating_duration_since(Instant::now());
    let failed = changes.iter().rev().filter_map(|change| change.revert(left()).err()).collect();
    (Facts::of(changes, left()), failed)
}
