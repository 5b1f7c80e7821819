//! The domain of Cleardown: names, states, errors with their WNet and RAS numbers, and the life cycles of
//! drives and links as pure functions. Nothing here does I/O, reads a clock or starts a thread.

pub mod code;
pub mod error;
pub mod life;
pub mod link;
pub mod name;
pub mod ras;
pub mod request;
pub mod view;

pub use code::{Code, Exit};
pub use error::{Error, ErrorKind, Result};
pub use name::{LocalName, Remote, Scheme};
