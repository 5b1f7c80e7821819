//! The daemon with workers that only pretend: what it does with them, with callers that leave, and with what a
//! former daemon left.

mod links;
mod worker;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::request::{EndRequest, MapRequest, Name, Verb, Which};
use cleardown_core::view::{Connection, EndReport, Status};
use cleardown_core::{ErrorKind, Result};
use cleardown_ipc::{Caller, Location, ProgressSink, Secret};
use cleardown_profile::Drive;
use cleardown_profile::secrets::Bus;
use tokio::runtime::Runtime;

use crate::context::Context;
use crate::memory::Memory;
use crate::{end, map, reconcile};
use worker::{Pretend, Script};

const REMOTE: &str = "smb://eve@fs1/projects";

fn me() -> Caller {
    Caller { uid: rustix::process::geteuid().as_raw(), pid: None }
}

/// A daemon's context in a folder of its own.
fn context(dir: &Path, pretend: &Pretend) -> Arc<Context> {
    let location = Location { dir: dir.to_owned(), uid: me().uid, system: false };
    let memory = Memory::new(Some(dir.join("config")), Bus::None);
    Context::new(location, memory, Box::new(pretend.clone())).unwrap()
}

fn deviceless() -> MapRequest {
    MapRequest {
        name: Name::Deviceless,
        remote: REMOTE.parse().unwrap(),
        at: None,
        remember: false,
        read_only: false,
        user: None,
        replace: false,
        kerberos: None,
        accept_host_key: None,
        timeout_ms: 10_000,
    }
}

async fn map(context: &Arc<Context>) -> Result<Connection> {
    let secret = Some(Secret::new("tiger".into()));
    map::map(context, me(), deviceless(), secret, ProgressSink::none()).await
}

async fn end_with(context: &Arc<Context>, change: impl FnOnce(&mut EndRequest)) -> EndReport {
    let mut request = EndRequest::of(Which::Names(vec![REMOTE.into()]));
    change(&mut request);
    end::end(context, me(), request, ProgressSink::none()).await.unwrap()
}

/// Waits for something that comes by itself.
async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it comes to pass");
}

/// The runtime of a daemon that is to be killed: on one thread nothing runs once `block_on` has returned, so that no task
/// sees another one's death.
fn mortal() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn nothing_is_left(context: &Context) -> bool {
    context.registry.all().is_empty()
        && context.journal.read().unwrap().records.is_empty()
        && std::fs::read_dir(context.location.dir.join("workers")).unwrap().next().is_none()
}

#[tokio::test]
async fn a_deviceless_connection_counts_its_references_and_ends_with_a_proof() {
    let dir = tempfile::tempdir().unwrap();
    let pretend = Pretend::new(Script::default());
    let context = context(dir.path(), &pretend);
    assert_eq!(map(&context).await.unwrap().status, Status::Connected);
    assert_eq!(map(&context).await.unwrap().references, 2);
    assert_eq!(pretend.started(), 1);

    let report = end_with(&context, |r| r.drop_reference = true).await;
    assert!(report.refused.is_empty());
    assert_eq!(context.registry.all()[0].view().references, 1);

    let report = end_with(&context, |r| r.drop_reference = true).await;
    let ended = &report.ended[0];
    assert!(ended.unproven.is_empty(), "{ended:?}");
    let proof = ended.proof.drive().unwrap();
    assert!(proof.acknowledged && proof.session_closed && proof.worker_reaped);
    assert!(nothing_is_left(&context));
    assert!(!pretend.any_alive());

    let report = end_with(&context, |_| ()).await;
    assert!(matches!(report.refused[0].error.kind, ErrorKind::NotConnected(_)));
}

#[tokio::test]
async fn who_may_only_dial_forgets_no_drive() {
    let dir = tempfile::tempdir().unwrap();
    let context = context(dir.path(), &Pretend::new(Script::default()));
    let (name, remote) = ("z:".parse().unwrap(), REMOTE.parse().unwrap());
    let drive = Drive { name, remote, user: None, at: None, read_only: false, kerberos: false };
    context.memory.remember(drive.clone(), None).await.unwrap();
    let mut request = EndRequest::of(Which::Names(vec!["z:".into()]));
    request.forget = true;
    let somebody = Caller { uid: me().uid + 1000, pid: None };
    for (caller, is_refused) in [(somebody, true), (me(), false)] {
        let report = end::end(&context, caller, request.clone(), ProgressSink::none()).await.unwrap();
        let refused = report.refused.iter().any(|r| matches!(r.error.kind, ErrorKind::NotPermitted(_)));
        assert_eq!(refused, is_refused, "{report:?}");
        assert_eq!(context.memory.drive(&drive.name).await.unwrap().is_some(), is_refused);
    }
}

#[tokio::test]
async fn what_the_server_refuses_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let error = ErrorKind::Authentication { user: "eve".into(), server: "fs1".into() };
    let pretend = Pretend::new(Script { refuses: Some(error.clone().into()), ..Script::default() });
    let context = context(dir.path(), &pretend);
    assert_eq!(map(&context).await.unwrap_err().kind, error);
    until(|| nothing_is_left(&context) && !pretend.any_alive()).await;
}

