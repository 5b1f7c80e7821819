//! Dialling: references, many callers, dialling again, and leaving in the middle.

use cleardown_core::request::HangUpRequest;
use cleardown_core::view::Progress;

use super::*;

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
