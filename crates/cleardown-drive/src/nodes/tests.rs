//! Names, links and renames, as the kernel and other clients cause them.

use cleardown_share::Time;

use super::*;
use crate::arena::Arena;

/// A file's attributes, of which only kind and id matter.
pub(crate) fn attr(kind: FileKind, id: u64) -> Attr {
    Attr {
        id: Some(id),
        kind,
        size: 0,
        allocated: None,
        mode: None,
        read_only: false,
        uid: None,
        gid: None,
        links: None,
        accessed: Time(0),
        modified: Time(0),
        changed: Time(0),
        created: None,
    }
}

fn table(fold: bool) -> (Arena, Table) {
    let arena = Arena::with_capacity(4 << 20).unwrap();
    let table = Table::new(arena.shared.clone(), fold);
    (arena, table)
}

fn enter(table: &mut Table, parent: u64, name: &str, kind: FileKind, id: u64) -> u64 {
    let node = table.enter(parent, name.as_bytes(), &attr(kind, id), Instant::now()).unwrap();
    table.count(node);
    node
}

fn path(table: &Table, node: u64) -> Option<String> {
    table.path(node).map(|path| path.to_string())
}

#[test]
fn renaming_a_folder_moves_what_is_below() {
    let (_arena, mut table) = table(false);
    let a = enter(&mut table, ROOT, "a", FileKind::Dir, 10);
    let f = enter(&mut table, a, "f", FileKind::File, 11);
    assert_eq!(table.rename((ROOT, b"a"), (ROOT, b"b")), None);
    assert_eq!(path(&table, f).unwrap(), "b/f");
    assert_eq!(table.child(ROOT, b"a"), None);
}

#[test]
fn a_forgotten_node_goes_and_takes_its_forgotten_folder_along() {
    let (_arena, mut table) = table(false);
    let a = enter(&mut table, ROOT, "a", FileKind::Dir, 10);
    let f = enter(&mut table, a, "f", FileKind::File, 11);
    table.forget(a, 1);
    assert_eq!(path(&table, f).unwrap(), "a/f", "a folder stays for its files");
    table.forget(f, 1);
    assert_eq!(table.iter().count(), 1);
}

#[test]
fn another_file_of_the_same_name_is_another_node() {
    let (_arena, mut table) = table(false);
    let first = enter(&mut table, ROOT, "f", FileKind::File, 10);
    let second = enter(&mut table, ROOT, "f", FileKind::File, 11);
    assert_ne!(first, second);
    assert_eq!((path(&table, first), path(&table, second).unwrap()), (None, "f".to_owned()));
}

#[test]
fn hard_links_are_one_node_and_a_foreign_rename_is_followed() {
    let (_arena, mut table) = table(false);
    let linked = Attr { links: Some(2), ..attr(FileKind::File, 10) };
    let one = table.enter(ROOT, b"one", &linked, Instant::now()).unwrap();
    let two = table.enter(ROOT, b"two", &linked, Instant::now()).unwrap();
    assert_eq!(one, two);
    table.count(one);
    table.unname(ROOT, b"two");
    assert_eq!(path(&table, one).unwrap(), "one");
    let moved = enter(&mut table, ROOT, "moved", FileKind::File, 10);
    assert_eq!((moved, path(&table, one).unwrap()), (one, "moved".to_owned()));
}

/// An SMB server goes on telling the old time while anybody has the file open.
#[test]
fn a_file_that_we_changed_does_not_look_old_before_the_server_has_noticed() {
    let (_arena, mut table) = table(false);
    let (old, new) = (Time(1_000_000_000_500), Time(2_000_000_000_500));
    let told = |modified| Attr { modified, ..attr(FileKind::File, 10) };
    let node = table.enter(ROOT, b"f", &told(old), Instant::now()).unwrap();
    let file = FileState::new(node);
    table.get_mut(node).unwrap().file = Some(file.clone());
    let open = file.passing();
    table.get_mut(node).unwrap().wrote();
    table.saw(node, &told(old), Instant::now());
    let seen = table.get(node).unwrap().seen.clone().unwrap();
    assert!(seen.attr.modified > new && !seen.exact, "a guess, by our clock: {seen:?}");
    table.saw(node, &told(new), Instant::now());
    let seen = table.get(node).unwrap().seen.clone().unwrap();
    assert!(seen.attr.modified == new && seen.exact, "it has noticed: {seen:?}");
    // Once the file is closed the server has the last word.
    table.get_mut(node).unwrap().wrote();
    let asked = Instant::now();
    drop(open);
    table.saw(node, &told(new), asked);
    assert!(!table.get(node).unwrap().seen.as_ref().unwrap().exact, "it was open when that was asked");
    table.saw(node, &told(new), Instant::now());
    let seen = table.get(node).unwrap().seen.clone().unwrap();
    assert!(seen.attr.modified == new && seen.exact, "{seen:?}");
}

#[test]
fn an_answer_does_not_replace_one_that_was_asked_for_later() {
    let (_arena, mut table) = table(false);
    let early = Instant::now();
    let node = table.enter(ROOT, b"f", &attr(FileKind::File, 10), Instant::now()).unwrap();
    table.saw(node, &Attr { size: 7, ..attr(FileKind::File, 10) }, early);
    assert_eq!(table.get(node).unwrap().seen.as_ref().unwrap().attr.size, 0);
}

#[test]
fn case_is_folded_where_the_server_folds_it() {
    let (_arena, mut table) = table(true);
    let file = enter(&mut table, ROOT, "Grüße", FileKind::File, 0);
    assert_eq!(table.child(ROOT, "GRÜSSE".as_bytes()), None);
    assert_eq!(table.child(ROOT, "grÜße".as_bytes()), Some(file));
    table.unname(ROOT, "GRÜßE".as_bytes());
    assert_eq!(path(&table, file), None);
}

#[test]
fn the_next_worker_knows_names_and_handles() {
    let (arena, mut table) = table(false);
    let a = enter(&mut table, ROOT, "a", FileKind::Dir, 10);
    let f = enter(&mut table, a, "f", FileKind::File, 11);
    let g = enter(&mut table, a, "g", FileKind::File, 12);
    table.opened(5, f, libc::O_RDWR);
    table.opened(6, g, libc::O_RDONLY);
    table.closed(6);
    table.forget(g, 1);
    table.rename((ROOT, b"a"), (ROOT, b"z"));
    let next = Table::new(arena.shared.clone(), false);
    assert_eq!(path(&next, f).unwrap(), "z/f");
    assert!(next.get(g).is_none());
    assert_eq!(next.handles, HashMap::from([(5, Handle { node: f, flags: libc::O_RDWR, lost: false })]));
}

#[test]
fn the_journal_is_rewritten_before_it_grows_without_end() {
    let (arena, mut table) = table(false);
    let file = enter(&mut table, ROOT, "0", FileKind::File, 10);
    for number in 0..60_000u32 {
        let (from, to) = (number.to_string(), (number + 1).to_string());
        table.rename((ROOT, from.as_bytes()), (ROOT, to.as_bytes()));
    }
    let next = Table::new(arena.shared.clone(), false);
    assert_eq!(path(&next, file).unwrap(), "60000");
    assert!(crate::arena::entries(&arena.shared).len() < 60_000);
}
