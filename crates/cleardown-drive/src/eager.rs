//! Starting a task on the thread that has it: the request to the server is sent before anybody else is woken.
//!
//! The first poll is done here and now. Most operations send their request in it, and then wait; nothing else has
//! to run until the answer is there. So the future is handed to the runtime when it is woken for the first time,
//! which spares a request two changes of thread.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;
use tokio::runtime::Handle;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a future, on this thread as far as it goes without waiting. One that panics is dropped, as in a task.
pub(crate) fn spawn(runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
    let _runtime = runtime.enter();
    let mut work: Work = Box::pin(work);
    let parked = Arc::new(Parked { runtime: runtime.clone(), state: Mutex::new(State::Running) });
    let waker = Waker::from(parked.clone());
    let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(&mut Context::from_waker(&waker))));
    match polled {
        Ok(Poll::Pending) => parked.park(work),
        Ok(Poll::Ready(())) => {}
        Err(_) => tracing::error!("a request's work panicked"),
    }
}

/// Where a future waits for being woken the first time; later its task has it.
struct Parked {
    runtime: Handle,
    state: Mutex<State>,
}

enum State {
    /// In its first poll.
    Running,
    /// Woken during that.
    Woken,
    Waiting(Work),
    /// The runtime has it.
    Gone,
}

impl Parked {
    fn park(&self, work: Work) {
        let mut state = self.state.lock();
        match *state {
            State::Woken => {
                *state = State::Gone;
                drop(state);
                self.runtime.spawn(work);
            }
            _ => *state = State::Waiting(work),
        }
    }
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let woken = match &*state {
            State::Running | State::Woken => State::Woken,
            State::Waiting(_) | State::Gone => State::Gone,
        };
        if let State::Waiting(work) = std::mem::replace(&mut *state, woken) {
            drop(state);
            self.runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    #[test]
    fn what_need_not_wait_is_done_at_once_and_here() {
        let runtime = runtime();
        let here = std::thread::current().id();
        let (done, mut seen) = oneshot::channel();
        spawn(runtime.handle(), async move { done.send(std::thread::current().id()).unwrap() });
        assert_eq!(seen.try_recv().unwrap(), here);
    }

    #[test]
    fn what_waits_is_finished_by_the_runtime() {
        let runtime = runtime();
        let (go, may_go) = oneshot::channel::<()>();
        let (done, seen) = oneshot::channel();
        spawn(runtime.handle(), async move {
            may_go.await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::task::yield_now().await;
            done.send(std::thread::current().id()).unwrap();
        });
        go.send(()).unwrap();
        assert_ne!(runtime.block_on(seen).unwrap(), std::thread::current().id());
    }

    #[test]
    fn what_wakes_itself_in_its_first_poll_goes_on() {
        let runtime = runtime();
        let (done, seen) = oneshot::channel();
        spawn(runtime.handle(), async move {
            std::future::poll_fn({
                let mut first = true;
                move |context| {
                    context.waker().wake_by_ref();
                    if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) }
                }
            })
            .await;
            done.send(()).unwrap();
        });
        runtime.block_on(seen).unwrap();
    }

    #[test]
    fn a_panic_stays_with_the_work() {
        let runtime = runtime();
        let (_kept, seen) = oneshot::channel::<()>();
        spawn(runtime.handle(), async move {
            let _kept = _kept;
            panic!("for the test");
        });
        assert!(runtime.block_on(seen).is_err());
    }
}
