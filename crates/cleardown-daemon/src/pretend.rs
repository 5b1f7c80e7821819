//! A daemon's service with links that only its registry knows: for measuring what a list costs.

use std::sync::Arc;
use std::time::Instant;

use cleardown_core::link::{Device, Dialling, Entry, Network, Ppp, RasState};
use cleardown_core::view::Status;
use cleardown_core::{Error, Result};
use cleardown_ipc::{Location, Service};
use cleardown_kernel::net::Interface;
use cleardown_profile::secrets;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::daemon::Daemon;
use crate::link::{LinkHandle, LinkSpec};
use crate::memory::Memory;
use crate::supervisor::Programs;

/// The service of an instance with so many links, all of them connected.
///
/// # Errors
/// The instance's folders cannot be made.
pub fn links(location: &Location, count: usize) -> Result<Arc<dyn Service>> {
    let memory = Memory::new(None, secrets::Bus::None);
    let context = Context::new(location.clone(), memory, Box::new(Programs::find()))?;
    for number in 0..count {
        let link = LinkHandle::new(LinkSpec::new(entry(number)?, location.uid, None, None)).0;
        link.show(|shown| {
            (shown.status, shown.ras) = (Status::Connected, RasState::Connected);
            shown.connected_at = Some(Instant::now());
            // No kernel has given out as many numbers as that.
            let index = u32::MAX - number as u32;
            shown.interface = Some(Interface { name: format!("cd{number}"), index });
        });
        context.registry.insert_link(Arc::new(link))?;
    }
    Ok(Arc::new(Daemon { context, quit: CancellationToken::new(), clients: watch::Sender::default() }))
}

fn entry(number: usize) -> Result<Entry> {
    Ok(Entry {
        name: format!("link{number}")
            .parse()
            .map_err(|_| Error::from(cleardown_core::ErrorKind::Cancelled))?,
        user: Some("eve".into()),
        device: Device::Tcp { address: format!("192.0.2.1:{number}") },
        ppp: Ppp::default(),
        network: Network::default(),
        dialling: Dialling::default(),
    })
}
