//! Links with workers that only pretend, in network namespaces: the interfaces, addresses and routes are real.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::link::{Device, Dialling, Entry, Network, Ppp, RasState};
use cleardown_core::request::{DialRequest, Dialled, EndRequest, HangUpRequest, Which};
use cleardown_core::view::{Connection, EndReport, LinkProof, Progress, Status};
use cleardown_core::{Code, ErrorKind, Result};
use cleardown_ipc::ProgressSink;
use cleardown_kernel::net::{self, Interface};
use cleardown_testkit::Namespace;
use cleardown_worker::control::{
    Agreed, Ends, Event, FromWorker, Incoming, LinkEnd, LinkStatus, Peer, Phase, Reply, Request, WorkerStatus,
};
use parking_lot::Mutex;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::worker::{LinkScript, Pretend, Script};
use super::{context, me, mortal, nothing_is_left, until};
use crate::context::Context;
use crate::{end, link, map, reconcile};

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

#[test]
fn a_link_counts_its_references_and_ends_with_a_proof() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        let (progress, mut reports) = ProgressSink::new();
        let first = dial_with(&context, unix(), progress).await.unwrap();
        let link = first.link.unwrap();
        assert_eq!((first.status, first.references), (Status::Connected, 1));
        assert_eq!(
            (link.addresses, link.peer_addresses),
            (vec!["10.9.0.1/32".into()], vec!["10.9.0.2".into()])
        );
        assert_eq!((link.routes, link.dns), (vec!["10.20.0.0/16".into()], vec!["10.9.0.53".into()]));
        let states: Vec<_> = std::iter::from_fn(|| reports.try_recv().ok()).filter_map(state).collect();
        use RasState::*;
        assert_eq!(states, [OpenPort, Authenticate, ApplySettings, Connected]);

        let second = dial(&context, unix()).await.unwrap();
        assert_eq!((second.references, second.link.unwrap().handle), (2, link.handle));
        assert_eq!(pretend.started(), 1);
        let give_back = || link::hang_up(&context, me(), hang_up(link.handle), ProgressSink::none());
        assert!(give_back().await.unwrap().refused.is_empty());
        assert_eq!(context.registry.links()[0].shown().references, 1);

        let report = give_back().await.unwrap();
        let proof = proof(&report);
        assert!(proof.peer_acknowledged && proof.interface_gone && proof.routes_reverted);
        assert!(proof.dns_reverted && proof.worker_reaped && proof.device_answers.is_none());
        assert!(report.ended[0].unproven.is_empty() && clean(&context));
        let gone = give_back().await.unwrap_err();
        assert_eq!(gone.code(), Code::NO_CONNECTION);
    });
}

/// Nobody is told that an entry which somebody else is just dialling or ending cannot be dialled.
#[test]
fn many_callers_dial_and_hang_up_one_entry() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        let caller = |context: Arc<Context>| async move {
            for _ in 0..10 {
                let (progress, mut reports) = ProgressSink::new();
                let connection = dial_with(&context, unix(), progress).await.unwrap();
                let handle = connection.link.unwrap().handle;
                let told = std::iter::from_fn(|| reports.try_recv().ok()).filter_map(|report| report.ras);
                assert!(told.last().is_none_or(|last| last.handle == handle));
                let given_back = link::hang_up(&context, me(), hang_up(handle), ProgressSink::none());
                assert_eq!(given_back.await.unwrap().refused, []);
            }
        };
        let callers: Vec<_> = (0..8).map(|_| tokio::spawn(caller(context.clone()))).collect();
        for caller in callers {
            caller.await.unwrap();
        }
        assert!(clean(&context));
    });
}

fn state(progress: Progress) -> Option<RasState> {
    progress.ras.map(|ras| ras.state)
}

fn hang_up(handle: u64) -> HangUpRequest {
    HangUpRequest { handle, timeout_ms: None }
}

#[test]
fn a_busy_line_is_dialled_again_and_a_wrong_password_is_the_answer() {
    let script = LinkScript { fails: vec![676], ..LinkScript::default() };
    in_namespace(script, async |pretend, dir| {
        let context = context(dir, pretend);
        assert_eq!(dial(&context, modem()).await.unwrap().status, Status::Connected);
        assert_eq!(*pretend.links().dials.lock(), 2);
        assert_eq!(proof(&end_office(&context, |_| ()).await).device_answers, Some(true));
    });
    let script = LinkScript { fails: vec![691], ..LinkScript::default() };
    in_namespace(script, async |pretend, dir| {
        let context = context(dir, pretend);
        assert_eq!(dial(&context, unix()).await.unwrap_err().code(), Code::AUTHENTICATION_FAILURE);
        assert!(clean(&context));
    });
}

