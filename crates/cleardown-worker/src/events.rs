//! What a share's events say of its server, and who else hears them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cleardown_share::{Event, Share};
use tokio::sync::mpsc;

use crate::control::ServerState;

/// Room for events that the drive has not read; the provider's own channel fills when it is full.
const ROOM: usize = 64;

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

/// A share's events, listened to on their way to the drive: only one can take them, and the worker wants to hear of a lost
/// server also where there is no drive.
pub(crate) struct Events {
    rest: Mutex<Option<mpsc::Receiver<Event>>>,
    taken: Arc<AtomicBool>,
}

impl Events {
    /// Listens to a share's events; `tell` hears of losing the server and getting it back.
    pub(crate) fn of(
        share: &dyn Share,
        health: Health,
        tell: impl Fn(crate::control::Event) + Send + Sync + 'static,
    ) -> Events {
        let (sender, receiver) = mpsc::channel(ROOM);
        let taken = Arc::new(AtomicBool::new(false));
        if let Some(events) = share.events() {
            tokio::spawn(listen(events, sender, taken.clone(), health, tell));
        }
        Events { rest: Mutex::new(Some(receiver)), taken }
    }

    /// For the drive: all events from now on, once.
    pub(crate) fn take(&self) -> Option<mpsc::Receiver<Event>> {
        let events = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.taken.store(true, Ordering::Release);
        events
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
