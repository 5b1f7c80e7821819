//! An open file.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use cleardown_share::{Attr, File, SetAttr, ShareError, SharePath, ShareResult};
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{StreamExt, TryStreamExt};
use parking_lot::Mutex;

use crate::attr;
use crate::link::{Answer, Failure, Link, expect_attrs, expect_handle};
use crate::session::{Again, Place, Session};
use crate::wire::{Attrs, extended, extension, flag, kind, request};

/// Read with one buffer; larger reads are done one such piece after another.
const PIECE: u32 = 4 << 20;
/// Copied with one request; the server does nothing else meanwhile.
const COPY: u64 = 16 << 20;

/// A handle, and the connection that it belongs to.
#[derive(Clone)]
struct Held {
    generation: u64,
    handle: Bytes,
}

/// The handle of an open file.
pub(crate) struct SftpFile {
    session: Arc<Session>,
    place: Arc<Mutex<Place>>,
    /// For reopening.
    flags: u32,
    held: Mutex<Held>,
    /// A second handle, whose writes go to the end of the file.
    appender: tokio::sync::Mutex<Option<Held>>,
    reopening: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

impl SftpFile {
    pub(crate) fn new(
        session: Arc<Session>,
        path: &SharePath,
        flags: u32,
        link: &Link,
        handle: Bytes,
    ) -> Self {
        SftpFile {
            place: session.place(path),
            session,
            flags: flags & (flag::READ | flag::WRITE),
            held: Mutex::new(Held { generation: link.generation, handle }),
            appender: tokio::sync::Mutex::new(None),
            reopening: tokio::sync::Mutex::new(()),
            closed: AtomicBool::new(false),
        }
    }

    fn handle_on(&self, link: &Link) -> Option<Bytes> {
        let held = self.held.lock();
        (held.generation == link.generation).then(|| held.handle.clone())
    }

    fn path(&self) -> Option<SharePath> {
        self.place.lock().path.clone()
    }

