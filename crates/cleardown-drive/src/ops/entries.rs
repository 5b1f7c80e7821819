//! Making and removing names: folders, links, files that are not opened.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use cleardown_fuse::{Header, Reply};
use cleardown_share::{
    Access, Attr, Capabilities, Disposition, OpenHow, RenameHow, ShareError, SharePath, ShareResult,
};

use super::{Begun, begin, done_before};
use crate::drive::Inner;
use crate::errno::Errno;
use crate::file::FileState;

impl Inner {
    /// Does something that is not harmless when done twice. When an answer was lost, `excuse` is the error that
    /// says it had been done already.
    pub(super) async fn once<T, F>(
        &self,
        resent: bool,
        excuse: i32,
        work: impl Fn() -> F,
    ) -> ShareResult<Option<T>>
    where
        F: Future<Output = ShareResult<T>>,
    {
        let (mut again, mut tries) = (resent, 0);
        loop {
            match work().await {
                Ok(done) => return Ok(Some(done)),
                Err(error) if done_before(again, &error, excuse) => return Ok(None),
                Err(error) if error.transport && self.again(&mut tries).await => again = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes a name that is no open file, and answers with its entry.
    fn make<F>(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        resent: bool,
        make: impl Fn(Arc<Inner>, SharePath) -> F + Send + Sync + 'static,
    ) -> Begun
    where
        F: Future<Output = ShareResult<Attr>> + Send + 'static,
    {
        self.make_twin(header, reply, name, resent, None, make)
    }

    /// The same for a hard link of a node.
    fn make_twin<F>(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        resent: bool,
        twin: Option<u64>,
        make: impl Fn(Arc<Inner>, SharePath) -> F + Send + Sync + 'static,
    ) -> Begun
    where
        F: Future<Output = ShareResult<Attr>> + Send + 'static,
    {
        begin!(reply, self.writable());
        begin!(reply, self.opens_allowed());
        let parent = header.nodeid;
        let path = begin!(reply, self.child_path(parent, &name));
        let inner = self.clone();
        let work = async move {
            let asked = Instant::now();
            let made = inner.once(resent, libc::EEXIST, || make(inner.clone(), path.clone())).await?;
            let attr = match made {
                Some(attr) => attr,
                None => inner.ask(|| inner.share.stat(&path)).await?,
            };
            inner.noted(parent, &name, Some(&attr));
            let mut entry = inner.entry(parent, &name, &attr, asked)?;
            let (node, mut table) = (entry.nodeid, inner.table.lock());
            if let Some(twin) = twin {
                table.linked(twin, node);
            }
            if let Some(known) = table.get_mut(node) {
                entry.attr.ino = known.ino(node);
                if known.dir {
                    known.cache.new_and_empty();
                }
            }
            Ok(entry)
        };
        self.spawn(header, reply, work, |reply, entry| reply.entry(&entry));
        Ok(())
    }

    pub(super) fn mkdir(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        mode: u32,
        resent: bool,
    ) -> Begun {
        self.make(header, reply, name, resent, move |inner, path| async move {
            inner.share.create_dir(&path, mode & 0o7777).await
        })
    }

    pub(super) fn symlink(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        target: Bytes,
        resent: bool,
    ) -> Begun {
        if !self.capabilities().contains(Capabilities::SYMLINKS) {
            return Err((reply, Errno(libc::EPERM)));
        }
        self.make(header, reply, name, resent, move |inner, path| {
            let target = target.clone();
            async move { inner.share.symlink(&path, &target).await }
        })
    }

    /// Only regular files: servers have no devices, and pipes or sockets there would join nobody.
    pub(super) fn mknod(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        name: Bytes,
        mode: u32,
        resent: bool,
    ) -> Begun {
        if !matches!(mode & libc::S_IFMT, 0 | libc::S_IFREG) {
            return Err((reply, Errno(libc::EPERM)));
        }
        self.make(header, reply, name, resent, move |inner, path| async move {
            let disposition = Disposition::CreateNew;
            let how = OpenHow { access: Access::WRITE, disposition, mode: mode & 0o7777, lease: false };
            let opened = inner.share.open(&path, how).await?;
            opened.file.close().await?;
            Ok(opened.attr)
        })
    }

    pub(super) fn link(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        old: u64,
        name: Bytes,
        resent: bool,
    ) -> Begun {
        if !self.capabilities().contains(Capabilities::HARD_LINKS) {
            return Err((reply, Errno(libc::EPERM)));
        }
        let from = begin!(reply, self.node_path(old));
        self.make_twin(header, reply, name, resent, Some(old), move |inner, path| {
            let from = from.clone();
            async move { inner.share.hard_link(&from, &path).await }
        })
    }

    pub(super) fn readlink(self: &Arc<Self>, header: Header, reply: Reply) -> Begun {
        let path = begin!(reply, self.node_path(header.nodeid));
        let inner = self.clone();
        let work = async move { Ok(inner.ask(|| inner.share.read_link(&path)).await?) };
        self.spawn(header, reply, work, |reply, target: Vec<u8>| reply.data(&target));
        Ok(())
    }

    pub(super) fn rmdir(self: &Arc<Self>, header: Header, reply: Reply, name: Bytes, resent: bool) -> Begun {
        begin!(reply, self.writable());
        let parent = header.nodeid;
        let path = begin!(reply, self.child_path(parent, &name));
        let inner = self.clone();
        let work = async move {
            inner.close_parked_below(&path).await;
            inner.unwatched_below(&path);
            inner.once(resent, libc::ENOENT, || inner.share.remove_dir(&path)).await?;
            inner.table.lock().unname(parent, &name);
            inner.noted(parent, &name, None);
            Ok(())
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    pub(super) fn unlink(self: &Arc<Self>, header: Header, reply: Reply, name: Bytes, resent: bool) -> Begun {
        begin!(reply, self.writable());
        let parent = header.nodeid;
        let path = begin!(reply, self.child_path(parent, &name));
        // The file if it is or was open, and whether this is its last name.
        let known = {
            let table = self.table.lock();
            let node = table.child(parent, &name).and_then(|child| table.get(child));
            node.and_then(|node| Some((node.file.clone()?, node.names.len() <= 1)))
        };
        let inner = self.clone();
        let work = async move {
            match &known {
                Some((file, true)) if file.opens() > 0 && !inner.moves_open_files() => {
                    inner.make_silly(file, parent, &name, &path).await?;
                    return Ok(());
                }
                Some((file, last)) => {
                    if *last && file.opens() == 0 {
                        inner.discard(file).await;
                    } else if !last {
                        // Its data is still wanted, under the other name. An error stays with the file.
                        let _ = inner.settled(file).await;
                    }
                    // Sent together: the server closes before it removes.
                    let remove = inner.once(resent, libc::ENOENT, || inner.share.remove_file(&path));
                    let ((), removed) = tokio::join!(inner.close_unused(file), remove);
                    let again = [libc::EBUSY, libc::ETXTBSY];
                    match removed {
                        Err(error) if again.contains(&error.errno) => inner.share.remove_file(&path).await?,
                        other => drop(other?),
                    }
                }
                None => drop(inner.once(resent, libc::ENOENT, || inner.share.remove_file(&path)).await?),
            }
            inner.removed(parent, &name);
            Ok(())
        };
        self.spawn(header, reply, work, |reply, ()| reply.ok());
        Ok(())
    }

    /// The server has removed a name.
    fn removed(&self, parent: u64, name: &[u8]) {
        self.noted(parent, name, None);
        let mut table = self.table.lock();
        if let Some(node) = table.unname(parent, name)
            && let Some(known) = table.get_mut(node)
        {
            // It has fewer links now.
            known.seen = None;
        }
    }

    pub(super) fn moves_open_files(&self) -> bool {
        self.capabilities().contains(Capabilities::OPEN_FILES_MOVE)
    }

    /// An open file of a server that cannot remove it: it gets a hidden name, and goes with its last handle.
    pub(super) async fn make_silly(
        self: &Arc<Self>,
        file: &Arc<FileState>,
        parent: u64,
        name: &[u8],
        path: &SharePath,
    ) -> Result<(), ShareError> {
        let mut random = [0; 8];
        let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
        let hidden = format!(".cleardown-{:016x}", u64::from_ne_bytes(random));
        let gone = || ShareError::server(libc::ESTALE, "the folder was removed");
        let to = path.parent().and_then(|folder| folder.join(hidden.as_bytes())).ok_or_else(gone)?;
        self.close_unused(file).await;
        self.share.rename(path, &to, RenameHow::NoReplace).await?;
        file.silly.store(true, Ordering::Release);
        self.noted(parent, name, None);
        self.table.lock().rename((parent, name), (parent, hidden.as_bytes()));
        Ok(())
    }

    /// The last handle of a file with a hidden name is closed.
    pub(super) fn remove_silly(self: &Arc<Self>, file: &Arc<FileState>, path: SharePath) {
        let (inner, file) = (self.clone(), file.clone());
        self.closing.send_modify(|count| *count += 1);
        self.runtime.spawn(async move {
            inner.discard(&file).await;
            inner.close_unused(&file).await;
            if let Err(error) = inner.ask(|| inner.share.remove_file(&path)).await {
                tracing::warn!(%path, %error, "removing a file that was removed while open failed");
            }
            let mut table = inner.table.lock();
            let name = table.get(file.node).and_then(|known| known.names.first().cloned());
            if let Some((parent, name)) = name {
                table.unname(parent, &name);
            }
            drop(table);
            inner.closing.send_modify(|count| *count -= 1);
        });
    }
}
