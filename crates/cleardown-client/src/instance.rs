//! Which daemon: one per user, and one for the system.

/// An instance of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instance {
    /// The caller's own: for root the system instance, for anybody else their user instance.
    User,
    /// The system's.
    System,
    /// The user instance of this user id.
    Of(u32),
}

/// Whether to start the daemon when it is not running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Start it: `cleardownd` beside our own executable, else on PATH; `CLEARDOWN_DAEMON` names another.
    OnDemand,
    /// Do not; a daemon that is not running is an error.
    Never,
}
