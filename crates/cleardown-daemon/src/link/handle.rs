//! A link as the rest of the daemon sees it.

use std::time::Instant;

use cleardown_core::life::link::Done;
use cleardown_core::link::{Device, RasState};
use cleardown_core::view::{self, Connection, Kind, Status};
use cleardown_core::{Code, Error, ErrorKind, Result};
use cleardown_ipc::{ProgressSink, Secret};
use cleardown_kernel::net::{Change, Interface, wireguard};
use cleardown_worker::control::{self, Agreed, Reply, Request};
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::spec::LinkSpec;

/// A worker that does not answer a question about its state within this time is shown without the answer.
const ANSWER_AT_ONCE: std::time::Duration = std::time::Duration::from_millis(50);

/// A link.
#[derive(Debug)]
pub(crate) struct LinkHandle {
    /// What it is meant to be.
    pub(crate) spec: LinkSpec,
    /// The owner's name.
    owner: String,
    inputs: mpsc::UnboundedSender<Input>,
    /// The routes, addresses or interfaces of the machine have changed; however often, it is told once.
    pub(crate) network_changed: Notify,
    shown: Mutex<Shown>,
    secret: Mutex<Option<Secret>>,
}

/// What a link is told. Each input belongs to a caller or to the end of the interface, so that their number is bounded.
#[derive(Debug)]
pub(crate) enum Input {
    /// Somebody asks for something, and waits.
    Wish(What, Wish),
    /// Somebody removed the interface.
    InterfaceGone,
}

/// What somebody wants.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// One more reference.
    Dial,
    /// One reference less.
    HangUp,
    /// Its end.
    End,
}

/// Somebody who waits for something.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) deadline: Instant,
    pub(crate) progress: ProgressSink,
    pub(crate) answer: oneshot::Sender<Result<Done>>,
    /// Cancelled when the caller has gone.
    pub(crate) gone: CancellationToken,
}

/// How a link is, for the list.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) status: Status,
    pub(crate) ras: RasState,
    pub(crate) reason: Option<Error>,
    pub(crate) references: u32,
    pub(crate) connected_at: Option<Instant>,
    pub(crate) worker: Option<(u32, control::Client)>,
    pub(crate) interface: Option<Interface>,
    pub(crate) changes: Vec<Change>,
    pub(crate) agreed: Option<Agreed>,
    pub(crate) handshake_seconds: Option<u64>,
}

impl LinkHandle {
    pub(crate) fn new(spec: LinkSpec) -> (LinkHandle, mpsc::UnboundedReceiver<Input>) {
        let (inputs, receiver) = mpsc::unbounded_channel();
        let shown = Shown {
            status: Status::Opening,
            ras: RasState::OpenPort,
            reason: None,
            references: 1,
            connected_at: None,
            worker: None,
            interface: None,
            changes: Vec::new(),
            agreed: None,
            handshake_seconds: None,
        };
        let owner = cleardown_kernel::users::user_name(spec.owner);
        let network_changed = Notify::new();
        (
            LinkHandle {
                spec,
                owner,
                inputs,
                network_changed,
                shown: Mutex::new(shown),
                secret: Mutex::default(),
            },
            receiver,
        )
    }

    /// Changes what is shown; true when something that the list shows is different now.
    pub(crate) fn show(&self, change: impl FnOnce(&mut Shown)) -> bool {
        let mut shown = self.shown.lock();
        let listed = |shown: &Shown| {
            (shown.status, shown.ras, shown.reason.clone(), shown.references, shown.changes.clone())
        };
        let before = listed(&shown);
        change(&mut shown);
        before != listed(&shown)
    }