#[test]
fn who_leaves_in_mid_dial_hangs_up() {
    in_namespace_with(Script { silent: true, ..Script::default() }, async |pretend, dir| {
        let context = context(dir, pretend);
        let dialling = tokio::spawn({
            let context = context.clone();
            async move { dial(&context, modem()).await }
        });
        until(|| *pretend.links().dials.lock() == 1).await;
        dialling.abort();
        until(|| clean(&context)).await;
        assert_eq!(*pretend.links().hang_ups.lock(), 1);
    });
}

#[test]
fn a_deaf_peer_costs_the_deadline_and_is_named() {
    in_namespace(LinkScript { deaf: true, ..LinkScript::default() }, async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, unix()).await.unwrap();
        let report = end_office(&context, |r| r.timeout_ms = Some(3000)).await;
        assert!(!proof(&report).peer_acknowledged && proof(&report).interface_gone);
        assert_eq!(report.ended[0].unproven, ["the peer acknowledged the end"]);
        assert!(clean(&context));
    });
}

#[test]
fn a_worker_that_is_stuck_is_killed_and_its_modem_brought_to_rest() {
    in_namespace(LinkScript { stuck: true, ..LinkScript::default() }, async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, modem()).await.unwrap();
        let report = end_office(&context, |r| r.timeout_ms = Some(1500)).await;
        match report.refused.first() {
            // The new worker was not quick enough.
            Some(refused) => assert!(matches!(refused.error.kind, ErrorKind::Deadline { .. })),
            None => assert_eq!(proof(&report).device_answers, Some(true)),
        }
        until(|| clean(&context)).await;
        assert_eq!((*pretend.links().resets.lock(), pretend.started()), (1, 2));
    });
}

#[test]
fn what_a_killed_worker_leaves_is_ended_and_the_reason_kept_until_it_is_read() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        let pid = dial(&context, modem()).await.unwrap().worker_pid.unwrap();
        pretend.kill(pid);
        until(|| clean(&context)).await;
        assert_eq!(*pretend.links().resets.lock(), 1);
        let last = context.registry.link_tombstone("OFFICE").unwrap();
        assert_eq!(last.status, Status::Ended);
        assert!(last.reason.unwrap().contains("worker died"));
        assert!(context.registry.link_tombstone("office").is_none());
    });
}

#[test]
fn the_peer_may_end_it_and_the_next_dial_works_at_once() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        let handle = dial(&context, unix()).await.unwrap().link.unwrap().handle;
        pretend.links().breaks.notify_one();
        until(|| clean(&context)).await;
        let last = context.registry.link_tombstone(&format!("#{handle}")).unwrap();
        assert_eq!(last.link.unwrap().error, Some(Code::REMOTE_DISCONNECTION));
        let again = dial(&context, unix()).await.unwrap();
        assert_ne!(again.link.unwrap().handle, handle);
        end_office(&context, |_| ()).await;
    });
}

#[test]
fn an_interface_that_somebody_removes_ends_its_link() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        let watch = tokio::spawn(link::watch(context.clone()));
        // The watch begins before the task first waits.
        tokio::task::yield_now().await;
        dial(&context, unix()).await.unwrap();
        let interface = context.registry.links()[0].interface().unwrap();
        assert!(interface.delete().unwrap());
        until(|| clean(&context)).await;
        assert!(context.registry.link_tombstone("office").is_some());
        watch.abort();
    });
}

/// Another address, another peer, another name server, a smaller MTU, and IPv6, which was not there before.
fn renewed() -> Agreed {
    let ends = Ends { local: Ipv4Addr::new(10, 9, 7, 1), remote: Some(Ipv4Addr::new(10, 9, 7, 2)) };
    let ipv6 = Ends { local: "fe80::7".parse().unwrap(), remote: None };
    let dns = vec![Ipv4Addr::new(10, 9, 7, 53).into()];
    Agreed { mtu: 1400, ipv4: Some(ends), ipv6: Some(ipv6), dns, ..agreed() }
}

