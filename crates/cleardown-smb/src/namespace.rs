//! A DFS namespace: a share some of whose folders are links to other shares (MS-DFSC). A path that the server says is
//! elsewhere is looked up once; what lies below it is asked of that share from then on, in a session of its own.
//!
//! Names do not move between shares (`EXDEV`, as between any two file systems), room and changes in the list of shares
//! are the root's, and files of linked shares have no ids, for two servers may give the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cleardown_core::{Error, ErrorKind};
use cleardown_share::{
    Attr, Capabilities, DirEntry, Event, OpenHow, Opened, RenameHow, SessionInfo, SetAttr, Share, ShareError,
    SharePath, ShareResult, StatFs,
};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::config::Config;
use crate::lease::rebase;
use crate::share::{SmbShare, connect};

/// Links that are followed in one namespace.
const LINKS: usize = 64;
const EVENTS: usize = 1024;

/// Connects to a share; the links in it are followed when it is a namespace.
///
/// # Errors
/// As for [`connect`].
pub async fn open(config: Config) -> Result<Arc<dyn Share>, Error> {
    let root = Arc::new(connect(config.clone()).await?);
    if !root.is_namespace() {
        return Ok(root);
    }
    let (events, reader) = mpsc::channel(EVENTS);
    let namespace = Namespace {
        config,
        links: Mutex::default(),
        following: tokio::sync::Mutex::new(()),
        tickets: Arc::default(),
        events,
        reader: Mutex::new(Some(reader)),
        root,
    };
    namespace.heed(&namespace.root, SharePath::root());
    Ok(Arc::new(namespace))
}

/// The root and the links that were followed.
struct Namespace {
    config: Config,
    root: Arc<SmbShare>,
    /// By the path of the link.
    links: Mutex<BTreeMap<Vec<u8>, (SharePath, Arc<SmbShare>)>>,
    /// One link is followed at a time.
    following: tokio::sync::Mutex<()>,
    tickets: Arc<Tickets>,
    events: mpsc::Sender<Event>,
    reader: Mutex<Option<mpsc::Receiver<Event>>>,
}

/// Whose lease break a number stands for, and its own number for it.
#[derive(Default)]
struct Tickets {
    next: AtomicU64,
    open: Mutex<HashMap<u64, (Arc<SmbShare>, u64)>>,
}

/// A path, on the share that has it.
struct Place {
    share: Arc<SmbShare>,
    /// Where the share begins.
    at: SharePath,
    rest: SharePath,
}

impl Place {
    /// What may be told of a file there.
    fn attr(&self, mut attr: Attr) -> Attr {
        if !self.at.is_root() {
            attr.id = None;
        }
        attr
    }
}

/// Asks the share that has a path; again after a link that was met has been followed.
macro_rules! ask {
    ($self:ident, $path:expr, |$place:ident| $call:expr) => {
        loop {
            let $place = $self.place($path);
            match $call.await {
                Err(error) if error.errno == libc::EREMOTE => $self.follow(&$place, error).await?,
                Err(error) => break Err(error),
                Ok(done) => break Ok(($place, done)),
            }
        }
    };
}

impl Namespace {
    fn place(&self, path: &SharePath) -> Place {
        let links = self.links.lock();
        let holding = links.values().filter(|(at, _)| path.starts_with(at));
        let (at, share) = match holding.max_by_key(|(at, _)| at.components().count()) {
            Some((at, share)) => (at.clone(), share.clone()),
            None => (SharePath::root(), self.root.clone()),
        };
        let rest = rebase(path, &at, &SharePath::root());
        Place { share, at, rest }
    }

