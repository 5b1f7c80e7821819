//! A share in memory, for the tests of what is built on a share: full POSIX meaning, several clients, leases
//! and events, and faults on demand.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use cleardown_share::memory::{MemoryShare, Op};
//! use cleardown_share::{Share, SharePath};
//!
//! let share = MemoryShare::new();
//! let other = share.second_client();
//! other.create_dir(&SharePath::parse(b"a").unwrap(), 0o755).await.unwrap();
//! share.faults().fail(Op::Stat, 5, 1);
//! assert_eq!(share.stat(&SharePath::root()).await.unwrap_err().errno, 5);
//! assert!(share.stat(&SharePath::parse(b"a").unwrap()).await.is_ok());
//! # });
//! ```

mod data;
mod faults;
mod file;
mod locks;
mod session;
mod share;
mod tree;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use faults::{Faults, Op};
pub use file::MemoryFile;
use session::{Line, Server, Session, lock};

use crate::attr::Time;
use crate::error::ShareError;
use crate::share::{Capabilities, Event};

/// A client's session with a file server in memory. Times come from the server's own counter, not a clock.
pub struct MemoryShare {
    session: Arc<Session>,
}

impl Default for MemoryShare {
    fn default() -> Self {
        MemoryShare { session: Session::new(&Server::new()) }
    }
}

impl MemoryShare {
    /// A new, empty server, and the first client's session.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Another client of the same server: it sees the same files, and breaks the first one's leases.
    pub fn second_client(&self) -> Arc<Self> {
        Arc::new(MemoryShare { session: Session::new(&self.session.server) })
    }

    /// What goes wrong in this session, and counts of its calls.
    pub fn faults(&self) -> &Faults {
        &self.session.faults
    }

    /// The server answers nothing until [`MemoryShare::thaw`]; calls wait for the request timeout.
    pub fn freeze(&self) {
        self.session.line.send_replace(Line::Frozen);
    }

    /// The server answers again.
    pub fn thaw(&self) {
        self.session.line.send_replace(Line::Up);
    }

    /// The connection breaks: what is in flight and later calls fail with a transport error until
    /// [`MemoryShare::reconnect`]. Locks and leases are gone.
    pub fn disconnect(&self) {
        self.session.line.send_replace(Line::Down);
        self.session.forget();
        self.session.tell(Event::Disconnected(ShareError::transport(libc::EIO, "the connection broke")));
    }

    /// The connection is back; handles opened before are good (`keep_handles`) or answer `ESTALE`.
    pub fn reconnect(&self, keep_handles: bool) {
        if !keep_handles {
            let next = self.session.next_handle.load(Ordering::Relaxed);
            self.session.lost_handles_before.store(next, Ordering::Relaxed);
        }
        self.session.line.send_replace(Line::Up);
        self.session.tell(Event::Reconnected);
    }

    /// The server has room for this many bytes of content; none: 1 TiB, not enforced.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.session.server.tree().capacity = bytes;
    }

    /// How long a call waits for a frozen server.
    pub fn set_request_timeout(&self, timeout: Duration) {
        lock(&self.session.settings).timeout = timeout;
    }

    /// Takes these away from what the server can do; the calls answer `EOPNOTSUPP`.
    pub fn without(&self, capabilities: Capabilities) {
        lock(&self.session.settings).capabilities.remove(capabilities);
    }

    /// The share is read-only for this session: changes answer `EROFS`.
    pub fn set_read_only(&self) {
        self.session.read_only.store(true, Ordering::Relaxed);
        lock(&self.session.settings).capabilities.insert(Capabilities::READ_ONLY);
    }

    /// The largest request that [`crate::Share::transfer_size`] reports.
    pub fn set_transfer_size(&self, bytes: u32) {
        lock(&self.session.settings).transfer_size = bytes;
    }

    /// The server's clock, which goes on by 100 ns with every change.
    pub fn set_now(&self, now: Time) {
        self.session.server.tree().set_now(now);
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.session.forget();
    }
}
