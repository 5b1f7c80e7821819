//! Leases and oplocks: what may be cached, and who is told when that ends (MS-SMB2 3.2.5.19).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::BufMut;
use cleardown_share::{Event, Lease, SharePath};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use crate::core::Core;
use crate::link::Link;
use crate::random;
use crate::wire::create::{
    Created, OPLOCK_BATCH, OPLOCK_EXCLUSIVE, OPLOCK_LEASE, OPLOCK_LEVEL_II, OPLOCK_NONE, lease,
};
use crate::wire::frame::Frame;
use crate::wire::{Bits, Command, FileId, HEADER, Malformed};

/// How long the drive has for writing and dropping what a broken lease covered; less than the 35 s of servers, and than what
/// the other client waits for.
const BREAK_DEADLINE: Duration = Duration::from_secs(15);
/// How long the server may take for our acknowledgement.
const ACKNOWLEDGED: Duration = Duration::from_secs(2);

/// Acknowledgements that may wait for the drive; more are given at once.
const DUE: usize = 4096;

/// Acknowledgements under way that the server has not answered; one that lets more of them wait is let go.
const UNANSWERED: usize = 4096;

/// A lease key: one per file that is open here, so that our own opens do not break each other's leases.
pub(crate) type Key = [u8; 16];

struct Entry {
    path: SharePath,
    state: u32,
    /// How often the server has broken it.
    breaks: u32,
    opens: usize,
}

/// Broken oplocks that are remembered for files whose opener has not yet seen the server's answer.
const EARLY: usize = 64;

/// An acknowledgement that the server waits for.
enum Due {
    Lease { key: Key, state: u32 },
    Oplock { file: FileId, level: u8 },
}

/// The same on its way through the drive.
struct Ticket {
    due: Due,
    link: Weak<Link>,
    /// Acknowledges when the drive takes too long.
    timer: Option<AbortHandle>,
}

#[derive(Default)]
struct Table {
    by_key: HashMap<Key, Entry>,
    by_path: HashMap<SharePath, Key>,
    due: HashMap<u64, Ticket>,
    early: VecDeque<(FileId, u8)>,
}

/// The leases of one share.
pub(crate) struct Leases {
    table: Mutex<Table>,
    answering: Arc<Semaphore>,
}

impl Default for Leases {
    fn default() -> Self {
        Leases { table: Mutex::default(), answering: Arc::new(Semaphore::new(UNANSWERED)) }
    }
}

/// What lease state bits mean for a drive.
pub(crate) fn meaning(state: u32) -> Lease {
    Lease {
        read: state & lease::READ != 0,
        write: state & lease::WRITE != 0,
        handle: state & lease::HANDLE != 0,
    }
}

/// An oplock said as lease state.
pub(crate) fn of_oplock(level: u8) -> u32 {
    match level {
        OPLOCK_LEVEL_II => lease::READ,
        OPLOCK_EXCLUSIVE => lease::READ | lease::WRITE,
        OPLOCK_BATCH => lease::READ | lease::WRITE | lease::HANDLE,
        _ => 0,
    }
}

impl Leases {
    /// The key of a file that is open here.
    pub(crate) fn key(&self, path: &SharePath) -> Option<Key> {
        self.table.lock().by_path.get(path).copied()
    }

    /// The key of a path, for one more open; a new one if there is none. Every call is paired with one of
    /// [`Leases::release`].
    pub(crate) fn acquire(&self, path: &SharePath) -> Key {
        let mut table = self.table.lock();
        let key = *table.by_path.entry(path.clone()).or_insert_with(random);
        let entry =
            table.by_key.entry(key).or_insert(Entry { path: path.clone(), state: 0, breaks: 0, opens: 0 });
        entry.opens += 1;
        key
    }

    /// One open less.
    pub(crate) fn release(&self, key: &Key) {
        let mut table = self.table.lock();
        let Some(entry) = table.by_key.get_mut(key) else { return };
        entry.opens -= 1;
        if entry.opens == 0
            && let Some(entry) = table.by_key.remove(key)
            && table.by_path.get(&entry.path) == Some(key)
        {
            table.by_path.remove(&entry.path);
        }
    }

    /// The path now names another file: opens to come get a key of their own.
    pub(crate) fn forget_path(&self, path: &SharePath) {
        self.table.lock().by_path.remove(path);
    }

    /// How often the lease was broken so far, for [`Leases::granted`].
    pub(crate) fn breaks(&self, key: &Key) -> u32 {
        self.table.lock().by_key.get(key).map_or(0, |entry| entry.breaks)
    }

