//! Life cycles as data: pure functions of state, event and time.
