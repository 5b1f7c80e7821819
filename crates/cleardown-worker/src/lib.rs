//! A worker: one process per connection, which outlives the daemon.

pub mod control;
