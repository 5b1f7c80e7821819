//! Ending, as long as it can be taken back.

use super::*;

impl Drive {
    pub(super) fn end(&mut self, verb: Verb, now: Time, out: &mut Out) {
        match self.state {
            State::Opening(_) => self.fail(ErrorKind::Cancelled.into(), now, out),
            State::Connected => self.resume(now, out),
            _ if verb == Verb::Force && !self.force => self.force(now, out),
            // A caller who does not want to wait gets an answer from a fresh look.
            State::Draining(Draining::Waiting) => self.scan(false, now, out),
            _ => {}
        }
    }

    /// Connected and in working order: goes on with an end that somebody wants, or back to ordinary life.
    pub(super) fn resume(&mut self, now: Time, out: &mut Out) {
        self.limit = None;
        self.proof.acknowledged = false;
        if self.has_mount && !self.mounted {
            self.linger(now, out);
        } else if self.has_mount && !self.kernel {
            self.unmount(Unmount::Detach, out);
        } else if self.enders.is_empty() {
            self.force = false;
            self.state = State::Connected;
            self.quiesce(false, out);
        } else if self.wanted(Verb::Force) {
            self.force(now, out);
        } else {
            self.quiesce(false, out);
            self.scan(false, now, out);
        }
    }

    pub(super) fn scan(&mut self, busy: bool, now: Time, out: &mut Out) {
        if self.has_mount {
            self.state = State::Draining(Draining::Scanning { busy });
            let round = self.next_round();
            out.push(Action::ScanHolders(round));
        } else {
            self.flush(now, out);
        }
    }

    pub(super) fn holders(&mut self, holders: Vec<Holder>, now: Time, out: &mut Out) {
        let busy = match self.state {
            State::Draining(Draining::Scanning { busy }) => busy,
            State::Draining(Draining::Waiting) => false,
            _ => return,
        };
        if holders.is_empty() && !busy {
            return self.flush(now, out);
        }
        let kind = ErrorKind::Busy { name: self.name.clone(), holders: holders.clone() };
        self.answer(|w| w.verb == Verb::Refuse, &kind.into(), out);
        if self.wanted(Verb::Detach) {
            self.detach(holders, out);
        } else if self.enders.is_empty() {
            self.resume(now, out);
        } else {
            self.state = State::Draining(Draining::Waiting);
            let round = self.next_round();
            out.push(Action::WatchHolders(round));
        }
    }

    pub(super) fn flush(&mut self, now: Time, out: &mut Out) {
        self.state = State::Draining(Draining::Flushing);
        self.limit = self.wanted(Verb::Detach).then(|| self.part_of_deadline(now, GRACE));
        self.quiesce(true, out);
        self.drain(out);
    }

    /// Takes the name away; holders and pending data go on without it.
    pub(super) fn detach(&mut self, holders: Vec<Holder>, out: &mut Out) {
        self.left_inside = Some(holders);
        self.unmount(Unmount::Detach, out);
    }

    pub(super) fn drain(&mut self, out: &mut Out) {
        self.proof.acknowledged = false;
        let round = self.next_round();
        out.push(Action::Drain(round));
    }

    pub(super) fn drained(&mut self, bytes: u64, now: Time, out: &mut Out) {
        self.proof.flushed_bytes = self.proof.flushed_bytes.saturating_add(bytes);
        self.proof.acknowledged = true;
        match self.state {
            State::Draining(Draining::Flushing) if self.force => self.abort(now, out),
            State::Draining(Draining::Flushing) if self.has_mount => self.unmount(Unmount::Plain, out),
            State::Draining(Draining::Flushing) => self.close(now, out),
            State::Lingering { flushing: true } if self.force && self.kernel => self.abort(now, out),
            State::Lingering { flushing: true } => self.close(now, out),
            _ => self.proof.acknowledged = false,
        }
    }

