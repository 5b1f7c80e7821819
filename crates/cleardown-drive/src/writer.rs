//! Write-behind: data is accepted into the arena, and goes to the server in large requests, many in flight.
//!
//! Overlapping ranges keep their order; everything else may pass. What the server refuses stays in the arena and
//! is tried again by the next `fsync`, `close` or drain, so that a full disk can be emptied. The application is
//! told once by `write`, and by every `fsync` and `close` for as long as bytes are missing.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cleardown_share::{ShareError, ShareResult};

use crate::arena::Record;
use crate::drive::Inner;
use crate::eager;
use crate::errno::{Answer, Errno};
use crate::file::{FileState, Queue, Remote};

/// What a request to the server carries.
const REQUEST: u64 = 1 << 20;
/// Requests of one file in flight.
const FLIGHTS: usize = 16;
/// Writes of at least this size stay where the kernel put them; smaller ones are gathered.
const IN_PLACE: usize = 256 << 10;

/// Smaller requests are sent by the thread that has the data.
const SENT_AT_ONCE: u64 = 64 << 10;

/// Why data was not taken.
pub(crate) enum Refused {
    /// The arena is full at the moment.
    Full,
    /// Earlier data could not be written, and the application does not know yet.
    Failed(Errno),
    /// It is to go to the file's end, and where that is only the server knows.
    Blind,
}

impl Inner {
    /// Takes data for the server. From then on it survives this process. `appends`: the kernel has chosen the offset by
    /// where it takes the file's end to be.
    pub(crate) fn accept(
        self: &Arc<Self>,
        file: &Arc<FileState>,
        remote: &Arc<Remote>,
        offset: u64,
        data: &Bytes,
        appends: bool,
    ) -> Result<(), Refused> {
        let mut queue = file.queue.lock();
        // Under the queue's lock: who breaks the lease narrows it first, and then waits for what is queued.
        if appends && !remote.lease().write {
            return Err(Refused::Blind);
        }
        if data.is_empty() {
            return Ok(());
        }
        if queue.unseen
            && let Some(error) = &queue.error
        {
            let errno = error.errno;
            queue.unseen = false;
            return Err(Refused::Failed(Errno(errno)));
        }
        if !self.append(&mut queue, offset, data) {
            let record = self.store(&queue, file.node, offset, data).ok_or(Refused::Full)?;
            queue.waiting.push_back(record);
        }
        queue.last_end = offset + data.len() as u64;
        queue.remote = Some(remote.clone());
        drop(queue);
        self.changed_locally(file.node, |size| size.max(offset + data.len() as u64));
        self.pump(file);
        Ok(())
    }

    /// Adds to the piece that was written last, if this follows on it, and is small enough to be copied.
    fn append(&self, queue: &mut Queue, offset: u64, data: &Bytes) -> bool {
        let Some(last) = queue.waiting.back_mut() else { return false };
        data.len() < IN_PLACE
            && last.end() == offset
            && last.len + (data.len() as u64) <= REQUEST
            && self.arena.shared.extend(last, data)
    }

    fn store(&self, queue: &Queue, node: u64, offset: u64, data: &Bytes) -> Option<Record> {
        let arena = &self.arena.shared;
        let len = data.len() as u64;
        let in_place = || {
            let (run, at) = arena.run_of(data)?;
            let record = arena.publish(node, offset, run, at, len)?;
            arena.seal(&record);
            Some(record)
        };
        if data.len() >= IN_PLACE
            && let Some(record) = in_place()
        {
            return Some(record);
        }
        // A file that is written from front to back gets room for more.
        let room = if offset == queue.last_end && offset > 0 { REQUEST } else { len };
        let Some(run) = arena.take(room.max(len)).or_else(|| arena.take(len)) else { return in_place() };
        run.write(run.start(), data);
        let at = run.start();
        arena.publish(node, offset, run, at, len)
    }

    /// Sends what may be sent.
    pub(crate) fn pump(self: &Arc<Self>, file: &Arc<FileState>) {
        self.pump_from(file, true);
    }

    /// `here`: small pieces on this thread.
    fn pump_from(self: &Arc<Self>, file: &Arc<FileState>, here: bool) {
        loop {
            let mut queue = file.queue.lock();
            let Some(batch) = next_batch(&mut queue) else { return };
            let Some(remote) = queue.remote.clone() else { return };
            let range = batch[0].offset..batch[batch.len() - 1].end();
            let bytes = range.end - range.start;
            queue.flights.push(range);
            drop(queue);
            batch.iter().for_each(|record| self.arena.shared.seal(record));
            let (inner, file) = (self.clone(), file.clone());
            let sending = async move { inner.send(file, remote, batch).await };
            // Copying a large piece into the socket would hold up who reads the kernel's requests.
            match here && bytes < SENT_AT_ONCE {
                true => eager::spawn(&self.runtime, sending),
                false => drop(self.runtime.spawn(sending)),
            }
        }
    }

    async fn send(self: Arc<Self>, file: Arc<FileState>, remote: Arc<Remote>, batch: Vec<Record>) {
        let offset = batch[0].offset;
        let pieces: Vec<_> = batch.iter().map(Record::bytes).collect();
        let written = self
            .with(&remote, |server| {
                let pieces = pieces.clone();
                async move { server.write_pieces(offset, pieces).await }
            })
            .await;
        drop(pieces);
        self.landed(&file, batch, written);
        self.pump_from(&file, false);
    }

