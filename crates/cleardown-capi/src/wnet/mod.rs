//! WNet: drives. One module per capability; the functions here have the parameters of those in `winnetwk.h`.

pub mod add;
pub mod cancel;
pub mod connection;
pub mod dialog;
pub mod enumerate;
pub mod network;
pub mod resource;
pub mod restore;
pub mod types;
pub mod universal;

mod view;
