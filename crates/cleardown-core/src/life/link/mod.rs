//! The life of a link, from the wish to dial it to the proof that its line is free.
//!
//! ```text
//! Opening(Spawning → Dialling → Network → TakingUp) → Connected
//!    │  ↑ Dialling failed, and may be tried again:       │ the last reference, an end, idleness, the peer's end,
//!    │  └──────────── Pausing ←┘                         │ a lost carrier, a dead worker, a vanished interface
//!    │ failure, cancel                                   ↓
//!    └──────────────────────────────────────────────→ HangingUp ──→ Resetting (the worker died: a new one brings
//!                                                        ↓              ↓      the device to rest)
//!                                                     Reaping ←─────────┘
//!                                                        ↓
//!                                                     Reverting → Ended, or Failed if it never was
//! ```
//!
//! Interface, addresses, routes and name servers are taken back as soon as the end begins, while the worker hangs up.
//!
//! A link that the kernel carries ([`Carrier::Kernel`]) has no worker: it begins with Dialling, which makes its interface, is
//! connected as soon as the network is made, and ends with Reverting.
//!
//! [`Link::handle`] takes one [`Event`] and says which [`Action`]s follow. Whoever drives it (the daemon) keeps these
//! rules:
//!
//! - Actions are carried out in order; [`Action::Journal`] is durable before the next one begins. What is asked of the
//!   worker is carried out in order, and what is asked of the kernel ([`Action::MakeNetwork`],
//!   [`Action::RevertNetwork`]) too.
//! - Events of one worker arrive in order, and none after its [`Event::WorkerExited`].
//! - Every action that has an answer gets it, sooner or later (the actions' words name the answers), except that a worker's
//!   death answers everything asked of it.
//! - [`Event::Tick`] comes at [`Link::wake_at`], which is asked again after every event.
//!
//! What is promised in return is checked by the tests beside this file, among them an exhaustive model in which daemon,
//! worker, peer and carrier fail at every step.

mod machine;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use machine::Link;

pub use super::drive::Caller;

use super::Time;
use crate::code::Code;
use crate::error::{Error, ErrorKind};
use crate::link::{Device, Entry, RasState};
use crate::view::{Ended, Status};

/// Who carries a link's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Carrier {
    /// A worker process.
    Worker,
    /// The kernel, on an interface that is made for the dial and belongs to no process (WireGuard). There is no worker.
    Kernel,
}

/// What the life of a link depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// Who carries it.
    pub carrier: Carrier,
    /// How often to dial again when a dial failed for a reason that may pass ([`may_pass`]).
    pub redial_attempts: u32,
    /// The pause before each.
    pub redial_pause: Duration,
    /// How long one attempt may take; whoever dials sees to that.
    pub dial_timeout: Duration,
    /// The peer answers when the link is ended (PPP). Where the protocol has no such answer (WireGuard) none is missed.
    pub peer_acknowledges: bool,
    /// There is a device (a modem) that has to be brought back to rest, and can be asked whether it is.
    pub has_device: bool,
    /// How long hanging up takes at least, when the peer does not answer and the device needs its guard times.
    pub minimum: Duration,
}

impl Plan {
    /// The plan of an entry. `timeout` is the caller's wish for one attempt.
    pub fn of(entry: &Entry, carrier: Carrier, timeout: Option<Duration>) -> Plan {
        let connecting = match &entry.device {
            Device::Modem { connect_seconds, .. } => Duration::from_secs(u64::from(*connect_seconds) + 60),
            _ => Duration::from_secs(60),
        };
        let has_device = matches!(entry.device, Device::Modem { .. });
        Plan {
            carrier,
            redial_attempts: entry.dialling.redial_attempts,
            redial_pause: Duration::from_secs(u64::from(entry.dialling.redial_pause_seconds)),
            dial_timeout: timeout.unwrap_or(connecting),
            peer_acknowledges: !matches!(entry.device, Device::WireGuard { .. }),
            has_device,
            // The escape sequence between its guard times, and the answers to ATH and AT.
            minimum: if has_device { Duration::from_millis(2600) } else { Duration::ZERO },
        }
    }

    /// How long an end may take when its caller does not say.
    pub fn hang_up_timeout(&self) -> Duration {
        self.minimum + Duration::from_secs(3)
    }
}

/// Whether dialling again may help: the line is busy, nobody answers, and the like.
pub fn may_pass(error: &Error) -> bool {
    let ErrorKind::Link { code, .. } = &error.kind else {
        return matches!(error.kind, ErrorKind::Timeout { .. });
    };
    [
        Code::PORT_DISCONNECTED,
        Code::REMOTE_DISCONNECTION,
        Code::REQUEST_TIMEOUT,
        Code::NO_CONNECTION,
        Code::LINE_BUSY,
        Code::NO_ANSWER,
        Code::NO_CARRIER,
        Code::NO_DIALTONE,
        Code::PPP_TIMEOUT,
    ]
    .contains(code)
}

/// How far making has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opening {
    /// The worker process starts.
    Spawning,
    /// The worker dials, and agrees with the peer on the network.
    Dialling,
    /// Interface, addresses, routes and name servers are being made.
    Network,
    /// The worker takes up the interface.
    TakingUp,
}

/// Where a link is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Being made.
    Opening(Opening),
    /// The dial failed for a reason that may pass; it is tried again after a while. Its line is at rest.
    Pausing,
    /// In use.
    Connected,
    /// The worker ends the protocol and brings the device to rest.
    HangingUp,
    /// The worker was killed; a new one brings the device to rest.
    Resetting,
    /// Waiting for the worker process to be gone.
    Reaping,
    /// Waiting for routes, name servers and the interface to be gone.
    Reverting,
    /// Over.
    Ended,
    /// It never came to be; nothing is left of it.
    Failed,
}

