//! Making, and replacing a worker.

use super::*;

impl Drive {
    pub(super) fn worker_started(&mut self, out: &mut Out) {
        match &mut self.state {
            State::Opening(stage) | State::Replacing(stage) if *stage == Opening::Spawning => {
                *stage = Opening::Connecting;
                // From here on the server may hold a session, whether or not we hear of it.
                self.session = true;
                // A successor may have to pause first.
                if self.limit.is_none() {
                    out.push(Action::Connect);
                }
            }
            _ => {}
        }
    }

    pub(super) fn logged_on(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Connecting) if self.has_mount => {
                self.state = State::Opening(Opening::Mounting);
                self.mounted = true;
                self.folder = true;
                self.kernel = true;
                self.proof.mount_gone = false;
                out.extend([Action::Journal(Step::Mount), Action::Mount]);
            }
            State::Replacing(Opening::Connecting) if self.has_mount => {
                self.state = State::Replacing(Opening::Serving);
                out.push(Action::Serve { adopt: true });
            }
            State::Opening(Opening::Connecting) | State::Replacing(Opening::Connecting) => {
                self.connected(now, out);
            }
            _ => {}
        }
    }

    pub(super) fn log_on_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Connecting) => {
                self.session = false;
                self.fail(error, now, out);
            }
            State::Replacing(Opening::Connecting) => {
                self.server_up = false;
                self.reason = Some(error);
                self.limit = Some(now + self.pause());
            }
            _ => {}
        }
    }

    pub(super) fn mount_answered(&mut self, mounted: bool, error: Option<Error>, now: Time, out: &mut Out) {
        if self.state != State::Opening(Opening::Mounting) {
            return;
        }
        self.mounted = mounted;
        self.kernel = mounted;
        self.proof.mount_gone = !mounted;
        if let Some(error) = error {
            self.fail(error, now, out);
        } else if self.force {
            // It was cancelled while the kernel was mounting.
            self.abort(now, out);
        } else {
            self.state = State::Opening(Opening::Serving);
            out.push(Action::Serve { adopt: false });
        }
    }

    pub(super) fn serving(&mut self, now: Time, out: &mut Out) {
        if matches!(self.state, State::Opening(Opening::Serving) | State::Replacing(Opening::Serving)) {
            self.connected(now, out);
        }
    }

    pub(super) fn serve_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(Opening::Serving) => self.fail(error, now, out),
            State::Replacing(Opening::Serving) => {
                self.reason = Some(error);
                out.push(Action::KillWorker);
            }
            _ => {}
        }
    }

    /// Everything is in place, for the first time or with a new worker.
    pub(super) fn connected(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.server_up = true;
        self.reason = None;
        self.since = now;
        if !self.was_connected {
            self.was_connected = true;
            out.push(Action::Journal(Step::Connected));
            if let Some(opener) = self.opener.take() {
                out.push(Action::Report(opener.caller, Ok(Done::Opened)));
            }
        }
        self.resume(now, out);
    }

    /// A drive that could not be made: nothing of it may stay.
    pub(super) fn fail(&mut self, error: Error, now: Time, out: &mut Out) {
        self.reason = Some(error);
        self.abandon(now, out);
    }

    pub(super) fn abandon(&mut self, now: Time, out: &mut Out) {
        self.force = true;
        if let Some(opener) = &mut self.opener {
            opener.deadline = Some(now + GRACE);
        }
        if self.state != State::Opening(Opening::Mounting) || !self.mounted {
            self.abort(now, out);
        }
    }

    /// The first successor of a worker that has served starts at once: it keeps what the drive hangs on. Where workers die time
    /// and again it pauses before it logs on; one that dies even before it serves is started again after a pause.
    pub(super) fn replace_worker(&mut self, now: Time, out: &mut Out) {
        let has_served = !matches!(self.state, State::Replacing(_));
        self.quiet = false;
        self.state = State::Replacing(Opening::Spawning);
        if now.saturating_sub(self.since) >= STEADY {
            self.attempts = 0;
        }
        let pause = (self.attempts > 0).then(|| now + self.pause());
        self.attempts = self.attempts.max(1);
        if has_served || pause.is_none() {
            self.spawn_again(out);
        }
        self.limit = pause;
    }

    pub(super) fn spawn_again(&mut self, out: &mut Out) {
        self.worker = true;
        self.limit = None;
        out.push(Action::SpawnWorker);
    }

    pub(super) fn pause(&mut self) -> Duration {
        self.attempts = (self.attempts + 1).min(7);
        (Duration::from_millis(250) * 2u32.pow(u32::from(self.attempts))).min(LONGEST_PAUSE)
    }
}
