//! Byte-range locks. SMB's belong to a handle, Linux's to an owner: the first owner of a file locks through the
//! file's own handle, every other through a handle opened for it. SMB unlocks exactly what was locked, Linux any
//! range: what is left of a lock that is cut is taken again.
//!
//! The server enforces these locks on other handles (they are mandatory there); reads and writes that run into a
//! lock of one of our own owners go through that owner's handle.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_share::{LockKind, ShareError, ShareResult};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::connection::Connection;
use crate::core::once;
use crate::file::{Handle, Identity};
use crate::link::Link;
use crate::status;
use crate::wire::create::Created;
use crate::wire::frame::{Frame, Reply};
use crate::wire::request::{self, LockElement};
use crate::wire::{Command, FileId, Malformed};

/// Offset and length.
type Range = (u64, u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) range: Range,
    pub(crate) kind: LockKind,
}

/// One owner's locks.
#[derive(Default, Clone)]
struct Owner {
    /// None: the file's own handle.
    handle: Option<(u64, FileId)>,
    held: Vec<Held>,
}

#[derive(Default)]
struct Table {
    owners: HashMap<u64, Owner>,
    /// Who locks through the file's own handle.
    main: Option<u64>,
}

/// The locks of one open file.
#[derive(Default)]
pub(crate) struct Locks {
    table: Mutex<Table>,
    /// One change at a time, so that cutting and taking again do not mix. Held over awaits, therefore not a mutex
    /// that blocks a thread.
    turn: tokio::sync::Mutex<()>,
}

impl Locks {
    /// The handles of owners, to be closed with the file.
    pub(crate) fn handles(&self) -> Vec<FileId> {
        self.table.lock().owners.values().filter_map(|owner| owner.handle.map(|(_, file)| file)).collect()
    }

    /// The handle of an owner that has locked all of a range.
    pub(crate) fn holder(&self, link: &Link, offset: u64, len: u64) -> Option<FileId> {
        let covers = |held: &Held| {
            held.range.0 <= offset && offset.saturating_add(len) <= held.range.0.saturating_add(held.range.1)
        };
        let table = self.table.lock();
        let owner =
            table.owners.values().find(|owner| owner.handle.is_some() && owner.held.iter().any(covers))?;
        owner.handle.filter(|(generation, _)| *generation == link.generation).map(|(_, file)| file)
    }

    /// All locks, to be taken again after a reconnect; handles of owners are gone then.
    pub(crate) fn take_all(&self) -> Vec<(u64, Held)> {
        let mut table = self.table.lock();
        table.main = None;
        let owners = std::mem::take(&mut table.owners);
        owners
            .into_iter()
            .flat_map(|(id, owner)| owner.held.into_iter().map(move |held| (id, held)))
            .collect()
    }
}

/// What is left of `held` once `cut` is taken out of it.
fn without(held: Held, cut: Range) -> Vec<Held> {
    let (start, end) = (held.range.0, held.range.0.saturating_add(held.range.1));
    let (from, to) = (cut.0, cut.0.saturating_add(cut.1));
    let pieces = [(start, end.min(from)), (start.max(to), end)];
    pieces.into_iter().filter(|(a, b)| a < b).map(|(a, b)| Held { range: (a, b - a), ..held }).collect()
}

fn overlaps(a: Range, b: Range) -> bool {
    a.0 < b.0.saturating_add(b.1) && b.0 < a.0.saturating_add(a.1)
}

/// SMB's ranges may not pass the end of 64 bits.
fn clamp((offset, len): Range) -> Range {
    (offset, len.min(u64::MAX - offset))
}

