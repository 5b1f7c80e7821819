//! A machine for tests: the real `cleardown` with its daemon and workers in folders of their own, as root or as an
//! ordinary user, and the servers that its drives come from. Tests only: it panics where a test would.

#![allow(clippy::unwrap_used, reason = "a test that cannot set its stage fails")]

mod answer;
pub mod book;
mod machine;
mod programs;
mod server;
mod stage;

pub use answer::{Answer, Running};
pub use machine::{Machine, Who, alive, eventually, is_mounted, kill, sha256sum};
pub use programs::{folder as programs_folder, installation};
pub use server::{Protocol, Server};
pub use stage::{Stage, is_root};
