//! The sleep of the machine: the kernel freezes every process, and cannot freeze one that waits for us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::calls::Patience;
use crate::drive::Inner;
use crate::status::Drained;

/// Patience comes back after this, if nobody says that the machine is awake. The clock stands still while it sleeps, and
/// the kernel gives up on freezing after 20 seconds.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a server that is there may take to say so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How long answers may take to leave once nothing is waited for.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

impl Inner {
    /// See [`crate::Drive::sleep`].
    pub(crate) async fn sleep(self: &Arc<Self>, deadline: Instant) -> Drained {
        self.be_patient(Patience::Short);
        self.patience_comes_back();
        let calls = self.calls.under_way();
        let answered = async {
            let soon = deadline.min(Instant::now() + SIGN_OF_LIFE);
            let alive = tokio::time::timeout_at(soon.into(), self.share.probe()).await;
            let answered = tokio::time::timeout_at(deadline.into(), self.calls.answered(calls));
            matches!(alive, Ok(Ok(_))) && answered.await.is_ok()
        };
        let (drained, answered) = tokio::join!(self.drain(deadline, |_| ()), answered);
        if !answered {
            self.be_patient(Patience::None);
            let calls = self.calls.under_way();
            let _ = tokio::time::timeout(LAST_ANSWERS, self.calls.answered(calls)).await;
        }
        drained
    }

    /// Changes how long requests may wait, unless that is over for good.
    pub(crate) fn be_patient(&self, how: Patience) {
        self.patience.send_if_modified(|patience| {
            let changes = *patience != Patience::Aborted && *patience != how;
            if changes {
                *patience = how;
            }
            changes
        });
    }

    fn patience_comes_back(self: &Arc<Self>) {
        let (inner, mut patience) = (Arc::downgrade(self), self.patience.subscribe());
        self.runtime.spawn(async move {
            let is_back = patience.wait_for(|now| matches!(now, Patience::Whole | Patience::Aborted));
            if tokio::time::timeout(LONGEST, is_back).await.is_err()
                && let Some(inner) = inner.upgrade()
            {
                inner.be_patient(Patience::Whole);
            }
        });
    }
}
