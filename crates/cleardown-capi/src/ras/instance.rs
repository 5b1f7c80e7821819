//! Links need the right to make network interfaces: they live in the system's instance, whoever dials.

use cleardown_client::{Client, Instance};
use cleardown_core::Result;
use cleardown_core::view::Connection;

use super::as_ras;
use crate::Failure;
use crate::session;

/// Asks about links.
pub(super) fn query<T>(ask: impl AsyncFn(&Client) -> Result<T>) -> Result<T, Failure> {
    session::query(Instance::System, ask).map_err(|error| as_ras(error.into()))
}

/// Does something about links.
pub(super) fn operate<T>(work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T, Failure> {
    session::operate(Instance::System, work).map_err(|error| as_ras(error.into()))
}

/// All links, in every state.
pub(super) fn links() -> Result<Vec<Connection>, Failure> {
    let mut list = query(async |client| client.list(false, false).await)?;
    list.retain(|connection| connection.link.is_some());
    Ok(list)
}
