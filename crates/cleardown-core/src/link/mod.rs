//! Links: what a phone-book entry says, and the states of RAS that a dial goes through.

mod check;
mod entry;
mod name;
mod state;

pub use check::{is_endpoint, is_number, is_wireguard_key};
pub use entry::{AuthMethod, Device, Dialling, Engine, Entry, Network, Ppp, Tone, WireGuardPeer};
pub use name::EntryName;
pub use state::RasState;
