//! Links: the calls that dial and end them, the actor that drives the pure life cycle of each, and what of them is
//! journalled.

mod actor;
mod dependents;
mod device;
mod dial;
mod end;
mod engine;
mod foreign;
mod handle;
mod network;
mod perform;
mod reconcile;
mod spec;
mod talk;

pub(crate) use dial::dial;
pub(crate) use end::{end_all, hang_up};
pub(crate) use foreign::{all, fill_in, foreign_called};
pub(crate) use handle::LinkHandle;
pub(crate) use network::watch;
pub(crate) use reconcile::reconcile;
pub(crate) use spec::{LinkSpec, Record};
