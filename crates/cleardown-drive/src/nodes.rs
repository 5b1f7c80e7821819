//! The nodes that the kernel knows: a tree of names, so that renaming a folder moves all that is below.
//!
//! A node is known by its number. Its names are (folder, name) pairs, several for hard links where the server
//! has file ids. Each change is journalled for the next worker. Nodes go when the kernel has forgotten them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use cleardown_share::{Attr, FileKind, SharePath, Time};

use crate::arena::{Entry, Journal, Shared};
use crate::attrs::{TTL, now};
use crate::dirs::DirCache;
use crate::file::FileState;
use crate::locks::{Held, put};
use crate::streams::Stamp;

pub(crate) const ROOT: u64 = 1;

/// What the server said of a node, and when we asked.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) attr: Attr,
    pub(crate) asked: Instant,
    /// As the server said it; otherwise with our own changes in it, whose time is a guess.
    pub(crate) exact: bool,
}

/// A file or folder.
#[derive(Debug)]
pub(crate) struct Node {
    /// (folder, name); none when it was removed.
    pub(crate) names: Vec<(u64, Vec<u8>)>,
    lookups: u64,
    /// The worker before counted its lookups: it stays.
    adopted: bool,
    pub(crate) file_id: u64,
    /// The inode number that it shares with the file whose hard link we made it, where the server has no file ids.
    twin: Option<u64>,
    pub(crate) dir: bool,
    pub(crate) kind: Option<FileKind>,
    pub(crate) seen: Option<Seen>,
    /// When we last changed it ourselves: what the server was asked before is out of date.
    pub(crate) changed: Option<Instant>,
    /// The time of modification that the server told last, or that was set.
    dated: Option<Time>,
    /// When we changed its data after that, by our clock.
    written: Option<Time>,
    /// Size, time of change and of attributes when its pages were last known to be true.
    pub(crate) pages: Option<Stamp>,
    /// The same when it was last read as a large file.
    pub(crate) streamed: Option<Stamp>,
    pub(crate) file: Option<Arc<FileState>>,
    pub(crate) children: HashMap<Vec<u8>, u64>,
    pub(crate) cache: DirCache,
}

/// An open handle, as it is journalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) node: u64,
    /// Of open(2).
    pub(crate) flags: i32,
    /// A lock was lost that its user relied on.
    pub(crate) lost: bool,
}

/// All nodes.
#[derive(Debug)]
pub(crate) struct Table {
    nodes: HashMap<u64, Node>,
    by_file_id: HashMap<u64, u64>,
    /// Names that differ only in case are one.
    fold: bool,
    arena: Arc<Shared>,
    journal: Journal,
    /// Open handles, for the journal.
    pub(crate) handles: HashMap<u64, Handle>,
    /// What an earlier worker's applications had locked, by node; taken once.
    pub(crate) left_locked: HashMap<u64, Vec<Held>>,
    /// Files that turned out to be changed by others, for the kernel to be told.
    pub(crate) foreign: Vec<u64>,
}

impl Table {
    /// A table with the root; with what an earlier worker journalled.
    pub(crate) fn new(arena: Arc<Shared>, fold: bool) -> Self {
        let entries = crate::arena::entries(&arena);
        let journal = Journal::new(arena.clone());
        let mut table = Table {
            nodes: HashMap::new(),
            by_file_id: HashMap::new(),
            fold,
            arena,
            journal,
            handles: HashMap::new(),
            left_locked: HashMap::new(),
            foreign: Vec::new(),
        };
        table.nodes.insert(ROOT, Node::new(0, true));
        for entry in entries {
            table.replay(entry);
        }
        // What a closed handle has locked nobody holds any more.
        let handles = &table.handles;
        table.left_locked.values_mut().for_each(|held| held.retain(|held| handles.contains_key(&held.fh)));
        table.left_locked.retain(|_, held| !held.is_empty());
        table
    }

    fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Name { node, parent, name, file_id, dir } => {
                let known = self.nodes.entry(node).or_insert_with(|| Node::new(file_id, dir));
                (known.file_id, known.dir, known.adopted) = (file_id, dir, true);
                known.names.push((parent, name.clone()));
                if file_id != 0 {
                    self.by_file_id.insert(file_id, node);
                }
                let key = self.key(&name);
                self.nodes.entry(parent).or_insert_with(|| Node::new(0, true)).children.insert(key, node);
            }
            Entry::Unname { node, parent, name } => drop(self.take_name(node, parent, &name)),
            Entry::Forget { node } => {
                if node != ROOT
                    && let Some(gone) = self.nodes.remove(&node)
                    && self.by_file_id.get(&gone.file_id) == Some(&node)
                {
                    self.by_file_id.remove(&gone.file_id);
                }
            }
            Entry::Open { fh, node, flags, lost } => {
                self.handles.insert(fh, Handle { node, flags, lost });
            }
            Entry::Close { fh } => drop(self.handles.remove(&fh)),
            Entry::Lock { node, held } => put(self.left_locked.entry(node).or_default(), held),
        }
    }

    fn log(&mut self, entry: &Entry) {
        self.journal.add(entry);
        if !self.journal.wants_rewrite() {
            return;
        }
        let names = self.nodes.iter().flat_map(|(number, node)| {
            node.names.iter().map(|(parent, name)| Entry::Name {
                node: *number,
                parent: *parent,
                name: name.clone(),
                file_id: node.file_id,
                dir: node.dir,
            })
        });
        let opens = self.handles.iter().map(|(fh, handle)| handle.entry(*fh));
        let locks = self.nodes.iter().flat_map(|(number, node)| {
            let held = node.file.as_ref().map(|file| file.locks.all()).unwrap_or_default();
            held.into_iter().map(|held| Entry::Lock { node: *number, held })
        });
        self.journal.rewrite(names.chain(opens).chain(locks));
    }

    /// How a name is found: names that the server takes for one have one key.
    pub(crate) fn key(&self, name: &[u8]) -> Vec<u8> {
        match self.fold {
            true => String::from_utf8_lossy(name).to_lowercase().into_bytes(),
            false => name.to_vec(),
        }
    }

    pub(crate) fn get(&self, node: u64) -> Option<&Node> {
        self.nodes.get(&node)
    }

    pub(crate) fn get_mut(&mut self, node: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Node)> {
        self.nodes.iter().map(|(number, node)| (*number, node))
    }

    /// Where it is on the share; none when it was removed.
    pub(crate) fn path(&self, node: u64) -> Option<SharePath> {
        let (mut parts, mut at) = (Vec::new(), node);
        while at != ROOT {
            let (parent, name) = self.nodes.get(&at)?.names.first()?;
            parts.push(name.as_slice());
            at = *parent;
            if parts.len() > 4096 {
                return None;
            }
        }
        parts.iter().rev().try_fold(SharePath::root(), |path, name| path.join(name))
    }

    /// Whether a node is at or below a folder, by its first name as in [`Table::path`].
    pub(crate) fn is_below(&self, node: u64, folder: u64) -> bool {
        let above = |at: &u64| Some(self.nodes.get(at)?.names.first()?.0);
        std::iter::successors(Some(node), above).take(4096).any(|at| at == folder)
    }

    /// The node at a path, if it is known.
    pub(crate) fn find(&self, path: &SharePath) -> Option<u64> {
        path.components().try_fold(ROOT, |at, name| self.child(at, name))
    }

    pub(crate) fn child(&self, parent: u64, name: &[u8]) -> Option<u64> {
        let children = &self.nodes.get(&parent)?.children;
        match self.fold {
            true => children.get(&self.key(name)).copied(),
            false => children.get(name).copied(),
        }
    }

    /// The server has a file of this name: its node, new or known.
    pub(crate) fn enter(&mut self, parent: u64, name: &[u8], attr: &Attr, asked: Instant) -> Option<u64> {
        self.nodes.get(&parent)?;
        let file_id = attr.id.filter(|id| !matches!(*id, 0 | u64::MAX)).unwrap_or(0);
        if let Some(known) = self.child(parent, name) {
            if self.nodes.get(&known).is_some_and(|node| node.is_same(file_id, attr.kind)) {
                self.saw(known, attr, asked);
                return Some(known);
            }
            self.unname(parent, name);
        }
        let known = self.by_file_id.get(&file_id).copied().filter(|_| file_id != 0);
        let known =
            known.filter(|known| self.nodes.get(known).is_some_and(|n| n.is_same(file_id, attr.kind)));
        let number = known.unwrap_or_else(|| {
            let number = self.arena.header().next_node.fetch_add(1, Relaxed);
            self.nodes.insert(number, Node::new(file_id, attr.kind == FileKind::Dir));
            number
        });
        if known.is_some() && attr.links.is_none_or(|links| links <= 1) {
            // Somebody else has renamed it.
            for (parent, name) in self.nodes.get(&number).map(|node| node.names.clone()).unwrap_or_default() {
                self.unname(parent, &name);
            }
        }
        if file_id != 0 {
            self.by_file_id.insert(file_id, number);
        }
        self.add_name(number, parent, name);
        self.saw(number, attr, asked);
        Some(number)
    }

    pub(crate) fn add_name(&mut self, node: u64, parent: u64, name: &[u8]) {
        let key = self.key(name);
        if let Some(folder) = self.nodes.get_mut(&parent) {
            folder.children.insert(key, node);
        }
        let Some(known) = self.nodes.get_mut(&node) else { return };
        known.names.insert(0, (parent, name.to_vec()));
        let (file_id, dir) = (known.file_id, known.dir);
        self.log(&Entry::Name { node, parent, name: name.to_vec(), file_id, dir });
    }

    fn take_name(&mut self, node: u64, parent: u64, name: &[u8]) -> bool {
        let key = self.key(name);
        let folder = self.nodes.get_mut(&parent);
        if let Some(folder) = folder
            && folder.children.get(&key) == Some(&node)
        {
            folder.children.remove(&key);
        }
        let fold = self.fold;
        let same = |other: &[u8]| {
            other == name || fold && String::from_utf8_lossy(other).to_lowercase().as_bytes() == key
        };
        let Some(known) = self.nodes.get_mut(&node) else { return false };
        let before = known.names.len();
        known.names.retain(|(folder, other)| *folder != parent || !same(other));
        before != known.names.len()
    }

    /// The name is gone from the server; returns the node that had it.
    pub(crate) fn unname(&mut self, parent: u64, name: &[u8]) -> Option<u64> {
        let node = self.child(parent, name)?;
        if self.take_name(node, parent, name) {
            self.log(&Entry::Unname { node, parent, name: name.to_vec() });
        }
        let known = self.nodes.get(&node)?;
        if known.names.is_empty() && self.by_file_id.get(&known.file_id) == Some(&node) {
            // The server may use the id again.
            self.by_file_id.remove(&known.file_id);
        }
        self.reap(node);
        Some(node)
    }

    /// The server has renamed; what had the new name is gone. Returns that node.
    pub(crate) fn rename(&mut self, from: (u64, &[u8]), to: (u64, &[u8])) -> Option<u64> {
        let moved = self.child(from.0, from.1);
        let over = self.child(to.0, to.1).filter(|over| Some(*over) != moved);
        if over.is_some() {
            self.unname(to.0, to.1);
        }
        if let Some(moved) = moved {
            if self.take_name(moved, from.0, from.1) {
                self.log(&Entry::Unname { node: moved, parent: from.0, name: from.1.to_vec() });
            }
            self.add_name(moved, to.0, to.1);
        }
        over
    }

    /// Takes what the server said, unless we have changed it since it was asked, or know what it said later.
    pub(crate) fn saw(&mut self, node: u64, attr: &Attr, asked: Instant) {
        let Some(known) = self.nodes.get_mut(&node) else { return };
        known.kind = Some(attr.kind);
        let mut attr = attr.clone();
        let pending = known.file.as_ref().and_then(|file| file.pending_end());
        let late = known.changed.is_some_and(|changed| asked <= changed)
            || known.seen.as_ref().is_some_and(|seen| asked < seen.asked);
        if (late || pending.is_some())
            && let Some(ours) = &known.seen
        {
            (attr.size, attr.modified) = (ours.attr.size, ours.attr.modified);
        }
        attr.size = attr.size.max(pending.unwrap_or(0));
        if late && known.seen.is_some() {
            return;
        }
        let exact = !late && pending.is_none() && known.date(&mut attr, asked);
        let foreign = exact
            && known.seen.as_ref().is_some_and(|seen| {
                seen.exact && (seen.attr.size, seen.attr.modified) != (attr.size, attr.modified)
            });
        known.seen = Some(Seen { attr, asked, exact });
        if foreign {
            // Another client wrote it: nothing that is cached of it is true.
            known.pages = None;
            if let Some(file) = &known.file {
                file.touch();
            }
            self.foreign.push(node);
        }
    }

    /// We have made `node` a hard link of `old`: they are to look like one file. (Their data are not taken for one:
    /// another client may replace either name, and without file ids nobody would notice.)
    pub(crate) fn linked(&mut self, old: u64, node: u64) {
        let ino = self.nodes.get(&old).map(|known| known.ino(old));
        if let Some(known) = self.nodes.get_mut(&node).filter(|_| node != old) {
            known.twin = ino;
        }
    }

    /// Counts a lookup that the kernel is about to learn of.
    pub(crate) fn count(&mut self, node: u64) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.lookups += 1;
        }
    }

    /// The kernel takes back this many lookups.
    pub(crate) fn forget(&mut self, node: u64, lookups: u64) {
        if let Some(known) = self.nodes.get_mut(&node) {
            known.lookups = known.lookups.saturating_sub(lookups);
            self.reap(node);
        }
    }

    /// Removes a node that nobody needs, and then the folders that only it kept.
    pub(crate) fn reap(&mut self, node: u64) {
        let mut at = node;
        while at != ROOT {
            let Some(known) = self.nodes.get(&at) else { return };
            let needed = known.lookups > 0
                || known.adopted && !known.names.is_empty()
                || !known.children.is_empty()
                || known.file.as_ref().is_some_and(|file| file.is_used());
            if needed {
                return;
            }
            let names = known.names.clone();
            for (parent, name) in &names {
                self.take_name(at, *parent, name);
            }
            let Some(gone) = self.nodes.remove(&at) else { return };
            if self.by_file_id.get(&gone.file_id) == Some(&at) {
                self.by_file_id.remove(&gone.file_id);
            }
            for (parent, name) in &names {
                self.log(&Entry::Unname { node: at, parent: *parent, name: name.clone() });
                if let Some(folder) = self.nodes.get_mut(parent)
                    && gone.changed.is_some()
                {
                    // Its listing has attributes from before our change.
                    folder.cache.forget();
                }
            }
            self.log(&Entry::Forget { node: at });
            let Some((parent, _)) = names.first() else { return };
            at = *parent;
        }
    }

    pub(crate) fn opened(&mut self, fh: u64, node: u64, flags: i32) {
        let handle = Handle { node, flags, lost: false };
        self.handles.insert(fh, handle);
        self.log(&handle.entry(fh));
    }

    /// What was done through this handle relied on a lock that is lost.
    pub(crate) fn lock_lost(&mut self, fh: u64) {
        let Some(handle) = self.handles.get_mut(&fh) else { return };
        handle.lost = true;
        let entry = handle.entry(fh);
        self.log(&entry);
    }

    /// A lock was granted, or given back.
    pub(crate) fn locked(&mut self, node: u64, held: Held) {
        self.log(&Entry::Lock { node, held });
    }

    pub(crate) fn closed(&mut self, fh: u64) {
        if self.handles.remove(&fh).is_some() {
            self.log(&Entry::Close { fh });
        }
    }
}

