//! Requests that wait for the server: each has a deadline, and gives up when its caller gets a signal.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cleardown_fuse::{Header, Reply};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::drive::Inner;
use crate::eager;
use crate::errno::{Answer, Errno};

/// Requests under way.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<HashMap<u64, Arc<Notify>>>);

/// How long a request still has after its caller got a signal. Programs whose run-time uses signals (timers,
/// garbage collectors) do not expect `EINTR` from a file system, and usually the server answers soon; a caller
/// that is being killed waits no longer than this.
const GRACE: Duration = Duration::from_secs(2);

/// How a request takes a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signals {
    /// It goes on for a moment.
    Grace,
    /// It ends at once (a lock that may be waited for without end), and has no deadline.
    AtOnce,
}

/// How long requests may wait for the server, each more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Patience {
    /// To their deadline.
    Whole,
    /// The machine is about to sleep: locks are not waited for.
    Short,
    /// It is, and the server does not answer: nothing is waited for.
    None,
    /// The drive is aborted.
    Aborted,
}

impl Calls {
    /// The requests that are under way now.
    pub(crate) fn under_way(&self) -> Vec<u64> {
        self.0.lock().keys().copied().collect()
    }

    /// Waits until none of these is under way any more.
    pub(crate) async fn answered(&self, mut calls: Vec<u64>) {
        loop {
            {
                let under_way = self.0.lock();
                calls.retain(|call| under_way.contains_key(call));
            }
            if calls.is_empty() {
                return;
            }
            // Only when the machine goes to sleep: not worth that every request tells of its end.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The caller of this request got a signal.
    pub(crate) fn interrupt(&self, unique: u64) {
        if let Some(call) = self.0.lock().get(&unique) {
            call.notify_one();
        }
    }
}

/// A timer that is due soon while requests come, and none when they have ceased.
///
/// For each new timer that is due before all others tokio wakes its driver: a system call, and a change of thread. Each
/// request has timers, and would often be the only one that has; so one is kept that is due before theirs.
#[derive(Debug, Default)]
pub(crate) struct Beat {
    going: AtomicBool,
    /// Requests so far.
    count: AtomicUsize,
}

/// Sooner than what requests wait for.
const BEAT: Duration = Duration::from_millis(500);

impl Beat {
    fn request(self: &Arc<Self>, runtime: &Handle) {
        self.count.fetch_add(1, Ordering::Relaxed);
        if self.going.load(Ordering::Relaxed) || self.going.swap(true, Ordering::Relaxed) {
            return;
        }
        let beat = self.clone();
        runtime.spawn(async move {
            let mut seen = 0;
            while seen != beat.count.load(Ordering::Relaxed) {
                seen = beat.count.load(Ordering::Relaxed);
                tokio::time::sleep(BEAT).await;
            }
            beat.going.store(false, Ordering::Relaxed);
        });
    }
}

impl Inner {
    /// Works on a request in a task; `answer` gives the reply.
    pub(crate) fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        header: Header,
        reply: Reply,
        work: impl Future<Output = Answer<T>> + Send + 'static,
        answer: impl FnOnce(Reply, T) + Send + 'static,
    ) {
        self.spawn_with(Signals::Grace, header, reply, work, answer);
    }

    pub(crate) fn spawn_with<T: Send + 'static>(
        self: &Arc<Self>,
        signals: Signals,
        header: Header,
        reply: Reply,
        work: impl Future<Output = Answer<T>> + Send + 'static,
        answer: impl FnOnce(Reply, T) + Send + 'static,
    ) {
        self.beat.request(&self.runtime);
        let signal = Arc::new(Notify::new());
        self.calls.0.lock().insert(header.unique, signal.clone());
        let inner = self.clone();
        eager::spawn(&self.runtime, async move {
            let interrupted = async {
                signal.notified().await;
                if signals == Signals::Grace {
                    tokio::time::sleep(GRACE).await;
                }
            };
            let deadline = async {
                match signals {
                    Signals::Grace => tokio::time::sleep(inner.options.request_timeout).await,
                    Signals::AtOnce => std::future::pending().await,
                }
            };
            let done = tokio::select! {
                biased;
                done = work => done,
                errno = inner.out_of_patience(signals) => Err(errno),
                () = interrupted => Err(Errno(libc::EINTR)),
                () = deadline => Err(Errno(libc::ETIMEDOUT)),
            };
            match done {
                Ok(done) => answer(reply, done),
                // Whatever the provider says when its connection is dropped.
                Err(_) if inner.is_aborted() => reply.error(libc::EIO),
                Err(errno) => reply.error(errno.0),
            }
            inner.calls.0.lock().remove(&header.unique);
        });
    }
}
