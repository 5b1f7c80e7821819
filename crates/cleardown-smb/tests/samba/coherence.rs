//! Caching that is coherent with other clients: leases, oplocks, change notification, locks.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, Event, LockKind, OpenHow, Share};
use cleardown_testkit::{Options, Samba, User};
use tokio::sync::mpsc;

use crate::common::{BOTH, eve, how, open, path};

async fn next(events: &mut mpsc::Receiver<Event>) -> Event {
    tokio::time::timeout(Duration::from_secs(20), events.recv()).await.expect("an event comes").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_client_breaks_a_write_lease_and_waits_for_us() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let mut events = share.events().unwrap();
    let wish = OpenHow { lease: true, ..how(BOTH, Disposition::CreateNew) };
    let ours = share.open(&path("f"), wish).await.unwrap();
    assert!(
        ours.file.lease().read && ours.file.lease().write && ours.file.lease().handle,
        "{:?}",
        ours.file.lease()
    );
    // A second open here has the same lease and breaks nothing.
    let again = share
        .open(&path("f"), OpenHow { lease: true, ..how(Access::READ, Disposition::Open) })
        .await
        .unwrap();
    assert!(again.file.lease().write);
    share.stat(&path("f")).await.unwrap();
    assert!(events.try_recv().is_err());

    let file = ours.file.clone();
    let reader = std::thread::scope(|scope| {
        let reader = scope.spawn(|| samba.smbclient("files", &User::adam(), "get f -"));
        let event =
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(next(&mut events)));
        let Event::LeaseBroken { path: broken, lease, ticket } = event else { panic!("{event:?}") };
        assert_eq!(broken, path("f"));
        assert!(!lease.write && lease.read);
        // What we had not written yet goes out before the other client may read.
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(file.write(0, Bytes::from_static(b"written late")))
        })
        .unwrap();
        share.lease_break_done(ticket.unwrap());
        reader.join().unwrap()
    });
    assert!(reader.unwrap().contains("written late"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oplock_serves_where_leases_are_not_known() {
    let options =
        Options { max_protocol: "SMB2_10".into(), extra: "smb2 leases = no".into(), ..Options::default() };
    let samba = Samba::start(options).unwrap();
    let share = eve(&samba, "files").await;
    let mut events = share.events().unwrap();
    let ours =
        share.open(&path("f"), OpenHow { lease: true, ..how(BOTH, Disposition::CreateNew) }).await.unwrap();
    assert!(ours.file.lease().write);
    let other = eve(&samba, "files").await;
    let opening =
        tokio::spawn(async move { other.open(&path("f"), how(BOTH, Disposition::Open)).await.map(drop) });
    let Event::LeaseBroken { path: broken, lease, ticket } = next(&mut events).await else { panic!() };
    assert_eq!(broken, path("f"));
    assert!(!lease.write);
    share.lease_break_done(ticket.unwrap());
    opening.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_never_answers_a_break_holds_nobody_up_for_long() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let ours =
        share.open(&path("f"), OpenHow { lease: true, ..how(BOTH, Disposition::CreateNew) }).await.unwrap();
    let other = eve(&samba, "files").await;
    // The provider acknowledges by itself, and the other client goes on before Samba's own 35 s.
    let name = path("f");
    let opening = other.open(&name, how(BOTH, Disposition::Open));
    tokio::time::timeout(Duration::from_secs(20), opening).await.unwrap().unwrap();
    ours.file.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_in_a_watched_folder_are_reported_by_name() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let mut events = share.events().unwrap();
    share.create_dir(&path("d"), 0o755).await.unwrap();
    share.watch(&path("d")).await.unwrap();
    share.watch(&path("d")).await.unwrap();
    // The server begins to watch some time after it has said so.
    let mut made = 0;
    while events.is_empty() {
        made += 1;
        assert!(made < 100, "no change is reported");
        samba.smbclient("files", &User::adam(), &format!("mkdir d/early{made}")).unwrap();
    }
    for name in ["one", "two"] {
        samba.smbclient("files", &User::adam(), &format!("mkdir d/{name}")).unwrap();
        loop {
            let event = next(&mut events).await;
            let Event::Changed { dir, name: changed } = event else { panic!("{event:?}") };
            assert_eq!(dir, path("d"));
            if changed.as_deref() == Some(name.as_bytes()) {
                break;
            }
        }
    }
    share.unwatch(&path("d")).await;
    assert_eq!(share.watch(&path("missing")).await.unwrap_err().errno, libc::ENOENT);
}

/// They are asked for now and then only while there are so many.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_in_a_row_none_is_missing() {
    let samba = Samba::start(Options::default()).unwrap();
    let (share, other) = (eve(&samba, "files").await, eve(&samba, "files").await);
    let mut events = share.events().unwrap();
    share.create_dir(&path("d"), 0o755).await.unwrap();
    share.watch(&path("d")).await.unwrap();
    let mut early = 0;
    while events.is_empty() {
        early += 1;
        assert!(early < 1000, "no change is reported");
        other.create_dir(&path(&format!("d/early{early}")), 0o755).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut wanted: BTreeSet<String> = (0..300).map(|i| format!("late{i}")).collect();
    for name in &wanted {
        other.create_dir(&path(&format!("d/{name}")), 0o755).await.unwrap();
    }
    while !wanted.is_empty() {
        let event = next(&mut events).await;
        let Event::Changed { name: Some(name), .. } = event else { panic!("{event:?}") };
        wanted.remove(str::from_utf8(&name).unwrap());
    }
    // The next change is not kept back for long, and ending does not wait for it.
    other.create_dir(&path("d/last"), 0o755).await.unwrap();
    while !matches!(next(&mut events).await, Event::Changed { name: Some(name), .. } if name == b"last") {}
    assert!(share.close().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_are_cut_moved_and_seen_by_others() {
    let samba = Samba::start(Options::default()).unwrap();
    let (share, other) = (eve(&samba, "files").await, Arc::new(eve(&samba, "files").await));
    let ours = open(&share, "f").await.file;
    let theirs = open(&other, "f").await.file;
    let tries = async |offset, len| {
        theirs.lock(9, offset, len, LockKind::Exclusive, false).await.map_err(|e| e.errno)
    };
    ours.lock(1, 0, 100, LockKind::Exclusive, false).await.unwrap();
    assert_eq!(tries(50, 10).await, Err(libc::EAGAIN));
    // Cutting a hole frees just that.
    ours.unlock(1, 40, 30).await.unwrap();
    assert_eq!(tries(50, 10).await, Ok(()));
    assert_eq!(tries(0, 10).await, Err(libc::EAGAIN));
    assert_eq!(tries(90, 10).await, Err(libc::EAGAIN));
    theirs.unlock(9, 0, u64::MAX).await.unwrap();
    // A downgrade lets readers in.
    ours.lock(1, 0, 100, LockKind::Shared, false).await.unwrap();
    theirs.lock(9, 0, 100, LockKind::Shared, false).await.unwrap();
    assert_eq!(ours.lock(1, 0, 100, LockKind::Exclusive, false).await.unwrap_err().errno, libc::EAGAIN);
    theirs.unlock(9, 0, 100).await.unwrap();
    // A second owner of the same file is another owner on the server too, and its data is still within reach.
    ours.unlock(1, 0, 100).await.unwrap();
    ours.lock(1, 0, 10, LockKind::Exclusive, false).await.unwrap();
    assert_eq!(ours.lock(2, 5, 10, LockKind::Exclusive, false).await.unwrap_err().errno, libc::EAGAIN);
    ours.lock(2, 10, 10, LockKind::Exclusive, false).await.unwrap();
    ours.write(12, Bytes::from_static(b"x")).await.unwrap();
    // Giving up a wait leaves nothing behind.
    let waiting = theirs.lock(9, 0, 1, LockKind::Exclusive, true);
    assert!(tokio::time::timeout(Duration::from_millis(200), waiting).await.is_err());
    ours.close().await.unwrap();
    assert_eq!(tries(0, 100).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_waited_for_also_where_the_server_forgets_to_say_that_it_is_free() {
    let samba = Samba::start(Options::default()).unwrap();
    let (share, other) = (eve(&samba, "files").await, eve(&samba, "files").await);
    let ours = open(&share, "f").await.file;
    let theirs = open(&other, "f").await.file;
    ours.lock(1, 0, 10, LockKind::Exclusive, false).await.unwrap();
    let mut waiting = Box::pin(theirs.lock(9, 0, 10, LockKind::Exclusive, true));
    assert!(tokio::time::timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    // The processes of smbd wake each other through sockets in this folder.
    let sockets = samba.conf().with_file_name("lock").join("msg.sock");
    let away = sockets.with_file_name("away");
    std::fs::rename(&sockets, &away).unwrap();
    ours.unlock(1, 0, 10).await.unwrap();
    std::fs::rename(&away, &sockets).unwrap();
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it is granted").unwrap();
    assert_eq!(ours.lock(1, 0, 1, LockKind::Shared, false).await.unwrap_err().errno, libc::EAGAIN);
    theirs.unlock(9, 0, 10).await.unwrap();
    ours.lock(1, 0, 10, LockKind::Exclusive, false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_replaced_underneath_is_another_file() {
    let samba = Samba::start(Options::default()).unwrap();
    let share = eve(&samba, "files").await;
    let wish = |disposition| OpenHow { lease: true, ..how(BOTH, disposition) };
    let old = share.open(&path("f"), wish(Disposition::CreateNew)).await.unwrap();
    old.file.write(0, Bytes::from_static(b"old")).await.unwrap();
    std::fs::write(samba.path("files").join("other"), "new!").unwrap();
    std::fs::rename(samba.path("files").join("other"), samba.path("files").join("f")).unwrap();
    let new = share.open(&path("f"), wish(Disposition::Open)).await.unwrap();
    assert_eq!(&new.file.read(0, 10).await.unwrap()[..], b"new!");
    assert_eq!(&old.file.read(0, 10).await.unwrap()[..], b"old");
    assert_ne!(new.attr.id, old.attr.id);
    old.file.close().await.unwrap();
    new.file.close().await.unwrap();
    // A link is the same file under another name, with a lease of its own.
    share.hard_link(&path("f"), &path("g")).await.unwrap();
    let f = share.open(&path("f"), wish(Disposition::Open)).await.unwrap();
    let g = share.open(&path("g"), wish(Disposition::Open)).await.unwrap();
    f.file.write(0, Bytes::from_static(b"both")).await.unwrap();
    assert_eq!(&g.file.read(0, 10).await.unwrap()[..], b"both");
}
