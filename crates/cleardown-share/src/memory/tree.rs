//! The files of the server: what each operation means, as POSIX says, without time or transport.

use std::collections::{BTreeMap, HashMap};

use crate::attr::{Attr, DirEntry, FileKind, SetAttr, StatFs, Time};
use crate::memory::data::{Data, PAGE};
use crate::memory::locks::Locks;
use crate::path::SharePath;
use crate::share::{Disposition, Lease, RenameHow};

/// An errno.
pub(super) type Errno = i32;

const ROOT: u64 = 1;
const NAME_MAX: usize = 255;
/// Blocks of a server without a limit: 1 TiB.
const PLENTY: u64 = (1 << 40) / PAGE;

pub(super) enum Content {
    File(Data),
    Dir(BTreeMap<Vec<u8>, u64>),
    Link(Vec<u8>),
}

/// A lease and the path it was taken by.
pub(super) struct Leased {
    pub(super) lease: Lease,
    pub(super) path: SharePath,
}

pub(super) struct Node {
    pub(super) content: Content,
    pub(super) mode: u32,
    uid: u32,
    gid: u32,
    links: u32,
    pub(super) opens: u32,
    accessed: Time,
    modified: Time,
    changed: Time,
    created: Time,
    pub(super) locks: Locks,
    /// By session.
    pub(super) leases: HashMap<u64, Leased>,
}

