//! Connections as WNet sees them.

use cleardown_client::Instance;
use cleardown_core::view::{Connection, Kind, Status};
use cleardown_core::{LocalName, Remote, Result};

use crate::provider;
use crate::session;

/// A drive or a deviceless connection.
#[derive(Clone, Debug)]
pub(crate) struct Drive {
    /// Its local name; none when it is deviceless.
    pub(crate) local: Option<LocalName>,
    pub(crate) remote: Remote,
    pub(crate) view: Connection,
}

impl Drive {
    fn of(view: Connection) -> Option<Drive> {
        let local = match view.kind {
            Kind::Drive => Some(view.name.parse().ok()?),
            Kind::Deviceless => None,
            Kind::Link => return None,
        };
        Some(Drive { local, remote: view.remote.parse().ok()?, view })
    }

    /// In use: files on it can be opened, now or as soon as its server answers again.
    pub(crate) fn is_connected(&self) -> bool {
        matches!(self.view.status, Status::Connected | Status::Reconnecting | Status::Draining)
    }

    /// `\\server\share`.
    pub(crate) fn remote_name(&self) -> String {
        provider::remote_name(&self.remote)
    }
}

/// The caller's drives; with those that are only remembered, if wanted.
pub(crate) fn drives(remembered_too: bool) -> Result<Vec<Drive>> {
    let list = session::query(Instance::User, async |client| client.list(remembered_too, false).await)?;
    Ok(list.into_iter().filter_map(Drive::of).collect())
}

/// The drive of this local name, connected or remembered.
pub(crate) fn drive(name: &LocalName) -> Result<Option<Drive>> {
    let find = |remembered_too| {
        let word = name.to_string();
        let list = session::query(Instance::User, async |client| client.named(&word, remembered_too).await)?;
        Ok(list.into_iter().filter_map(Drive::of).find(|drive| drive.local.as_ref() == Some(name)))
    };
    // What is connected is known without a look into the profile.
    match find(false)? {
        Some(drive) => Ok(Some(drive)),
        None => find(true),
    }
}
