//! Enumerating: WNetOpenEnum, WNetEnumResource, WNetCloseEnum.
//!
//! An enumeration is a snapshot: it shows what was there when it was opened. A server is asked for its shares then.

use std::time::Duration;

use cleardown_client::Instance;
use cleardown_core::request::SharesRequest;
use cleardown_core::view::{Offered, ShareKind};
use cleardown_core::{Code, Error, Remote, Scheme};
use parking_lot::Mutex;

use super::add::LONGEST_NAME;
use super::types::*;
use super::view::{self, Drive};
use crate::failure::{Failure, INVALID_ADDRESS, MORE_DATA, NO_MORE_ITEMS};
use crate::handles::Handles;
use crate::memory::{Ptr, Str};
use crate::provider;
use crate::room::Room;
use crate::session;
use crate::text::Unit;

/// ERROR_NOT_CONTAINER: it holds nothing that could be enumerated.
const NOT_CONTAINER: Code = Code(1207);
const PATIENCE: Duration = Duration::from_secs(2);

/// What an enumeration shows of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) scope: u32,
    pub(crate) kind: u32,
    pub(crate) display: u32,
    pub(crate) usage: u32,
    pub(crate) local: Option<String>,
    pub(crate) remote: String,
    pub(crate) comment: Option<String>,
    pub(crate) scheme: Scheme,
}

struct Enumeration {
    entries: Vec<Entry>,
    next: Mutex<usize>,
}

static OPEN: Handles<Enumeration> = Handles::new(0x0004_0000);

