//! The client: one connection to one daemon.

use std::time::Duration;

use cleardown_core::request::{DialRequest, EndRequest, HangUpRequest, MapRequest, SharesRequest, Verb};
use cleardown_core::view::{Connection, EndReport, Holders, Offered, Progress};
use cleardown_core::{Error, Result};
use cleardown_ipc::{Call, Instance, Location, Peer, Secret};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use serde::de::DeserializeOwned;

use crate::Start;
use crate::start;

/// What an operation may take beyond its own deadline: the daemon keeps that deadline, and tells what it found.
const SLACK: Duration = Duration::from_secs(15);

/// A connection to a daemon.
#[derive(Clone, Debug)]
pub struct Client {
    instance: Instance,
    location: Location,
    peer: Peer,
}

impl Client {
    /// Connects to `instance`, starting its daemon if `start` says so.
    ///
    /// # Errors
    /// [`cleardown_core::ErrorKind::Daemon`]: it cannot be reached or started, and why.
    pub async fn connect(instance: Instance, start: Start) -> Result<Client> {
        let location = Location::of(instance);
        let peer = start::connect(&location, start).await?;
        Ok(Client { instance, location, peer })
    }

    /// The instances whose list the caller should see: for a user their own and the system's if it runs; for
    /// root the system's and each user's that runs. The caller's own comes first and is there always.
    pub async fn all() -> Vec<(Instance, Result<Client>)> {
        let own = Location::of(Instance::User);
        let others = if own.system { Location::users() } else { vec![Instance::System] };
        let mut all = vec![(Instance::User, Client::connect(Instance::User, Start::OnDemand).await)];
        let others =
            others.into_iter().map(async |other| (other, Client::connect(other, Start::Never).await));
        let others = futures_util::future::join_all(others).await;
        all.extend(others.into_iter().filter(|(_, client)| client.is_ok()));
        all
    }

    /// Which instance this is.
    pub fn instance(&self) -> Instance {
        self.instance
    }

    /// All connections; with those that are only remembered, and with holders, if wanted.
    pub async fn list(&self, remembered_too: bool, with_holders: bool) -> Result<Vec<Connection>> {
        self.query(Call::List { remembered_too, with_holders, name: None }).await
    }