    /// What an open was granted that was asked for after so many breaks. Whether the grant or a break that came
    /// meanwhile is the newer one is not known here: what both leave holds.
    pub(crate) fn granted(&self, key: &Key, state: u32, breaks: u32) {
        if let Some(entry) = self.table.lock().by_key.get_mut(key) {
            entry.state = if entry.breaks == breaks { state } else { entry.state & state };
        }
    }

    /// What is granted now.
    pub(crate) fn state(&self, key: &Key) -> u32 {
        self.table.lock().by_key.get(key).map_or(0, |entry| entry.state)
    }

    /// An oplock was broken, perhaps before its file is known here.
    fn broken_early(&self, file: FileId, level: u8) {
        let mut table = self.table.lock();
        table.early.truncate(EARLY - 1);
        table.early.push_front((file, level));
    }

    /// The level that a file's oplock was broken to before the file was known.
    pub(crate) fn early_level(&self, file: FileId) -> Option<u8> {
        self.table.lock().early.iter().find(|(broken, _)| *broken == file).map(|(_, level)| *level)
    }

    /// The drive is to be told of a break; true when so many are that this one is to be acknowledged at once.
    fn wait_for_drive(&self, ticket: u64, due: Due, link: Weak<Link>) -> bool {
        let mut table = self.table.lock();
        table.due.insert(ticket, Ticket { due, link, timer: None });
        table.due.len() > DUE
    }

    /// What acknowledges this break in time; nothing when it is acknowledged already.
    fn wait_no_longer_than(&self, ticket: u64, timer: AbortHandle) {
        match self.table.lock().due.get_mut(&ticket) {
            Some(due) => due.timer = Some(timer),
            None => timer.abort(),
        }
    }

    /// What is to be acknowledged, once.
    fn take_due(&self, ticket: u64) -> Option<Ticket> {
        let ticket = self.table.lock().due.remove(&ticket)?;
        if let Some(timer) = &ticket.timer {
            timer.abort();
        }
        Some(ticket)
    }

    /// Leave to send one more acknowledgement.
    fn may_answer(&self) -> Option<OwnedSemaphorePermit> {
        self.answering.clone().try_acquire_owned().ok()
    }

    /// How many files are open at a path or below it.
    pub(crate) fn opens(&self, path: &SharePath) -> usize {
        let table = self.table.lock();
        table.by_path.get(path).and_then(|key| table.by_key.get(key)).map_or(0, |entry| entry.opens)
    }

    /// A file or folder was renamed by us: what is open below it has moved with it.
    pub(crate) fn moved(&self, from: &SharePath, to: &SharePath) {
        let mut table = self.table.lock();
        table.by_path.remove(to);
        let moved: Vec<SharePath> =
            table.by_path.keys().filter(|path| path.starts_with(from)).cloned().collect();
        for old in moved {
            let new = rebase(&old, from, to);
            if let Some(key) = table.by_path.remove(&old) {
                if let Some(entry) = table.by_key.get_mut(&key) {
                    entry.path = new.clone();
                }
                table.by_path.insert(new, key);
            }
        }
    }

    /// All are gone with the link.
    pub(crate) fn lost(&self) {
        let mut table = self.table.lock();
        table.due.clear();
        table.early.clear();
        for entry in table.by_key.values_mut() {
            entry.state = 0;
            entry.breaks = entry.breaks.wrapping_add(1);
        }
    }
}

/// `path`, which is at or below `from`, where it is once `from` has become `to`.
pub(crate) fn rebase(path: &SharePath, from: &SharePath, to: &SharePath) -> SharePath {
    let depth = from.components().count();
    path.components().skip(depth).fold(to.clone(), |at, name| at.join(name).unwrap_or(at))
}

/// Makes a link tell the share what the server breaks.
pub(crate) fn listen(core: &Arc<Core>, link: &Arc<Link>) {
    let (core, weak) = (Arc::downgrade(core), Arc::downgrade(link));
    let _ = link.connection.on_break.set(Box::new(move |message| {
        if let Some(core) = core.upgrade()
            && let Err(Malformed) = core.broken(&message, &weak)
        {
            tracing::warn!("the server sent a break that makes no sense");
        }
    }));
}

impl Core {
    /// Notes what an open was granted, that was asked for after so many breaks of its lease; the oplock if it is no lease.
    pub(crate) fn granted(&self, created: &Created, key: &Key, breaks: u32) -> u8 {
        if created.oplock != OPLOCK_LEASE {
            return created.oplock;
        }
        self.leases.granted(key, created.lease.unwrap_or(0), breaks);
        OPLOCK_NONE
    }