    /// The handle on this connection; the file is opened again if it was open on an earlier one.
    async fn handle(&self, link: &Link) -> Answer<Bytes> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(ShareError::server(libc::EBADF, "the file is closed").into());
        }
        if let Some(handle) = self.handle_on(link) {
            return Ok(handle);
        }
        let _one_at_a_time = self.reopening.lock().await;
        if let Some(handle) = self.handle_on(link) {
            return Ok(handle);
        }
        let stale =
            || ShareError::server(libc::ESTALE, "the file could not be opened again after a reconnect");
        let path = self.path().ok_or_else(stale)?;
        let open = request(kind::OPEN).string(link.path(&path)).u32(self.flags).attrs(&Attrs::default());
        let opened = link.send(open).await.and_then(expect_handle).map_err(|failure| match failure {
            Failure::Server(error) => ShareError { status: error.status, ..stale() }.into(),
            other => other,
        })?;
        *self.held.lock() = Held { generation: link.generation, handle: opened.clone() };
        Ok(opened)
    }

    async fn piece(&self, link: &Link, offset: u64, len: u32) -> Answer<BytesMut> {
        let handle = self.handle(link).await?;
        let mut reads = FuturesOrdered::new();
        let mut rest = BytesMut::with_capacity(len as usize);
        let mut done = 0;
        while done < len {
            let chunk = (len - done).min(link.read_len);
            let tail = rest.split_off(chunk as usize);
            reads.push_back(self.chunk(link, &handle, offset + u64::from(done), chunk, rest));
            rest = tail;
            done += chunk;
        }
        let mut piece = BytesMut::new();
        let mut ended = false;
        while let Some(chunk) = reads.next().await {
            let (chunk, full) = chunk?;
            // What follows a short chunk lies beyond the end (or the file is just growing).
            if !ended {
                piece.unsplit(chunk);
            }
            ended |= !full;
        }
        Ok(piece)
    }

    /// One request, or several when the server gives less; false when the file ended.
    async fn chunk(
        &self,
        link: &Link,
        handle: &Bytes,
        offset: u64,
        len: u32,
        mut buffer: BytesMut,
    ) -> Answer<(BytesMut, bool)> {
        let _turn = self.session.bulk.acquire().await.map_err(|_| Failure::Unsent)?;
        while buffer.len() < len as usize {
            let got = buffer.len();
            let left = len - got as u32;
            let read = request(kind::READ).string(handle).u64(offset + got as u64).u32(left);
            match link.fetch(read, buffer.split_off(got)).await? {
                Some(more) if !more.is_empty() => buffer.unsplit(more),
                _ => return Ok((buffer, false)),
            }
        }
        Ok((buffer, true))
    }

    async fn write_all(&self, link: &Link, offset: u64, data: &Bytes) -> Answer<()> {
        let handle = &self.handle(link).await?;
        let chunks = (0..data.len()).step_by(link.write_len as usize).map(|start| async move {
            let _turn = self.session.bulk.acquire().await.map_err(|_| Failure::Unsent)?;
            let body = data.slice(start..data.len().min(start + link.write_len as usize));
            let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let write = request(kind::WRITE).string(handle).u64(offset + start as u64).u32(len);
            link.send_data(write, body).await
        });
        let answer = FuturesUnordered::from_iter(chunks).try_collect().await;
        let path = self.path().unwrap_or_default();
        let wanted = data.len().min(link.write_len as usize) as u64;
        link.explain(answer, async |error| link.why_no_write(error, &path, wanted).await).await
    }

    /// Appends piece after piece, so that they arrive in order; returns the size then.
    async fn append_all(&self, link: &Link, data: &Bytes) -> Answer<u64> {
        let mut appender = self.appender.lock().await;
        let handle = match &*appender {
            Some(held) if held.generation == link.generation => held.handle.clone(),
            _ => {
                let removed = || ShareError::server(libc::ESTALE, "the file was removed");
                let path = link.path(&self.path().ok_or_else(removed)?);
                let open = request(kind::OPEN).string(path).u32(flag::WRITE | flag::APPEND);
                let handle = link.send(open.attrs(&Attrs::default())).await.and_then(expect_handle)?;
                appender.insert(Held { generation: link.generation, handle }).handle.clone()
            }
        };
        for start in (0..data.len()).step_by(link.write_len as usize) {
            let body = data.slice(start..data.len().min(start + link.write_len as usize));
            let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
            // The server looks at the handle's flag and not at the offset.
            let write = request(kind::WRITE).string(&handle).u64(0).u32(len);
            let answer = link.send_data(write, body).await;
            let path = self.path().unwrap_or_default();
            link.explain(answer, async |error| link.why_no_write(error, &path, len.into()).await).await?;
        }
        let attrs = link.send(request(kind::FSTAT).string(&handle)).await.and_then(expect_attrs)?;
        Ok(attr::from_wire(&attrs).size)
    }

    fn writable(&self) -> ShareResult<()> {
        if self.session.config.read_only {
            return Err(ShareError::server(libc::EROFS, "the drive is read-only"));
        }
        Ok(())
    }
}

impl Drop for SftpFile {
    fn drop(&mut self) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let Some(link) = self.session.link_now() else { return };
        let appender = self.appender.get_mut().take().filter(|held| held.generation == link.generation);
        for handle in self.handle_on(&link).into_iter().chain(appender.map(|held| held.handle)) {
            link.mux.close(&handle);
        }
    }
}

#[async_trait]
impl File for SftpFile {
    async fn read(&self, offset: u64, len: u32) -> ShareResult<Bytes> {
        let mut whole = BytesMut::new();
        let mut left = len;
        while left > 0 {
            let wanted = left.min(PIECE);
            let at = offset.saturating_add(u64::from(len - left));
            let piece = self
                .session
                .call(Again::Yes, |link| async move { self.piece(&link, at, wanted).await })
                .await?;
            let got = piece.len() as u32;
            if whole.is_empty() {
                whole = piece;
            } else {
                whole.extend_from_slice(&piece);
            }
            if got < wanted {
                break;
            }
            left -= got;
        }
        Ok(whole.freeze())
    }

