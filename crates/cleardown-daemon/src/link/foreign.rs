//! The list's look at the kernel: counters of our own links, and links that others made. Nothing is sent, no process
//! is asked.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::link::RasState;
use cleardown_core::view::{self, Connection, Kind, Status};
use cleardown_kernel::net::{self, Counters, Foreign};

use super::dependents::{self, Dependent};
use super::handle::LinkHandle;
use crate::context::Context;

/// How long a look for the processes behind foreign links may take.
const PATIENCE: Duration = Duration::from_millis(250);

/// All links: ours, and those that others made in our network namespace. The kernel is asked for all counters at once and for
/// each interface that is not ours; no worker is asked.
pub(crate) async fn all(context: &Context) -> Vec<Connection> {
    let links = context.registry.links();
    let ours: HashSet<u32> = links.iter().filter_map(|link| link.interface_index()).collect();
    let lookout = context.lookout.clone();
    let look = move || {
        let counters = net::counters()?;
        let others: Vec<u32> = counters.keys().copied().filter(|index| !ours.contains(index)).collect();
        io::Result::Ok((counters, lookout.lock().links(net::details_of(&others)?, PATIENCE)?))
    };
    let (answer, mut lines) = tokio::join!(asked(look), lines(context, &links));
    let (counters, others) = answer.unwrap_or_default();
    count(&mut lines, &links, &counters);
    lines.extend(others.iter().map(line));
    lines
}

/// The lines of these links, with counters and the drives that are reached over them.
pub(crate) async fn fill_in(context: &Context, links: &[Arc<LinkHandle>]) -> Vec<Connection> {
    if links.is_empty() {
        return Vec::new();
    }
    dependents::ask(context).await;
    let (counters, mut lines) = tokio::join!(asked(net::counters), lines(context, links));
    count(&mut lines, links, &counters.unwrap_or_default());
    lines
}

/// What the kernel answers, away from the runtime's threads; none when it does not.
async fn asked<T: Send + 'static>(look: impl FnOnce() -> io::Result<T> + Send + 'static) -> Option<T> {
    let answer = tokio::task::spawn_blocking(look).await.ok()?;
    answer.inspect_err(|error| tracing::debug!(%error, "asking the kernel for interfaces")).ok()
}

/// The lines of these links, which are made while the kernel answers.
async fn lines(context: &Context, links: &[Arc<LinkHandle>]) -> Vec<Connection> {
    let drives = dependents::of_all(context, links).await;
    let line = |(link, drives): (&Arc<LinkHandle>, Vec<Dependent>)| {
        let mut line = link.view();
        let shown = line.link.iter_mut();
        shown.for_each(|shown| shown.drives = drives.iter().map(|drive| drive.shown.clone()).collect());
        line
    };
    links.iter().zip(drives).map(line).collect()
}

/// Puts the kernel's counters into the lines of our links.
fn count(lines: &mut [Connection], links: &[Arc<LinkHandle>], counters: &HashMap<u32, Counters>) {
    for (line, link) in lines.iter_mut().zip(links) {
        let counted = link.interface_index().and_then(|index| counters.get(&index));
        if let (Some(shown), Some(counted)) = (&mut line.link, counted) {
            (shown.bytes_in, shown.bytes_out) = (counted.bytes_in, counted.bytes_out);
            (shown.packets_in, shown.packets_out) = (counted.packets_in, counted.packets_out);
        }
    }
}

/// The link of this name that others made.
pub(crate) async fn foreign_called(context: &Context, name: &str) -> Option<Connection> {
    let foreign = |view: &Connection| view.link.as_ref().is_some_and(|link| link.foreign);
    all(context).await.into_iter().find(|view| view.name == name && foreign(view))
}

fn line(foreign: &Foreign) -> Connection {
    let details = &foreign.details;
    let owner = foreign.owner.as_ref();
    let device = owner.map_or_else(|| "the kernel".to_owned(), |owner| owner.program.clone());
    let status = if details.is_up { Status::Connected } else { Status::Ended };
    Connection {
        at: Some(details.interface.name.clone()),
        remote: device.clone(),
        provider: foreign.kind.word().to_owned(),
        worker_pid: owner.map(|owner| owner.identity.pid),
        link: Some(view::Link {
            handle: 0,
            foreign: true,
            device,
            device_type: foreign.kind.word().to_owned(),
            phonebook: None,
            state: if details.is_up { RasState::Connected } else { RasState::Disconnected },
            error: None,
            interface: Some(details.interface.name.clone()),
            addresses: foreign.addresses.iter().map(|address| address.local.to_string()).collect(),
            peer_addresses: foreign
                .addresses
                .iter()
                .filter_map(|address| address.peer.map(|peer| peer.to_string()))
                .collect(),
            dns: Vec::new(),
            routes: Vec::new(),
            bytes_in: details.counters.bytes_in,
            bytes_out: details.counters.bytes_out,
            packets_in: details.counters.packets_in,
            packets_out: details.counters.packets_out,
            handshake_seconds: None,
            engine: None,
            drives: Vec::new(),
        }),
        ..Connection::new(details.interface.name.clone(), Kind::Link, status)
    }
}