    fn landed(self: &Arc<Self>, file: &Arc<FileState>, batch: Vec<Record>, written: ShareResult<()>) {
        // While it is pending still: what the server was asked before may not know of it.
        if let Some(known) = self.table.lock().get_mut(file.node) {
            known.changed = Some(Instant::now());
        }
        let mut queue = file.queue.lock();
        let range = batch[0].offset..batch[batch.len() - 1].end();
        if let Some(at) = queue.flights.iter().position(|flight| *flight == range) {
            queue.flights.swap_remove(at);
        }
        // What was read ahead before this arrived has not seen it.
        file.touch();
        match written {
            Ok(()) => batch.into_iter().for_each(|record| self.arena.shared.release(record, true)),
            Err(_) if queue.discard || self.is_aborted() => {
                batch.into_iter().for_each(|record| self.arena.shared.release(record, false));
            }
            Err(error) => {
                tracing::warn!(offset = range.start, bytes = range.end - range.start, status = %error.status,
                    "the server did not take a write");
                queue.failed.extend(batch);
                (queue.error, queue.unseen) = (Some(error), true);
            }
        }
        if queue.is_empty() {
            (queue.error, queue.remote) = (None, None);
        }
        drop(queue);
        file.changed.notify_waiters();
        self.went_idle();
    }

    /// Waits until everything of the file is on the server; tries again what it refused before.
    pub(crate) async fn settle(self: &Arc<Self>, file: &Arc<FileState>) -> Answer<()> {
        self.settled(file).await.map_err(Errno::from)
    }

    pub(crate) async fn settled(self: &Arc<Self>, file: &Arc<FileState>) -> ShareResult<()> {
        retry_failed(&mut file.queue.lock());
        let _urgent = Urgent::new(file);
        self.pump(file);
        loop {
            let changed = file.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let mut queue = file.queue.lock();
                if queue.is_settled() {
                    queue.unseen = false;
                    return match &queue.error {
                        Some(error) if !queue.failed.is_empty() => Err(error.clone()),
                        _ => Ok(()),
                    };
                }
            }
            changed.await;
        }
    }

    /// Waits until a range has nothing on its way, so that the server has it.
    pub(crate) async fn settle_range(
        self: &Arc<Self>,
        file: &Arc<FileState>,
        range: std::ops::Range<u64>,
    ) -> Answer<()> {
        let _urgent = Urgent::new(file);
        self.pump(file);
        loop {
            let changed = file.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let queue = file.queue.lock();
                if !queue.overlaps(&range) {
                    return Ok(());
                }
                if queue.is_settled()
                    && let Some(error) = &queue.error
                {
                    return Err(Errno(error.errno));
                }
            }
            changed.await;
        }
    }

    /// The file's content is of no interest any more: drops what was not sent, waits for what was.
    pub(crate) async fn discard(self: &Arc<Self>, file: &Arc<FileState>) {
        {
            let mut queue = file.queue.lock();
            queue.discard = true;
            self.drop_waiting(&mut queue);
        }
        let _ = self.settled(file).await;
        let mut queue = file.queue.lock();
        self.drop_waiting(&mut queue);
        queue.discard = false;
        (queue.error, queue.unseen) = (None, false);
        drop(queue);
    }

    /// Gives up what is not in flight.
    pub(crate) fn drop_waiting(&self, queue: &mut Queue) {
        let gone: Vec<_> = queue.waiting.drain(..).collect();
        for record in gone.into_iter().chain(queue.failed.drain(..)) {
            self.arena.shared.release(record, false);
        }
        if queue.is_empty() {
            (queue.error, queue.remote) = (None, None);
        }
    }

    /// A server that refused for good: the replacement for bytes whose file is gone.
    pub(crate) fn refuse(&self, file: &FileState, error: ShareError) {
        let mut queue = file.queue.lock();
        let waiting: Vec<_> = queue.waiting.drain(..).collect();
        queue.failed.extend(waiting);
        (queue.error, queue.unseen) = (Some(error), true);
    }
}

/// What was refused goes first, in its order.
fn retry_failed(queue: &mut Queue) {
    let mut failed: Vec<_> = queue.failed.drain(..).collect();
    failed.sort_by_key(|record| record.seq);
    for record in failed.into_iter().rev() {
        queue.waiting.push_front(record);
    }
}

/// Takes the records of the next request: adjacent ones, none in the way of what is in flight.
fn next_batch(queue: &mut Queue) -> Option<Vec<Record>> {
    if queue.flights.len() >= FLIGHTS || queue.remote.is_none() {
        return None;
    }
    let first = queue.waiting.front()?;
    let (start, mut end, mut count) = (first.offset, first.end(), 1);
    while let Some(next) = queue.waiting.get(count)
        && next.offset == end
        && next.end() - start <= REQUEST
    {
        end = next.end();
        count += 1;
    }
    if queue.flights.iter().any(|flight| flight.start < end && start < flight.end) {
        return None;
    }
    // While something is in flight, a short piece may still grow.
    let last = count == queue.waiting.len();
    if last && end - start < REQUEST && !queue.flights.is_empty() && queue.urgent == 0 {
        return None;
    }
    Some(queue.waiting.drain(..count).collect())
}

/// While it lives, nothing of the file is held back.
struct Urgent<'a>(&'a FileState);

impl<'a> Urgent<'a> {
    fn new(file: &'a FileState) -> Self {
        file.queue.lock().urgent += 1;
        Urgent(file)
    }
}
impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.queue.lock().urgent -= 1;
    }
}
