//! Ending: peers and workers that do not play along, ends that nobody asked for, and who is in the way.

use cleardown_core::ErrorKind;
use cleardown_core::request::MapRequest;

use super::*;
use crate::map;
use crate::tests::deviceless;

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
        let drive = MapRequest { remote, ..deviceless() };
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
