//! Journal first: whatever was done of a plan, the journal alone undoes it.

use cleardown_kernel::net::{Change, Facts, Interface, apply_all, our_routes, revert_all, sweep};

use super::{PATIENCE, agreed, at_the_near_end, die, everything, planned};

/// What another process reads.
fn through_the_journal(changes: &[Change]) -> Vec<Change> {
    serde_json::from_str(&serde_json::to_string(changes).unwrap()).unwrap()
}

#[test]
fn a_link_comes_and_leaves_nothing() {
    at_the_near_end(|_| {
        let (tun, changes) = planned(&everything(), &agreed());
        apply_all(&changes, PATIENCE).unwrap();
        apply_all(&changes, PATIENCE).expect("twice is once");
        assert_eq!(Facts::of(&changes, PATIENCE), Facts::default(), "each change is seen");
        let (facts, failed) = revert_all(&through_the_journal(&changes), PATIENCE);
        assert!(facts.complete() && failed.is_empty(), "{facts:?} {failed:?}");
        assert_eq!(our_routes().unwrap(), []);
        assert_eq!(Interface::named(&tun.interface().name).unwrap(), None);
    });
}

#[test]
fn a_crash_after_each_step_is_undone_from_the_journal_alone() {
    at_the_near_end(|cable| {
        let before = cable.near.snapshot();
        let (tun, changes) = planned(&everything(), &agreed());
        die(tun);
        for steps in 0..=changes.len() {
            // Everybody dies, or a worker lives on with a descriptor of the interface.
            for survivor in [false, true] {
                let (tun, changes) = planned(&everything(), &agreed());
                let journal = through_the_journal(&changes);
                apply_all(&changes[..steps], PATIENCE).unwrap();
                let held = survivor.then(|| tun.duplicate().unwrap());
                drop(tun);
                let (facts, failed) = revert_all(&journal, PATIENCE);
                assert!(facts.complete() && failed.is_empty(), "{steps} steps: {facts:?} {failed:?}");
                let (facts, failed) = revert_all(&journal, PATIENCE);
                assert!(facts.complete() && failed.is_empty(), "again: {facts:?} {failed:?}");
                assert_eq!(cable.near.snapshot(), before, "{steps} steps");
                drop(held);
            }
        }
    });
}

#[test]
fn a_change_that_fails_leaves_the_rest_to_be_undone() {
    at_the_near_end(|cable| {
        let (tun, changes) = planned(&everything(), &agreed());
        cable.near.ip(&["route", "add", "128.0.0.0/1", "dev", "net0"]);
        let error = apply_all(&changes, PATIENCE).unwrap_err();
        let words = error.to_string();
        assert!(words.starts_with("adding the route to 128.0.0.0/1 over cd0 failed: "), "{words}");
        assert!(words.ends_with("has the same metric; the entry may name another"), "{words}");
        let (facts, failed) = revert_all(&changes, PATIENCE);
        assert!(facts.complete() && failed.is_empty(), "{facts:?} {failed:?}");
        assert!(cable.near.ip(&["route"]).contains("128.0.0.0/1 dev net0"), "another one's route stays");
        cable.near.ip(&["route", "del", "128.0.0.0/1", "dev", "net0"]);
        drop(tun);
    });
}

#[test]
fn what_a_lost_journal_knew_is_swept_and_live_links_stay() {
    at_the_near_end(|cable| {
        let resolv_conf = std::path::Path::new("/etc/resolv.conf");
        let (lost, changes) = planned(&everything(), &agreed());
        apply_all(&changes, PATIENCE).unwrap();
        // As after a crash of all, without a journal; or after a power failure, for the file.
        die(lost);
        assert_ne!(our_routes().unwrap(), []);
        let (tun, changes) = planned(&everything(), &agreed());
        apply_all(&changes, PATIENCE).unwrap();
        sweep(resolv_conf).unwrap();
        let text = std::fs::read_to_string(resolv_conf).unwrap();
        assert_eq!(text.matches("nameserver 198.51.100.53").count(), 1, "{text}");
        assert_eq!(Facts::of(&changes, PATIENCE), Facts::default(), "the live link stays");
        assert_eq!(cable.near.ip(&["route", "show", super::SERVER]).lines().count(), 1);
        die(tun);
        sweep(resolv_conf).unwrap();
        assert_eq!(our_routes().unwrap(), []);
    });
}
