//! The service side: listens on the private socket, and serves the same objects on a bus when there is one.

use std::num::NonZeroUsize;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cleardown_core::view::Progress;
use cleardown_core::{Error, ErrorKind};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::{Connection, Guid, Message, MessageStream, OwnedGuid};

use crate::dispatch::{self, Fault, Request};
use crate::names::{BUS_NAME, MANAGER, MANAGER_PATH};
use crate::places::Places;
use crate::service::{Call, Caller, Change, ProgressSink, Service};
use crate::shim::Session;
use crate::socket::ClientSocket;
pub use crate::socket::LONGEST;
use crate::{Secret, value};

/// Calls of one client at a time; its further ones wait in the socket.
const MOST_CALLS: usize = 32;
/// The same in bytes: what is waited for keeps its request.
const MOST_BYTES: usize = LONGEST;
/// What a request costs beyond its length if it has a descriptor beside it: those are few.
const DESCRIPTOR: usize = MOST_BYTES / 8;
/// Secrets that are read at a time, by whoever: reading one may block for as long as the client likes.
static READERS: Semaphore = Semaphore::const_new(16);
/// A client that takes longer to read or to introduce itself is cut off.
const PATIENCE: Duration = Duration::from_secs(10);

/// Serves the private socket for as long as the future lives. `clients` follows the number of clients.
pub async fn listen(listener: UnixListener, service: Arc<dyn Service>, clients: watch::Sender<usize>) {
    let places = Places::new(rustix::process::geteuid().as_raw());
    let guid: OwnedGuid = Guid::generate().into();
    let number = AtomicU64::new(1);
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        while tasks.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors: they come back when a client leaves.
                tracing::warn!(%error, "accepting a client");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(caller) = caller_of(&stream) else { continue };
        let Some(place) = places.take(caller.uid).await else {
            tracing::debug!(caller.uid, "a user has too many connections here");
            continue;
        };
        let session = Session::new(number.fetch_add(1, Ordering::Relaxed), caller);
        let (service, guid, count) = (service.clone(), guid.clone(), Count::new(clients.clone()));
        tasks.spawn(async move {
            if let Err(error) = serve_client(stream, service, guid, session, caller).await {
                tracing::debug!(%error, "a client");
            }
            drop((place, count));
        });
    }
}

/// Counts a client, or another reason for the daemon to stay, for as long as it lives.
#[derive(Debug)]
pub struct Count(watch::Sender<usize>);
impl Count {
    /// Counts one more.
    pub fn new(clients: watch::Sender<usize>) -> Self {
        clients.send_modify(|n| *n += 1);
        Count(clients)
    }
}
impl Drop for Count {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n = n.saturating_sub(1));
    }
}

fn caller_of(stream: &UnixStream) -> Option<Caller> {
    let creds = rustix::net::sockopt::socket_peercred(stream.as_fd()).ok()?;
    Some(Caller { uid: creds.uid.as_raw(), pid: u32::try_from(creds.pid.as_raw_nonzero().get()).ok() })
}

async fn serve_client(
    stream: UnixStream,
    service: Arc<dyn Service>,
    guid: OwnedGuid,
    session: Session,
    caller: Caller,
) -> zbus::Result<()> {
    let id = guid.as_str().to_owned();
    let builder = Builder::socket(ClientSocket(stream))
        .server(guid)
        .user_id(caller.uid)
        .p2p()
        .max_queued(NonZeroUsize::MIN);
    let messages = within(builder.build_message_stream()).await?;
    Conversation { service, peer: Some(Peer { session, caller, id }) }.run(messages).await
}

/// Serves the objects on the session or system bus, until the bus goes away.
///
/// # Errors
/// There is no such bus, or somebody else has the name.
pub async fn serve_on_bus(system: bool, service: Arc<dyn Service>) -> cleardown_core::Result<()> {
    let on_bus = async {
        let builder = if system { Builder::system() } else { Builder::session() };
        let messages = within(builder.build_message_stream()).await?;
        within(Connection::from(&messages).request_name(BUS_NAME)).await?;
        Conversation { service, peer: None }.run(messages).await
    };
    on_bus.await.map_err(|e| Error::from(ErrorKind::Daemon("the bus".into())).because(e))
}

async fn within<T>(future: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| Err(zbus::Error::Failure("too slow".into())))
}

/// What is known of the peer of a private connection.
struct Peer {
    session: Session,
    caller: Caller,
    id: String,
}

/// One connection: a client on the private socket, or a bus with many clients behind it.
struct Conversation {
    service: Arc<dyn Service>,
    peer: Option<Peer>,
}

impl Conversation {
    async fn run(mut self, mut messages: MessageStream) -> zbus::Result<()> {
        let connection = Connection::from(&messages);
        let mut changes = self.service.changes();
        let (mut calls, mut bytes) = (FuturesUnordered::new(), 0);
        loop {
            tokio::select! {
                message = messages.next(), if calls.len() < MOST_CALLS && bytes < MOST_BYTES => {
                    let Some(message) = message else { return Ok(()) };
                    let message = message?;
                    let cost = message.data().len() + message.data().fds().len() * DESCRIPTOR;
                    if let Some(work) = self.receive(&connection, message).await? {
                        bytes += cost;
                        calls.push(async move { work.await.map(|()| cost) });
                    }
                }
                Some(done) = calls.next(), if !calls.is_empty() => bytes -= done?,
                change = changes.recv(), if self.listens() => self.tell(&connection, change).await?,
            }
        }
    }

    /// Signals are made only for those who listen; what piled up before somebody did is old.
    fn listens(&self) -> bool {
        self.peer.as_ref().is_none_or(|peer| peer.session.listens())
    }

