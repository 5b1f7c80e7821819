//! A share whose events are listened to on their way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cleardown_share::{
    Attr, Capabilities, DirEntry, Event, OpenHow, Opened, RenameHow, SessionInfo, SetAttr, Share, SharePath,
    ShareResult, StatFs,
};
use tokio::sync::mpsc;

use crate::control::ServerState;

/// Room for events that the drive has not read; the provider's own channel fills when it is full.
const EVENTS: usize = 64;

/// How the server is, as its events told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Mutex<ServerState>>);

impl Health {
    pub(crate) fn state(&self) -> ServerState {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, state: ServerState) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Passes everything on. Only one can take a share's events, and that is the drive, which is not there for a
/// deviceless connection; the worker wants to know of a lost server in any case.
pub(crate) struct Tap {
    share: Arc<dyn Share>,
    events: Mutex<Option<mpsc::Receiver<Event>>>,
    taken: Arc<AtomicBool>,
}

impl Tap {
    /// Listens to a share's events; `tell` hears of losing the server and getting it back.
    pub(crate) fn new(
        share: Arc<dyn Share>,
        health: Health,
        tell: impl Fn(crate::control::Event) + Send + Sync + 'static,
    ) -> Arc<Tap> {
        let (sender, receiver) = mpsc::channel(EVENTS);
        let taken = Arc::new(AtomicBool::new(false));
        if let Some(events) = share.events() {
            tokio::spawn(listen(events, sender, taken.clone(), health, tell));
        }
        Arc::new(Tap { share, events: Mutex::new(Some(receiver)), taken })
    }
}

async fn listen(
    mut events: mpsc::Receiver<Event>,
    drive: mpsc::Sender<Event>,
    taken: Arc<AtomicBool>,
    health: Health,
    tell: impl Fn(crate::control::Event),
) {
    while let Some(event) = events.recv().await {
        match &event {
            Event::Disconnected(error) => {
                health.set(ServerState::Reconnecting { reason: error.status.clone() });
                tell(crate::control::Event::Disconnected { reason: error.status.clone() });
            }
            Event::Reconnected => {
                health.set(ServerState::Up);
                tell(crate::control::Event::Reconnected);
            }
            _ => {}
        }
        // Before a drive is there nothing is cached, so nothing is missed.
        if taken.load(Ordering::Acquire) {
            let _ = drive.send(event).await;
        }
    }
}

#[async_trait]
impl Share for Tap {
    fn session(&self) -> SessionInfo {
        self.share.session()
    }
    fn login_ids(&self) -> Option<(u32, u32)> {
        self.share.login_ids()
    }
    fn capabilities(&self) -> Capabilities {
        self.share.capabilities()
    }
    fn transfer_size(&self) -> u32 {
        self.share.transfer_size()
    }
    fn events(&self) -> Option<mpsc::Receiver<Event>> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.taken.store(true, Ordering::Release);
        events
    }
    fn lease_break_done(&self, ticket: u64) {
        self.share.lease_break_done(ticket);
    }
    async fn stat(&self, path: &SharePath) -> ShareResult<Attr> {
        self.share.stat(path).await
    }
    async fn list(&self, path: &SharePath, into: mpsc::Sender<Vec<DirEntry>>) -> ShareResult<()> {
        self.share.list(path, into).await
    }
    async fn open(&self, path: &SharePath, how: OpenHow) -> ShareResult<Opened> {
        self.share.open(path, how).await
    }
    async fn open_and_read(
        &self,
        path: &SharePath,
        how: OpenHow,
        len: u32,
    ) -> ShareResult<(Opened, Option<Bytes>)> {
        self.share.open_and_read(path, how, len).await
    }
    async fn create_dir(&self, path: &SharePath, mode: u32) -> ShareResult<Attr> {
        self.share.create_dir(path, mode).await
    }
    async fn remove_file(&self, path: &SharePath) -> ShareResult<()> {
        self.share.remove_file(path).await
    }
    async fn remove_dir(&self, path: &SharePath) -> ShareResult<()> {
        self.share.remove_dir(path).await
    }
    async fn rename(&self, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
        self.share.rename(from, to, how).await
    }
    async fn hard_link(&self, from: &SharePath, to: &SharePath) -> ShareResult<Attr> {
        self.share.hard_link(from, to).await
    }
    async fn symlink(&self, path: &SharePath, target: &[u8]) -> ShareResult<Attr> {
        self.share.symlink(path, target).await
    }
    async fn read_link(&self, path: &SharePath) -> ShareResult<Vec<u8>> {
        self.share.read_link(path).await
    }
    async fn set_attr(&self, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
        self.share.set_attr(path, set).await
    }
    async fn stat_fs(&self) -> ShareResult<StatFs> {
        self.share.stat_fs().await
    }
    async fn watch(&self, dir: &SharePath) -> ShareResult<()> {
        self.share.watch(dir).await
    }
    async fn unwatch(&self, dir: &SharePath) {
        self.share.unwatch(dir).await;
    }
    async fn probe(&self) -> ShareResult<Duration> {
        self.share.probe().await
    }
    async fn close(&self) -> ShareResult<bool> {
        self.share.close().await
    }
    fn abort(&self) {
        self.share.abort();
    }
}