/// What the journal says of a link: the last step that may have to be undone. Steps only grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// A worker may run.
    Worker,
    /// The device may be in use, off the hook, or in data mode.
    Line,
    /// The interface, its addresses, routes and name servers may exist.
    Network,
    /// It was connected: after a restart it is to be kept, with its references.
    Connected,
    /// Its end has begun: after a restart it is to be finished.
    Ending,
}

/// What a starting daemon found of a link in its journal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The journal's last step.
    pub step: Step,
    /// The references that it had.
    pub references: u32,
    /// The worker runs and can be talked to.
    pub worker: bool,
    /// How the link has ended meanwhile, as the worker says.
    pub line_ended: Option<LineEnd>,
    /// The interface exists.
    pub interface: bool,
}

/// How the line was given back: each fact was seen, not assumed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LineEnd {
    /// Why it ended.
    pub error: Error,
    /// The peer has said that it ended, too.
    pub acknowledged: bool,
    /// The device answers again; none where there is none to ask.
    pub device_answers: Option<bool>,
}

/// What is left of a link in the kernel and in the resolver: each fact was seen, not assumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NetworkEnd {
    /// The interface does not exist any more.
    pub interface_gone: bool,
    /// Its routes and addresses do not exist any more.
    pub routes_reverted: bool,
    /// Name servers are what they were without it.
    pub dns_reverted: bool,
}

/// What happens to a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody dials it, too: one more reference.
    Dial(Caller),
    /// Somebody gives a reference back; the last one ends it.
    HangUp {
        /// Who.
        caller: Caller,
        /// When the caller wants an answer at the latest.
        deadline: Time,
    },
    /// Somebody wants its end, whatever references it has.
    End {
        /// Who.
        caller: Caller,
        /// When the caller wants an answer at the latest.
        deadline: Time,
    },
    /// A caller gave up (its connection closed, Ctrl-C). In mid-dial its reference goes with it.
    CallerGone(Caller),
    /// The time asked for by [`Link::wake_at`] has come.
    Tick,

    /// The worker runs and listens.
    WorkerStarted,
    /// It could not be started.
    SpawnFailed(Error),
    /// The dial, or the way back, has reached this state.
    Reached(RasState),
    /// The peer agrees on the network.
    Agreed,
    /// The line was given back: the dial failed, the peer or the carrier ended it, or we did.
    LineEnded(LineEnd),
    /// Interface, addresses, routes and name servers are made.
    NetworkUp,
    /// They could not be made; some may exist.
    NetworkFailed(Error),
    /// Packets flow.
    Serving,
    /// The worker cannot take up the interface.
    ServeFailed(Error),
    /// Nothing has passed for as long as the entry allows.
    Idle,
    /// Somebody removed the interface.
    InterfaceGone,
    /// What was made of the network has been undone, as far as this says.
    Reverted(NetworkEnd),
    /// The worker process is gone and reaped, for whatever reason.
    WorkerExited,
}

/// What the driver is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Write this step, and [`Link::references`], to the journal, durably.
    Journal(Step),
    /// Start a worker. Answers: `WorkerStarted`, `SpawnFailed`.
    SpawnWorker,
    /// Have the worker dial; `Reached` meanwhile. Where the kernel carries the link: make the interface and wait for the peer; a
    /// failure removes the interface, and an end does not wait for the answer. Answers: `Agreed`, `LineEnded`.
    Dial,
    /// Make interface, addresses, routes and name servers. Answers: `NetworkUp`, `NetworkFailed`.
    MakeNetwork,
    /// Hand the interface to the worker. Answers: `Serving`, `ServeFailed`.
    GiveInterface,
    /// Have the worker hang up, in any state of the dial. Answer: `LineEnded`, at the latest at this time.
    HangUp {
        /// When it must be over, proven or not.
        by: Time,
    },
    /// Have the new worker bring the device of the old one to rest. Answer: `LineEnded`.
    ResetDevice {
        /// When it must be over, proven or not.
        by: Time,
    },
    /// Undo name servers, routes, addresses and interface. Answer: `Reverted`.
    RevertNetwork,
    /// Kill the worker (SIGKILL), also one that is just starting. Answer: `WorkerExited`, always.
    KillWorker,
    /// Nothing is left: forget the journal's entry. No answer.
    ForgetJournal,
    /// Answer a caller; it is not mentioned again.
    Report(Caller, Result<Done, Error>),
}

/// Good answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Done {
    /// It is connected.
    Dialled,
    /// The reference is given back, and so many are left.
    Released(u32),
    /// It has ended. Look at `unproven` before calling it a success.
    Ended(Ended),
}

impl State {
    /// The state in the words of the listing. `ras` is the last state that the worker told.
    pub fn status(self, ras: RasState) -> Status {
        match self {
            State::Opening(_) | State::Pausing => Status::Opening,
            State::Connected => Status::Connected,
            State::HangingUp if ras == RasState::WaitForModemReset => Status::Resetting,
            State::Resetting => Status::Resetting,
            State::HangingUp | State::Reaping | State::Reverting => Status::Ending,
            State::Ended => Status::Ended,
            State::Failed => Status::Failed,
        }
    }

    /// True when nothing will happen any more.
    pub fn is_over(self) -> bool {
        matches!(self, State::Ended | State::Failed)
    }

    /// True when there is no way back.
    pub fn is_ending(self) -> bool {
        !matches!(self, State::Opening(_) | State::Pausing | State::Connected)
    }
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Opening::Spawning => "starting",
            Opening::Dialling => "dialling",
            Opening::Network => "setting addresses, routes and name servers",
            Opening::TakingUp => "taking up the interface",
        })
    }
}