    /// Connects to where the first link on the way to a place leads.
    async fn follow(&self, place: &Place, error: ShareError) -> ShareResult<()> {
        let _one_at_a_time = self.following.lock().await;
        let (mut link, mut below) = (place.at.clone(), SharePath::root());
        for name in place.rest.components() {
            link = link.join(name).ok_or_else(|| error.clone())?;
            below = below.join(name).ok_or_else(|| error.clone())?;
            if place.share.stat(&below).await.is_err_and(|error| error.errno == libc::EREMOTE) {
                break;
            }
        }
        {
            let links = self.links.lock();
            if links.contains_key(link.as_bytes()) {
                // Meanwhile by another request.
                return Ok(());
            }
            if links.len() >= LINKS || link == place.at {
                return Err(error);
            }
        }
        let mut config = self.config.clone();
        let name = String::from_utf8_lossy(link.as_bytes()).into_owned();
        config.remote.path = format!("{}/{name}", config.remote.path.trim_end_matches('/'));
        config.progress = Arc::new(|_| {});
        let share = Arc::new(connect(config).await.map_err(|error| unreachable(&error))?);
        self.heed(&share, link.clone());
        self.links.lock().insert(link.as_bytes().to_vec(), (link, share));
        Ok(())
    }

    /// Hands on what a share tells, with the paths that it has here.
    fn heed(&self, share: &Arc<SmbShare>, at: SharePath) {
        let Some(mut reader) = share.events() else { return };
        let (events, tickets, share) = (self.events.clone(), self.tickets.clone(), Arc::downgrade(share));
        tokio::spawn(async move {
            while let Some(event) = reader.recv().await {
                let here = |path: &SharePath| rebase(path, &SharePath::root(), &at);
                let event = match event {
                    Event::LeaseBroken { path, lease, ticket } => {
                        let ticket =
                            ticket.zip(share.upgrade()).map(|(ticket, share)| tickets.add(share, ticket));
                        Event::LeaseBroken { path: here(&path), lease, ticket }
                    }
                    Event::Changed { dir, name } => Event::Changed { dir: here(&dir), name },
                    other => other,
                };
                if events.send(event).await.is_err() {
                    return;
                }
            }
        });
    }

    /// The root and all shares that links led to.
    fn all(&self) -> Vec<Arc<SmbShare>> {
        let links = self.links.lock();
        links.values().map(|(_, share)| share.clone()).chain([self.root.clone()]).collect()
    }

    /// The one place that has both of two names.
    fn both(&self, from: &SharePath, to: &SharePath) -> ShareResult<(Place, SharePath)> {
        let (from, to) = (self.place(from), self.place(to));
        match from.at == to.at {
            true => Ok((from, to.rest)),
            false => Err(ShareError::server(libc::EXDEV, "the two names are on two shares")),
        }
    }
}

impl Tickets {
    fn add(&self, share: Arc<SmbShare>, ticket: u64) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.open.lock().insert(number, (share, ticket));
        number
    }
}

/// Why a link could not be followed, as the application that met it hears it.
fn unreachable(error: &Error) -> ShareError {
    let errno = match error.kind {
        ErrorKind::Authentication { .. } | ErrorKind::Kerberos { .. } | ErrorKind::AccessDenied(_) => {
            libc::EACCES
        }
        ErrorKind::NoSuchShare(_) | ErrorKind::BadRemoteName(_) => libc::ENOENT,
        ErrorKind::Timeout { .. } => libc::ETIMEDOUT,
        ErrorKind::UnknownHost(_) | ErrorKind::NoRoute(_) => libc::EHOSTUNREACH,
        ErrorKind::Refused(_) => libc::ECONNREFUSED,
        _ => libc::EREMOTEIO,
    };
    ShareError::server(errno, format!("following a DFS link: {error}"))
}

