//! Opening, creating and releasing files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use cleardown_fuse::{Header, InitFlags, OpenFlags, Reply};
use cleardown_share::{Access, Attr, Disposition, FileKind, Lease, OpenHow, Opened, ShareResult};

use super::{Begun, FileHandle, Open, begin, done_before};
use crate::drive::Inner;
use crate::errno::Errno;
use crate::file::{FileState, Remote, Way};
use crate::nodes::Handle;
use crate::reader::ReadAhead;
use crate::streams::Stream;

/// Files below this size are read with their opening.
const HEAD: u32 = 64 << 10;

pub(crate) fn access_of(flags: i32) -> Access {
    match flags & libc::O_ACCMODE {
        libc::O_RDONLY => Access::READ,
        libc::O_WRONLY => Access::WRITE,
        _ => Access::READ | Access::WRITE,
    }
}

impl Inner {
    pub(super) fn open(self: &Arc<Self>, header: Header, reply: Reply, flags: i32) -> Begun {
        begin!(reply, self.opens_allowed());
        let (node, access) = (header.nodeid, access_of(flags));
        let truncates = flags & libc::O_TRUNC != 0;
        if access.contains(Access::WRITE) || truncates {
            begin!(reply, self.writable());
        }
        let file = begin!(reply, self.file_of(node).ok_or(Errno(libc::ESTALE)));
        if !truncates && let Some(remote) = self.join_live(&file, access) {
            let size = self.table.lock().get(node).and_then(|known| Some(known.seen.as_ref()?.attr.size));
            let (fh, how) = self.new_handle(&file, remote, flags, size.unwrap_or(0), header.pid);
            reply.opened(fh, how | OpenFlags::KEEP_CACHE);
            return Ok(());
        }
        let path = begin!(reply, self.node_path(node));
        let inner = self.clone();
        let work = async move {
            let disposition = if truncates { Disposition::Truncate } else { Disposition::Open };
            if truncates {
                inner.discard(&file).await;
            }
            let how = OpenHow { access, disposition, mode: 0, lease: true };
            let head = if truncates { 0 } else { inner.head_of(node, flags) };
            let _passing = file.passing();
            let (asked, version) = (Instant::now(), file.version());
            let (opened, head) = match head {
                0 => (inner.ask(|| inner.share.open(&path, how)).await?, None),
                len => inner.ask(|| inner.share.open_and_read(&path, how, len)).await?,
            };
            if opened.attr.kind == FileKind::Dir {
                return Err(Errno(libc::EISDIR));
            }
            if truncates {
                inner.changed_locally(node, |_| 0);
            }
            let keep = inner.took(node, &opened.attr, asked, opened.file.lease());
            let size = opened.attr.size;
            let whole = head.filter(|head| head.len() as u64 == size);
            let remote = inner.go_live(&file, access, opened);
            let (fh, how) = inner.new_handle(&file, remote, flags, size, header.pid);
            if let (Some(whole), Ok(handle)) = (whole, inner.file_handle(fh)) {
                handle.ahead.begin_with(whole, version, asked);
            }
            let keep = if keep { OpenFlags::KEEP_CACHE } else { OpenFlags::empty() };
            Ok((fh, how | keep))
        };
        self.spawn(header, reply, work, |reply, (fh, flags)| reply.opened(fh, flags));
        Ok(())
    }

    /// How much to read with the opening: all of a small file that will be read, as far as can be told.
    fn head_of(&self, node: u64, flags: i32) -> u32 {
        if access_of(flags) != Access::READ || flags & libc::O_DIRECT != 0 {
            return 0;
        }
        let table = self.table.lock();
        let Some(known) = table.get(node) else { return 0 };
        let Some(attr) = known.seen.as_ref().map(|seen| &seen.attr) else { return 0 };
        // What was given to the kernel before is in its page cache.
        let cached = known.pages == Some((attr.size, attr.modified.0, attr.changed.0));
        let pending = known.file.as_ref().is_some_and(|file| file.pending_end().is_some());
        match u32::try_from(attr.size) {
            // One byte more shows that it has not grown.
            Ok(size) if size > 0 && size < HEAD && !cached && !pending => size + 1,
            _ => 0,
        }
    }

    /// A handle under a lease that is open already serves another opener.
    fn join_live(&self, file: &Arc<FileState>, access: Access) -> Option<Arc<Remote>> {
        if !file.is_held() {
            return None;
        }
        let live = file.live.lock();
        let serves = |remote: &&Arc<Remote>| {
            remote.access.contains(access) && remote.lease().read && !remote.keeps_times()
        };
        let remote = live.iter().find(serves)?;
        remote.join();
        Some(remote.clone())
    }