impl Handle {
    fn entry(&self, fh: u64) -> Entry {
        Entry::Open { fh, node: self.node, flags: self.flags, lost: self.lost }
    }
}

impl Node {
    fn new(file_id: u64, dir: bool) -> Self {
        Node {
            names: Vec::new(),
            lookups: 0,
            adopted: false,
            file_id,
            twin: None,
            dir,
            kind: None,
            seen: None,
            changed: None,
            dated: None,
            written: None,
            pages: None,
            streamed: None,
            file: None,
            children: HashMap::new(),
            cache: DirCache::default(),
        }
    }

    /// We have changed its data or size.
    pub(crate) fn wrote(&mut self) {
        (self.changed, self.written, self.pages) = (Some(Instant::now()), Some(now()), None);
    }

    /// Its time of modification is this, as the server says when it was asked to set it.
    pub(crate) fn set_date(&mut self, time: Time) {
        (self.dated, self.written) = (Some(time), None);
    }

    /// Corrects what the server says of the time of modification, and returns false, where that has not followed our
    /// changes yet: while a file is open, SMB servers bring it up to date late.
    pub(crate) fn date(&mut self, attr: &mut Attr, asked: Instant) -> bool {
        let open = self.file.as_ref().is_some_and(|file| file.was_open(asked));
        let behind = |ours: &Time| {
            open && self.dated.is_none_or(|dated| dated == attr.modified)
                && !is_same_second(attr.modified, *ours)
        };
        match self.written.filter(behind) {
            Some(ours) => {
                attr.modified = ours;
                false
            }
            None => {
                self.set_date(attr.modified);
                true
            }
        }
    }