/// What the kernel has of the link's interface: MTU, addresses, whether the entry's route is there; and the name servers.
fn kernels(interface: &Interface) -> (u32, Vec<String>, bool, String) {
    let addresses = net::addresses().unwrap().into_iter().filter(|(index, _)| *index == interface.index);
    let mut addresses: Vec<String> = addresses.map(|(_, address)| address.local.addr().to_string()).collect();
    addresses.sort();
    let way = net::Path::to("10.20.0.7".parse().unwrap()).unwrap();
    let routed = way.is_some_and(|way| way.interface == *interface);
    let servers = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let servers = servers.lines().filter_map(|line| line.strip_prefix("nameserver 10.")).collect();
    (interface.details().unwrap().unwrap().mtu, addresses, routed, servers)
}

#[test]
fn what_is_agreed_in_mid_link_takes_the_place_of_what_was() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, unix()).await.unwrap();
        let interface = context.registry.links()[0].interface().unwrap();
        let first = (1500, vec!["10.9.0.1".to_owned()], true, "9.0.53".to_owned());
        assert_eq!(kernels(&interface), first);
        let second = (1400, vec!["10.9.7.1".into(), "fe80::7".into()], true, "9.7.53".into());
        for (agreed, expected) in [(renewed(), second), (agreed(), first)] {
            pretend.links().renew(agreed.clone());
            let shown = || context.registry.links()[0].view().link.unwrap();
            let local = format!("{}/32", agreed.ipv4.unwrap().local);
            until(|| {
                let shown = shown();
                shown.addresses.first() == Some(&local) && shown.addresses.len() == expected.1.len()
            })
            .await;
            assert_eq!(kernels(&interface), expected);
            assert_eq!(shown().dns, [agreed.dns[0].to_string()]);
        }
        assert!(end_office(&context, |_| ()).await.ended[0].unproven.is_empty() && clean(&context));
    });
}

#[test]
fn two_callers_at_once_get_the_same_proof() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, unix()).await.unwrap();
        let (a, b) = tokio::join!(end_office(&context, |_| ()), end_office(&context, |_| ()));
        assert_eq!(proof(&a), proof(&b));
        assert!(proof(&a).peer_acknowledged && clean(&context));
    });
}

#[test]
fn drives_that_are_reached_over_a_link_keep_it_or_go_first() {
    in_namespace(LinkScript::default(), async |pretend, dir| {
        let context = context(dir, pretend);
        dial(&context, unix()).await.unwrap();
        let remote = "smb://eve@10.20.0.7/projects".parse().unwrap();
        let drive = cleardown_core::request::MapRequest { remote, ..super::deviceless() };
        map::map(&context, me(), drive, None, ProgressSink::none()).await.unwrap();

        let report = end_office(&context, |_| ()).await;
        let refused = &report.refused[0].error.kind;
        let drives = ["smb://eve@10.20.0.7/projects".to_owned()];
        assert!(matches!(refused, ErrorKind::Dependents { drives: d, .. } if d[..] == drives), "{refused:?}");
        assert_eq!(context.registry.links()[0].shown().status, Status::Connected);

        let report = end_office(&context, |r| r.with_dependents = true).await;
        assert_eq!(report.ended.len(), 2);
        assert!(report.ended[0].proof.drive().is_some() && proof(&report).interface_gone);
        assert!(clean(&context));
    });
}

/// A daemon that is killed: its tasks just stop.
fn killed_daemon(pretend: &Pretend, dir: &Path, work: impl AsyncFnOnce(Arc<Context>) + Send) {
    let daemon = mortal();
    let context = context(dir, pretend);
    daemon.block_on(work(context));
    daemon.shutdown_background();
}

fn after_a_crash(
    script: LinkScript,
    before: impl AsyncFnOnce(Arc<Context>) + Send,
    after: impl AsyncFnOnce(Arc<Context>, &Pretend) + Send,
) {
    in_namespace(script, async |pretend, dir| {
        std::thread::scope(|scope| {
            scope.spawn(|| killed_daemon(pretend, dir, before)).join().unwrap();
        });
        let context = context(dir, pretend);
        reconcile::reconcile(&context, HashMap::new()).await.unwrap();
        after(context, pretend).await;
    });
}

