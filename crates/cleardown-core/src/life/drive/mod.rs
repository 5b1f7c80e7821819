//! The life of a drive, from the wish to map it to the proof of its end.
//!
//! ```text
//! Opening(Spawning → Connecting → Mounting → Serving) → Connected ⇄ Replacing (its worker died)
//!    │ failure, cancel                                   │ end      user unmounts
//!    │                             Draining(Scanning → Waiting → Flushing) │
//!    │                                                   ↓                 ↓
//!    └───────────────────────────────────────────→ Unmounting ──────→ Lingering (name gone, kernel or data left)
//!                                                        │ force           │ released and flushed
//!                                                        └──→ Closing ←────┘
//!                                                               ↓
//!                                                            Reaping → Ended, or Failed if it never was
//! ```
//!
//! [`Drive::handle`] takes one [`Event`] and says which [`Action`]s follow. Whoever drives it (the daemon) keeps
//! these rules:
//!
//! - Actions are carried out in order; [`Action::Journal`] is durable before the next one begins.
//! - Events of one worker arrive in order, and none after its [`Event::WorkerExited`].
//! - Every action that has an answer gets it, sooner or later (the actions' words name the answers), except that a worker's
//!   death answers everything asked of it.
//! - [`Event::Tick`] comes at [`Drive::wake_at`], which is asked again after every event.
//!
//! What is promised in return is checked by the tests beside this file: an exhaustive model with crashes of
//! daemon and worker, a lost server and a meddling user at every step.

mod machine;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::fmt;

pub use machine::Drive;

use super::Time;
use crate::error::Error;
use crate::request::Verb;
use crate::view::{Ended, Holder, Loss, Status};

/// Who waits for an answer; a number that the driver gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Caller(pub u64);

/// Ties an answer to its question, so that a late answer is not taken for a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Round(pub u8);

/// How far making (or replacing) has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// The worker process starts.
    Spawning,
    /// The worker connects and logs on.
    Connecting,
    /// The kernel mounts.
    Mounting,
    /// The worker takes up the kernel's requests.
    Serving,
}

/// How far an end has come that can still be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Draining {
    /// Looking for holders. `busy`: the kernel has just said that there is one.
    Scanning {
        /// An unmount was refused.
        busy: bool,
    },
    /// Waiting for holders to leave.
    Waiting,
    /// No new opens; pending data goes to the server.
    Flushing,
}

/// Where a drive is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Being made.
    Opening(Opening),
    /// In use.
    Connected,
    /// In use; the worker died, and a new one takes over the kernel's connection and the pending data.
    Replacing(Opening),
    /// Somebody wants its end; it can still return to `Connected`.
    Draining(Draining),
    /// The kernel unmounts.
    Unmounting,
    /// The name is free; holders (after detach or a lazy unmount) or unflushed data still keep the rest.
    Lingering {
        /// The last data is on its way to the server.
        flushing: bool,
    },
    /// Logging off.
    Closing,
    /// Waiting for the worker process to be gone.
    Reaping,
    /// Over.
    Ended,
    /// It never came to be; nothing is left of it.
    Failed,
}

/// What the journal says of a drive: the last step that may have to be undone. Steps only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A worker may run.
    Worker,
    /// A mount, and the folder made for it, may exist as well.
    Mount,
    /// It was connected: after a restart it is to be kept.
    Connected,
}

/// What a starting daemon found of a drive in its journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The journal's last step.
    pub step: Step,
    /// The worker runs and can be talked to.
    pub worker: bool,
    /// The mount table has it.
    pub mounted: bool,
    /// The kernel's FUSE connection lives and its descriptor is at hand (kept by the worker or a descriptor store).
    pub kernel: bool,
}