    /// Handles an OPLOCK_BREAK notification: of a lease (2.2.23.2) or of an oplock (2.2.23.1).
    fn broken(self: &Arc<Self>, message: &[u8], link: &Weak<Link>) -> Result<(), Malformed> {
        let body = message.get(HEADER..).ok_or(Malformed)?;
        match body.u16(0)? {
            44 => {
                let key: Key = body.array(8)?;
                let state = body.u32(28)?;
                let due = (body.u32(4)? & 1 != 0).then_some(Due::Lease { key, state });
                let path = {
                    let mut table = self.leases.table.lock();
                    table.by_key.get_mut(&key).map(|entry| {
                        entry.state = state;
                        entry.breaks = entry.breaks.wrapping_add(1);
                        entry.path.clone()
                    })
                };
                self.tell(path, meaning(state), due, link);
            }
            24 => {
                let file = FileId(body.array(8)?);
                // We never keep more than level II.
                let level = body.u8(2)?.min(OPLOCK_LEVEL_II);
                self.leases.broken_early(file, level);
                let (path, had) =
                    self.files.broken(file, level).map_or((None, OPLOCK_NONE), |(p, l)| (Some(p), l));
                let due = (had != OPLOCK_LEVEL_II).then_some(Due::Oplock { file, level });
                self.tell(path, meaning(of_oplock(level)), due, link);
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// Tells the drive, and acknowledges when it is done, or in time.
    fn tell(self: &Arc<Self>, path: Option<SharePath>, lease: Lease, due: Option<Due>, link: &Weak<Link>) {
        let mut is_flooded = false;
        let ticket = due.map(|due| {
            let ticket = self.next_serial();
            is_flooded = self.leases.wait_for_drive(ticket, due, link.clone());
            ticket
        });
        match path.filter(|_| !is_flooded) {
            Some(path) => self.emit(Event::LeaseBroken { path, lease, ticket }),
            None => return ticket.into_iter().for_each(|ticket| self.acknowledge(ticket)),
        }
        if let Some(ticket) = ticket {
            let core = Arc::downgrade(self);
            let timer = self.runtime.spawn(async move {
                tokio::time::sleep(BREAK_DEADLINE).await;
                if let Some(core) = core.upgrade()
                    && core.leases.table.lock().due.contains_key(&ticket)
                {
                    tracing::warn!("a lease was given back before all was written that it covered");
                    core.acknowledge(ticket);
                }
            });
            self.leases.wait_no_longer_than(ticket, timer.abort_handle());
        }
    }

    /// Acknowledges a break, once.
    pub(crate) fn acknowledge(&self, ticket: u64) {
        let Some(Ticket { due, link, .. }) = self.leases.take_due(ticket) else { return };
        let Some(link) = link.upgrade() else { return };
        let Some(leave) = self.leases.may_answer() else {
            return link.connection.kill("the server breaks leases and answers nothing");
        };
        let frame = Frame::one(Command::OplockBreak, link.tree, |body| match due {
            Due::Lease { key, state } => {
                body.put_u16_le(36);
                body.put_bytes(0, 6);
                body.put_slice(&key);
                body.put_u32_le(state);
                body.put_u64_le(0);
            }
            Due::Oplock { file, level } => {
                body.put_u16_le(24);
                body.put_u8(level);
                body.put_bytes(0, 5);
                body.put_slice(&file.0);
            }
        });
        self.runtime.spawn(async move {
            let deadline = Instant::now() + ACKNOWLEDGED;
            if let Err(error) = link.call_one(frame, deadline).await {
                tracing::debug!(%error, "a lease break could not be acknowledged");
            }
            drop(leave);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(leases: &Leases, ticket: u64) -> bool {
        leases.wait_for_drive(ticket, Due::Lease { key: [0; 16], state: 0 }, Weak::new())
    }

    #[tokio::test]
    async fn nothing_waits_for_a_break_that_is_acknowledged() {
        let leases = Leases::default();
        for is_late in [false, true] {
            assert!(!due(&leases, 1));
            let timer = tokio::spawn(std::future::pending::<()>());
            let taken = is_late.then(|| leases.take_due(1).is_some());
            leases.wait_no_longer_than(1, timer.abort_handle());
            assert!(taken.unwrap_or_else(|| leases.take_due(1).is_some()));
            assert!(timer.await.unwrap_err().is_cancelled());
            assert!(leases.take_due(1).is_none(), "once");
        }
    }

    #[test]
    fn a_flood_of_breaks_finds_its_bounds() {
        let leases = Leases::default();
        assert_eq!((0..).find(|ticket| due(&leases, *ticket)), Some(DUE as u64));
        let leave: Vec<_> = std::iter::from_fn(|| leases.may_answer()).collect();
        assert_eq!(leave.len(), UNANSWERED);
        drop(leave);
        assert!(leases.may_answer().is_some());
    }
}