    pub(super) fn drain_failed(&mut self, files: Vec<Loss>, now: Time, out: &mut Out) {
        let flushing =
            matches!(self.state, State::Draining(Draining::Flushing) | State::Lingering { flushing: true });
        if !flushing {
            return;
        }
        if self.force {
            return self.abort(now, out);
        }
        if self.mounted && self.wanted(Verb::Detach) {
            return self.detach(Vec::new(), out);
        }
        let files = files.into_iter().map(|loss| loss.path).collect();
        let error = Error::from(ErrorKind::FlushFailed { name: self.name.clone(), files });
        self.answer(|_| true, &error, out);
        if let State::Lingering { flushing } = &mut self.state {
            *flushing = false;
            self.reason = Some(error);
            self.limit = Some(now + self.pause());
        } else {
            self.resume(now, out);
        }
    }

    /// Force begins: bring what can be brought in half the time, then abort.
    pub(super) fn force(&mut self, now: Time, out: &mut Out) {
        self.force = true;
        match self.state {
            State::Connected | State::Draining(_) | State::Lingering { .. } if !self.server_up => {
                self.abort(now, out);
            }
            State::Connected | State::Draining(_) => {
                if self.state != State::Draining(Draining::Flushing) {
                    self.flush(now, out);
                }
                self.limit = Some(self.part_of_deadline(now, Duration::MAX));
            }
            State::Lingering { flushing } => {
                if !flushing {
                    self.state = State::Lingering { flushing: true };
                    self.drain(out);
                }
                self.limit = Some(self.part_of_deadline(now, Duration::MAX));
            }
            State::Replacing(_) => self.abort(now, out),
            // A plain unmount is under way: free it from whatever keeps it.
            State::Unmounting if self.kernel => out.push(Action::AbortConnection),
            State::Unmounting | State::Opening(_) | State::Closing | State::Reaping => {}
            State::Ended | State::Failed => {}
        }
    }

    pub(super) fn caller_gone(&mut self, caller: Caller, now: Time, out: &mut Out) {
        if self.opener.as_ref().is_some_and(|w| w.caller == caller) {
            self.opener = None;
            if !self.force {
                self.fail(ErrorKind::Cancelled.into(), now, out);
            }
        }
        self.enders.retain(|w| w.caller != caller);
        self.enders_left(now, out);
    }

    /// Some enders are gone: takes back what nobody wants any more.
    pub(super) fn enders_left(&mut self, now: Time, out: &mut Out) {
        let draining = matches!(self.state, State::Draining(_));
        if draining && (self.enders.is_empty() || (self.force && !self.wanted(Verb::Force))) {
            self.force = false;
            self.resume(now, out);
        }
    }

    pub(super) fn tick(&mut self, now: Time, out: &mut Out) {
        if self.limit.is_some_and(|limit| limit <= now) {
            self.limit = None;
            self.limit_passed(now, out);
        }
        if self.state.is_over() {
            return;
        }
        let passed = |w: &Waiter| w.deadline.is_some_and(|deadline| deadline <= now);
        if self.opener.as_ref().is_some_and(passed) {
            self.opener_too_late(now, out);
        }
        if self.enders.iter().any(passed) {
            let unproven = self.unproven();
            let error = ErrorKind::Deadline { name: self.name.clone(), unproven }.into();
            self.answer(passed, &error, out);
            self.enders_left(now, out);
        }
    }

    pub(super) fn opener_too_late(&mut self, now: Time, out: &mut Out) {
        if self.force {
            // The undo takes long; the opener need not wait for it.
            if let (Some(opener), Some(reason)) = (self.opener.take(), self.reason.clone()) {
                out.push(Action::Report(opener.caller, Err(reason)));
            }
        } else if let State::Opening(stage) = self.state {
            let kind = ErrorKind::Timeout { server: self.name.clone(), during: stage.to_string() };
            self.fail(kind.into(), now, out);
        }
    }

    pub(super) fn limit_passed(&mut self, now: Time, out: &mut Out) {
        match self.state {
            State::Replacing(Opening::Spawning) if !self.worker => self.spawn_again(out),
            State::Replacing(Opening::Connecting) => out.push(Action::Connect),
            State::Draining(_) | State::Lingering { .. } if self.force => self.abort(now, out),
            State::Draining(Draining::Flushing) if self.mounted && self.wanted(Verb::Detach) => {
                self.detach(Vec::new(), out)
            }
            State::Lingering { .. } => self.linger(now, out),
            State::Unmounting => out.push(Action::Unmount(Unmount::Detach)),
            State::Closing | State::Reaping => self.reap(true, now, out),
            _ => {}
        }
    }
}