    /// Notes what the server said on opening; true when the kernel's pages of the file are still true.
    fn took(&self, node: u64, attr: &Attr, asked: Instant, lease: Lease) -> bool {
        let mut table = self.table.lock();
        table.saw(node, attr, asked);
        // The file's pages follow the open: the kernel drops them itself unless it is told to keep them.
        table.foreign.retain(|foreign| *foreign != node);
        let Some(known) = table.get_mut(node) else { return false };
        let stamp = (attr.size, attr.modified.0, attr.changed.0);
        // A time of whole seconds may hide a change within the second.
        let fine = attr.modified.0 % 1_000_000_000 != 0 || lease.read;
        fine && known.pages.replace(stamp) == Some(stamp)
    }

    fn go_live(&self, file: &Arc<FileState>, access: Access, opened: Opened) -> Arc<Remote> {
        let mut live = file.live.lock();
        // Asked for here: a break that came before has found no handle to tell, and one that comes now waits for the lock.
        let lease = opened.file.lease();
        let remote = Remote::new(file.node, access, Some(opened.file), lease);
        live.push(remote.clone());
        if lease.read {
            file.hold(true);
        }
        remote
    }

    /// A handle for process `pid` on a file of `size` bytes, and how the kernel is to use it.
    fn new_handle(
        &self,
        file: &Arc<FileState>,
        remote: Arc<Remote>,
        flags: i32,
        size: u64,
        pid: u32,
    ) -> (u64, OpenFlags) {
        let fh = self.arena.shared.header().next_fh.fetch_add(1, Ordering::Relaxed);
        let writes = access_of(flags).contains(Access::WRITE);
        let stream = match flags & libc::O_ACCMODE {
            libc::O_RDONLY => self.stream(file.node, size, pid),
            _ => None,
        };
        let way = file.take_way(writes, self.streams(flags, stream.as_ref()));
        self.insert_handle(fh, file.clone(), remote, flags, way, false, stream);
        self.table.lock().opened(fh, file.node, flags);
        let how = match way {
            _ if flags & libc::O_DIRECT != 0 => OpenFlags::DIRECT_IO | OpenFlags::PARALLEL_DIRECT_WRITES,
            Way::Cached => OpenFlags::empty(),
            Way::DirectRead | Way::DirectWrite => OpenFlags::DIRECT_IO,
        };
        (fh, how)
    }

