//! The Secret Service over D-Bus (freedesktop.org, Secret Service API draft 0.2), `plain` sessions only: the bus
//! is a socket that nobody but the user can open.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zbus::wire::{DynamicType, Type};
use zbus::{Connection, OwnedObjectPath, OwnedVariant, Variant};
use zeroize::{Zeroize, Zeroizing};

use super::{Bus, Owner};

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

/// Enough for a service that has to be started, and short enough for one that hangs.
const DEADLINE: Duration = Duration::from_secs(5);

/// The wire form of a secret: session, parameters (none for `plain`), value, content type.
type Wire = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

#[derive(Clone, Debug)]
pub(super) struct Service {
    bus: Bus,
    profile: String,
}

impl Service {
    pub(super) fn new(bus: Bus, profile: &Path) -> Self {
        Service { bus, profile: profile.display().to_string() }
    }

    /// True when the service has taken it; false when there is no service.
    pub(super) async fn put(&self, owner: Owner<'_>, secret: &str) -> Result<bool> {
        within(async {
            let Some(session) = self.open().await? else { return Ok(false) };
            session.create(&self.attributes(owner), &owner.title(), secret).await?;
            Ok(true)
        })
        .await
    }

    pub(super) async fn get(&self, owner: Owner<'_>) -> Result<Option<Zeroizing<String>>> {
        within(async {
            let Some(session) = self.open().await? else { return Ok(None) };
            let (unlocked, locked) = session.search(&self.attributes(owner)).await?;
            match unlocked.first() {
                Some(item) => session.secret(item).await.map(Some),
                None if locked.is_empty() => Ok(None),
                None => Err(ErrorKind::NotPermitted("the password's key ring is locked".into()).into()),
            }
        })
        .await
    }

    pub(super) async fn remove(&self, owner: Owner<'_>) -> Result<bool> {
        within(async {
            let Some(session) = self.open().await? else { return Ok(false) };
            let (unlocked, locked) = session.search(&self.attributes(owner)).await?;
            for item in unlocked.iter().chain(&locked) {
                let prompt: OwnedObjectPath = session.call(item.as_str(), "Item", "Delete", &()).await?;
                refuse_prompt(&prompt)?;
            }
            Ok(!unlocked.is_empty() || !locked.is_empty())
        })
        .await
    }

    /// A session with the service, or none when this machine or user has no such service.
    async fn open(&self) -> Result<Option<Session>> {
        let Some(bus) = self.connect().await else { return Ok(None) };
        if !offers(&bus).await {
            return Ok(None);
        }
        let mut session = Session { bus, path: String::new() };
        let body = ("plain", Variant::from(""));
        let (_, path): (OwnedVariant, OwnedObjectPath) =
            session.call(ROOT, "Service", "OpenSession", &body).await?;
        session.path = path.as_str().to_owned();
        Ok(Some(session))
    }

    async fn connect(&self) -> Option<Connection> {
        let builder = match &self.bus {
            Bus::None => return None,
            Bus::Session if rustix::process::geteuid().is_root() => return None,
            Bus::Session => zbus::connection::Builder::session(),
            Bus::At(address) => zbus::connection::Builder::address(address.as_str()),
        };
        builder.build().await.map_err(|error| tracing::debug!(%error, "no session bus")).ok()
    }

    /// What finds the password again. The profile's folder keeps profiles of one user apart.
    fn attributes(&self, owner: Owner<'_>) -> HashMap<String, String> {
        let (key, value) = owner.attribute();
        let pairs = [
            ("xdg:schema", "org.cleardown.Password"),
            ("application", "cleardown"),
            ("profile", &self.profile),
            (key, &value),
        ];
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }
}

struct Session {
    bus: Connection,
    path: String,
}

impl Session {
    async fn create(&self, attributes: &HashMap<String, String>, label: &str, secret: &str) -> Result<()> {
        let properties = HashMap::from([
            ("org.freedesktop.Secret.Item.Label", Variant::from(label)),
            ("org.freedesktop.Secret.Item.Attributes", Variant::from(attributes.clone())),
        ]);
        let session = OwnedObjectPath::try_from(self.path.clone()).map_err(failed)?;
        let mut wire: Wire =
            (session, Vec::new(), secret.as_bytes().to_vec(), "text/plain; charset=utf8".into());
        let body = (properties, &wire, true);
        let made = self.call(COLLECTION, "Collection", "CreateItem", &body).await;
        drop(body);
        wire.2.zeroize();
        let (_, prompt): (OwnedObjectPath, OwnedObjectPath) = made?;
        refuse_prompt(&prompt)
    }

    async fn search(
        &self,
        attributes: &HashMap<String, String>,
    ) -> Result<(Vec<OwnedObjectPath>, Vec<OwnedObjectPath>)> {
        self.call(ROOT, "Service", "SearchItems", &(attributes,)).await
    }

    async fn secret(&self, item: &OwnedObjectPath) -> Result<Zeroizing<String>> {
        let session = OwnedObjectPath::try_from(self.path.clone()).map_err(failed)?;
        let mut found: HashMap<OwnedObjectPath, Wire> =
            self.call(ROOT, "Service", "GetSecrets", &(vec![item], session)).await?;
        let (_, _, value, _) = found.remove(item).ok_or_else(|| extended("it gave no secret"))?;
        String::from_utf8(value).map(Zeroizing::new).map_err(|e| {
            drop(Zeroizing::new(e.into_bytes()));
            extended("the password is not UTF-8 text")
        })
    }

    async fn call<B, R>(&self, path: &str, interface: &str, method: &str, body: &B) -> Result<R>
    where
        B: Serialize + DynamicType + Sync,
        R: DeserializeOwned + Type,
    {
        let interface = format!("org.freedesktop.Secret.{interface}");
        let reply = self.bus.call_method(Some(NAME), path, Some(interface), method, body).await;
        reply.map_err(failed)?.body().deserialize().map_err(failed)
    }
}

/// True when the service runs or the bus can start it.
async fn offers(bus: &Connection) -> bool {
    for method in ["ListNames", "ListActivatableNames"] {
        let reply = bus
            .call_method(
                Some("org.freedesktop.DBus"),
                "/org/freedesktop/DBus",
                Some("org.freedesktop.DBus"),
                method,
                &(),
            )
            .await;
        let names: Vec<String> =
            reply.ok().and_then(|reply| reply.body().deserialize().ok()).unwrap_or_default();
        if names.iter().any(|name| name == NAME) {
            return true;
        }
    }
    false
}

/// A prompt means that the key ring is locked. The daemon has no window to show it in.
fn refuse_prompt(prompt: &OwnedObjectPath) -> Result<()> {
    match prompt.as_str() {
        "/" => Ok(()),
        _ => Err(ErrorKind::NotPermitted("the key ring is locked".into()).into()),
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match timeout(DEADLINE, work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(ErrorKind::Timeout {
            server: "the Secret Service".into(),
            during: "looking for a password".into(),
        }
        .into()),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    extended(&error.to_string())
}

fn extended(why: &str) -> Error {
    ErrorKind::Profile { at: "the Secret Service".into(), why: why.to_owned() }.into()
}
