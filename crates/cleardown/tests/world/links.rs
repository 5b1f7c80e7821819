//! The daemon's part in dialling: entries that behave as their device's address says.

use cleardown_core::link::{Entry, EntryName, RasState};
use cleardown_core::request::{DialRequest, Dialled};
use cleardown_core::view::*;
use cleardown_core::{Code, ErrorKind, Result};
use cleardown_ipc::{ProgressSink, Secret};
use cleardown_profile::PhoneBook;

use super::daemon::{AWKWARD, Daemon};

/// What a dial goes through, with the milliseconds at which it gets there.
const STATES: [(RasState, u64); 6] = [
    (RasState::OpenPort, 0),
    (RasState::ConnectDevice, 12),
    (RasState::DeviceConnected, 1840),
    (RasState::Authenticate, 1911),
    (RasState::Projected, 2020),
    (RasState::Connected, 2057),
];

impl Daemon {
    /// Connects, unless the device's address says otherwise: `busy:1`, `locked:1`, `slow:1`.
    pub(super) async fn dial(
        &self,
        request: DialRequest,
        secret: Option<Secret>,
        progress: &ProgressSink,
    ) -> Result<Connection> {
        self.dials.lock().unwrap().push(request.clone());
        let entry = match &request.entry {
            Dialled::Given(entry) => (**entry).clone(),
            Dialled::Named(name) => self.in_the_book(name)?,
        };
        if let Some(c) = self.list.lock().unwrap().iter_mut().find(|c| c.name == entry.name.as_str()) {
            c.references += 1;
            return Ok(c.clone());
        }
        let (last, error) = match entry.device.shown().as_str() {
            "busy:1" => (RasState::ConnectDevice, Some(Code::LINE_BUSY)),
            "locked:1" if secret.as_ref().map(Secret::expose) != Some(AWKWARD) => {
                (RasState::Authenticate, Some(Code::AUTHENTICATION_FAILURE))
            }
            "slow:1" => (RasState::ConnectDevice, None),
            _ => (RasState::Connected, None),
        };
        for (state, at_ms) in STATES {
            let ras = RasProgress { handle: 7, state, at_ms, error: None, attempt: 1 };
            progress.report(Progress {
                ras: Some(ras),
                ..Progress::stage(entry.name.as_str(), state.to_string())
            });
            if state == last {
                break;
            }
        }
        if let Some(code) = error {
            return Err(ErrorKind::Link { entry: entry.name.to_string(), code, during: last }.into());
        }
        if last != RasState::Connected {
            std::future::pending::<()>().await;
        }
        let made = connection(&entry, &request);
        self.list.lock().unwrap().push(made.clone());
        Ok(made)
    }

    fn in_the_book(&self, name: &EntryName) -> Result<Entry> {
        let book = PhoneBook::new(self.config.get().unwrap());
        book.get(name)?.ok_or_else(|| ErrorKind::NoSuchEntry(name.to_string()).into())
    }
}

fn connection(entry: &Entry, request: &DialRequest) -> Connection {
    let number = request.number.clone().or_else(|| entry.name.number().map(str::to_owned));
    Connection {
        remote: number.unwrap_or_else(|| entry.device.shown()),
        provider: "ppp".into(),
        user: request.user.clone().or_else(|| entry.user.clone()),
        owner: "root".into(),
        references: 1,
        up_seconds: 7300,
        worker_pid: Some(4001),
        link: Some(Link {
            handle: 7,
            foreign: false,
            device: entry.device.shown(),
            device_type: entry.device.kind().into(),
            phonebook: None,
            state: RasState::Connected,
            error: None,
            interface: Some("ppp-office".into()),
            addresses: vec!["10.64.64.64/32".into()],
            peer_addresses: vec!["10.64.64.1".into()],
            dns: Vec::new(),
            routes: Vec::new(),
            bytes_in: 1_200_000,
            bytes_out: 8_000_000,
            packets_in: 900,
            packets_out: 6_000,
            handshake_seconds: None,
            engine: None,
            drives: Vec::new(),
        }),
        ..Connection::new(entry.name.to_string(), Kind::Link, Status::Connected)
    }
}

pub(super) fn ended(c: &Connection) -> Ended {
    let proof = LinkProof {
        peer_acknowledged: true,
        device_answers: None,
        interface_gone: true,
        routes_reverted: true,
        dns_reverted: true,
        worker_reaped: true,
        without_worker: false,
    };
    Ended {
        name: c.name.clone(),
        proof: Proof::Link(proof),
        lost: Vec::new(),
        unproven: Vec::new(),
        took_ms: 31,
        forgotten: false,
    }
}
