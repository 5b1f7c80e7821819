//! The D-Bus interface: service side, client side and the bus shim. The only crate that names zbus types.
//!
//! The daemon answers on a Unix socket of its own, peer to peer, so that nothing depends on a bus; [`server`]
//! also answers the few `org.freedesktop.DBus` methods that make `busctl --address=`, `gdbus` and `dbus-send`
//! work there. When a session or system bus exists, the same objects are served on it.
//!
//! Values are the types of `cleardown_core::view` and `request` as dictionaries (`a{sv}`), as serde describes them: answers
//! are [`Values`], written and read without a tree between; what is short goes through JSON ([`value`]). Errors carry the
//! whole `Error` with them ([`error`]).

mod call;
mod describe;
mod dispatch;
pub mod error;
pub mod location;
pub mod logind;
pub mod names;
pub mod peer;
mod places;
mod read;
pub mod secret;
pub mod server;
pub mod service;
mod shim;
mod socket;
pub mod value;
mod write;

pub use location::{Instance, Location};
pub use logind::Logind;
pub use peer::Peer;
pub use secret::Secret;
pub use service::{Call, Caller, Change, ProgressSink, Service};
pub use write::Values;
