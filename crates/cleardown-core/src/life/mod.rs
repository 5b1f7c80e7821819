//! Life cycles as data: pure functions of state, event and time.

pub mod drive;
pub mod link;
#[cfg(test)]
mod small_world;

/// Time since an origin that the caller chooses; it never runs backwards (a monotonic clock, or a test's).
pub type Time = std::time::Duration;