    /// All that is connected, of which only this is wanted: `T` has some of the fields of [`Connection`], and a caller who asks
    /// often need not pay for the others.
    pub async fn list_of<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.query(Call::List { remembered_too: false, with_holders: false, name: None }).await
    }

    /// The same for one local name only, without its holders: what is told costs no more with many connections than with one.
    pub async fn named(&self, name: &str, remembered_too: bool) -> Result<Vec<Connection>> {
        let name = Some(name.to_owned());
        self.query(Call::List { remembered_too, with_holders: false, name }).await
    }

    /// One connection, by local name or (deviceless) remote name, with its holders.
    pub async fn status(&self, name: &str) -> Result<Connection> {
        self.query(Call::Status(name.to_owned())).await
    }

    /// Who holds a connection.
    pub async fn holders(&self, name: &str) -> Result<Holders> {
        self.query(Call::Holders(name.to_owned())).await
    }

    /// Maps a drive. Dropping the future cancels it, and everything is rolled back.
    pub async fn map(
        &self,
        request: &MapRequest,
        secret: Option<Secret>,
        progress: impl FnMut(Progress),
    ) -> Result<Connection> {
        let patience = Duration::from_millis(request.timeout_ms).saturating_add(SLACK);
        self.operate(Call::Map(request.clone(), secret), Some(patience), progress).await
    }

    /// Dials a link, or takes a further reference to one that is connected. Each dial needs its hang-up. Dropping the future
    /// in mid-dial hangs up. Progress has the RAS states ([`Progress::ras`]).
    pub async fn dial(
        &self,
        request: &DialRequest,
        secret: Option<Secret>,
        progress: impl FnMut(Progress),
    ) -> Result<Connection> {
        // The daemon knows what the entry's device may need, and how often it is to be dialled again.
        self.operate(Call::Dial(request.clone(), secret), None, progress).await
    }

    /// Gives a reference to a link back (RasHangUp); the last one ends it, and then the report has the proof.
    pub async fn hang_up(
        &self,
        request: &HangUpRequest,
        progress: impl FnMut(Progress),
    ) -> Result<EndReport> {
        let patience = request.timeout_ms.map_or(EndRequest::TIMEOUT, Duration::from_millis);
        self.operate(Call::HangUp(request.clone()), Some(patience.saturating_add(SLACK)), progress).await
    }

    /// The link with this handle (RasGetConnectStatus); also for a while after its end, until that was read.
    pub async fn link(&self, handle: u64) -> Result<Connection> {
        self.status(&format!("#{handle}")).await
    }

    /// Ends connections. Dropping the future cancels what can still be cancelled; those connections stay.
    /// What could not be ended is in the report; an error means that nothing was tried.
    pub async fn end(&self, request: &EndRequest, progress: impl FnMut(Progress)) -> Result<EndReport> {
        let patience = match (request.timeout_ms, request.verb) {
            (Some(ms), _) => Some(Duration::from_millis(ms)),
            (None, Verb::Wait) => None,
            (None, _) => Some(EndRequest::TIMEOUT),
        };
        let patience = patience.map(|p| p.saturating_add(SLACK));
        self.operate(Call::End(request.clone()), patience, progress).await
    }

    /// Puts a connected drive into the profile, so that it comes back at the next login.
    pub async fn remember(&self, name: &str) -> Result<()> {
        self.query(Call::Remember(name.to_owned())).await
    }

    /// Removes a name from the profile; a connection of that name stays.
    pub async fn forget(&self, name: &str) -> Result<()> {
        self.query(Call::Forget(name.to_owned())).await
    }

    /// Connects what is remembered: these names, or all when there are none; in parallel.
    pub async fn restore(
        &self,
        names: &[String],
        progress: impl FnMut(Progress),
    ) -> Result<Vec<(String, Result<Connection>)>> {
        let results: Vec<Restored> = self.operate(Call::Restore(names.to_vec()), None, progress).await?;
        Ok(results
            .into_iter()
            .map(|r| (r.name, r.error.map_or_else(|| r.connection.ok_or_else(lost), Err)))
            .collect())
    }

    /// What a server offers.
    pub async fn shares(&self, request: &SharesRequest, secret: Option<Secret>) -> Result<Vec<Offered>> {
        let patience = Duration::from_millis(request.timeout_ms).saturating_add(SLACK);
        self.operate(Call::Shares(request.clone(), secret), Some(patience), |_| {}).await
    }

    /// The list now, and again after each change. The stream ends when the daemon goes away.
    pub async fn watch(&self) -> Result<impl Stream<Item = Vec<Connection>> + Send + Unpin + use<>> {
        let changes = Peer::connect(&self.location).await?.changes().await?;
        let peer = self.peer.clone();
        let first = self.list(false, false).await?;
        let later = stream::unfold((changes, peer), |(mut changes, peer)| async move {
            changes.next().await?;
            // One list answers all the changes that have come in meanwhile.
            while let Some(Some(())) = changes.next().now_or_never() {}
            let list = peer
                .query(&Call::List { remembered_too: false, with_holders: false, name: None })
                .await
                .ok()?;
            Some((list, (changes, peer)))
        });
        Ok(Box::pin(stream::once(std::future::ready(first)).chain(later)))
    }

    /// The daemon's version.
    pub async fn version(&self) -> Result<String> {
        self.query(Call::Version).await
    }

    /// Asks the daemon to go; its connections stay, and the next daemon finds them.
    pub async fn shutdown_daemon(&self) -> Result<()> {
        self.query(Call::Quit).await
    }

    async fn query<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        self.peer.query(&call).await
    }

    /// Each operation has a connection of its own, so that hanging up cancels just this one.
    async fn operate<T: DeserializeOwned>(
        &self,
        call: Call,
        patience: Option<Duration>,
        progress: impl FnMut(Progress),
    ) -> Result<T> {
        let peer = Peer::connect(&self.location).await?;
        peer.operate(&call, patience, progress).await
    }
}

/// One result of a restore, as the daemon sends it.
#[derive(serde::Deserialize)]
struct Restored {
    name: String,
    #[serde(default)]
    connection: Option<Connection>,
    #[serde(default)]
    error: Option<Error>,
}

fn lost() -> Error {
    cleardown_core::ErrorKind::Daemon("its answer makes no sense".into()).into()
}
