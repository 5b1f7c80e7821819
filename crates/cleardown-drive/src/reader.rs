//! Read-ahead: a handle that is read from front to back gets its data before it asks.
//!
//! The kernel asks for 128 KiB at a time (unprivileged mounts cannot raise that); the server is asked for 1 MiB,
//! several at a time, the window growing with the stream. Other reads go straight to the server, just as they
//! are. What was read ahead is used once, within a moment, and dropped as soon as the file changes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cleardown_share::ShareResult;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::drive::Inner;
use crate::file::{FileState, Remote};

const CHUNK: u64 = 1 << 20;
/// Chunks ahead of a stream at most.
const WINDOW: u64 = 8;
/// How far reads of one stream may overtake each other (the kernel sends several at a time).
const SLACK: u64 = 1 << 20;
/// Without a lease, data read ahead is not used when it is older.
const FRESH: Duration = Duration::from_secs(1);

/// The read-ahead of one handle.
#[derive(Default)]
pub(crate) struct ReadAhead(Mutex<State>);

#[derive(Default)]
struct State {
    /// Where the stream is.
    next: u64,
    /// Reads in a row.
    streak: u32,
    /// Chunks to be ahead.
    window: u64,
    version: usize,
    chunks: BTreeMap<u64, Chunk>,
    /// A chunk was short: the file ends there.
    end: Option<u64>,
}

struct Chunk {
    data: watch::Receiver<Option<ShareResult<Bytes>>>,
    /// Reads it.
    task: Option<tokio::task::AbortHandle>,
    asked: Instant,
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// How a read is to be served.
pub(crate) enum Plan {
    /// It is here.
    Ready(Vec<Bytes>),
    /// It is on its way.
    Soon(Vec<(Piece, u64, usize)>),
    /// The server is to be asked.
    Ask,
}

pub(crate) type Piece = watch::Receiver<Option<ShareResult<Bytes>>>;

impl ReadAhead {
    /// Drops what was read.
    pub(crate) fn clear(&self) {
        let mut state = self.0.lock();
        state.chunks.clear();
        (state.streak, state.window, state.end) = (0, 0, None);
    }

    /// A whole file that came with its opening, which was asked for at `version`.
    pub(crate) fn begin_with(&self, whole: Bytes, version: usize, asked: Instant) {
        let mut state = self.0.lock();
        (state.version, state.end) = (version, Some(whole.len() as u64));
        let (_, data) = watch::channel(Some(Ok(whole)));
        state.chunks.insert(0, Chunk { data, task: None, asked });
    }

    /// Notes a read (of a file that has `known` bytes, if we know), asks the server for what will be wanted next, and says how to serve this one.
    pub(crate) fn plan(
        &self,
        inner: &Arc<Inner>,
        file: &Arc<FileState>,
        remote: &Arc<Remote>,
        offset: u64,
        size: u32,
        known: Option<u64>,
    ) -> Plan {
        let mut state = self.0.lock();
        let version = file.version();
        if state.version != version {
            state.chunks.clear();
            (state.version, state.end) = (version, None);
        }
        let end = offset.saturating_add(size.into());
        let follows = offset <= state.next + SLACK && offset + SLACK >= state.next && state.next > 0;
        if follows || offset == 0 && state.next == 0 {
            state.streak += 1;
        } else {
            state.chunks.clear();
            (state.streak, state.window) = (1, 0);
        }
        state.next = if follows { state.next.max(end) } else { end };
        // A small file comes in one piece; of others the second read in a row is a stream.
        let small = offset == 0 && known.is_some_and(|known| known > size.into() && known <= CHUNK);
        let here = state.chunks.contains_key(&(offset / CHUNK));
        if state.streak < 2 && !small && !here {
            return Plan::Ask;
        }
        state.window = (state.window + 1).min(WINDOW);
        if !file.is_held() {
            state.chunks.retain(|_, chunk| chunk.data.borrow().is_none() || chunk.asked.elapsed() < FRESH);
        }
        let first = offset / CHUNK;
        let last = end.div_ceil(CHUNK).max(first + 1);
        // Some pieces stay for reads that were overtaken.
        state.chunks.retain(|chunk, _| *chunk + 2 > first && *chunk < last + 2 * WINDOW);
        for chunk in first..last + state.window {
            let ends = |end: u64| chunk * CHUNK >= end && chunk >= last;
            if state.end.is_some_and(|end| chunk * CHUNK >= end) || known.is_some_and(ends) {
                break;
            }
            state.chunks.entry(chunk).or_insert_with(|| ask(inner, remote, chunk));
        }
        state.serve(offset, end)
    }
}

impl State {
    fn serve(&mut self, offset: u64, end: u64) -> Plan {
        let (mut ready, mut soon, mut all) = (Vec::new(), Vec::new(), true);
        let mut at = offset;
        while at < end {
            let Some(chunk) = self.chunks.get(&(at / CHUNK)) else {
                return if self.ended(at) { Plan::Ready(ready) } else { Plan::Ask };
            };
            let from = at % CHUNK;
            let len = (CHUNK - from).min(end - at) as usize;
            let now = chunk.data.borrow();
            match &*now {
                Some(Ok(bytes)) => {
                    if (bytes.len() as u64) < CHUNK {
                        let ends = at / CHUNK * CHUNK + bytes.len() as u64;
                        self.end = Some(self.end.map_or(ends, |end| end.min(ends)));
                    }
                    ready.push(cut(bytes, from, len));
                }
                Some(Err(_)) => return Plan::Ask,
                None => all = false,
            }
            drop(now);
            soon.push((chunk.data.clone(), from, len));
            at += len as u64;
        }
        if all { Plan::Ready(ready) } else { Plan::Soon(soon) }
    }

    fn ended(&self, at: u64) -> bool {
        self.end.is_some_and(|end| at >= end)
    }
}

fn cut(bytes: &Bytes, from: u64, len: usize) -> Bytes {
    let from = (from as usize).min(bytes.len());
    bytes.slice(from..(from + len).min(bytes.len()))
}

/// Reads a chunk in the background.
fn ask(inner: &Arc<Inner>, remote: &Arc<Remote>, chunk: u64) -> Chunk {
    let (sender, data) = watch::channel(None);
    let (inner, remote) = (inner.clone(), remote.clone());
    let runtime = inner.runtime.clone();
    let task = runtime.spawn(async move {
        let read = inner.with(&remote, |file| async move { file.read(chunk * CHUNK, CHUNK as u32).await });
        let _ = sender.send(Some(read.await));
    });
    Chunk { data, task: Some(task.abort_handle()), asked: Instant::now() }
}

/// Waits for the pieces of a read. None: the server is to be asked after all.
pub(crate) async fn wait(pieces: Vec<(Piece, u64, usize)>) -> Option<Vec<Bytes>> {
    let mut parts = Vec::with_capacity(pieces.len());
    for (mut piece, from, len) in pieces {
        let data = piece.wait_for(Option::is_some).await.ok()?.clone();
        let part = cut(&data?.ok()?, from, len);
        let short = part.len() < len;
        parts.push(part);
        if short {
            break;
        }
    }
    Some(parts)
}
