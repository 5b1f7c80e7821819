//! What a link does, whatever its kind. A new engine is a new variant here.

use cleardown_core::Result;
use cleardown_core::link::{Device, Entry};
use zeroize::Zeroizing;

use crate::engine::{self, Plan, Talk};
use crate::wireguard;

/// A link that is to be.
#[derive(Debug)]
pub enum Job {
    /// PPP over a line.
    Ppp(Box<Plan>),
    /// A WireGuard tunnel.
    WireGuard(Box<wireguard::Plan>),
}

impl Job {
    /// What an entry asks for.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::BadParameter`] for an entry or a secret that makes no sense.
    pub fn of(entry: &Entry, secret: Option<Zeroizing<String>>) -> Result<Job> {
        Ok(match entry.device {
            Device::WireGuard { .. } => Job::WireGuard(Box::new(wireguard::Plan::of(entry, secret)?)),
            _ => Job::Ppp(Box::new(Plan::of(entry, secret)?)),
        })
    }

    /// Dials, carries, and ends the link.
    pub async fn run(self, talk: Talk) {
        match self {
            Job::Ppp(plan) => engine::run(*plan, talk).await,
            Job::WireGuard(plan) => wireguard::run(*plan, talk).await,
        }
    }
}
