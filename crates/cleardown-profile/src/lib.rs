//! What is remembered: drives, the phone book, and where secrets live.
//!
//! A remembered drive is one readable TOML file; its password is never in it, but in the Secret Service or in a
//! file of its own. Nothing here talks to a server.

mod drives;
mod files;
mod place;
pub mod secrets;

pub use drives::{Drive, Drives, Loaded};
pub use place::config_dir;
pub use secrets::Secrets;