/// Takes a lock; see [`cleardown_share::File::lock`].
pub(crate) async fn lock(
    handle: &Arc<Handle>,
    owner: u64,
    range: Range,
    kind: LockKind,
    wait: bool,
) -> ShareResult<()> {
    let range = clamp(range);
    once!(handle.core, |link, deadline| {
        let turn = handle.locks.turn.lock().await;
        let file = handle_of(handle, &link, owner, deadline).await?;
        let wanted = Held { range, kind };
        let own = held_by(handle, owner);
        if own.contains(&wanted) {
            return Ok(());
        }
        let (cut, kept): (Vec<Held>, Vec<Held>) =
            own.into_iter().partition(|held| overlaps(held.range, range));
        for held in &cut {
            release(&link, file, held.range, deadline).await?;
        }
        // Only a lock that cuts nothing may wait outside of its turn; with one that does, nobody else can get between.
        let turn = if wait && cut.is_empty() {
            drop(turn);
            None
        } else {
            Some(turn)
        };
        let taken = take(&link, file, wanted, wait, deadline).await;
        let mut now = kept;
        let again: Vec<Held> = match &taken {
            Ok(()) => cut.iter().flat_map(|held| without(*held, range)).collect(),
            Err(_) => cut,
        };
        for held in again {
            if take(&link, file, held, false, deadline).await.is_ok() {
                now.push(held);
            }
        }
        if taken.is_ok() {
            now.push(wanted);
        }
        if turn.is_some() {
            set_held(handle, owner, now);
        } else if taken.is_ok() {
            let mut table = handle.locks.table.lock();
            table.owners.entry(owner).or_default().held.push(wanted);
        }
        taken
    })
}

/// Gives back what an owner has locked in a range; see [`cleardown_share::File::unlock`].
pub(crate) async fn unlock(handle: &Arc<Handle>, owner: u64, range: Range) -> ShareResult<()> {
    let range = clamp(range);
    if held_by(handle, owner).is_empty() {
        return Ok(());
    }
    once!(handle.core, |link, deadline| {
        let _turn = handle.locks.turn.lock().await;
        let file = handle_of(handle, &link, owner, deadline).await?;
        let mut now = Vec::new();
        for held in held_by(handle, owner) {
            if !overlaps(held.range, range) {
                now.push(held);
                continue;
            }
            release(&link, file, held.range, deadline).await?;
            for rest in without(held, range) {
                take(&link, file, rest, false, deadline).await?;
                now.push(rest);
            }
        }
        set_held(handle, owner, now);
        Ok(())
    })
}

fn held_by(handle: &Handle, owner: u64) -> Vec<Held> {
    handle.locks.table.lock().owners.get(&owner).map(|owner| owner.held.clone()).unwrap_or_default()
}

fn set_held(handle: &Handle, owner: u64, held: Vec<Held>) {
    let mut table = handle.locks.table.lock();
    let is_main = table.main == Some(owner);
    if held.is_empty() && is_main {
        table.main = None;
        table.owners.remove(&owner);
    } else {
        table.owners.entry(owner).or_default().held = held;
    }
}

/// The handle through which an owner locks.
async fn handle_of(handle: &Arc<Handle>, link: &Link, owner: u64, deadline: Instant) -> ShareResult<FileId> {
    let main = handle.on(link)?;
    {
        let mut table = handle.locks.table.lock();
        if let Some((generation, file)) = table.owners.get(&owner).and_then(|owner| owner.handle)
            && generation == link.generation
        {
            return Ok(file);
        }
        if *table.main.get_or_insert(owner) == owner {
            return Ok(main);
        }
    }
    let file = open_extra(handle, link, deadline).await?.file;
    let mut table = handle.locks.table.lock();
    table.owners.entry(owner).or_default().handle = Some((link.generation, file));
    Ok(file)
}

/// One more handle of the same file, under the same lease.
async fn open_extra(handle: &Handle, link: &Link, deadline: Instant) -> ShareResult<Created> {
    let path = handle.path.lock().clone();
    let wire = handle.core.wire_path(&path)?;
    let mut create = crate::share::create_for(&wire, handle.access);
    create.lease = handle.core.own_lease(link, &path);
    create.id = true;
    let frame = Frame::one(Command::Create, link.tree, |body| create.body(body));
    let reply = link.call_one(frame, deadline).await?;
    let created = Created::read(reply.ok()?)?;
    if Identity::from(&created) != *handle.identity.lock() {
        link.close_file(created.file, deadline).await;
        return Err(ShareError::server(libc::ESTALE, "another file has this name now"));
    }
    Ok(created)
}

async fn release(link: &Link, file: FileId, range: Range, deadline: Instant) -> ShareResult<()> {
    let element = LockElement { offset: range.0, len: range.1, flags: LockElement::UNLOCK };
    let frame = Frame::one(Command::Lock, link.tree, |body| request::lock(body, file, element));
    match link.call_one(frame, deadline).await?.ok() {
        Err(error) if !status::is(&error, status::RANGE_NOT_LOCKED) => Err(error),
        _ => Ok(()),
    }
}

