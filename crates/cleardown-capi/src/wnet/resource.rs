//! What a resource is, and what it lies in: WNetGetResourceInformation, WNetGetResourceParent.
//!
//! Both go by the name alone: the server is not asked.

use cleardown_core::{Code, Remote, Scheme};

use super::add::LONGEST_NAME;
use super::enumerate::{Entry, server, server_entry};
use super::types::*;
use crate::failure::{Failure, INVALID_ADDRESS};
use crate::memory::{Ptr, Str};
use crate::provider;
use crate::room::Room;
use crate::text::Unit;

/// What a remote name can lead to.
enum Place {
    Network(Scheme),
    Server(Scheme, String),
    Share(Remote),
}

/// WNetGetResourceInformation: the share (or server, or network) in a remote name, and the rest behind it.
///
/// # Errors
/// 67, 234, 487, 1204.
pub fn information<C: Unit>(
    resource: Ptr<NetResource<C>>,
    buffer: Ptr<NetResource<C>>,
    size: Ptr<u32>,
    rest: Ptr<Str<C>>,
) -> Result<(), Failure> {
    if size.is_null() || rest.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let (entry, path) = match place(resource)? {
        Place::Network(scheme) => (network(scheme), String::new()),
        Place::Server(scheme, name) => (server_entry(name, scheme), String::new()),
        Place::Share(remote) => (share(&remote), remote.path),
    };
    let mut room = Room::<C>::new(buffer.cast(), size)?;
    let target = room.structure::<NetResource<C>>();
    let value = entry.put(&mut room);
    let path =
        if path.is_empty() { Str::NULL } else { room.string(&format!("\\{}", path.replace('/', "\\"))) };
    room.done()?;
    let _ = target.write(value);
    let _ = rest.write(path);
    Ok(())
}

/// WNetGetResourceParent: what a resource lies in. The network itself lies in nothing.
///
/// # Errors
/// 67, 234, 487, 1204.
pub fn parent<C: Unit>(
    resource: Ptr<NetResource<C>>,
    buffer: Ptr<NetResource<C>>,
    size: Ptr<u32>,
) -> Result<(), Failure> {
    if size.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    let mut room = Room::<C>::new(buffer.cast(), size)?;
    let target = room.structure::<NetResource<C>>();
    let value = match place(resource)? {
        Place::Network(_) => {
            NetResource { scope: SCOPE_GLOBALNET, usage: USAGE_CONTAINER, ..crate::memory::Plain::zeroed() }
        }
        Place::Server(scheme, _) => network(scheme).put(&mut room),
        Place::Share(remote) if remote.path.is_empty() => {
            server_entry(server(&remote), remote.scheme).put(&mut room)
        }
        Place::Share(remote) => share(&above(remote)).put(&mut room),
    };
    room.done()?;
    let _ = target.write(value);
    Ok(())
}

/// The folder above, or the share itself.
fn above(mut remote: Remote) -> Remote {
    remote.path = remote.path.rsplit_once('/').map_or(String::new(), |(above, _)| above.to_owned());
    remote
}

fn place<C: Unit>(resource: Ptr<NetResource<C>>) -> Result<Place, Failure> {
    let resource = resource.read().ok_or(INVALID_ADDRESS)?;
    let scheme = provider::wanted(resource.provider)?;
    let name = resource.remote.read(LONGEST_NAME).map_err(|_| Code::BAD_NET_NAME)?.unwrap_or_default();
    if let Some(scheme) = provider::ALL.into_iter().find(|s| provider::name(Some(*s)) == name) {
        return Ok(Place::Network(scheme));
    }
    if let Ok(remote) = name.parse::<Remote>() {
        return Ok(Place::Share(remote));
    }
    let slashed = name.replace('\\', "/");
    let host = slashed.strip_prefix("//").filter(|host| !host.is_empty() && !host.contains('/'));
    // A share that any server could have makes a whole remote name: so the host is checked by the one who knows how.
    let is_server = format!("{slashed}/x").parse::<Remote>().is_ok();
    match host {
        Some(_) if is_server => Ok(Place::Server(scheme.unwrap_or(Scheme::Smb), name)),
        _ => Err(Code::BAD_NET_NAME.into()),
    }
}

fn network(scheme: Scheme) -> Entry {
    let remote = provider::name(Some(scheme)).to_owned();
    Entry { display: DISPLAY_NETWORK, ..server_entry(remote, scheme) }
}

fn share(remote: &Remote) -> Entry {
    // Behind SFTP there are folders and no shares: the whole path is what one connects to.
    let whole = if remote.scheme == Scheme::Sftp { remote.path.clone() } else { String::new() };
    let remote = Remote { path: whole, ..remote.clone() };
    let entry = server_entry(provider::remote_name(&remote), remote.scheme);
    Entry { kind: TYPE_DISK, display: DISPLAY_SHARE, usage: USAGE_CONNECTABLE, ..entry }
}
