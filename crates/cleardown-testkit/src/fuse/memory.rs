//! The file system in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use cleardown_fuse::{
    Attr, DirBuffer, EntryOut, Filesystem, LockType, Op, OpenFlags, Reply, Request, SetattrIn, StatfsOut,
};

const TTL: Duration = Duration::from_secs(1);
const ROOT: u64 = 1;

/// A node: its attributes, and what it holds.
#[derive(Debug, Default)]
struct Node {
    attr: Attr,
    data: Vec<u8>,
    children: BTreeMap<Vec<u8>, u64>,
}

#[derive(Debug, Default)]
struct State {
    nodes: HashMap<u64, Node>,
    last: u64,
    held: Vec<Reply>,
    resent: u64,
    destroyed: bool,
    /// Content beyond this offset is not kept, and reads as zeros.
    keep: usize,
}

/// Everything in memory; every request is answered at once, in the thread that read it.
#[derive(Debug)]
pub struct Memory {
    state: Mutex<State>,
    hold: bool,
}

impl Memory {
    /// One that keeps everything.
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Memory::with(false)
    }
    /// One that answers no read at all.
    pub fn holding() -> Self {
        Memory::with(true)
    }
    fn with(hold: bool) -> Self {
        let mut state = State { last: ROOT, keep: usize::MAX, ..State::default() };
        let attr = Attr { ino: ROOT, mode: libc::S_IFDIR | 0o755, nlink: 2, ..Attr::default() };
        state.nodes.insert(ROOT, Node { attr, ..Node::default() });
        Memory { state: Mutex::new(state), hold }
    }
    /// One that keeps only the first 4 MiB of each file: what is left is the cost of FUSE itself.
    pub fn null() -> Self {
        let memory = Memory::with(false);
        memory.state.lock().unwrap().keep = 4 << 20;
        memory
    }
    /// Puts a file into the root, behind the kernel's back.
    pub fn put(&self, name: &str, data: &[u8]) -> u64 {
        let mut state = self.state.lock().unwrap();
        let known = state.nodes[&ROOT].children.get(name.as_bytes()).copied();
        let nodeid = known.unwrap_or_else(|| state.make(ROOT, name.as_bytes(), libc::S_IFREG | 0o644).nodeid);
        let node = state.nodes.get_mut(&nodeid).unwrap();
        node.data = data.to_vec();
        node.attr.size = data.len() as u64;
        nodeid
    }
    /// Removes a name from the root, behind the kernel's back.
    pub fn remove(&self, name: &str) {
        self.state.lock().unwrap().nodes.get_mut(&ROOT).unwrap().children.remove(name.as_bytes());
    }
    /// Reads that wait for their answer.
    pub fn held(&self) -> usize {
        self.state.lock().unwrap().held.len()
    }
    /// Gives them out.
    pub fn take_held(&self) -> Vec<Reply> {
        std::mem::take(&mut self.state.lock().unwrap().held)
    }
    /// Requests that came again.
    pub fn resent(&self) -> u64 {
        self.state.lock().unwrap().resent
    }
    /// Whether the kernel let go.
    pub fn was_destroyed(&self) -> bool {
        self.state.lock().unwrap().destroyed
    }
}

impl State {
    fn make(&mut self, parent: u64, name: &[u8], mode: u32) -> EntryOut {
        self.last += 1;
        let attr = Attr { ino: self.last, mode, nlink: 1, blksize: 4096, ..Attr::default() };
        self.nodes.insert(self.last, Node { attr, ..Node::default() });
        self.nodes.get_mut(&parent).unwrap().children.insert(name.to_vec(), self.last);
        self.entry(self.last)
    }
    fn entry(&self, nodeid: u64) -> EntryOut {
        let attr = self.nodes[&nodeid].attr;
        EntryOut { nodeid, generation: 0, attr, entry_ttl: TTL, attr_ttl: TTL }
    }
    fn find(&self, parent: u64, name: &[u8]) -> Result<u64, i32> {
        self.nodes[&parent].children.get(name).copied().ok_or(libc::ENOENT)
    }
    fn remove(&mut self, parent: u64, name: &[u8]) -> Result<(), i32> {
        let nodeid = self.find(parent, name)?;
        if !self.nodes[&nodeid].children.is_empty() {
            return Err(libc::ENOTEMPTY);
        }
        self.nodes.get_mut(&parent).unwrap().children.remove(name);
        Ok(())
    }
    fn set(&mut self, nodeid: u64, set: &SetattrIn) -> Attr {
        let node = self.nodes.get_mut(&nodeid).unwrap();
        if let Some(size) = set.size {
            node.data.resize(self.keep.min(size as usize), 0);
            node.attr.size = size;
        }
        if let Some(mode) = set.mode {
            node.attr.mode = mode;
        }
        node.attr
    }
    fn write(&mut self, nodeid: u64, offset: usize, data: &[u8]) -> u32 {
        let node = self.nodes.get_mut(&nodeid).unwrap();
        let end = offset + data.len();
        node.attr.size = node.attr.size.max(end as u64);
        node.attr.blocks = node.attr.size.div_ceil(512);
        let kept = end.min(self.keep);
        if offset < kept {
            node.data.resize(node.data.len().max(kept), 0);
            node.data[offset..kept].copy_from_slice(&data[..kept - offset]);
        }
        data.len() as u32
    }
    fn list(&self, nodeid: u64, offset: u64, mut out: DirBuffer, plus: bool) -> DirBuffer {
        let dots = [(&b"."[..], nodeid), (&b".."[..], nodeid)].into_iter();
        let children = self.nodes[&nodeid].children.iter().map(|(name, nodeid)| (&name[..], *nodeid));
        for (position, (name, child)) in dots.chain(children).enumerate().skip(offset as usize) {
            let (entry, next) = (self.entry(child), position as u64 + 1);
            let full = match plus && position >= 2 {
                true => out.push_plus(&entry, next, name),
                false => out.push(child, next, entry.attr.mode, name),
            };
            if full {
                break;
            }
        }
        out
    }
}

