//! The client: one connection to one daemon.

use cleardown_core::request::{EndRequest, MapRequest};
use cleardown_core::view::{Connection, EndReport, Holders, Progress};
use cleardown_core::{ErrorKind, Result};
use futures_util::Stream;

use crate::{Instance, Secret, Start};

/// A connection to a daemon.
#[derive(Clone, Debug)]
pub struct Client {
    instance: Instance,
}

impl Client {
    /// Connects to `instance`, starting its daemon if `start` says so.
    pub async fn connect(instance: Instance, start: Start) -> Result<Client> {
        let _ = start;
        let _ = Client { instance };
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// The instances whose list the caller should see: for a user their own and the system's if it runs; for
    /// root the system's and each user's that runs.
    pub async fn all() -> Vec<(Instance, Result<Client>)> {
        Vec::new()
    }

    /// Which instance this is.
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// All connections; with those that are only remembered, and with holders, if wanted.
    pub async fn list(&self, remembered_too: bool, with_holders: bool) -> Result<Vec<Connection>> {
        let _ = (remembered_too, with_holders);
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// One connection, by local name or (deviceless) remote name, with its holders.
    pub async fn status(&self, name: &str) -> Result<Connection> {
        let _ = name;
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Who holds a connection.
    pub async fn holders(&self, name: &str) -> Result<Holders> {
        let _ = name;
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Maps a drive. Dropping the future cancels it, and everything is rolled back.
    pub async fn map(
        &self,
        request: &MapRequest,
        secret: Option<Secret>,
        progress: impl FnMut(Progress),
    ) -> Result<Connection> {
        let _ = (request, secret, progress);
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Ends connections. Dropping the future cancels what can still be cancelled; those connections stay.
    /// What could not be ended is in the report; an error means that nothing was tried.
    pub async fn end(&self, request: &EndRequest, progress: impl FnMut(Progress)) -> Result<EndReport> {
        let _ = (request, progress);
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Removes a name from the profile; a connection of that name stays.
    pub async fn forget(&self, name: &str) -> Result<()> {
        let _ = name;
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Connects what is remembered: these names, or all when there are none; in parallel.
    pub async fn restore(
        &self,
        names: &[String],
        progress: impl FnMut(Progress),
    ) -> Result<Vec<(String, Result<Connection>)>> {
        let _ = (names, progress);
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// The list now, and again after each change. The stream ends when the daemon goes away.
    pub async fn watch(&self) -> Result<impl Stream<Item = Vec<Connection>> + Send + Unpin + use<>> {
        if true {
            return Err(ErrorKind::Daemon("not there yet".into()).into());
        }
        Ok(futures_util::stream::empty())
    }

    /// The daemon's version.
    pub async fn version(&self) -> Result<String> {
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }

    /// Asks the daemon to go; its connections stay, and the next daemon finds them.
    pub async fn shutdown_daemon(&self) -> Result<()> {
        Err(ErrorKind::Daemon("not there yet".into()).into())
    }
}