    /// Whether a handle should go past the page cache: what is only written, and most of what is large and only read. That
    /// saves a copy and the handling of pages, which cost more than the network's part of a fast stream. Only on a
    /// kernel that keeps mappings of such files true (Linux 6.6).
    fn streams(&self, flags: i32, stream: Option<&Stream>) -> bool {
        let streams = match flags & libc::O_ACCMODE {
            libc::O_WRONLY => true,
            libc::O_RDONLY => stream.is_some_and(Stream::is_direct),
            _ => false,
        };
        let agreed = || self.arena.shared.negotiated();
        streams && agreed().is_some_and(|agreed| agreed.flags().contains(InitFlags::DIRECT_IO_ALLOW_MMAP))
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of a handle")]
    fn insert_handle(
        &self,
        fh: u64,
        file: Arc<FileState>,
        remote: Arc<Remote>,
        flags: i32,
        way: Way,
        lost: bool,
        stream: Option<Stream>,
    ) {
        file.opened();
        self.open_files.fetch_add(1, Ordering::Relaxed);
        let node = file.node;
        let lost = AtomicBool::new(lost);
        let handle = FileHandle { node, file, remote, flags, lost, way, stream, ahead: ReadAhead::default() };
        self.handles.lock().insert(fh, Open::File(Arc::new(handle)));
    }

    /// A handle that an earlier worker gave out: its file is opened again at the first use.
    pub(crate) fn adopt_handle(&self, fh: u64, handle: Handle) {
        let Handle { node, flags, lost } = handle;
        let dir = self.table.lock().get(node).is_some_and(|known| known.dir);
        if dir {
            let handle = crate::dirs::DirHandle::new(node);
            self.handles.lock().insert(fh, Open::Dir(handle));
            return;
        }
        let file = self.file_of(node).unwrap_or_else(|| FileState::new(node));
        let remote = Remote::new(node, access_of(flags), None, Lease::default());
        file.live.lock().push(remote.clone());
        let way = file.take_way(access_of(flags).contains(Access::WRITE), self.streams(flags, None));
        let flags = flags & !(libc::O_TRUNC | libc::O_CREAT | libc::O_EXCL);
        self.insert_handle(fh, file, remote, flags, way, lost, None);
    }

    pub(super) fn create(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        flags: i32,
        mode: u32,
        resent: bool,
    ) -> Begun {
        begin!(reply, self.opens_allowed());
        begin!(reply, self.writable());
        let parent = header.nodeid;
        let path = begin!(reply, self.child_path(parent, &name));
        let inner = self.clone();
        let work = async move {
            let asked = Instant::now();
            let opened = inner.create_file(&path, flags, mode, resent).await?;
            if opened.attr.kind == FileKind::Dir {
                return Err(Errno(libc::EISDIR));
            }
            inner.noted(parent, &name, Some(&opened.attr));
            let mut entry = inner.entry(parent, &name, &opened.attr, asked)?;
            let node = entry.nodeid;
            let file = inner.file_of(node).ok_or(Errno(libc::ESTALE))?;
            if flags & libc::O_TRUNC != 0 || opened.created {
                // What an earlier file of this name had pending is of no interest.
                inner.discard(&file).await;
            }
            if let Some(known) = inner.table.lock().get_mut(node) {
                let mut attr = opened.attr.clone();
                if flags & libc::O_TRUNC != 0 && !opened.created {
                    known.wrote();
                }
                let exact = known.date(&mut attr, asked);
                known.seen = Some(crate::nodes::Seen { attr, asked, exact });
                entry = inner.entry_out(node, known, &opened.attr, asked);
            }
            inner.took(node, &opened.attr, asked, opened.file.lease());
            let access = access_of(flags) | if opened.created { Access::READ } else { Access::empty() };
            let remote = inner.go_live(&file, access, opened);
            let (fh, how) = inner.new_handle(&file, remote, flags, entry.attr.size, header.pid);
            Ok((entry, fh, how))
        };
        self.spawn(header, reply, work, |reply, (entry, fh, how)| reply.created(&entry, fh, how));
        Ok(())
    }

    /// Creates (or opens) a file, also for reading: who wrote it often reads it next.
    async fn create_file(
        &self,
        path: &cleardown_share::SharePath,
        flags: i32,
        mode: u32,
        resent: bool,
    ) -> ShareResult<Opened> {
        let disposition = match (flags & libc::O_EXCL != 0, flags & libc::O_TRUNC != 0) {
            (true, _) => Disposition::CreateNew,
            (false, true) => Disposition::CreateOrTruncate,
            (false, false) => Disposition::OpenOrCreate,
        };
        let wanted = access_of(flags);
        let how = |access, disposition| OpenHow { access, disposition, mode: mode & 0o7777, lease: true };
        let mut again = resent;
        let mut tries = 0;
        loop {
            let opened = self.share.open(path, how(wanted | Access::READ, disposition)).await;
            let error = match opened {
                Ok(opened) => return Ok(opened),
                Err(error) => error,
            };
            if done_before(again, &error, libc::EEXIST) {
                return self.share.open(path, how(wanted, Disposition::Open)).await;
            }
            if error.errno == libc::EACCES && !wanted.contains(Access::READ) {
                return self.share.open(path, how(wanted, disposition)).await;
            }
            if !error.transport || !self.again(&mut tries).await {
                return Err(error);
            }
            again = true;
        }
    }

    /// The last descriptor of an open file is gone.
    pub(super) fn release(self: &Arc<Self>, fh: u64, flock_owner: Option<u64>) {
        let Some(Open::File(handle)) = self.handles.lock().remove(&fh) else { return };
        handle.ahead.clear();
        if let Some(stream) = &handle.stream {
            self.streamed(handle.node, stream);
        }
        if let Some(owner) = flock_owner {
            self.unlock_all(&handle, owner, true);
        }
        self.open_files.fetch_sub(1, Ordering::Relaxed);
        handle.file.leave_way(handle.way);
        let last = handle.file.closed() == 0;
        self.table.lock().closed(fh);
        // The kernel forgets a removed file right after this: its hidden name is looked up before.
        let silly = (last && handle.file.silly.load(Ordering::Acquire)).then(|| self.node_path(handle.node));
        if handle.remote.leave() == 0 {
            self.park(&handle.file, handle.remote.clone());
        }
        if let Some(Ok(path)) = silly {
            self.remove_silly(&handle.file, path);
        }
        self.table.lock().reap(handle.node);
    }
}