    /// How it is.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.lock().clone()
    }

    /// The password or key.
    pub(crate) fn secret(&self) -> Option<Secret> {
        self.secret.lock().clone()
    }

    pub(crate) fn set_secret(&self, secret: Option<Secret>) {
        *self.secret.lock() = secret;
    }

    /// Whether it is past the point of no return.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(
            self.shown.lock().status,
            Status::Ending | Status::Resetting | Status::Ended | Status::Failed
        )
    }

    /// Its interface, while it has one.
    pub(crate) fn interface(&self) -> Option<Interface> {
        self.shown.lock().interface.clone()
    }

    /// The number of its interface, while it has one.
    pub(super) fn interface_index(&self) -> Option<u32> {
        self.shown.lock().interface.as_ref().map(|interface| interface.index)
    }

    /// The same while it is connected.
    pub(super) fn connected_interface(&self) -> Option<u32> {
        let shown = self.shown.lock();
        let interface = shown.interface.as_ref().filter(|_| shown.ras == RasState::Connected);
        interface.map(|interface| interface.index)
    }

    /// Says that the interface is gone.
    pub(crate) fn interface_is_gone(&self) {
        // An error says that the link is over already.
        let _ = self.inputs.send(Input::InterfaceGone);
    }

    /// Waits until it is over.
    pub(crate) async fn over(&self) {
        self.inputs.closed().await;
    }

    /// Asks for something, and waits for what came of it. Dropping the future takes a dial back.
    pub(crate) async fn ask(&self, what: What, deadline: Instant, progress: ProgressSink) -> Result<Done> {
        let gone = CancellationToken::new();
        let _hang_up = gone.clone().drop_guard();
        let (answer, answered) = oneshot::channel();
        let over = || Error::from(ErrorKind::NotConnected(self.spec.name()));
        let wish = Wish { deadline, progress, answer, gone };
        self.inputs.send(Input::Wish(what, wish)).map_err(|_| over())?;
        answered.await.unwrap_or_else(|_| Err(over()))
    }

    /// Whether there are handshakes to know of.
    pub(crate) fn shakes_hands(&self) -> bool {
        matches!(self.spec.entry.device, Device::WireGuard { .. })
    }

    /// Asks the worker, or the kernel in its place, what only it knows. A worker that does not answer at once is left alone.
    pub(crate) async fn refresh(&self) {
        if self.spec.is_in_kernel() {
            let Some(interface) = self.interface() else { return };
            let look = move || wireguard::last_handshake(&interface);
            if let Ok(Ok(handshake)) = tokio::task::spawn_blocking(look).await {
                let ago = handshake.map(|at| at.elapsed().unwrap_or_default().as_secs());
                self.show(|shown| shown.handshake_seconds = ago);
            }
            return;
        }
        let Some((_, worker)) = self.shown.lock().worker.clone() else { return };
        if let Ok((Reply::Status(status), _)) = worker.request(Request::Status, &[], ANSWER_AT_ONCE).await {
            let handshake = status.link.and_then(|link| link.handshake_seconds);
            self.show(|shown| shown.handshake_seconds = handshake);
        }
    }

    /// Its line in the list, without what the kernel counts and the drives that are reached over it.
    pub(crate) fn view(&self) -> Connection {
        let shown = self.shown.lock();
        let entry = &self.spec.entry;
        let wireguard = self.shakes_hands();
        Connection {
            reason: shown.reason.as_ref().map(ToString::to_string),
            at: shown.interface.as_ref().map(|interface| interface.name.clone()),
            remote: remote(&entry.device),
            provider: if wireguard { "wireguard" } else { "ppp" }.to_owned(),
            user: entry.user.clone(),
            owner: self.owner.clone(),
            references: shown.references,
            up_seconds: shown.connected_at.map_or(0, |since| since.elapsed().as_secs()),
            worker_pid: shown.worker.as_ref().map(|(pid, _)| *pid),
            link: Some(self.link_view(&shown)),
            ..Connection::new(self.spec.name(), Kind::Link, shown.status)
        }
    }

    fn link_view(&self, shown: &Shown) -> view::Link {
        let (mut addresses, mut peers) = (Vec::new(), Vec::new());
        let (mut dns, mut routes) = (Vec::new(), Vec::new());
        for change in &shown.changes {
            match change {
                Change::Interface { .. } => {}
                Change::Address { address, .. } => {
                    addresses.push(address.local.to_string());
                    peers.extend(address.peer.map(|peer| peer.to_string()));
                }
                Change::Route(route) if Some(&route.interface) == shown.interface.as_ref() => {
                    routes.push(route.to.to_string());
                }
                Change::Route(_) => {}
                Change::Dns(servers) => dns.extend(servers.servers.iter().map(ToString::to_string)),
            }
        }
        view::Link {
            handle: self.spec.handle,
            foreign: false,
            device: self.spec.entry.device.shown(),
            device_type: self.spec.entry.device.kind().to_owned(),
            phonebook: self.spec.phonebook.clone(),
            state: shown.ras,
            error: shown.reason.as_ref().map(ras_code),
            interface: shown.interface.as_ref().map(|interface| interface.name.clone()),
            addresses,
            peer_addresses: peers,
            dns,
            routes,
            bytes_in: 0,
            bytes_out: 0,
            packets_in: 0,
            packets_out: 0,
            handshake_seconds: shown.handshake_seconds,
            engine: self.spec.engine,
            drives: Vec::new(),
        }
    }
}

/// The number of an error as a RAS program expects it.
pub(crate) fn ras_code(error: &Error) -> Code {
    match &error.kind {
        ErrorKind::Cancelled => Code::USER_DISCONNECTION,
        ErrorKind::WorkerDied(_) => Code::PORT_DISCONNECTED,
        _ => error.code(),
    }
}

/// Where it leads: a number, or what the device is.
fn remote(device: &Device) -> String {
    match device {
        Device::Modem { number, .. } => number.clone(),
        other => other.shown(),
    }
}