/// What happens to a drive.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody wants its end.
    End {
        /// Who.
        caller: Caller,
        /// What to do with holders.
        verb: Verb,
        /// When the caller wants an answer at the latest; only `Wait` may do without.
        deadline: Option<Time>,
    },
    /// A caller gave up (its connection closed, Ctrl-C).
    CallerGone(Caller),
    /// The time asked for by [`Drive::wake_at`] has come.
    Tick,

    /// The worker runs and listens.
    WorkerStarted,
    /// It could not be started.
    SpawnFailed(Error),
    /// The server let us in.
    LoggedOn,
    /// It did not.
    LogOnFailed(Error),
    /// The mount table has it.
    Mounted,
    /// It could not be mounted; there is no mount.
    MountFailed(Error),
    /// The worker answers the kernel.
    Serving,
    /// The worker cannot answer the kernel.
    ServeFailed(Error),
    /// The holders at this moment.
    Holders(Round, Vec<Holder>),
    /// Every byte that was pending is acknowledged by the server; so many were left when draining began.
    Drained(Round, u64),
    /// These files could not be written to the server; their data is kept.
    DrainFailed(Round, Vec<Loss>),
    /// Our unmount succeeded (or the mount was gone already).
    Unmounted,
    /// The kernel refused our unmount: it is in use.
    UnmountBusy,
    /// The unmount failed otherwise.
    UnmountFailed(Error),
    /// The mount has vanished from the mount table without us.
    MountGone,
    /// The kernel has closed its side: no holder is left anywhere, or somebody aborted the connection.
    ServeEnded,
    /// The worker has ended its session; whether the server confirmed it.
    LoggedOff(bool),
    /// The worker process is gone and reaped, for whatever reason; what it left unacknowledged.
    WorkerExited(Vec<Loss>),
    /// The server does not answer any more; the worker tries again.
    ServerLost(Error),
    /// It does again.
    ServerBack,
}

/// How to unmount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unmount {
    /// Refused by the kernel while anything uses it.
    Plain,
    /// Take it out of the mount table now; what uses it goes on (`MNT_DETACH`).
    Detach,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Write this step to the journal, durably.
    Journal(Step),
    /// Start a worker. Answers: `WorkerStarted`, `SpawnFailed`.
    SpawnWorker,
    /// Have the worker log on. Answers: `LoggedOn`, `LogOnFailed`.
    Connect,
    /// Make the folder if need be, and mount. Answers: `Mounted`, `MountFailed`.
    Mount,
    /// Have the worker answer the kernel. Answers: `Serving`, `ServeFailed`.
    Serve {
        /// Take over the initialised connection and the data of a dead worker. Where the kernel's side is
        /// closed already the data is taken over all the same, and `ServeEnded` follows.
        adopt: bool,
    },
    /// Look for holders now. Answer: `Holders`.
    ScanHolders(Round),
    /// Look for holders again when something may have changed, or in a while. Answer: `Holders`.
    WatchHolders(Round),
    /// Refuse new opens (true), or allow them again. No answer.
    Quiesce(bool),
    /// Bring every pending byte to the server. Answers: `Drained`, `DrainFailed`.
    Drain(Round),
    /// Unmount. Answers: `Unmounted`, `UnmountBusy` (plain only), `UnmountFailed`.
    Unmount(Unmount),
    /// Abort the kernel's FUSE connection: requests in flight fail, holders get errors. No answer of its own.
    AbortConnection,
    /// Have the worker (logged on or not) close everything, log off and exit. Answer: `LoggedOff`, and `WorkerExited` soon after.
    LogOff,
    /// Kill the worker (SIGKILL), also one that is just starting. Answer: `WorkerExited`, always.
    KillWorker,
    /// Remove the folder if it was made for the mount. No answer.
    RemoveFolder,
    /// Nothing is left: forget the journal's entry. No answer.
    ForgetJournal,
    /// Answer a caller; it is not mentioned again.
    Report(Caller, Result<Done, Error>),
}

/// Good answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// It is connected.
    Opened,
    /// It has ended. Look at `lost` and `unproven` before calling it a success: see [`Done::is_proven`].
    Ended(Ended),
    /// The name is free; these still use what was under it.
    Detached(Vec<Holder>),
}

impl Done {
    /// True when nothing was lost and nothing is unproven.
    pub fn is_proven(&self) -> bool {
        match self {
            Done::Opened => true,
            Done::Ended(ended) => ended.lost.is_empty() && ended.unproven.is_empty(),
            Done::Detached(_) => false,
        }
    }
}

impl State {
    /// The state in the words of the listing; `server_up` distinguishes connected from reconnecting.
    pub fn status(self, server_up: bool) -> Status {
        match self {
            State::Opening(_) => Status::Opening,
            State::Connected if server_up => Status::Connected,
            State::Connected | State::Replacing(_) => Status::Reconnecting,
            State::Draining(Draining::Flushing) => Status::Draining,
            State::Draining(_) => Status::Connected,
            State::Unmounting | State::Lingering { .. } | State::Closing | State::Reaping => Status::Ending,
            State::Ended => Status::Ended,
            State::Failed => Status::Failed,
        }
    }

    /// True when nothing will happen any more.
    pub fn is_over(self) -> bool {
        matches!(self, State::Ended | State::Failed)
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Opening::Spawning => "starting",
            Opening::Connecting => "connecting",
            Opening::Mounting => "mounting",
            Opening::Serving => "taking up service",
        })
    }
}
