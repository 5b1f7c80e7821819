//! Links with workers that only pretend, in network namespaces: the interfaces, addresses and routes are real.

mod crash;
mod dialling;
mod ending;
mod network;

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::link::{Device, Dialling, Entry, Network, Ppp, RasState};
use cleardown_core::request::{DialRequest, Dialled, EndRequest, Which};
use cleardown_core::view::{Connection, EndReport, LinkProof, Status};
use cleardown_core::{Code, Result};
use cleardown_ipc::ProgressSink;
use cleardown_testkit::Namespace;
use cleardown_worker::control::{
    Agreed, Ends, Event, FromWorker, Incoming, LinkEnd, LinkStatus, Peer, Phase, Reply, Request, WorkerStatus,
};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::worker::{LinkScript, Pretend, Script};
use super::{context, me, nothing_is_left, until};
use crate::context::Context;
use crate::{end, link};

/// What all workers of a test share.
#[derive(Debug, Default)]
pub(super) struct Links {
    dials: Mutex<usize>,
    resets: Mutex<usize>,
    hang_ups: Mutex<usize>,
    breaks: Notify,
    /// The peer agrees on this in mid-link.
    renews: Mutex<Option<Agreed>>,
    renewed: Notify,
}

impl Links {
    fn renew(&self, agreed: Agreed) {
        *self.renews.lock() = Some(agreed);
        self.renewed.notify_one();
    }
}

/// One worker's link.
#[derive(Debug, Default)]
pub(super) struct Line {
    entry: Option<Entry>,
    tun: Option<OwnedFd>,
    agreed: Option<Agreed>,
    end: Option<LinkEnd>,
}

impl Line {
    /// Answers what is asked of a link; gives back what is asked of a drive.
    pub(super) async fn answer(
        &mut self,
        pretend: &Pretend,
        pid: u32,
        peer: &Peer,
        incoming: Incoming,
    ) -> Option<Incoming> {
        let (links, script) = (pretend.links(), &pretend.script().link);
        let modem = |line: &Line| line.entry.as_ref().is_some_and(|e| e.device.kind() == "modem");
        let reply = match incoming.request {
            Request::Dial(wish) => {
                self.entry = Some(wish.entry);
                let state = Event::LinkState { state: RasState::Authenticate, at_ms: 1 };
                let _ = peer.send(&FromWorker::Event(state), &[]).await;
                let attempt = *links.dials.lock();
                *links.dials.lock() += 1;
                if pretend.script().silent {
                    return None;
                }
                match script.fails.get(attempt) {
                    Some(code) => {
                        let end = ended(*code, false, modem(self));
                        let error = end.error("office");
                        self.end = Some(end);
                        Reply::Failed { error }
                    }
                    None => {
                        self.end = None;
                        let agreed = Agreed { servers: script.servers.clone(), ..agreed() };
                        self.agreed = Some(agreed.clone());
                        Reply::Agreed(agreed)
                    }
                }
            }
            Request::Interface => {
                self.tun = incoming.descriptors.into_iter().next();
                Reply::Done
            }
            Request::HangUp { deadline_ms } => {
                *links.hang_ups.lock() += 1;
                if script.stuck {
                    return None;
                }
                let deaf = script.deaf && self.end.is_none();
                if deaf {
                    tokio::time::sleep(Duration::from_millis(deadline_ms)).await;
                }
                let device = modem(self);
                Reply::HungUp(self.end.get_or_insert_with(|| ended(631, !deaf, device)).clone())
            }
            Request::Reset { dial, .. } => {
                *links.resets.lock() += 1;
                self.entry = Some(dial.entry);
                Reply::HungUp(ended(631, false, modem(self)))
            }
            Request::Status if self.entry.is_some() => Reply::Status(Box::new(self.status(pid))),
            Request::Descriptors if self.entry.is_some() => {
                let reply = Reply::Descriptors { present: self.tun.is_some() };
                let beside: Vec<_> = self.tun.iter().map(AsFd::as_fd).collect();
                let _ = peer.send(&FromWorker::Reply { id: incoming.id, reply }, &beside).await;
                return None;
            }
            _ => return Some(incoming),
        };
        let _ = peer.reply(incoming.id, reply).await;
        None
    }

