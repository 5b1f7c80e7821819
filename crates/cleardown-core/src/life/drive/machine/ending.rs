//! The end, from the point of no return.

use super::*;

impl Drive {
    /// Cuts everything off, without waiting for anybody.
    pub(super) fn abort(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        if self.kernel {
            out.push(Action::AbortConnection);
        }
        if self.mounted {
            self.unmount(Unmount::Detach, out);
        } else if let State::Opening(Opening::Connecting) = self.state {
            // A worker that is logging on cannot log off; the server sees the connection close.
            self.reap(true, now, out);
        } else {
            self.close(now, out);
        }
    }

    pub(super) fn unmount(&mut self, how: Unmount, out: &mut Out) {
        self.limit = None;
        self.state = State::Unmounting;
        out.push(Action::Unmount(how));
    }

    pub(super) fn unmounted(&mut self, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        self.not_mounted(out);
        if self.force {
            return self.close(now, out);
        }
        if let Some(left) = self.left_inside.take() {
            self.enders.retain(|w| {
                if w.verb == Verb::Detach {
                    out.push(Action::Report(w.caller, Ok(Done::Detached(left.clone()))));
                }
                w.verb != Verb::Detach
            });
        }
        self.linger(now, out);
    }

    /// The name and its folder are given back at once, for whoever wants them next.
    pub(super) fn not_mounted(&mut self, out: &mut Out) {
        self.mounted = false;
        self.proof.mount_gone = true;
        self.remove_folder(out);
    }

    pub(super) fn remove_folder(&mut self, out: &mut Out) {
        if std::mem::take(&mut self.folder) {
            out.push(Action::RemoveFolder);
        }
    }

    pub(super) fn unmount_busy(&mut self, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        if self.force || !self.kernel {
            self.unmount(Unmount::Detach, out);
        } else if !self.worker {
            self.replace_worker(now, out);
        } else if self.enders.is_empty() {
            self.resume(now, out);
        } else {
            self.quiesce(false, out);
            self.scan(true, now, out);
        }
    }

    pub(super) fn unmount_failed(&mut self, error: Error, now: Time, out: &mut Out) {
        if self.state != State::Unmounting {
            return;
        }
        if self.force || !self.kernel {
            self.reason = Some(error);
            self.limit = Some(now + self.pause());
            return;
        }
        self.left_inside = None;
        self.answer(|_| true, &error, out);
        if self.worker { self.resume(now, out) } else { self.replace_worker(now, out) }
    }

    pub(super) fn mount_gone(&mut self, now: Time, out: &mut Out) {
        if !self.mounted {
            return;
        }
        match self.state {
            State::Opening(Opening::Mounting) => {}
            State::Opening(_) => {
                self.not_mounted(out);
                let why = "somebody unmounted it before it was in use".into();
                self.fail(ErrorKind::MountPoint { path: self.name.clone(), why }.into(), now, out);
            }
            State::Unmounting => self.unmounted(now, out),
            State::Replacing(_) => {
                self.not_mounted(out);
            }
            _ => {
                self.not_mounted(out);
                self.quiesce(false, out);
                if self.force { self.force(now, out) } else { self.linger(now, out) }
            }
        }
    }

    /// The kernel has closed its side.
    pub(super) fn kernel_let_go(&mut self, now: Time, out: &mut Out) {
        self.kernel = false;
        match self.state {
            State::Opening(Opening::Mounting) => {}
            State::Opening(_) => {
                let why =
                    "somebody unmounted it, or aborted its FUSE connection, before it was in use".into();
                self.fail(ErrorKind::MountPoint { path: self.name.clone(), why }.into(), now, out);
            }
            // Unmounted or aborted by somebody else: what is left of the mount is of no use.
            State::Connected | State::Draining(_) if self.mounted => self.unmount(Unmount::Detach, out),
            State::Lingering { flushing: false } => self.linger(now, out),
            _ => {}
        }
    }

    /// Without a mount. Once the kernel has let go, the last data goes to the server, then it is closed.
    pub(super) fn linger(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        let flushing = !self.kernel;
        self.state = State::Lingering { flushing };
        if !self.worker {
            self.replace_worker(now, out);
        } else if flushing {
            self.drain(out);
        }
    }

    pub(super) fn close(&mut self, now: Time, out: &mut Out) {
        self.state = State::Closing;
        if self.worker && self.session {
            self.limit = Some(self.part_of_deadline(now, GRACE));
            out.push(Action::LogOff);
        } else {
            self.reap(true, now, out);
        }
    }

    pub(super) fn logged_off(&mut self, confirmed: bool, now: Time) {
        if self.state == State::Closing {
            self.session = !confirmed;
            self.state = State::Reaping;
            self.limit = Some(self.part_of_deadline(now, GRACE));
        }
    }

    pub(super) fn reap(&mut self, kill: bool, now: Time, out: &mut Out) {
        if !self.worker {
            return self.finish(now, out);
        }
        self.state = State::Reaping;
        self.limit = Some(now + GRACE);
        if kill {
            out.push(Action::KillWorker);
        }
    }

    pub(super) fn worker_gone(&mut self, lost: Vec<Loss>, error: Option<Error>, now: Time, out: &mut Out) {
        self.worker = false;
        self.lost = lost;
        if error.is_some() && !matches!(self.state, State::Closing | State::Reaping) {
            self.reason = error.clone();
        }
        match self.state {
            // The mount's answer is still to come.
            State::Opening(Opening::Mounting) => {
                let stage = Opening::Mounting.to_string();
                self.reason = Some(error.unwrap_or_else(|| ErrorKind::WorkerDied(stage).into()));
                self.abandon(now, out);
            }
            State::Opening(stage) => {
                let died = || ErrorKind::WorkerDied(stage.to_string()).into();
                self.fail(error.unwrap_or_else(died), now, out);
            }
            State::Unmounting => {}
            State::Closing | State::Reaping => self.finish(now, out),
            _ if self.force => self.abort(now, out),
            _ => self.replace_worker(now, out),
        }
    }

    /// Nothing is left: says so to everybody who waits.
    pub(super) fn finish(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.proof.worker_reaped = true;
        self.proof.session_closed = !self.session;
        // What was never in use had nothing to acknowledge; otherwise only a drain proves it.
        self.proof.acknowledged |= !self.was_connected;
        self.proof.acknowledged &= self.lost.is_empty();
        self.remove_folder(out);
        out.push(Action::ForgetJournal);
        self.state = if self.was_connected { State::Ended } else { State::Failed };
        if let Some(opener) = self.opener.take() {
            let reason = self.reason.clone().unwrap_or_else(|| ErrorKind::Cancelled.into());
            out.push(Action::Report(opener.caller, Err(reason)));
        }
        for waiter in std::mem::take(&mut self.enders) {
            let took = now.saturating_sub(waiter.since).as_millis();
            let ended = Ended {
                name: self.name.clone(),
                proof: Proof::Drive(self.proof.clone()),
                lost: self.lost.clone(),
                unproven: self.unproven(),
                took_ms: u64::try_from(took).unwrap_or(u64::MAX),
                forgotten: false,
            };
            out.push(Action::Report(waiter.caller, Ok(Done::Ended(ended))));
        }
    }
}