    fn is_same(&self, file_id: u64, kind: FileKind) -> bool {
        let id = self.file_id == 0 || file_id == 0 || self.file_id == file_id;
        let kinds = self.kind.map_or(self.dir == (kind == FileKind::Dir), |known| known == kind);
        id && kinds
    }

    /// The inode number that applications see.
    pub(crate) fn ino(&self, node: u64) -> u64 {
        if self.file_id == 0 { self.twin.unwrap_or(node) } else { self.file_id }
    }

    /// The attributes, while they may be believed.
    pub(crate) fn believed(&self) -> Option<&Attr> {
        let seen = self.seen.as_ref()?;
        let pending = self.file.as_ref().is_some_and(|file| file.pending_end().is_some());
        let held = self.file.as_ref().is_some_and(|file| file.is_held());
        // A folder's entries change its times; its mode, which the kernel wants to know, stays.
        let fresh = (seen.exact || self.dir) && seen.asked.elapsed() < TTL;
        (pending || fresh || seen.exact && held).then_some(&seen.attr)
    }
}

/// Whether a time of whole seconds may be this one.
fn is_same_second(whole: Time, time: Time) -> bool {
    whole.0 % 1_000_000_000 == 0 && (0..1_000_000_000).contains(&(time.0 - whole.0))
}

#[cfg(test)]
pub(crate) mod tests;