    fn status(&self, pid: u32) -> WorkerStatus {
        let link = self.entry.clone().map(|entry| {
            Box::new(LinkStatus {
                entry,
                state: RasState::Connected,
                device_words: String::new(),
                agreed: self.agreed.clone(),
                bytes_in: 0,
                bytes_out: 0,
                handshake_seconds: None,
                end: self.end.clone(),
            })
        });
        WorkerStatus { phase: Phase::Serving, link, pid, ..Default::default() }
    }

    /// Waits until the peer ends the link, and tells.
    pub(super) async fn breaks(&mut self, pretend: &Pretend, peer: &Peer) {
        if self.agreed.is_none() || self.end.is_some() {
            return std::future::pending().await;
        }
        tokio::select! {
            () = pretend.links().breaks.notified() => {}
            () = pretend.links().renewed.notified() => {
                let Some(agreed) = pretend.links().renews.lock().take() else { return };
                self.agreed = Some(agreed.clone());
                let _ = peer.send(&FromWorker::Event(Event::LinkAgreed(agreed)), &[]).await;
                return;
            }
        }
        let end = ended(629, true, false);
        self.end = Some(end.clone());
        let _ = peer.send(&FromWorker::Event(Event::LinkEnded(end)), &[]).await;
    }
}

fn agreed() -> Agreed {
    let ends = Ends { local: Ipv4Addr::new(10, 9, 0, 1), remote: Some(Ipv4Addr::new(10, 9, 0, 2)) };
    Agreed { mtu: 1500, ipv4: Some(ends), dns: vec![Ipv4Addr::new(10, 9, 0, 53).into()], ..Agreed::default() }
}

fn ended(code: u32, acknowledged: bool, modem: bool) -> LinkEnd {
    LinkEnd {
        code: Code(code),
        detail: String::new(),
        during: RasState::Authenticate,
        acknowledged,
        device_answers: modem.then_some(true),
    }
}

fn unix() -> Device {
    Device::Unix { path: "/nowhere".into() }
}

fn modem() -> Device {
    let text = serde_json::json!({"type": "modem", "port": "ttyX9", "number": "555-1234"});
    serde_json::from_value(text).unwrap()
}

fn entry(device: Device) -> Entry {
    Entry {
        name: "Office".parse().unwrap(),
        user: Some("eve".into()),
        device,
        ppp: Ppp::default(),
        network: Network { routes: vec!["10.20.0.0/16".parse().unwrap()], ..Network::default() },
        dialling: Dialling { redial_attempts: 1, redial_pause_seconds: 0, idle_disconnect_seconds: 0 },
    }
}

async fn dial(context: &Arc<Context>, device: Device) -> Result<Connection> {
    dial_with(context, device, ProgressSink::none()).await
}

async fn dial_with(context: &Arc<Context>, device: Device, progress: ProgressSink) -> Result<Connection> {
    let entry = Dialled::Given(Box::new(entry(device)));
    let request = DialRequest { phonebook: Some("/home/eve/book".into()), ..DialRequest::of(entry) };
    link::dial(context, me(), request, None, progress).await
}

async fn end_office(context: &Arc<Context>, change: impl FnOnce(&mut EndRequest)) -> EndReport {
    let mut request = EndRequest::of(Which::Names(vec!["office".into()]));
    change(&mut request);
    end::end(context, me(), request, ProgressSink::none()).await.unwrap()
}

fn proof(report: &EndReport) -> &LinkProof {
    assert!(report.refused.is_empty(), "{report:?}");
    report.ended.last().unwrap().proof.link().unwrap()
}

fn clean(context: &Context) -> bool {
    context.registry.links().is_empty()
        && context.links.read().unwrap().records.is_empty()
        && nothing_is_left(context)
}

/// Runs a test in a network namespace of its own, and compares the network before and after.
fn in_namespace(script: LinkScript, test: impl AsyncFnOnce(&Pretend, &Path) + Send) {
    in_namespace_with(Script { link: script, ..Script::default() }, test);
}

fn in_namespace_with(script: Script, test: impl AsyncFnOnce(&Pretend, &Path) + Send) {
    if !Namespace::available() {
        return;
    }
    let namespace = Namespace::new();
    let before = namespace.snapshot();
    namespace.run(|| {
        // Workers outlive daemons.
        let workers = Runtime::new().unwrap();
        let pretend = Pretend::on(script, workers.handle().clone());
        let dir = tempfile::tempdir().unwrap();
        Runtime::new().unwrap().block_on(test(&pretend, dir.path()));
        assert!(!pretend.any_alive(), "a worker is left");
    });
    assert_eq!(before, namespace.snapshot());
}
