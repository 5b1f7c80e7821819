//! The registry: all connections by id, their names, and who hears of changes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cleardown_core::view::{Connection, Kind};
use cleardown_core::{Error, ErrorKind, LocalName, Result};
use cleardown_ipc::Change;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use crate::handle::Handle;
use crate::link::LinkHandle;

/// The daemon remembers the ends of this many connections.
const TOMBSTONES: usize = 32;

/// All connections of this daemon.
#[derive(Debug)]
pub(crate) struct Registry {
    handles: Mutex<BTreeMap<String, Arc<Handle>>>,
    links: Mutex<BTreeMap<String, Arc<LinkHandle>>>,
    changes: broadcast::Sender<Change>,
    count: watch::Sender<usize>,
    /// The last words of those that ended without anybody here asking for it.
    tombstones: Mutex<VecDeque<Connection>>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Registry {
            handles: Mutex::default(),
            links: Mutex::default(),
            changes: broadcast::channel(256).0,
            count: watch::channel(0).0,
            tombstones: Mutex::default(),
        }
    }

    /// Takes in a new connection, unless another has its name.
    ///
    /// # Errors
    /// [`ErrorKind::NameInUse`].
    pub(crate) fn insert(&self, handle: Arc<Handle>) -> Result<()> {
        let mut handles = self.handles.lock();
        if let Some(name) = &handle.spec.name
            && let Some(other) = owner_of(&handles, name)
        {
            return Err(in_use(&other));
        }
        let view = handle.view();
        self.tombstones.lock().retain(|last| last.name != view.name);
        handles.insert(handle.spec.id.clone(), handle.clone());
        drop(handles);
        self.counted();
        self.tell(Change::Added(handle.spec.id.clone(), view));
        Ok(())
    }

    /// Takes a connection out.
    pub(crate) fn remove(&self, handle: &Handle) {
        let mut handles = self.handles.lock();
        let found = handles.remove(&handle.spec.id);
        drop(handles);
        self.counted();
        if found.is_some() {
            self.tell(Change::Removed(handle.spec.id.clone(), handle.spec.shown_name()));
        }
    }

    fn counted(&self) {
        let drives = self.handles.lock().len();
        self.count.send_replace(drives + self.links.lock().len());
    }

    /// Takes in a new link, unless another has its name or its port.
    ///
    /// # Errors
    /// [`ErrorKind::NameInUse`]; 633 for the port.
    pub(crate) fn insert_link(&self, link: Arc<LinkHandle>) -> Result<()> {
        let mut links = self.links.lock();
        if let Some(error) = links.values().find_map(|other| link.spec.excluded_by(&other.spec)) {
            return Err(error);
        }
        let view = link.view();
        self.tombstones.lock().retain(|last| last.kind != Kind::Link || last.name != view.name);
        links.insert(link.spec.id.clone(), link.clone());
        drop(links);
        self.counted();
        self.tell(Change::Added(link.spec.id.clone(), view));
        Ok(())
    }

    /// Takes a link out.
    pub(crate) fn remove_link(&self, link: &LinkHandle) {
        let found = self.links.lock().remove(&link.spec.id);
        self.counted();
        if found.is_some() {
            self.tell(Change::Removed(link.spec.id.clone(), link.spec.name()));
        }
    }

    /// Tells whoever listens that a link has changed.
    pub(crate) fn link_changed(&self, link: &LinkHandle) {
        if self.links.lock().contains_key(&link.spec.id) {
            self.tell(Change::Changed(link.spec.id.clone(), link.view()));
        }
    }

    /// All links, in the order in which they were dialled.
    pub(crate) fn links(&self) -> Vec<Arc<LinkHandle>> {
        self.links.lock().values().cloned().collect()
    }

    /// The link that a caller's word means: its name, else `#` and its handle.
    pub(crate) fn link(&self, word: &str) -> Option<Arc<LinkHandle>> {
        let (links, name) = (self.links.lock(), word.to_lowercase());
        let named = links.values().find(|link| link.spec.name().to_lowercase() == name);
        named.or_else(|| links.values().find(|link| link.spec.is_called(word))).cloned()
    }

    /// How the last link of this name or handle ended. Reading it removes it.
    pub(crate) fn link_tombstone(&self, word: &str) -> Option<Connection> {
        let mut tombstones = self.tombstones.lock();
        let called = |last: &Connection| {
            let handle = last.link.as_ref().map(|link| format!("#{}", link.handle));
            last.name.to_lowercase() == word.to_lowercase() || handle.as_deref() == Some(word)
        };
        let at = tombstones.iter().position(|last| last.kind == Kind::Link && called(last))?;
        tombstones.remove(at)
    }

    /// Remembers how a connection ended that nobody here has ended.
    pub(crate) fn bury(&self, last: Connection) {
        let mut tombstones = self.tombstones.lock();
        tombstones.retain(|other| !other.name.eq_ignore_ascii_case(&last.name));
        tombstones.push_back(last);
        while tombstones.len() > TOMBSTONES {
            tombstones.pop_front();
        }
    }

    /// How the last connection of this name ended, when nobody here has ended it.
    pub(crate) fn tombstone(&self, word: &str) -> Option<Connection> {
        let same = |name: &str| match (name.parse::<LocalName>(), word.parse::<LocalName>()) {
            (Ok(name), Ok(word)) => name == word,
            _ => name == word,
        };
        self.tombstones.lock().iter().find(|last| same(&last.name)).cloned()
    }

    /// Tells whoever listens that a connection has changed.
    pub(crate) fn changed(&self, handle: &Handle) {
        if self.handles.lock().contains_key(&handle.spec.id) {
            self.tell(Change::Changed(handle.spec.id.clone(), handle.view()));
        }
    }

    fn tell(&self, change: Change) {
        // An error says that nobody listens.
        let _ = self.changes.send(change);
    }

    /// All connections, in the order in which they were made.
    pub(crate) fn all(&self) -> Vec<Arc<Handle>> {
        self.handles.lock().values().cloned().collect()
    }

    /// The connection that has this local name now, if any.
    pub(crate) fn owner_of(&self, name: &LocalName) -> Option<Arc<Handle>> {
        owner_of(&self.handles.lock(), name)
    }

    /// The connections that a caller's word means: one drive, or all deviceless connections to a place. One that
    /// still has its name comes before one that lingers without it.
    pub(crate) fn called(&self, word: &str) -> Vec<Arc<Handle>> {
        let mut found: Vec<_> = self.all().into_iter().filter(|h| h.spec.is_called(word)).collect();
        if found.iter().any(|h| h.spec.name.is_some()) {
            found.sort_by_key(|h| h.name_is_free());
            found.truncate(1);
        }
        found
    }

    /// The deviceless connection that a further reference would join.
    pub(crate) fn deviceless(&self, same: impl Fn(&Handle) -> bool) -> Option<Arc<Handle>> {
        self.all().into_iter().find(|h| h.spec.name.is_none() && !h.is_ending() && same(h))
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Follows the number of connections.
    pub(crate) fn count(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }
}

fn owner_of(handles: &BTreeMap<String, Arc<Handle>>, name: &LocalName) -> Option<Arc<Handle>> {
    handles.values().find(|h| h.spec.name.as_ref() == Some(name) && !h.name_is_free()).cloned()
}

/// The error that says by what a name is taken.
pub(crate) fn in_use(other: &Handle) -> Error {
    ErrorKind::NameInUse { name: other.spec.shown_name(), remote: other.spec.remote.to_string() }.into()
}
