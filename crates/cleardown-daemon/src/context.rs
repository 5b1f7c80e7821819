//! What all parts of the daemon share.

use std::path::PathBuf;
use std::sync::Arc;

use cleardown_core::life::drive::Step;
use cleardown_core::{Error, Result};
use cleardown_ipc::Location;
use cleardown_kernel::net::Lookout;
use cleardown_kernel::{Identity, Journal, Mount};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::authorize::Rules;
use crate::link;
use crate::memory::Memory;
use crate::registry::Registry;
use crate::spec::Spec;
use crate::supervisor::Spawner;

/// What all parts of the daemon share.
pub(crate) struct Context {
    pub(crate) location: Location,
    pub(crate) rules: Rules,
    pub(crate) registry: Registry,
    pub(crate) journal: Journal<Record>,
    /// The journal of links.
    pub(crate) links: Journal<link::Record>,
    pub(crate) memory: Memory,
    pub(crate) spawner: Box<dyn Spawner>,
    /// For links that others made.
    pub(crate) lookout: Arc<Mutex<Lookout>>,
}

/// What the journal keeps of a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) spec: Spec,
    pub(crate) step: Step,
    /// The worker, once it runs.
    pub(crate) worker: Option<Identity>,
    /// The mount, once it is there.
    #[serde(default)]
    pub(crate) mount: Option<Mount>,
    /// The folder was made for the mount, and is to be removed with it.
    pub(crate) made_folder: bool,
    pub(crate) references: u32,
}

impl Context {
    /// Prepares the folders of an instance.
    ///
    /// # Errors
    /// They cannot be made, or are not safe to use.
    pub(crate) fn new(location: Location, memory: Memory, spawner: Box<dyn Spawner>) -> Result<Arc<Context>> {
        location.prepare()?;
        let workers = location.dir.join("workers");
        Location { dir: workers, uid: location.uid, system: false }.prepare()?;
        let journal = location.dir.join("journal");
        let journal = Journal::open(journal).map_err(|e| Error::os("opening the journal", &e))?;
        let links = Journal::open(location.dir.join("links"));
        let links = links.map_err(|e| Error::os("opening the journal of links", &e))?;
        let rules = Rules { me: rustix::process::geteuid().as_raw(), system: location.system };
        let (registry, lookout) = (Registry::new(), Arc::default());
        Ok(Arc::new(Context { location, rules, registry, journal, links, memory, spawner, lookout }))
    }

    /// The socket of a connection's worker.
    pub(crate) fn worker_socket(&self, id: &str) -> PathBuf {
        self.location.dir.join("workers").join(format!("{id}.sock"))
    }

    /// Removes it, once the connection is over.
    pub(crate) fn remove_worker_socket(&self, id: &str) {
        if let Err(error) = std::fs::remove_file(self.worker_socket(id))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "removing a worker's socket");
        }
    }
}