#[tokio::test]
async fn a_caller_that_leaves_takes_its_wish_along() {
    let dir = tempfile::tempdir().unwrap();
    let pretend = Pretend::new(Script { silent: true, ..Script::default() });
    let context = context(dir.path(), &pretend);
    let mapping = tokio::spawn({
        let context = context.clone();
        async move { map(&context).await }
    });
    until(|| pretend.started() == 1 && !context.registry.all().is_empty()).await;
    mapping.abort();
    until(|| nothing_is_left(&context) && !pretend.any_alive()).await;
}

#[tokio::test]
async fn a_server_that_keeps_silent_costs_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let pretend = Pretend::new(Script { silent: true, ..Script::default() });
    let context = context(dir.path(), &pretend);
    let mut request = deviceless();
    request.timeout_ms = 300;
    let error = map::map(&context, me(), request, None, ProgressSink::none()).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Timeout { .. }), "{error}");
    until(|| nothing_is_left(&context) && !pretend.any_alive()).await;
}

#[tokio::test]
async fn a_killed_worker_is_replaced_and_gets_the_password_again() {
    let dir = tempfile::tempdir().unwrap();
    let pretend = Pretend::new(Script::default());
    let context = context(dir.path(), &pretend);
    let first = map(&context).await.unwrap().worker_pid.unwrap();
    pretend.kill(first);
    let pid = || context.registry.all()[0].view().worker_pid;
    until(|| pid().is_some_and(|pid| pid != first)).await;
    until(|| context.registry.all()[0].view().status == Status::Connected).await;
    assert_eq!(pretend.secrets(), ["tiger", "tiger"]);
    assert!(end_with(&context, |_| ()).await.refused.is_empty());
}

#[tokio::test]
async fn data_that_cannot_be_flushed_keeps_the_connection_and_force_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let pretend = Pretend::new(Script { unflushed: Some(("a.txt".into(), 4096)), ..Script::default() });
    let context = context(dir.path(), &pretend);
    map(&context).await.unwrap();
    let report = end_with(&context, |_| ()).await;
    let refused = &report.refused[0].error.kind;
    assert!(matches!(refused, ErrorKind::FlushFailed { files, .. } if files == &["a.txt"]), "{refused:?}");
    assert_eq!(context.registry.all()[0].view().status, Status::Connected);

    let report = end_with(&context, |r| {
        r.verb = Verb::Force;
        r.timeout_ms = Some(4000);
    })
    .await;
    assert!(report.refused.is_empty(), "{report:?}");
    let ended = &report.ended[0];
    assert_eq!((ended.lost[0].path.as_str(), ended.lost[0].bytes), ("a.txt", 4096));
    let proof = ended.proof.drive().unwrap();
    assert!(!proof.acknowledged && proof.worker_reaped);
    assert!(nothing_is_left(&context));
}

#[test]
fn a_daemon_takes_up_what_its_predecessor_left() {
    let dir = tempfile::tempdir().unwrap();
    let workers = Runtime::new().unwrap();
    let pretend = Pretend::on(Script::default(), workers.handle().clone());
    let before = {
        let daemon = mortal();
        let context = context(dir.path(), &pretend);
        let view = daemon.block_on(map(&context)).unwrap();
        // As if killed: its tasks just stop.
        daemon.shutdown_background();
        view
    };
    assert!(pretend.any_alive());
    Runtime::new().unwrap().block_on(async {
        let context = context(dir.path(), &pretend);
        reconcile::reconcile(&context, Default::default()).await.unwrap();
        until(|| context.registry.all().iter().any(|h| h.view().status == Status::Connected)).await;
        let view = context.registry.all()[0].view();
        assert_eq!((&view.name, view.worker_pid), (&before.name, before.worker_pid));
        assert_eq!(view.dialect, before.dialect);
        // The secret came along: a new worker can log on.
        pretend.kill(view.worker_pid.unwrap());
        until(|| pretend.secrets().len() == 2).await;
        until(|| context.registry.all()[0].view().status == Status::Connected).await;
        assert!(end_with(&context, |_| ()).await.refused.is_empty());
        assert!(nothing_is_left(&context));
    });
}

#[test]
fn an_unfinished_connection_is_undone_by_the_next_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let workers = Runtime::new().unwrap();
    let pretend = Pretend::on(Script { silent: true, ..Script::default() }, workers.handle().clone());
    {
        let daemon = mortal();
        let context = context(dir.path(), &pretend);
        daemon.spawn({
            let context = context.clone();
            async move { map(&context).await }
        });
        daemon.block_on(until(|| pretend.asked_to_connect()));
        daemon.shutdown_background();
    }
    Runtime::new().unwrap().block_on(async {
        let context = context(dir.path(), &pretend);
        reconcile::reconcile(&context, Default::default()).await.unwrap();
        until(|| nothing_is_left(&context) && !pretend.any_alive()).await;
    });
}