#[test]
fn a_daemon_takes_up_the_links_of_its_predecessor() {
    after_a_crash(
        LinkScript::default(),
        async |context| {
            dial(&context, unix()).await.unwrap();
            dial(&context, unix()).await.unwrap();
        },
        async |context, pretend| {
            // It is never shown as one that is being dialled.
            let view = context.registry.links()[0].view();
            assert_eq!((view.status, view.references, pretend.started()), (Status::Connected, 2, 1));
            assert_eq!(view.link.unwrap().addresses, ["10.9.0.1/32"]);
            let report = end_office(&context, |_| ()).await;
            assert!(report.ended[0].unproven.is_empty(), "{report:?}");
            assert!(clean(&context));
        },
    );
}

#[test]
fn what_another_network_namespace_has_is_left_alone_whatever_its_name() {
    if !Namespace::available() {
        return;
    }
    let (first, second) = (Namespace::new(), Namespace::new());
    let workers = Runtime::new().unwrap();
    let pretend = Pretend::on(Script::default(), workers.handle().clone());
    let dir = tempfile::tempdir().unwrap();
    let index = first.run(|| {
        let mut index = 0;
        killed_daemon(&pretend, dir.path(), async |context| {
            let pid = dial(&context, unix()).await.unwrap().worker_pid.unwrap();
            index = context.registry.links()[0].interface().unwrap().index;
            pretend.kill(pid);
        });
        index.to_string()
    });
    second.ip(&["tuntap", "add", "cd0", "mode", "tun"]);
    assert!(second.ip(&["-o", "link", "show", "cd0"]).starts_with(&format!("{index}: ")), "the same index");
    let before = second.snapshot();
    second.run(|| {
        Runtime::new().unwrap().block_on(async {
            let context = context(dir.path(), &pretend);
            reconcile::reconcile(&context, HashMap::new()).await.unwrap();
            until(|| clean(&context)).await;
        });
    });
    assert_eq!(before, second.snapshot());
}

#[test]
fn the_way_to_the_server_follows_the_network_below() {
    let servers = ["10.20.0.9", "10.20.0.10"].map(|server| server.parse().unwrap()).to_vec();
    let script = LinkScript { servers, ..LinkScript::default() };
    if !Namespace::available() {
        return;
    }
    let namespace = Namespace::new();
    let ip = |command: &str| namespace.ip(&command.split(' ').collect::<Vec<_>>());
    for (name, net) in [("wire", "198.51.100"), ("air", "203.0.113")] {
        ip(&format!("link add {name} type veth peer name {name}-far"));
        ip(&format!("address add {net}.1/24 dev {name}"));
        ip(&format!("link set {name} up"));
        ip(&format!("link set {name}-far up"));
    }
    ip("route add default via 198.51.100.2");
    let ways = || [9, 10].map(|host| ip(&format!("route show 10.20.0.{host}")));
    let all_over =
        |name: &str| ways().iter().all(|way| way.matches("dev").count() == 1 && way.contains(name));
    namespace.run(|| {
        let workers = Runtime::new().unwrap();
        let pretend = Pretend::on(Script { link: script, ..Script::default() }, workers.handle().clone());
        let dir = tempfile::tempdir().unwrap();
        Runtime::new().unwrap().block_on(async {
            let context = context(dir.path(), &pretend);
            let watch = tokio::spawn(link::watch(context.clone()));
            // The watch begins before the task first waits.
            tokio::task::yield_now().await;
            dial(&context, unix()).await.unwrap();
            assert!(all_over("via 198.51.100.2 dev wire"), "{:?}", ways());
            ip("route replace default via 203.0.113.2 dev air");
            until(|| all_over("via 203.0.113.2 dev air")).await;
            // The kernel removes all routes of an interface that falls.
            ip("route add default via 198.51.100.2 metric 500");
            ip("link set air down");
            until(|| all_over("via 198.51.100.2 dev wire")).await;
            let report = end_office(&context, |_| ()).await;
            assert!(report.ended[0].unproven.is_empty(), "{report:?}");
            assert_eq!(ways().concat(), "");
            assert!(clean(&context));
            watch.abort();
        });
    });
}

#[test]
fn a_hang_up_that_was_under_way_is_finished() {
    after_a_crash(
        LinkScript { deaf: true, ..LinkScript::default() },
        async |context| {
            dial(&context, unix()).await.unwrap();
            let ending = tokio::spawn({
                let context = context.clone();
                async move { end_office(&context, |_| ()).await }
            });
            until(|| context.registry.links()[0].is_ending()).await;
            drop(ending);
        },
        async |context, _| until(|| clean(&context)).await,
    );
}
