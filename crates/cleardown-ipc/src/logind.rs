//! The login manager (systemd-logind), where there is one: it tells when the machine is about to sleep, and waits a moment
//! for those who asked it to. See org.freedesktop.login1(5), and "Inhibitor Locks" in systemd's documentation.

use std::time::Duration;

use cleardown_core::{Error, Result};
use futures_util::StreamExt;
use tokio::time::timeout;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[zbus::proxy(
    interface = "org.freedesktop.login1.Manager",
    default_service = "org.freedesktop.login1",
    default_path = "/org/freedesktop/login1"
)]
trait Manager {
    fn inhibit(&self, what: &str, who: &str, why: &str, mode: &str) -> zbus::Result<zbus::OwnedFd>;

    #[zbus(property(emits_changed_signal = "const"), name = "InhibitDelayMaxUSec")]
    fn longest_delay(&self) -> zbus::Result<u64>;

    #[zbus(signal)]
    fn prepare_for_sleep(&self, start: bool) -> zbus::Result<()>;
}

/// The login manager.
pub struct Logind {
    manager: ManagerProxy<'static>,
    news: PrepareForSleepStream,
    longest_delay: Duration,
}

impl std::fmt::Debug for Logind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logind").field("longest_delay", &self.longest_delay).finish_non_exhaustive()
    }
}

/// The machine does not sleep while this is kept, or not before the longest delay is over.
#[derive(Debug)]
pub struct Inhibitor {
    _lock: zbus::OwnedFd,
}

impl Logind {
    /// Waits until there is one on the system bus; it is not started for us.
    ///
    /// # Errors
    /// There is no bus, or no login manager that makes sense on it.
    pub async fn find() -> Result<Logind> {
        let (manager, mut owners, is_there) = within(async {
            let connection = zbus::Connection::system().await?;
            let manager = ManagerProxy::new(&connection).await?;
            let owners = manager.inner().receive_owner_changed().await?;
            let name = manager.inner().destination().clone();
            let is_there = zbus::fdo::DBusProxy::new(&connection).await?.name_has_owner(name).await?;
            Ok((manager, owners, is_there))
        })
        .await?;
        if !is_there {
            while owners.next().await.is_some_and(|owner| owner.is_none()) {}
        }
        within(async {
            let news = manager.receive_prepare_for_sleep().await?;
            let longest_delay = Duration::from_micros(manager.longest_delay().await?);
            Ok(Logind { manager, news, longest_delay })
        })
        .await
    }

    /// The longest that it waits for all who asked it to (`InhibitDelayMaxSec=` in logind.conf(5)).
    pub fn longest_delay(&self) -> Duration {
        self.longest_delay
    }

    /// Asks it to wait for us. To be asked anew after each sleep: none is given while the machine goes to sleep.
    ///
    /// # Errors
    /// It refuses: an ordinary user must be allowed to by polkit.
    pub async fn inhibit(&self) -> Result<Inhibitor> {
        let why = "Data on its way to file servers is written first";
        let lock = within(self.manager.inhibit("sleep", "Cleardown", why, "delay")).await?;
        Ok(Inhibitor { _lock: lock })
    }

    /// Waits until the machine is about to sleep (true) or has slept, or will not (false). None when the bus is gone.
    pub async fn news(&mut self) -> Option<bool> {
        loop {
            match self.news.next().await?.args() {
                Ok(args) => return Some(args.start),
                Err(error) => tracing::warn!(%error, "the login manager makes no sense"),
            }
        }
    }
}

async fn within<T>(answer: impl Future<Output = zbus::Result<T>>) -> Result<T> {
    let during = |error: &std::io::Error| Error::os("asking the login manager", error);
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| during(&std::io::Error::other(error))),
        Err(_late) => Err(during(&std::io::ErrorKind::TimedOut.into())),
    }
}
