//! Requests that wait for the server: each has a deadline, and gives up when its caller gets a signal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cleardown_fuse::{Header, Reply};
use parking_lot::Mutex;
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

impl Calls {
    /// The caller of this request got a signal.
    pub(crate) fn interrupt(&self, unique: u64) {
        if let Some(call) = self.0.lock().get(&unique) {
            call.notify_one();
        }
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
                () = inner.aborted() => Err(Errno(libc::EIO)),
                () = interrupted => Err(Errno(libc::EINTR)),
                () = deadline => Err(Errno(libc::ETIMEDOUT)),
            };
            inner.calls.0.lock().remove(&header.unique);
            match done {
                Ok(done) => answer(reply, done),
                // Whatever the provider says when its connection is dropped.
                Err(_) if inner.is_aborted() => reply.error(libc::EIO),
                Err(errno) => reply.error(errno.0),
            }
        });
    }
}