impl Filesystem for Memory {
    fn handle(&self, request: Request) {
        let resent = request.resent;
        let (header, op, reply) = request.into_parts();
        let mut state = self.state.lock().unwrap();
        state.resent += u64::from(resent);
        let node = header.nodeid;
        let done = |result: Result<(), i32>, reply: Reply| match result {
            Ok(()) => reply.ok(),
            Err(errno) => reply.error(errno),
        };
        match op {
            Op::Lookup { name } => match state.find(node, &name) {
                Ok(child) => reply.entry(&state.entry(child)),
                Err(errno) => reply.error(errno),
            },
            Op::Getattr { .. } => reply.attr(&state.nodes[&node].attr, TTL),
            Op::Statx { .. } => {
                let btime = cleardown_fuse::Time { seconds: 77, nanos: 88 };
                reply.statx(&Attr { btime: Some(btime), ..state.nodes[&node].attr }, TTL);
            }
            Op::Setattr(set) => {
                let attr = state.set(node, &set);
                reply.attr(&attr, TTL);
            }
            Op::Create { name, mode, .. } => {
                let entry = state.make(node, &name, mode);
                reply.created(&entry, 0, OpenFlags::empty());
            }
            Op::Mknod { name, mode, .. } => reply.entry(&state.make(node, &name, mode)),
            Op::Mkdir { name, mode, .. } => reply.entry(&state.make(node, &name, libc::S_IFDIR | mode)),
            Op::Symlink { name, target } => {
                let entry = state.make(node, &name, libc::S_IFLNK | 0o777);
                state.write(entry.nodeid, 0, &target);
                reply.entry(&state.entry(entry.nodeid));
            }
            Op::Readlink => reply.data(&state.nodes[&node].data),
            Op::Unlink { name } | Op::Rmdir { name } => done(state.remove(node, &name), reply),
            Op::Rename { name, new_parent, new_name, .. } => {
                let moved = state.nodes.get_mut(&node).unwrap().children.remove(&name[..]);
                let target = state.nodes.get_mut(&new_parent).unwrap();
                match moved {
                    Some(moved) => drop(target.children.insert(new_name.to_vec(), moved)),
                    None => return reply.error(libc::ENOENT),
                }
                reply.ok();
            }
            Op::Link { old_nodeid, name } => {
                state.nodes.get_mut(&node).unwrap().children.insert(name.to_vec(), old_nodeid);
                state.nodes.get_mut(&old_nodeid).unwrap().attr.nlink += 1;
                reply.entry(&state.entry(old_nodeid));
            }
            Op::Open { .. } => reply.opened(0, OpenFlags::KEEP_CACHE),
            Op::Opendir { .. } => reply.opened(0, OpenFlags::empty()),
            Op::Read { .. } if self.hold => state.held.push(reply),
            Op::Read { offset, size, .. } => {
                let node = &state.nodes[&node];
                let start = node.attr.size.min(offset) as usize;
                let end = (node.attr.size as usize).min(start + size as usize);
                match node.data.get(start..end) {
                    Some(data) => reply.data(data),
                    None => reply.data(&vec![0; end - start]),
                }
            }
            Op::Write { offset, data, .. } => {
                let written = state.write(node, offset as usize, &data);
                reply.written(written);
            }
            Op::Readdir { offset, size, plus, .. } => {
                reply.dir(state.list(node, offset, DirBuffer::new(size, plus), plus));
            }
            Op::Statfs => reply.statfs(&StatfsOut {
                blocks: 1000,
                bavail: 10,
                bfree: 20,
                bsize: 4096,
                frsize: 4096,
                namelen: 255,
                ..StatfsOut::default()
            }),
            Op::Getlk { mut lock, .. } => {
                lock.kind = LockType::Unlock;
                reply.lock(&lock);
            }
            Op::CopyFileRange { off_in, nodeid_out, off_out, len, .. } => {
                let data = state.nodes[&node].data[off_in as usize..][..len as usize].to_vec();
                let copied = state.write(nodeid_out, off_out as usize, &data);
                reply.copied(copied.into());
            }
            Op::Lseek { offset, .. } => reply.lseek(offset + 1),
            Op::Getxattr { name, size } if &name[..] == b"user.colour" => match size {
                0 => reply.xattr_size(3),
                _ => reply.data(b"red"),
            },
            // Not ENOSYS: the kernel would never ask for any attribute again.
            Op::Getxattr { .. } => reply.error(libc::ENODATA),
            Op::Release { .. } | Op::Releasedir { .. } | Op::Flush { .. } | Op::Fsync { .. } => reply.ok(),
            Op::Forget(_) | Op::Interrupt { .. } => {}
            _ => reply.error(libc::ENOSYS),
        }
    }
    fn destroyed(&self) {
        self.state.lock().unwrap().destroyed = true;
    }
}
