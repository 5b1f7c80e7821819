//! The C interface of Cleardown, apart from the exported names: WNet (drives) and RAS (links) for programs that were written
//! for Windows. `cleardown-mpr` and `cleardown-rasapi32` give these functions their names in C ([`mpr!`], [`rasapi32!`], [`export!`]).
//!
//! Every function takes its parameters as C passes them and gives a [`Failure`] or nothing; [`answer`] makes the number of it
//! that C sees. Only [`memory`] follows pointers. Every wait has a deadline: the client's.

pub mod answered;
mod export;
mod extended;
mod failure;
mod functions;
mod functions_ras;
mod handles;
mod layout;
mod library;
pub mod memory;
mod provider;
pub mod ras;
mod room;
mod session;
mod text;
mod user;
pub mod wnet;

pub use cleardown_core::Code;
pub use export::Function;
pub use failure::{Failure, answer};
pub use text::Unit;

/// What the tables of functions use in signatures.
pub mod abi {
    pub use crate::memory::{Ptr, Str};
    pub use crate::ras::types::*;
    pub use crate::wnet::types::*;
}

/// WNetGetLastError and WNetSetLastError.
pub mod last {
    pub use crate::extended::{get, put};
}
