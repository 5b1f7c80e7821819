//! The arena survives the death of its process at any point.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use proptest::prelude::*;

use super::*;

fn reopen(arena: &Arena) -> Arena {
    Arena::open(arena.as_fd().try_clone_to_owned().unwrap()).unwrap()
}

fn put(arena: &Arena, node: u64, offset: u64, data: &[u8], reserve: u64) -> Record {
    let run = arena.shared.take(reserve.max(data.len() as u64)).unwrap();
    assert!(run.write(run.start(), data));
    let at = run.start();
    arena.shared.publish(node, offset, run, at, data.len() as u64).unwrap()
}

#[test]
fn what_was_published_is_found_by_the_next_process() {
    let arena = Arena::with_capacity(4 << 20).unwrap();
    let mut first = put(&arena, 7, 100, b"hello", 4096);
    assert!(arena.shared.extend(&mut first, b" world"));
    let second = put(&arena, 8, 0, b"second", 0);
    assert_eq!(arena.pending_bytes(), 17);
    arena.shared.release(second, true);

    let next = reopen(&arena);
    let records = next.shared.replay();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].node, records[0].offset, &records[0].bytes()[..]), (7, 100, &b"hello world"[..]));
    assert_eq!(next.pending_bytes(), 11);
}

#[test]
fn a_payload_that_the_kernel_wrote_into_the_arena_is_published_without_a_copy() {
    let arena = Arena::with_capacity(4 << 20).unwrap();
    let pool = ArenaPool::new(arena.shared.clone());
    let mut buffer = cleardown_fuse::BufferPool::take(&pool, 1 << 20);
    let at = cleardown_fuse::PAYLOAD_OFFSET;
    buffer.memory()[at..at + 5].copy_from_slice(b"bytes");
    let bytes = buffer.freeze(at..at + 5);
    let (run, start) = arena.shared.run_of(&bytes).unwrap();
    let record = arena.shared.publish(1, 0, run, start, 5).unwrap();
    arena.shared.seal(&record);
    assert_eq!(record.bytes().as_ptr(), bytes.as_ptr());
    drop(bytes);
    // The tail came back: all but the run's first two pages can be had.
    assert!(arena.shared.take((4 << 20) - 8192).is_some());
    assert_eq!(&reopen(&arena).shared.replay()[0].bytes()[..], b"bytes");
}

#[test]
fn a_full_arena_gives_nothing_and_released_memory_comes_back() {
    let arena = Arena::with_capacity(4 << 20).unwrap();
    let record = put(&arena, 1, 0, b"x", 4 << 20);
    assert!(arena.shared.take(1).is_none());
    arena.shared.release(record, true);
    assert!(arena.shared.take(4 << 20).is_some());
    arena.shared.tidy();
    assert!(arena.shared.take(4 << 20).is_some());
}

/// A write that found no room has nobody else to wake it: whoever had the memory must, whatever it was for.
#[tokio::test]
async fn memory_that_comes_back_wakes_who_waits_for_it() {
    let arena = Arena::with_capacity(4 << 20).unwrap();
    let woken = async |give_back: &dyn Fn()| {
        let room = arena.shared.room.notified();
        tokio::pin!(room);
        room.as_mut().enable();
        give_back();
        tokio::time::timeout(std::time::Duration::from_secs(30), room).await.expect("woken");
    };
    let read_into = std::cell::Cell::new(arena.shared.take(4 << 20));
    woken(&|| drop(read_into.take())).await;
    woken(&|| arena.shared.tidy()).await;
    let record = std::cell::Cell::new(Some(put(&arena, 1, 0, b"x", 0)));
    woken(&|| arena.shared.release(record.take().unwrap(), true)).await;
}

#[derive(Clone, Debug)]
enum Step {
    Put(u64, Vec<u8>),
    Extend(usize, Vec<u8>),
    Release(usize),
    Name(u64, u64, Vec<u8>),
    Rewrite,
    Tidy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let data = proptest::collection::vec(any::<u8>(), 1..9000);
    let step = prop_oneof![
        (0u64..5, data.clone()).prop_map(|(node, data)| Step::Put(node, data)),
        (any::<usize>(), data).prop_map(|(which, data)| Step::Extend(which, data)),
        any::<usize>().prop_map(Step::Release),
        (2u64..9, 1u64..3, proptest::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(node, parent, name)| Step::Name(node, parent, name)),
        Just(Step::Rewrite),
        Just(Step::Tidy),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// After every step another process finds just what the model holds.
    #[test]
    fn a_death_after_any_step_leaves_what_was_published(steps in steps()) {
        let arena = Arena::with_capacity(4 << 20).unwrap();
        let mut journal = Journal::new(arena.shared.clone());
        let mut live: Vec<Record> = Vec::new();
        let mut model: BTreeMap<u64, (u64, Vec<u8>)> = BTreeMap::new();
        let mut names = Vec::new();
        for step in steps {
            match step {
                Step::Put(node, data) => {
                    let record = put(&arena, node, 5, &data, 16 << 10);
                    model.insert(record.seq, (node, data));
                    live.push(record);
                }
                Step::Extend(which, data) if !live.is_empty() => {
                    let at = which % live.len();
                    if arena.shared.extend(&mut live[at], &data) {
                        model.get_mut(&live[at].seq).unwrap().1.extend(&data);
                    }
                }
                Step::Release(which) if !live.is_empty() => {
                    let record = live.swap_remove(which % live.len());
                    model.remove(&record.seq);
                    arena.shared.release(record, true);
                }
                Step::Name(node, parent, name) => {
                    let entry = Entry::Name { node, parent, name, file_id: node << 40, dir: node % 2 == 0 };
                    journal.add(&entry);
                    names.push(entry);
                }
                Step::Rewrite => journal.rewrite(names.clone().into_iter()),
                Step::Tidy => arena.shared.tidy(),
                Step::Extend(..) | Step::Release(_) => {}
            }
            let next = reopen(&arena);
            let found: BTreeMap<_, _> = next.shared.replay().into_iter()
                .map(|record| (record.seq, (record.node, record.bytes().to_vec()))).collect();
            prop_assert_eq!(&found, &model);
            prop_assert_eq!(next.pending_bytes(), model.values().map(|(_, d)| d.len() as u64).sum::<u64>());
            prop_assert_eq!(entries(&next.shared), names.clone());
        }
    }
}