pub(super) struct Tree {
    pub(super) nodes: HashMap<u64, Node>,
    next: u64,
    now: Time,
    pages: u64,
    pub(super) capacity: Option<u64>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let mut tree = Tree {
            nodes: HashMap::new(),
            next: ROOT,
            now: Time(1_700_000_000_000_000_000),
            pages: 0,
            capacity: None,
        };
        tree.add(Content::Dir(BTreeMap::new()), 0o755);
        tree
    }

    fn add(&mut self, content: Content, mode: u32) -> u64 {
        let (ino, now) = (self.next, self.tick());
        self.next += 1;
        let node = Node {
            content,
            mode: mode & 0o7777,
            uid: 1000,
            gid: 1000,
            links: 1,
            opens: 0,
            accessed: now,
            modified: now,
            changed: now,
            created: now,
            locks: Locks::default(),
            leases: HashMap::new(),
        };
        self.nodes.insert(ino, node);
        ino
    }

    /// The server's clock: it goes on by 100 ns with every change.
    fn tick(&mut self) -> Time {
        self.now.0 += 100;
        self.now
    }

    pub(super) fn set_now(&mut self, now: Time) {
        self.now = now;
    }

    pub(super) fn node(&mut self, ino: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&ino).ok_or(libc::ESTALE)
    }

    fn dir(&mut self, ino: u64) -> Result<&mut BTreeMap<Vec<u8>, u64>, Errno> {
        match &mut self.node(ino)?.content {
            Content::Dir(entries) => Ok(entries),
            _ => Err(libc::ENOTDIR),
        }
    }

    pub(super) fn data(&mut self, ino: u64) -> Result<&mut Data, Errno> {
        match &mut self.node(ino)?.content {
            Content::File(data) => Ok(data),
            Content::Dir(_) => Err(libc::EISDIR),
            Content::Link(_) => Err(libc::ELOOP),
        }
    }

    pub(super) fn find(&mut self, path: &SharePath) -> Result<u64, Errno> {
        let mut at = ROOT;
        for name in path.components() {
            if name.len() > NAME_MAX {
                return Err(libc::ENAMETOOLONG);
            }
            at = *self.dir(at)?.get(name).ok_or(libc::ENOENT)?;
        }
        Ok(at)
    }

    /// The folder that holds (or would hold) the path.
    pub(super) fn find_parent(&mut self, path: &SharePath) -> Result<(u64, Vec<u8>), Errno> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else { return Err(libc::EBUSY) };
        if name.len() > NAME_MAX {
            return Err(libc::ENAMETOOLONG);
        }
        let dir = self.find(&parent)?;
        self.dir(dir)?;
        Ok((dir, name.to_vec()))
    }

    fn lookup(&mut self, dir: u64, name: &[u8]) -> Result<Option<u64>, Errno> {
        Ok(self.dir(dir)?.get(name).copied())
    }

    pub(super) fn attr(&self, ino: u64) -> Result<Attr, Errno> {
        let node = self.nodes.get(&ino).ok_or(libc::ESTALE)?;
        let (kind, size, allocated) = match &node.content {
            Content::File(data) => (FileKind::File, data.size(), data.pages() * PAGE),
            Content::Dir(entries) => (FileKind::Dir, entries.len() as u64, PAGE),
            Content::Link(target) => (FileKind::Symlink, target.len() as u64, 0),
        };
        Ok(Attr {
            id: Some(ino),
            kind,
            size,
            allocated: Some(allocated),
            mode: Some(node.mode),
            read_only: node.mode & 0o222 == 0,
            uid: Some(node.uid),
            gid: Some(node.gid),
            links: Some(if kind == FileKind::Dir { 2 } else { node.links }),
            accessed: node.accessed,
            modified: node.modified,
            changed: node.changed,
            created: Some(node.created),
        })
    }

    pub(super) fn list(&mut self, path: &SharePath) -> Result<Vec<DirEntry>, Errno> {
        let dir = self.find(path)?;
        let entries: Vec<_> = self.dir(dir)?.iter().map(|(name, ino)| (name.clone(), *ino)).collect();
        entries.into_iter().map(|(name, ino)| Ok(DirEntry { name, attr: self.attr(ino)? })).collect()
    }

    /// Opens (and counts the handle); true when it was created.
    pub(super) fn open(
        &mut self,
        path: &SharePath,
        how: Disposition,
        mode: u32,
    ) -> Result<(u64, bool), Errno> {
        use Disposition::{CreateNew, CreateOrTruncate, Open, OpenOrCreate, Truncate};
        if path.is_root() {
            return Err(libc::EISDIR);
        }
        let (dir, name) = self.find_parent(path)?;
        let (ino, created) = match (self.lookup(dir, &name)?, how) {
            (Some(_), CreateNew) => return Err(libc::EEXIST),
            (Some(ino), Open | OpenOrCreate) => (ino, false),
            (Some(ino), Truncate | CreateOrTruncate) => {
                self.data(ino)?;
                self.resize(ino, 0)?;
                (ino, false)
            }
            (None, Open | Truncate) => return Err(libc::ENOENT),
            (None, CreateNew | OpenOrCreate | CreateOrTruncate) => {
                let ino = self.add(Content::File(Data::default()), mode);
                self.enter(dir, name, ino)?;
                (ino, true)
            }
        };
        self.data(ino)?;
        self.node(ino)?.opens += 1;
        Ok((ino, created))
    }

    fn enter(&mut self, dir: u64, name: Vec<u8>, ino: u64) -> Result<(), Errno> {
        self.dir(dir)?.insert(name, ino);
        self.touch(dir, true)
    }

    fn touch(&mut self, ino: u64, content: bool) -> Result<(), Errno> {
        let now = self.tick();
        let node = self.node(ino)?;
        node.changed = now;
        if content {
            node.modified = now;
        }
        Ok(())
    }

    /// Forgets a node that has neither name nor handle.
    fn reap(&mut self, ino: u64) {
        if self.nodes.get(&ino).is_some_and(|node| node.links == 0 && node.opens == 0)
            && let Some(Node { content: Content::File(data), .. }) = self.nodes.remove(&ino)
        {
            self.pages -= data.pages();
        }
    }

    pub(super) fn close(&mut self, ino: u64) {
        if let Some(node) = self.nodes.get_mut(&ino) {
            node.opens = node.opens.saturating_sub(1);
        }
        self.reap(ino);
    }

    pub(super) fn create(&mut self, path: &SharePath, content: Content, mode: u32) -> Result<Attr, Errno> {
        if path.is_root() {
            return Err(libc::EEXIST);
        }
        let (dir, name) = self.find_parent(path)?;
        if self.lookup(dir, &name)?.is_some() {
            return Err(libc::EEXIST);
        }
        let ino = self.add(content, mode);
        self.enter(dir, name, ino)?;
        self.attr(ino)
    }

    fn unname(&mut self, dir: u64, name: &[u8], ino: u64) -> Result<(), Errno> {
        self.dir(dir)?.remove(name);
        self.touch(dir, true)?;
        self.touch(ino, false)?;
        let node = self.node(ino)?;
        node.links = node.links.saturating_sub(1);
        self.reap(ino);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &SharePath) -> Result<(), Errno> {
        if path.is_root() {
            return Err(libc::EISDIR);
        }
        let (dir, name) = self.find_parent(path)?;
        let ino = self.lookup(dir, &name)?.ok_or(libc::ENOENT)?;
        if self.dir(ino).is_ok() {
            return Err(libc::EISDIR);
        }
        self.unname(dir, &name, ino)
    }

    pub(super) fn remove_dir(&mut self, path: &SharePath) -> Result<(), Errno> {
        let (dir, name) = self.find_parent(path)?;
        let ino = self.lookup(dir, &name)?.ok_or(libc::ENOENT)?;
        if !self.dir(ino)?.is_empty() {
            return Err(libc::ENOTEMPTY);
        }
        self.unname(dir, &name, ino)
    }

    pub(super) fn rename(&mut self, from: &SharePath, to: &SharePath, how: RenameHow) -> Result<(), Errno> {
        let (from_dir, from_name) = self.find_parent(from)?;
        let (to_dir, to_name) = self.find_parent(to)?;
        let ino = self.lookup(from_dir, &from_name)?.ok_or(libc::ENOENT)?;
        let is_dir = self.dir(ino).is_ok();
        if is_dir && from != to && to.starts_with(from) {
            return Err(libc::EINVAL);
        }
        if let Some(target) = self.lookup(to_dir, &to_name)? {
            if how == RenameHow::NoReplace {
                return Err(libc::EEXIST);
            }
            if target == ino {
                return Ok(());
            }
            match (is_dir, self.dir(target).map(|entries| entries.is_empty())) {
                (true, Err(_)) => return Err(libc::ENOTDIR),
                (false, Ok(_)) => return Err(libc::EISDIR),
                (true, Ok(false)) => return Err(libc::ENOTEMPTY),
                _ => self.unname(to_dir, &to_name, target)?,
            }
        }
        self.dir(from_dir)?.remove(&from_name);
        self.touch(from_dir, true)?;
        self.enter(to_dir, to_name, ino)?;
        self.touch(ino, false)
    }

    pub(super) fn hard_link(&mut self, from: &SharePath, to: &SharePath) -> Result<Attr, Errno> {
        let ino = self.find(from)?;
        if self.dir(ino).is_ok() {
            return Err(libc::EPERM);
        }
        let (dir, name) = self.find_parent(to)?;
        if self.lookup(dir, &name)?.is_some() {
            return Err(libc::EEXIST);
        }
        self.node(ino)?.links += 1;
        self.enter(dir, name, ino)?;
        self.touch(ino, false)?;
        self.attr(ino)
    }

    pub(super) fn read_link(&mut self, path: &SharePath) -> Result<Vec<u8>, Errno> {
        let ino = self.find(path)?;
        match &self.node(ino)?.content {
            Content::Link(target) => Ok(target.clone()),
            _ => Err(libc::EINVAL),
        }
    }

    pub(super) fn set_attr(&mut self, ino: u64, set: &SetAttr) -> Result<Attr, Errno> {
        if let Some(size) = set.size {
            self.resize(ino, size)?;
        }
        self.touch(ino, false)?;
        let node = self.node(ino)?;
        node.mode = set.mode.map_or(node.mode, |mode| mode & 0o7777);
        node.uid = set.uid.unwrap_or(node.uid);
        node.gid = set.gid.unwrap_or(node.gid);
        node.accessed = set.accessed.unwrap_or(node.accessed);
        node.modified = set.modified.unwrap_or(node.modified);
        node.created = set.created.unwrap_or(node.created);
        self.attr(ino)
    }

    /// Changes content, keeping count of the room that it takes.
    fn change<T>(
        &mut self,
        ino: u64,
        pages_more: impl FnOnce(&Data) -> u64,
        change: impl FnOnce(&mut Data) -> T,
    ) -> Result<T, Errno> {
        let (used, capacity) = (self.pages, self.capacity);
        let data = self.data(ino)?;
        let before = data.pages();
        let more = pages_more(data);
        if more > 0 && capacity.is_some_and(|capacity| used.saturating_add(more) > capacity / PAGE) {
            return Err(libc::ENOSPC);
        }
        let result = change(data);
        self.pages = used - before + data.pages();
        self.touch(ino, true)?;
        Ok(result)
    }

    fn checked_end(offset: u64, len: u64) -> Result<(), Errno> {
        offset.checked_add(len).filter(|end| *end <= i64::MAX as u64).map(drop).ok_or(libc::EFBIG)
    }

    pub(super) fn write(&mut self, ino: u64, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        let len = bytes.len() as u64;
        Self::checked_end(offset, len)?;
        self.change(ino, |data| data.pages_missing(offset, len), |data| data.write(offset, bytes))
    }

    pub(super) fn resize(&mut self, ino: u64, size: u64) -> Result<(), Errno> {
        Self::checked_end(size, 0)?;
        self.change(ino, |_| 0, |data| data.resize(size))
    }

    pub(super) fn allocate(&mut self, ino: u64, offset: u64, len: u64, keep: bool) -> Result<(), Errno> {
        Self::checked_end(offset, len)?;
        if len > 1 << 32 {
            return Err(libc::ENOSPC);
        }
        let fill = |data: &mut Data| {
            data.allocate(offset, len);
            if !keep && data.size() < offset + len {
                data.resize_up(offset + len);
            }
        };
        self.change(ino, |data| data.pages_missing(offset, len), fill)
    }

    pub(super) fn punch(&mut self, ino: u64, offset: u64, len: u64) -> Result<(), Errno> {
        self.change(ino, |_| 0, |data| data.punch(offset, len))
    }

    pub(super) fn stat_fs(&self) -> StatFs {
        let blocks = self.capacity.map_or(PLENTY, |bytes| bytes / PAGE);
        let free = blocks.saturating_sub(self.pages);
        StatFs {
            block_size: PAGE as u32,
            blocks,
            free,
            available: free,
            files: 1 << 20,
            files_free: (1u64 << 20).saturating_sub(self.nodes.len() as u64),
            name_max: NAME_MAX as u32,
        }
    }
}
