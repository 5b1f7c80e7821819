//! What is remembered: drives, the phone book, and where secrets live.
//!
//! A remembered drive and a phone-book entry are each one readable TOML file; a password is never in it, but in the
//! Secret Service or in a file of its own. Nothing here talks to a server.

mod drives;
mod files;
pub mod import;
mod net_use;
mod phonebook;
mod place;
pub mod secrets;
pub mod settings;
mod stem;
mod store;

pub use drives::{Drive, Drives};
pub use net_use::NetUse;
pub use phonebook::{Found, PhoneBook, PhoneBooks, Whose};
pub use place::config_dir;
pub use secrets::{Owner, Secrets};
pub use store::{Damaged, Loaded};