#[async_trait]
impl Share for Namespace {
    fn session(&self) -> SessionInfo {
        self.root.session()
    }
    fn capabilities(&self) -> Capabilities {
        self.root.capabilities()
    }
    fn transfer_size(&self) -> u32 {
        self.root.transfer_size()
    }
    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        self.reader.lock().take()
    }
    fn lease_break_done(&self, ticket: u64) {
        let known = self.tickets.open.lock().remove(&ticket);
        if let Some((share, ticket)) = known {
            share.lease_break_done(ticket);
        }
    }

    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        ask!(self, path, |place| place.share.stat(&place.rest)).map(|(place, attr)| place.attr(attr))
    }

    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        // Of a link the folder itself is listed, not the place of its name; a listing says nothing before it fails.
        self.stat(path).await?;
        let place = self.place(path);
        if place.at.is_root() {
            return place.share.list(&place.rest, into).await;
        }
        let (inner, mut batches) = mpsc::channel::<Vec<DirEntry>>(4);
        let hand_on = async {
            while let Some(mut batch) = batches.recv().await {
                batch.iter_mut().for_each(|entry| entry.attr.id = None);
                if into.send(batch).await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(place.share.list(&place.rest, inner), hand_on).0
    }

    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        let (place, mut opened) = ask!(self, path, |place| place.share.open(&place.rest, how))?;
        opened.attr = place.attr(opened.attr);
        Ok(opened)
    }

    async fn open_and_read(
        &self,
        path: &SharePath,
        how: OpenHow,
        len: u32,
    ) -> ShareResult<(Opened, Option<Bytes>)> {
        let (place, (mut opened, head)) =
            ask!(self, path, |place| place.share.open_and_read(&place.rest, how, len))?;
        opened.attr = place.attr(opened.attr);
        Ok((opened, head))
    }

    async fn create_dir(&self, path: &SharePath, mode: u32) -> ShareResult<Attr> {
        let made = ask!(self, path, |place| place.share.create_dir(&place.rest, mode));
        made.map(|(place, attr)| place.attr(attr))
    }

    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        ask!(self, path, |place| place.share.remove_file(&place.rest)).map(drop)
    }

    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        if self.place(path).rest.is_root() {
            return Err(ShareError::server(libc::EBUSY, "it is a DFS link"));
        }
        ask!(self, path, |place| place.share.remove_dir(&place.rest)).map(drop)
    }

    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
        // Which shares they are on is known once their folders were asked for.
        for path in [from, to] {
            self.stat(&path.parent().unwrap_or_default()).await?;
        }
        let (place, to) = self.both(from, to)?;
        if place.rest.is_root() {
            return Err(ShareError::server(libc::EBUSY, "it is a DFS link"));
        }
        place.share.rename(&place.rest, &to, how).await
    }

    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        for path in [from, to] {
            self.stat(&path.parent().unwrap_or_default()).await?;
        }
        let (place, to) = self.both(from, to)?;
        place.share.hard_link(&place.rest, &to).await.map(|attr| place.attr(attr))
    }

    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        let made = ask!(self, path, |place| place.share.symlink(&place.rest, target));
        made.map(|(place, attr)| place.attr(attr))
    }

    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        ask!(self, path, |place| place.share.read_link(&place.rest)).map(|(_, target)| target)
    }

    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        let done = ask!(self, path, |place| place.share.set_attr(&place.rest, set));
        done.map(|(place, attr)| place.attr(attr))
    }

    async fn stat_fs(&self) -> ShareResult<StatFs> {
        self.root.stat_fs().await
    }

    async fn watch(&self, dir: &SharePath) -> ShareResult<()> {
        ask!(self, dir, |place| place.share.watch(&place.rest)).map(drop)
    }

    async fn unwatch(&self, dir: &SharePath) {
        let place = self.place(dir);
        place.share.unwatch(&place.rest).await;
    }

    async fn probe(&self) -> ShareResult<Duration> {
        self.root.probe().await
    }

    async fn wake(&self) {
        let all = self.all();
        futures_util::future::join_all(all.iter().map(|share| share.wake())).await;
    }

    async fn close(&self) -> ShareResult<bool> {
        let all = self.all();
        let closed = futures_util::future::join_all(all.iter().map(|share| share.close())).await;
        closed.into_iter().try_fold(true, |all, one| Ok(all & one?))
    }

    fn abort(&self) {
        self.all().iter().for_each(|share| share.abort());
    }
}
