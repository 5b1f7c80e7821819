//! What the kernel knows and does for links: interfaces, addresses, routes, name servers, and links that others made.
//!
//! The daemon's way with a link that a worker carries (one that the kernel carries has [`wireguard`] in place of the TUN
//! interface):
//!
//! 1. [`Path::to`] each outside address of the tunnel's server; [`Tun::create`]; [`plan`] the changes.
//! 2. Write the changes into the journal, then [`apply_all`], then give a duplicate of the descriptor to the worker.
//! 3. At the end, after a failed dial or a crash: [`revert_all`] what the journal says, which needs nothing else, and
//!    returns the facts for the proof.
//!
//! At its start a daemon also calls [`sweep`]: journals are void after a reboot, files are not.
//!
//! Everything works in the calling thread's network namespace. All of it blocks: netlink for as long as the kernel
//! works (milliseconds), name servers at most for the patience that is given; only [`Watch::next`] and
//! [`Interface::gone`] are asynchronous.

mod change;
pub mod dns;
mod foreign;
mod generic;
mod interface;
mod namespace;
mod plan;
mod route;
mod socket;
mod sweep;
mod tun;
mod watch;
mod wire;
pub mod wireguard;

pub use change::{Change, Facts, apply_all, revert_all};
pub use dns::{Dns, Method};
pub use foreign::{Foreign, ForeignKind, Lookout, Owner};
pub use interface::{Address, Counters, Details, Interface, addresses, counters, details_of, interfaces};
pub use namespace::namespace;
pub use plan::{Agreed, around, plan};
pub use route::{PROTOCOL, Path, Route, our_routes};
pub use sweep::sweep;
pub use tun::Tun;
pub use watch::{Event, Watch};
