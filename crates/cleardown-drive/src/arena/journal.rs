//! What the kernel knows of us, for the next worker: nodes and their names, open handles.
//!
//! Entries are appended; the length in the header publishes them. When most of it is out of date, what is
//! current is written into the other area, and one store makes that the journal.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::{Shared, layout::JOURNAL_BYTES};

/// One change of what the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A node has this name (one of them), `file_id` on the server (0: unknown), and is a folder or not.
    Name { node: u64, parent: u64, name: Vec<u8>, file_id: u64, dir: bool },
    /// A node has no longer this name.
    Unname { node: u64, parent: u64, name: Vec<u8> },
    /// The kernel has forgotten a node.
    Forget { node: u64 },
    /// A handle of a file (or folder) is open, with these flags of open(2).
    Open { fh: u64, node: u64, flags: i32 },
    /// It is closed.
    Close { fh: u64 },
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let (kind, a, b, c, name): (u8, u64, u64, u64, &[u8]) = match self {
            Entry::Name { node, parent, name, file_id, dir } => {
                (if *dir { 2 } else { 1 }, *node, *parent, *file_id, name)
            }
            Entry::Unname { node, parent, name } => (3, *node, *parent, 0, name),
            Entry::Forget { node } => (4, *node, 0, 0, &[]),
            Entry::Open { fh, node, flags } => (5, *fh, *node, *flags as u32 as u64, &[]),
            Entry::Close { fh } => (6, *fh, 0, 0, &[]),
        };
        out.push(kind);
        out.extend_from_slice(&(name.len() as u16).to_le_bytes());
        for number in [a, b, c] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(name);
    }

    /// The first entry, and how long it is.
    fn decode(bytes: &[u8]) -> Option<(Entry, usize)> {
        let (head, rest) = bytes.split_at_checked(27)?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let number = |at: usize| head[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or_default();
        let (a, b, c) = (number(3), number(11), number(19));
        let name = rest.get(..length)?.to_vec();
        let entry = match head[0] {
            kind @ (1 | 2) => Entry::Name { node: a, parent: b, name, file_id: c, dir: kind == 2 },
            3 => Entry::Unname { node: a, parent: b, name },
            4 => Entry::Forget { node: a },
            5 => Entry::Open { fh: a, node: b, flags: c as u32 as i32 },
            6 => Entry::Close { fh: a },
            _ => return None,
        };
        Some((entry, 27 + length))
    }
}

/// The one writer of the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    arena: Arc<Shared>,
    len: u64,
    /// The length right after the last rewriting.
    base: u64,
    scratch: Vec<u8>,
}

impl Journal {
    pub(crate) fn new(arena: Arc<Shared>) -> Self {
        let len = arena.header().journal.load(Acquire) >> 1;
        Journal { arena, len, base: len, scratch: Vec::new() }
    }

    /// Adds an entry. A journal that is full keeps what it has: a later worker then knows fewer nodes.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.scratch.clear();
        entry.encode(&mut self.scratch);
        let which = self.arena.header().journal.load(Relaxed) & 1;
        if !self.put(which, self.len) {
            tracing::warn!("the journal is full");
            return;
        }
        self.len += self.scratch.len() as u64;
        self.arena.header().journal.store(self.len << 1 | which, Release);
    }

    fn put(&self, which: u64, at: u64) -> bool {
        if at + self.scratch.len() as u64 > JOURNAL_BYTES {
            return false;
        }
        let to = self.arena.map.at(self.arena.layout.journal_at(which) + at);
        // SAFETY: within the journal area, of which only this writer touches what is not published.
        unsafe { std::ptr::copy_nonoverlapping(self.scratch.as_ptr(), to, self.scratch.len()) };
        true
    }

    /// Whether so much is out of date that rewriting pays.
    pub(crate) fn wants_rewrite(&self) -> bool {
        self.len > (1 << 20) && self.len > 4 * self.base
    }

    /// Replaces it by these entries, which say the same.
    pub(crate) fn rewrite(&mut self, entries: impl Iterator<Item = Entry>) {
        let old = self.arena.header().journal.load(Relaxed) & 1;
        let (which, mut len) = (1 - old, 0);
        for entry in entries {
            self.scratch.clear();
            entry.encode(&mut self.scratch);
            if !self.put(which, len) {
                return;
            }
            len += self.scratch.len() as u64;
        }
        self.arena.header().journal.store(len << 1 | which, Release);
        (self.len, self.base) = (len, len);
        self.arena.map.punch(self.arena.layout.journal_at(old), JOURNAL_BYTES);
    }
}

/// All entries, oldest first.
pub(crate) fn entries(arena: &Shared) -> Vec<Entry> {
    let word = arena.header().journal.load(Acquire);
    let (which, len) = (word & 1, (word >> 1).min(JOURNAL_BYTES));
    // SAFETY: published bytes within the journal area; a writer that is alive does not change them, and one that
    // rewrites punches them to zeroes, which decode as the end.
    let mut bytes =
        unsafe { std::slice::from_raw_parts(arena.map.at(arena.layout.journal_at(which)), len as usize) };
    let mut entries = Vec::new();
    while let Some((entry, length)) = Entry::decode(bytes) {
        entries.push(entry);
        bytes = &bytes[length..];
    }
    entries
}

/// Paths of the nodes, for a report.
pub(super) fn paths(arena: &Shared) -> HashMap<u64, String> {
    let mut names: HashMap<u64, (u64, Vec<u8>)> = HashMap::new();
    for entry in entries(arena) {
        match entry {
            Entry::Name { node, parent, name, .. } => drop(names.insert(node, (parent, name))),
            Entry::Unname { node, parent, name } => {
                if names.get(&node).is_some_and(|known| *known == (parent, name)) {
                    names.remove(&node);
                }
            }
            Entry::Forget { node } => drop(names.remove(&node)),
            Entry::Open { .. } | Entry::Close { .. } => {}
        }
    }
    let path = |node: u64| {
        let (mut parts, mut at) = (Vec::new(), node);
        while at != 1 {
            let (parent, name) = names.get(&at)?;
            parts.push(String::from_utf8_lossy(name).into_owned());
            at = *parent;
            (parts.len() < 4096).then_some(())?;
        }
        parts.reverse();
        Some(parts.join("/"))
    };
    names.keys().filter_map(|node| Some((*node, path(*node)?))).collect()
}