    async fn write(&self, offset: u64, data: Bytes) -> ShareResult<()> {
        self.writable()?;
        let end = offset.checked_add(data.len() as u64).filter(|end| *end <= i64::MAX as u64);
        end.ok_or_else(|| ShareError::server(libc::EFBIG, "beyond the largest file"))?;
        let data = &data;
        self.session.call(Again::Yes, |link| async move { self.write_all(&link, offset, data).await }).await
    }

    async fn append(&self, data: Bytes) -> ShareResult<u64> {
        self.writable()?;
        let data = &data;
        self.session.call(Again::No, |link| async move { self.append_all(&link, data).await }).await
    }

    async fn flush(&self) -> ShareResult<()> {
        let flush = |link: Arc<Link>| async move {
            let handle = self.handle(&link).await?;
            if !link.extensions.fsync {
                // The server has acknowledged every write; more it cannot promise.
                return Ok(());
            }
            link.ask(extended(extension::FSYNC).string(&handle)).await
        };
        self.session.call(Again::Yes, flush).await
    }

    async fn stat(&self) -> ShareResult<Attr> {
        let stat = |link: Arc<Link>| async move {
            let handle = self.handle(&link).await?;
            let attrs = link.send(request(kind::FSTAT).string(&handle)).await.and_then(expect_attrs)?;
            Ok(attr::from_wire(&attrs))
        };
        self.session.call(Again::Yes, stat).await
    }

    async fn set_attr(&self, set: &SetAttr) -> ShareResult<Attr> {
        self.writable()?;
        let current = if attr::needs_current(set) { Some(self.stat().await?) } else { None };
        let wire = &attr::to_wire(set, current.as_ref());
        let change = |link: Arc<Link>| async move {
            let handle = self.handle(&link).await?;
            let (changed, stat) = tokio::join!(
                link.ask(request(kind::FSETSTAT).string(&handle).attrs(wire)),
                link.send(request(kind::FSTAT).string(&handle)),
            );
            let path = self.path().unwrap_or_default();
            link.explain(changed, async |error| link.why_not_set(error, &path, wire.size).await).await?;
            Ok(attr::from_wire(&stat.and_then(expect_attrs)?))
        };
        self.session.call(Again::Yes, change).await
    }

    async fn copy_to(&self, from: u64, to: &dyn File, at: u64, len: u64) -> ShareResult<u64> {
        self.writable()?;
        let to = to.as_any().downcast_ref::<SftpFile>();
        let to = to.ok_or_else(|| ShareError::server(libc::EXDEV, "not a file of this share"))?;
        let copy = |link: Arc<Link>| async move {
            if !link.extensions.copy_data {
                return Err(ShareError::unsupported("server-side copy").into());
            }
            let (source, target) = (self.handle(&link).await?, to.handle(&link).await?);
            let size = link.send(request(kind::FSTAT).string(&source)).await.and_then(expect_attrs)?.size;
            let len = len.min(size.unwrap_or(0).saturating_sub(from)).min(COPY);
            // A length of nought would mean "to the end".
            if len == 0 {
                return Ok(0);
            }
            let request =
                extended(extension::COPY_DATA).string(&source).u64(from).u64(len).string(&target).u64(at);
            let answer = link.ask(request).await;
            let path = to.path().unwrap_or_default();
            link.explain(answer, async |error| link.why_no_write(error, &path, len).await).await?;
            Ok(len)
        };
        self.session.call(Again::Yes, copy).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn close(&self) -> ShareResult<()> {
        let close = |link: Arc<Link>| async move {
            match self.handle_on(&link) {
                Some(handle) => link.ask(request(kind::CLOSE).string(&handle)).await,
                // The connection that the handle belonged to is gone, and the handle with it.
                None => Ok(()),
            }
        };
        if self.closed.load(Ordering::Relaxed) && !self.session.is_closed() {
            return Err(ShareError::server(libc::EBADF, "the file is closed already"));
        }
        let appender = self.appender.lock().await.take();
        if let Some((link, held)) = self.session.link_now().zip(appender)
            && link.generation == held.generation
        {
            link.mux.close(&held.handle);
        }
        let closed = self.session.call(Again::Yes, close).await;
        self.closed.store(true, Ordering::Relaxed);
        closed
    }
}
