//! What the kernel knows of us, for the next worker: nodes and their names, open handles.
//!
//! Entries are appended; the length in the header publishes them. When most of it is out of date, what is
//! current is written into the other area, and one store makes that the journal.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use cleardown_fuse::{Lock, LockType};

use super::{Shared, layout::JOURNAL_BYTES};
use crate::locks::Held;

/// One change of what the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A node has this name (one of them), `file_id` on the server (0: unknown), and is a folder or not.
    Name { node: u64, parent: u64, name: Vec<u8>, file_id: u64, dir: bool },
    /// A node has no longer this name.
    Unname { node: u64, parent: u64, name: Vec<u8> },
    /// The kernel has forgotten a node.
    Forget { node: u64 },
    /// A handle of a file (or folder) is open, with these flags of open(2); a lock that was taken through it is
    /// lost, or not.
    Open { fh: u64, node: u64, flags: i32, lost: bool },
    /// It is closed.
    Close { fh: u64 },
    /// A lock was granted, or given back ([`LockType::Unlock`]).
    Lock { node: u64, held: Held },
}

impl Entry {
    fn encode(&self, out: &mut Vec<u8>) {
        let packed;
        let (kind, a, b, c, name): (u8, u64, u64, u64, &[u8]) = match self {
            Entry::Name { node, parent, name, file_id, dir } => {
                (if *dir { 2 } else { 1 }, *node, *parent, *file_id, name)
            }
            Entry::Unname { node, parent, name } => (3, *node, *parent, 0, name),
            Entry::Forget { node } => (4, *node, 0, 0, &[]),
            Entry::Open { fh, node, flags, lost } => {
                (5, *fh, *node, u64::from(*flags as u32) | u64::from(*lost) << 32, &[])
            }
            Entry::Close { fh } => (6, *fh, 0, 0, &[]),
            Entry::Lock { node, held } => {
                packed = pack(held);
                (7, *node, held.owner, held.fh, &packed)
            }
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
            5 => Entry::Open { fh: a, node: b, flags: c as u32 as i32, lost: c >> 32 != 0 },
            6 => Entry::Close { fh: a },
            7 => Entry::Lock { node: a, held: unpack(b, c, &name)? },
            _ => return None,
        };
        Some((entry, 27 + length))
    }
}

/// Reads entries until one makes no sense. What was read is written as it was.
///
/// # Panics
/// When it is not; that, and any other panic, is a fault.
#[cfg(any(test, fuzzing))]
#[allow(unreachable_pub, reason = "it is exported to fuzzing only")]
pub fn read_entries(mut bytes: &[u8]) {
    while let Some((entry, length)) = Entry::decode(bytes) {
        let mut again = Vec::new();
        entry.encode(&mut again);
        assert_eq!(Entry::decode(&again), Some((entry, again.len())));
        bytes = &bytes[length..];
    }
}

/// Kind of owner, kind of lock, process, first and last byte.
fn pack(held: &Held) -> [u8; 22] {
    let kind = match held.lock.kind {
        LockType::Read => 1,
        LockType::Write => 2,
        LockType::Unlock => 3,
    };
    let mut packed = [held.flock.into(), kind].to_vec();
    packed.extend_from_slice(&held.lock.pid.to_le_bytes());
    packed.extend_from_slice(&held.lock.start.to_le_bytes());
    packed.extend_from_slice(&held.lock.end.to_le_bytes());
    packed.try_into().unwrap_or([0; 22])
}

fn unpack(owner: u64, fh: u64, packed: &[u8]) -> Option<Held> {
    let (head, rest) = packed.split_first_chunk::<2>()?;
    let (pid, rest) = rest.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (end, _) = rest.split_first_chunk()?;
    let kind = match head[1] {
        1 => LockType::Read,
        2 => LockType::Write,
        3 => LockType::Unlock,
        _ => return None,
    };
    let (start, end) = (u64::from_le_bytes(*start), u64::from_le_bytes(*end));
    let lock = Lock { start, end, kind, pid: u32::from_le_bytes(*pid) };
    (start <= end).then_some(Held { owner, fh, flock: head[0] != 0, lock })
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
            Entry::Open { .. } | Entry::Close { .. } | Entry::Lock { .. } => {}
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_makes_it_panic(kind in 0u8..9, length in 0u8..40, rest: Vec<u8>) {
            read_entries(&[&[kind, length, 0], &rest[..]].concat());
        }
    }

    /// What fuzzing has found worth keeping, again in every run.
    #[test]
    fn the_corpus_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/journal");
        let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty());
        inputs.iter().for_each(|path| read_entries(&std::fs::read(path).unwrap()));
    }
}