/// WNetOpenEnum.
///
/// # Errors
/// 87: scope, type, usage or resource make no sense. 487: no place for the handle. 1204, 1207, 1222.
pub fn open<C: Unit>(
    scope: u32,
    kind: u32,
    usage: u32,
    resource: Ptr<NetResource<C>>,
    handle: Ptr<usize>,
) -> Result<(), Failure> {
    if handle.is_null() {
        return Err(INVALID_ADDRESS.into());
    }
    if kind & !(TYPE_DISK | TYPE_PRINT) != 0 || usage & !USAGE_ALL != 0 {
        return Err(Code::INVALID_PARAMETER.into());
    }
    if scope != SCOPE_GLOBALNET && !resource.is_null() {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let mut entries = match scope {
        SCOPE_CONNECTED => connections(scope, false, Drive::is_connected)?,
        SCOPE_REMEMBERED => connections(scope, true, |drive| drive.view.remembered)?,
        SCOPE_RECENT => Vec::new(),
        SCOPE_CONTEXT => servers(None)?,
        SCOPE_GLOBALNET => global(resource)?,
        _ => return Err(Code::INVALID_PARAMETER.into()),
    };
    // What is any type is a container, and chosen by all. Usage chooses only where there are containers.
    entries.retain(|entry| kind == TYPE_ANY || entry.kind == TYPE_ANY || kind & entry.kind != 0);
    let chosen = usage & (USAGE_CONNECTABLE | USAGE_CONTAINER);
    if scope == SCOPE_GLOBALNET && chosen != 0 {
        entries.retain(|entry| entry.usage & chosen != 0);
    }
    let opened = OPEN.open(Enumeration { entries, next: Mutex::new(0) })?;
    let _ = handle.write(opened);
    Ok(())
}

/// WNetEnumResource: the next resources, as many as were asked for (-1: all) and fit.
///
/// # Errors
/// 6: no such handle. 87: none were asked for. 234: not one fits, the size is told. 259: there are no more. 487.
pub fn next<C: Unit>(
    handle: usize,
    count: Ptr<u32>,
    buffer: Ptr<NetResource<C>>,
    size: Ptr<u32>,
) -> Result<(), Failure> {
    let enumeration = OPEN.get(handle)?;
    let (Some(wanted), Some(given), false) = (count.read(), size.read(), buffer.is_null()) else {
        return Err(INVALID_ADDRESS.into());
    };
    if wanted == 0 {
        return Err(Code::INVALID_PARAMETER.into());
    }
    let mut next = enumeration.next.try_lock_for(PATIENCE).ok_or(Code::BUSY)?;
    let rest = &enumeration.entries[*next..];
    let first = rest.first().ok_or(NO_MORE_ITEMS)?;
    let needed = |entry: &Entry| size_of::<NetResource<C>>() + entry.strings::<C>();
    let mut taken = 0;
    let fitting = rest.iter().take(wanted as usize).take_while(|entry| {
        taken += needed(entry);
        taken <= given as usize
    });
    let fitting = &rest[..fitting.count()];
    if fitting.is_empty() {
        let _ = size.write(u32::try_from(needed(first)).unwrap_or(u32::MAX));
        return Err(MORE_DATA.into());
    }
    let mut room = Room::<C>::new(buffer.cast(), size)?;
    let places: Vec<Ptr<NetResource<C>>> = fitting.iter().map(|_| room.structure()).collect();
    for (entry, place) in fitting.iter().zip(places) {
        let _ = place.write(entry.put(&mut room));
    }
    let _ = count.write(u32::try_from(fitting.len()).unwrap_or(u32::MAX));
    *next += fitting.len();
    Ok(())
}

/// WNetCloseEnum.
///
/// # Errors
/// 6: no such handle.
pub fn close(handle: usize) -> Result<(), Failure> {
    OPEN.close(handle)
}

impl Entry {
    fn texts(&self) -> [Option<&str>; 4] {
        let provider = provider::name(Some(self.scheme));
        [self.local.as_deref(), Some(&self.remote), self.comment.as_deref(), Some(provider)]
    }

    /// How many bytes its strings take.
    fn strings<C: Unit>(&self) -> usize {
        self.texts().into_iter().flatten().map(|text| (C::encode(text).len() + 1) * size_of::<C>()).sum()
    }

    /// Puts its strings into a buffer, and gives the structure that points to them.
    pub(crate) fn put<C: Unit>(&self, room: &mut Room<C>) -> NetResource<C> {
        let [local, remote, comment, provider] =
            self.texts().map(|text| text.map_or(Str::NULL, |text| room.string(text)));
        let (scope, kind, display, usage) = (self.scope, self.kind, self.display, self.usage);
        NetResource { scope, kind, display, usage, local, remote, comment, provider }
    }
}

fn connections(
    scope: u32,
    remembered_too: bool,
    wanted: impl Fn(&Drive) -> bool,
) -> Result<Vec<Entry>, Failure> {
    let drives = view::drives(remembered_too)?.into_iter().filter(wanted);
    Ok(drives
        .map(|drive| Entry {
            scope,
            kind: TYPE_DISK,
            display: DISPLAY_SHARE,
            usage: USAGE_CONNECTABLE,
            local: drive.local.as_ref().map(ToString::to_string),
            remote: drive.remote_name(),
            comment: None,
            scheme: drive.remote.scheme,
        })
        .collect())
}

/// The network from the top (no resource), a provider's servers, or a server's shares.
fn global<C: Unit>(resource: Ptr<NetResource<C>>) -> Result<Vec<Entry>, Failure> {
    let Some(resource) = resource.read() else { return Ok(networks()) };
    let scheme = provider::wanted(resource.provider)?;
    let remote = resource.remote.read(LONGEST_NAME).map_err(|_| Code::INVALID_PARAMETER)?.unwrap_or_default();
    if remote.is_empty() {
        return match scheme {
            Some(scheme) => servers(Some(scheme)),
            None => Ok(networks()),
        };
    }
    if let Some(scheme) = provider::ALL.into_iter().find(|s| provider::name(Some(*s)) == remote) {
        return servers(Some(scheme));
    }
    if remote.parse::<Remote>().is_ok_and(|remote| !remote.share.is_empty()) {
        return Err(NOT_CONTAINER.into());
    }
    match scheme_of(&remote) {
        Scheme::Smb => offered(&remote),
        Scheme::Sftp => known(&remote),
    }
}

fn scheme_of(server: &str) -> Scheme {
    if server.contains("://") { Scheme::Sftp } else { Scheme::Smb }
}

/// What a server says that it offers: to whoever is connected with it or remembered for it, or to a guest. What ends in `$` is
/// hidden, and pipes are nothing that one connects to.
fn offered(server: &str) -> Result<Vec<Entry>, Failure> {
    let request = SharesRequest::of(&server.replace('\\', "/"));
    let by = |error: Error| Failure::from(error).by(Scheme::Smb);
    let shares = session::operate(Instance::User, async |client| client.shares(&request, None).await);
    let shown = |share: &Offered| !share.is_hidden() && share.kind != ShareKind::Ipc;
    Ok(shares
        .map_err(by)?
        .into_iter()
        .filter(shown)
        .map(|share| Entry {
            scope: SCOPE_GLOBALNET,
            kind: if share.kind == ShareKind::Printer { TYPE_PRINT } else { TYPE_DISK },
            display: DISPLAY_SHARE,
            usage: USAGE_CONNECTABLE,
            local: None,
            remote: format!("{}\\{}", server.trim_end_matches(['\\', '/']), share.name),
            comment: Some(share.comment),
            scheme: Scheme::Smb,
        })
        .collect())
}

/// What we are connected with or remember of a server whose protocol knows no shares.
fn known(name: &str) -> Result<Vec<Entry>, Failure> {
    let of_it = |drive: &Drive| server(&drive.remote).eq_ignore_ascii_case(name);
    let mut folders = connections(SCOPE_GLOBALNET, true, of_it)?;
    folders.iter_mut().for_each(|folder| folder.local = None);
    folders.dedup();
    if folders.is_empty() { Err(Code::NO_NET_OR_BAD_PATH.into()) } else { Ok(folders) }
}

/// One entry for each provider.
fn networks() -> Vec<Entry> {
    let network = |scheme| Entry {
        scope: SCOPE_GLOBALNET,
        kind: TYPE_ANY,
        display: DISPLAY_NETWORK,
        usage: USAGE_CONTAINER,
        local: None,
        remote: provider::name(Some(scheme)).to_owned(),
        comment: None,
        scheme,
    };
    provider::ALL.into_iter().map(network).collect()
}

/// The servers that we have connections with, or remember.
fn servers(wanted: Option<Scheme>) -> Result<Vec<Entry>, Failure> {
    let mut servers: Vec<Entry> = Vec::new();
    for drive in view::drives(true)? {
        let remote = server(&drive.remote);
        let is_known = servers.iter().any(|known| known.remote.eq_ignore_ascii_case(&remote));
        if wanted.is_none_or(|scheme| scheme == drive.remote.scheme) && !is_known {
            servers.push(server_entry(remote, drive.remote.scheme));
        }
    }
    Ok(servers)
}

/// A server as a container.
pub(crate) fn server_entry(remote: String, scheme: Scheme) -> Entry {
    let usage = USAGE_CONTAINER;
    Entry {
        scope: SCOPE_GLOBALNET,
        kind: TYPE_ANY,
        display: DISPLAY_SERVER,
        usage,
        local: None,
        remote,
        comment: None,
        scheme,
    }
}

/// The name of a remote name's server.
pub(crate) fn server(remote: &Remote) -> String {
    match remote.scheme {
        Scheme::Smb => format!("\\\\{}", remote.authority()),
        Scheme::Sftp => format!("sftp://{}", remote.authority()),
    }
}