/// Takes one lock on one handle. One that waits, waits for ever, and is cancelled by dropping the future.
pub(crate) async fn take(
    link: &Link,
    file: FileId,
    lock: Held,
    wait: bool,
    deadline: Instant,
) -> ShareResult<()> {
    let kind = match lock.kind {
        LockKind::Shared => LockElement::SHARED,
        LockKind::Exclusive => LockElement::EXCLUSIVE,
    };
    let ask = |flags| {
        let element = LockElement { offset: lock.range.0, len: lock.range.1, flags };
        let mut frame = Frame::one(Command::Lock, link.tree, |body| request::lock(body, file, element));
        link.protect(&mut frame);
        frame
    };
    let at_once = kind | LockElement::FAIL_IMMEDIATELY;
    if !wait {
        link.connection.call_one(ask(at_once), deadline).await?.ok()?;
        return Ok(());
    }
    let (id, answer) = link.connection.start_call(ask(kind), deadline).await?.pop().ok_or(Malformed)?;
    let mut waiting = Waiting {
        connection: link.connection.clone(),
        tree: link.tree,
        encrypt: link.encrypts(),
        id,
        file,
        range: lock.range,
        answer: Some(answer),
    };
    let reply = loop {
        let answer = waiting.answer.as_mut().ok_or(Malformed)?;
        if let Ok(reply) = tokio::time::timeout(ASK_AGAIN, answer).await {
            break reply;
        }
        let again = link.connection.call_one(ask(at_once), Instant::now() + PATIENCE).await;
        if again.is_ok_and(|reply| reply.ok().is_ok()) {
            return Ok(());
        }
    };
    waiting.answer = None;
    reply.map_err(|_| ShareError::transport(libc::EIO, "the connection was lost"))?.ok()?;
    Ok(())
}

/// How often a lock that is waited for is asked for besides. A server may leave who waits asleep: smbd (4.17) wakes them when
/// it closes a file, and only then gives back what its client had locked.
const ASK_AGAIN: Duration = Duration::from_secs(3);
/// How long a question that nobody waits for may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A lock that is waited for. Dropped early, it is cancelled, and given back if it was granted all the same.
struct Waiting {
    connection: Arc<Connection>,
    tree: u32,
    encrypt: bool,
    id: u64,
    file: FileId,
    range: Range,
    answer: Option<oneshot::Receiver<Reply>>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let (Some(answer), Ok(runtime)) = (self.answer.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        self.connection.cancel(self.id);
        let (connection, tree, file) = (self.connection.clone(), self.tree, self.file);
        let (offset, len) = self.range;
        let encrypt = self.encrypt;
        runtime.spawn(async move {
            if answer.await.is_ok_and(|reply| reply.ok().is_ok()) {
                let element = LockElement { offset, len, flags: LockElement::UNLOCK };
                let mut frame = Frame::one(Command::Lock, tree, |body| request::lock(body, file, element));
                frame.encrypt = encrypt;
                let _ = connection.call_one(frame, Instant::now() + PATIENCE).await;
            }
        });
    }
}

/// Takes all locks of a file again after a reconnect; false if one is lost.
pub(crate) async fn retake(handle: &Arc<Handle>, link: &Link, deadline: Instant) -> bool {
    let mut all = true;
    for (owner, held) in handle.locks.take_all() {
        let taken = match handle_of(handle, link, owner, deadline).await {
            Ok(file) => take(link, file, held, false, deadline).await.is_ok(),
            Err(_) => false,
        };
        if taken {
            handle.locks.table.lock().owners.entry(owner).or_default().held.push(held);
        }
        all &= taken;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_cut_in_two() {
        let held = Held { range: (10, 10), kind: LockKind::Shared };
        let left = |cut| without(held, cut).into_iter().map(|held| held.range).collect::<Vec<_>>();
        assert_eq!(left((12, 3)), [(10, 2), (15, 5)]);
        assert_eq!(left((0, 15)), [(15, 5)]);
        assert_eq!(left((10, 10)), []);
        assert_eq!(left((30, 5)), [(10, 10)]);
        assert!(overlaps((0, u64::MAX), (5, 1)));
        assert_eq!(clamp((5, u64::MAX)), (5, u64::MAX - 5));
    }
}