    async fn tell(
        &self,
        connection: &Connection,
        change: Result<Change, broadcast::error::RecvError>,
    ) -> zbus::Result<()> {
        let change = match change {
            Ok(change) => change,
            // Whoever missed changes hears of the next one, and asks for the list again.
            Err(broadcast::error::RecvError::Lagged(_)) => return Ok(()),
            Err(broadcast::error::RecvError::Closed) => return Err(zbus::Error::Failure("the end".into())),
        };
        for signal in dispatch::signals(&change)? {
            if self.peer.as_ref().is_none_or(|peer| peer.session.wants(&signal)) {
                within(connection.send(&signal)).await?;
            }
        }
        Ok(())
    }

    /// Answers a message at once, or gives back the work of answering it.
    async fn receive(
        &mut self,
        connection: &Connection,
        message: Message,
    ) -> zbus::Result<Option<impl Future<Output = zbus::Result<()>> + use<>>> {
        let mut request = match Request::read(&message) {
            None => return Ok(None),
            Some(Ok(request)) => request,
            Some(Err(fault)) => return send_reply(connection, &message, Err(fault)).await.map(|()| None),
        };
        match request.take_call(&*self.service) {
            Some(Ok(call)) => return self.work(connection, message, call, request.secret).await,
            Some(Err(fault)) => return send_reply(connection, &message, Err(fault)).await.map(|()| None),
            None => {}
        }
        let reply = match &mut self.peer {
            Some(peer) if request.interface == "org.freedesktop.DBus" => {
                peer.session.call(&request.member, &request.args, &peer.id)
            }
            peer => request.answer(&*self.service, peer.is_some()),
        };
        send_reply(connection, &message, reply).await.map(|()| None)
    }

    async fn work(
        &self,
        connection: &Connection,
        message: Message,
        call: Call,
        secret: Option<OwnedFd>,
    ) -> zbus::Result<Option<impl Future<Output = zbus::Result<()>> + use<>>> {
        let caller = match &self.peer {
            Some(peer) => Ok(peer.caller),
            None => caller_on_bus(connection, &message).await,
        };
        // One who has left the bus already is no reason to leave it too.
        let Ok(caller) = caller else {
            let fault = Fault::bus("AccessDenied", "the bus does not say who you are");
            return send_reply(connection, &message, Err(fault)).await.map(|()| None);
        };
        let (connection, service) = (connection.clone(), self.service.clone());
        Ok(Some(async move {
            let call = match admit(&*service, caller, call, secret).await {
                Ok(call) => call,
                Err(error) => return send_reply(&connection, &message, Err(error.into())).await,
            };
            let (sink, mut reports) = ProgressSink::new();
            let mut answer = service.call(caller, call, sink);
            let answer = loop {
                tokio::select! {
                    biased;
                    Some(report) = reports.recv() => send_progress(&connection, &message, &report).await?,
                    answer = &mut answer => break answer,
                }
            };
            // What was reported in the last instant comes before the answer too.
            while let Ok(report) = reports.try_recv() {
                send_progress(&connection, &message, &report).await?;
            }
            match answer {
                Ok(values) if wants_reply(&message) => {
                    let reply = values.message(Message::method_return(&message.header()))?;
                    within(connection.send(&reply)).await
                }
                Ok(_) => Ok(()),
                Err(error) => send_reply(&connection, &message, Err(error.into())).await,
            }
        }))
    }
}

/// The call with its secret, if the caller may make it at all.
async fn admit(
    service: &dyn Service,
    caller: Caller,
    mut call: Call,
    secret: Option<OwnedFd>,
) -> cleardown_core::Result<Call> {
    service.may(caller, &call)?;
    if let (Some(fd), Some(place)) = (secret, call.secret()) {
        let busy = || Error::from(ErrorKind::Daemon("too many passwords are being read".into()));
        let reader = timeout(PATIENCE, READERS.acquire()).await.map_err(|_| busy())?.map_err(|_| busy())?;
        let reading = tokio::task::spawn_blocking(move || {
            let _until_read = reader;
            Secret::read_from(fd)
        });
        *place = Some(timeout(PATIENCE, reading).await.map_err(|_| busy())?.map_err(|_| busy())??);
    }
    Ok(call)
}

async fn caller_on_bus(connection: &Connection, message: &Message) -> zbus::Result<Caller> {
    let header = message.header();
    let sender = header.sender().ok_or(zbus::Error::MissingField)?.as_str();
    let bus = "org.freedesktop.DBus";
    let ask = |member: &'static str| async move {
        let reply = connection.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), member, &sender);
        within(reply).await?.body().deserialize::<u32>()
    };
    Ok(Caller { uid: ask("GetConnectionUnixUser").await?, pid: ask("GetConnectionUnixProcessID").await.ok() })
}

async fn send_reply(connection: &Connection, call: &Message, reply: dispatch::Reply) -> zbus::Result<()> {
    if !wants_reply(call) {
        return Ok(());
    }
    within(connection.send(&dispatch::reply(call, reply)?)).await
}

fn wants_reply(call: &Message) -> bool {
    !call.primary_header().flags().contains(zbus::message::Flags::NO_REPLY_EXPECTED)
}

/// Progress goes to the caller alone.
async fn send_progress(connection: &Connection, call: &Message, report: &Progress) -> zbus::Result<()> {
    let Ok(Some(report)) = value::to_json(report).map(|report| value::to_variant(&report)) else {
        return Ok(());
    };
    let signal = Message::signal(MANAGER_PATH, MANAGER, "Progress");
    let header = call.header();
    let signal = match header.sender() {
        Some(sender) => signal.destination(sender.clone()),
        None => signal,
    };
    within(connection.send(&dispatch::with_values(signal, vec![report])?)).await
}
