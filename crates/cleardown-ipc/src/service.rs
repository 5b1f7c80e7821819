//! What the daemon answers: the calls as a type, and the trait that the daemon implements.

use std::sync::Arc;

use cleardown_core::Result;
use cleardown_core::request::{DialRequest, EndRequest, HangUpRequest, MapRequest, SharesRequest};
use cleardown_core::view::{Connection, Progress};
use futures_util::future::BoxFuture;
use tokio::sync::{broadcast, mpsc};

use crate::{Secret, Values};

/// Who calls, as the kernel (or the bus) vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub uid: u32,
    /// The process, where it is known.
    pub pid: Option<u32>,
}

/// A call.
#[derive(Debug)]
pub enum Call {
    /// All connections; with those that are only remembered, and with holders, if wanted.
    List {
        /// Those that are only remembered too.
        remembered_too: bool,
        /// With their holders.
        with_holders: bool,
        /// Only what has this local name.
        name: Option<String>,
    },
    /// One connection with its holders.
    Status(String),
    /// The holders of one connection.
    Holders(String),
    /// Map a drive or make a deviceless connection.
    Map(MapRequest, Option<Secret>),
    /// Dial a link, or take a further reference to one that is connected. The answer is the connection; its `link.handle`
    /// is what [`Call::HangUp`] takes. The secret stands for the stored one.
    Dial(DialRequest, Option<Secret>),
    /// Give a reference to a link back; the last one ends it (RasHangUp). The answer is that of [`Call::End`].
    HangUp(HangUpRequest),
    /// End connections. Links end whatever references they have.
    End(EndRequest),
    /// Put a connected drive into the profile, with its password where the daemon still has it.
    Remember(String),
    /// Remove a name from the profile.
    Forget(String),
    /// Connect what is remembered.
    Restore(Vec<String>),
    /// Connect all that is remembered, again and again until it is; the answer comes at once.
    KeepRestoring,
    /// What a server offers. The answer is a list of [`cleardown_core::view::Offered`].
    Shares(SharesRequest, Option<Secret>),
    /// The daemon's version.
    Version,
    /// Let the daemon go, and the connections stay.
    Quit,
}

impl Call {
    /// Where its secret belongs, if it takes one.
    pub(crate) fn secret(&mut self) -> Option<&mut Option<Secret>> {
        match self {
            Call::Map(_, secret) | Call::Dial(_, secret) | Call::Shares(_, secret) => Some(secret),
            _ => None,
        }
    }
}

/// A change of the list.
#[derive(Clone, Debug)]
pub enum Change {
    /// A connection is new.
    Added(String, Connection),
    /// A connection is not what it was.
    Changed(String, Connection),
    /// A connection is gone; its id and its name.
    Removed(String, String),
}

/// Where a long call reports its progress. Reports are for people: when nobody reads them, they are dropped.
#[derive(Clone, Debug)]
pub struct ProgressSink(Option<mpsc::Sender<Progress>>);

impl ProgressSink {
    /// A sink, and what comes out of it.
    pub fn new() -> (Self, mpsc::Receiver<Progress>) {
        let (sender, receiver) = mpsc::channel(32);
        (ProgressSink(Some(sender)), receiver)
    }

    /// A sink that nobody reads.
    pub fn none() -> Self {
        ProgressSink(None)
    }

    /// Reports.
    pub fn report(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            // A full channel means that the reader is slow: it will get the next report.
            let _ = sender.try_send(progress);
        }
    }

    /// Reports a stage that has no figures.
    pub fn stage(&self, name: &str, stage: &str) {
        self.report(Progress::stage(name, stage));
    }
}

/// The daemon, as the D-Bus interface sees it.
pub trait Service: Send + Sync + 'static {
    /// Whether `caller` may make this call. Asked before anything that the caller sent is waited for; [`Service::call`] does
    /// not rely on it.
    ///
    /// # Errors
    /// `NotPermitted`.
    fn may(&self, caller: Caller, call: &Call) -> Result<()>;

    /// Answers a call. The future is dropped when the caller goes away.
    fn call(
        self: Arc<Self>,
        caller: Caller,
        call: Call,
        progress: ProgressSink,
    ) -> BoxFuture<'static, Result<Values>>;

    /// The connections that are objects on D-Bus, by id. Cheap and without I/O.
    fn objects(&self) -> Vec<(String, Connection)>;

    /// What changes from now on.
    fn changes(&self) -> broadcast::Receiver<Change>;
}
