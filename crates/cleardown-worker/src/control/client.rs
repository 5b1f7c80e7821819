//! The daemon's half.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cleardown_core::{Error, ErrorKind};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::sync::{mpsc, oneshot};

use super::channel::Channel;
use super::message::{Event, FromWorker, Reply, Request, ToWorker, VERSION};
use super::server::is_ours;

/// Events that wait for the daemon; more are dropped ([`Request::Status`] has the truth).
const EVENTS: usize = 256;

/// A connection to a worker. Clones share it; requests may be under way together.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
    _listener: Arc<Listening>,
}

/// Ends the listening task with the last client.
#[derive(Debug)]
struct Listening(tokio::task::JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Shared {
    channel: Channel,
    sending: tokio::sync::Mutex<()>,
    next: AtomicU64,
    gone: AtomicBool,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

type Answer = (Reply, Vec<OwnedFd>);

impl Client {
    /// Connects to the worker that listens at `path`, taking the place of a daemon that is connected. The
    /// receiver gives the worker's events, and ends when the worker is gone.
    ///
    /// # Errors
    /// `ECONNREFUSED` or `ENOENT` when no worker is there; `PermissionDenied` when it is another user's.
    pub fn connect(path: &Path) -> io::Result<(Client, mpsc::Receiver<Event>)> {
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Client::new(socket)
    }

    /// Takes a connected socket; see [`Client::connect`].
    ///
    /// # Errors
    /// `PermissionDenied` when the worker is neither our own user's nor root's.
    pub fn new(socket: OwnedFd) -> io::Result<(Client, mpsc::Receiver<Event>)> {
        let root = rustix::process::geteuid().is_root();
        if !root && !is_ours(socket.as_fd()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let shared = Arc::new(Shared {
            channel: Channel::new(socket)?,
            sending: tokio::sync::Mutex::new(()),
            next: AtomicU64::new(1),
            gone: AtomicBool::new(false),
            waiting: Mutex::default(),
        });
        let (sender, events) = mpsc::channel(EVENTS);
        let listener = Listening(tokio::spawn(listen(Arc::clone(&shared), sender)));
        Ok((Client { shared, _listener: Arc::new(listener) }, events))
    }

    /// Asks, and waits for the answer, at most for `patience`. [`Reply::Failed`] comes back as the error.
    ///
    /// # Errors
    /// The worker's error; [`ErrorKind::WorkerDied`] when it is gone; [`ErrorKind::Timeout`].
    pub async fn request(
        &self,
        request: Request,
        descriptors: &[BorrowedFd<'_>],
        patience: Duration,
    ) -> Result<(Reply, Vec<OwnedFd>), Error> {
        let what = name(&request);
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.shared.waiting().insert(id, sender);
        let _forget = Forget { shared: &self.shared, id };
        let exchange = async {
            let message = ToWorker { version: VERSION, id, request };
            {
                let _turn = self.shared.sending.lock().await;
                self.shared
                    .channel
                    .send(&message, descriptors)
                    .await
                    .map_err(|error| died(what).because(error))?;
            }
            if self.is_gone() {
                return Err(died(what));
            }
            answer.await.map_err(|_| died(what))
        };
        let timeout = || ErrorKind::Timeout { server: "the worker".into(), during: what.into() };
        match tokio::time::timeout(patience, exchange).await.map_err(|_| timeout())?? {
            (Reply::Failed { error }, _) => Err(error),
            answer => Ok(answer),
        }
    }

    /// Whether the conversation is over: the worker is gone, or another daemon took our place.
    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Acquire)
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Takes a request off the list when its future is dropped.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.waiting().remove(&self.id);
    }
}

/// Reads until the worker is gone.
async fn listen(shared: Arc<Shared>, events: mpsc::Sender<Event>) {
    loop {
        let parsed = match shared.channel.receive().await {
            Ok(Some(frame)) => frame.parse().map(|message| (message, frame.descriptors)),
            Ok(None) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) => Err(error),
        };
        match parsed {
            Ok((FromWorker::Reply { id, reply }, descriptors)) => {
                if let Some(waiting) = shared.waiting().remove(&id) {
                    let _ = waiting.send((reply, descriptors));
                }
            }
            Ok((FromWorker::Event(event), _)) => {
                if let Err(mpsc::error::TrySendError::Full(event)) = events.try_send(event) {
                    tracing::debug!(?event, "nobody reads the worker's events");
                }
            }
            Err(error) => {
                tracing::debug!(%error, "the conversation with a worker is over");
                shared.gone.store(true, Ordering::Release);
                shared.waiting().clear();
                return;
            }
        }
    }
}

fn died(during: &'static str) -> Error {
    ErrorKind::WorkerDied(during.into()).into()
}

fn name(request: &Request) -> &'static str {
    match request {
        Request::Connect(_) => "connecting",
        Request::Shares(_) => "listing shares",
        Request::Keep => "handing over the descriptors",
        Request::Serve(_) => "starting the file system",
        Request::Status => "asking for its state",
        Request::Quiesce { .. } => "quiescing",
        Request::Drain { .. } => "writing what is pending",
        Request::Sleep { .. } => "getting ready for the machine's sleep",
        Request::Wake => "looking whether the server is still there",
        Request::Close { .. } => "logging off",
        Request::Abort => "aborting",
        Request::Descriptors => "asking for the descriptors",
        Request::Secret => "asking for the secret",
        Request::Dial(_) => "dialling",
        Request::Interface => "handing over the interface",
        Request::HangUp { .. } => "hanging up",
        Request::Reset { .. } => "resetting the device",
        Request::Exit => "ending it",
        Request::Unknown => "an unknown request",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Listener, WorkerStatus};
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    async fn pair() -> (Client, mpsc::Receiver<Event>, super::super::Peer) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.sock");
        let listener = Listener::new(Listener::bind(&path).unwrap()).unwrap();
        let (client, events) = Client::connect(&path).unwrap();
        (client, events, listener.accept().await.unwrap())
    }

    #[tokio::test]
    async fn answers_find_their_requests_in_any_order() {
        let (client, mut events, peer) = pair().await;
        let worker = tokio::spawn(async move {
            let first = peer.receive().await.unwrap().unwrap();
            let second = peer.receive().await.unwrap().unwrap();
            peer.send(&FromWorker::Event(Event::Reconnected), &[]).await.unwrap();
            for incoming in [second, first] {
                let reply = match incoming.request {
                    Request::Status => Reply::Status(Box::new(WorkerStatus { pid: 7, ..Default::default() })),
                    _ => Reply::Failed { error: ErrorKind::Cancelled.into() },
                };
                peer.reply(incoming.id, reply).await.unwrap();
            }
        });
        let (status, abort) = tokio::join!(
            client.request(Request::Status, &[], PATIENCE),
            client.request(Request::Abort, &[], PATIENCE)
        );
        assert!(matches!(status.unwrap().0, Reply::Status(status) if status.pid == 7));
        assert_eq!(abort.unwrap_err().kind, ErrorKind::Cancelled);
        assert_eq!(events.recv().await, Some(Event::Reconnected));
        worker.await.unwrap();
    }

    #[tokio::test]
    async fn a_dead_worker_is_no_wait() {
        let (client, mut events, peer) = pair().await;
        let (answer, ()) = tokio::join!(client.request(Request::Status, &[], PATIENCE), async {
            peer.receive().await.unwrap();
            drop(peer);
        });
        assert!(matches!(answer.unwrap_err().kind, ErrorKind::WorkerDied(_)));
        assert_eq!(events.recv().await, None);
        assert!(client.is_gone());
        assert!(client.request(Request::Status, &[], PATIENCE).await.is_err());
    }

    #[tokio::test]
    async fn a_silent_worker_costs_the_deadline_and_no_more() {
        let (client, _events, _peer) = pair().await;
        let error = client.request(Request::Status, &[], Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Timeout { .. }));
    }

    #[tokio::test]
    async fn the_socket_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.sock");
        let _listener = Listener::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
