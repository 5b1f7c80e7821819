//! What a killed daemon leaves, taken up by the next.

use std::collections::HashMap;

use super::*;
use crate::reconcile;
use crate::tests::mortal;

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
