//! Talking with the worker.

use std::time::Duration;

use cleardown_core::life::link::{Event, LineEnd};
use cleardown_core::{Error, ErrorKind};
use cleardown_worker::control::{self, Client, Dial, LinkEnd, Reply, Request};
use futures_util::FutureExt;

use super::actor::{Actor, Happening, Work};
use super::perform::SLACK;
use crate::supervisor::{self, Worker, ask};

impl Actor {
    /// Takes a worker into service.
    pub(super) fn employ(&mut self, worker: Worker) {
        self.works.push(worker.end().map(|()| Happening::WorkerEnded).boxed());
        self.worker_is_silent = false;
        self.worker = Some(worker);
    }

    fn client(&self) -> Option<Client> {
        self.worker.as_ref().map(|worker| worker.client.clone())
    }

    fn wish(&self) -> Box<Dial> {
        let spec = &self.record.spec;
        let timeout = spec.plan().dial_timeout.as_millis();
        let timeout_ms = Some(u64::try_from(timeout).unwrap_or(u64::MAX));
        Box::new(Dial { entry: spec.entry.clone(), timeout_ms })
    }

    /// How a link ends whose worker cannot say.
    fn unknown_end(&self, error: Error) -> LineEnd {
        let device_answers = self.record.spec.plan().has_device.then_some(false);
        LineEnd { error, acknowledged: false, device_answers }
    }

    /// Dials. When that fails, the worker is asked how the line was given back.
    pub(super) fn dial(&self) -> Work {
        let Some(client) = self.client() else { return std::future::pending().boxed() };
        let secret =
            self.handle.secret().map(|secret| control::secret_descriptor(secret.expose().as_bytes()));
        let secret = match secret.transpose() {
            Ok(secret) => secret,
            Err(error) => {
                let end = self.unknown_end(Error::os("handing over the password", &error));
                return std::future::ready(Happening::Event(Event::LineEnded(end))).boxed();
            }
        };
        let plan = self.record.spec.plan();
        let (dial, undo) = (plan.dial_timeout + plan.hang_up_timeout() + SLACK, plan.hang_up_timeout());
        let (wish, name, unknown) = (self.wish(), self.record.spec.name(), self.clone_end());
        async move {
            let error = match ask(&client, Request::Dial(wish), secret.into_iter().collect(), dial).await {
                Ok(Reply::Agreed(agreed)) => return Happening::Agreed(Box::new(agreed)),
                Ok(Reply::HungUp(end)) => return ended(&end, &name),
                Ok(other) => nonsense(&other),
                Err(error) => error,
            };
            let deadline_ms = millis(undo);
            match ask(&client, Request::HangUp { deadline_ms }, Vec::new(), undo + SLACK).await {
                Ok(Reply::HungUp(end)) => Happening::Event(Event::LineEnded(LineEnd {
                    error,
                    acknowledged: end.acknowledged,
                    device_answers: end.device_answers,
                })),
                _ => Happening::Event(Event::LineEnded(unknown(error))),
            }
        }
        .boxed()
    }

    fn clone_end(&self) -> impl FnOnce(Error) -> LineEnd + Send + 'static {
        let unknown = self.unknown_end(ErrorKind::Cancelled.into());
        move |error| LineEnd { error, ..unknown }
    }

    pub(super) fn give_interface(&self) -> Work {
        let Some(client) = self.client() else { return std::future::pending().boxed() };
        let Some(Ok(descriptor)) = self.tun.as_ref().map(|tun| tun.duplicate()) else {
            let error = ErrorKind::Daemon("the interface has no descriptor".into());
            return std::future::ready(Happening::Event(Event::ServeFailed(error.into()))).boxed();
        };
        async move {
            Happening::Event(match ask(&client, Request::Interface, vec![descriptor], 2 * SLACK).await {
                Ok(Reply::Done) => Event::Serving,
                Ok(other) => Event::ServeFailed(nonsense(&other)),
                Err(error) => Event::ServeFailed(error),
            })
        }
        .boxed()
    }

    pub(super) fn hang_up(&self, within: Duration) -> Work {
        self.give_line_back(Request::HangUp { deadline_ms: millis(within) }, within)
    }

    pub(super) fn reset_device(&self, within: Duration) -> Work {
        let request = Request::Reset { dial: self.wish(), deadline_ms: millis(within) };
        self.give_line_back(request, within)
    }

    fn give_line_back(&self, request: Request, within: Duration) -> Work {
        let Some(client) = self.client() else { return std::future::pending().boxed() };
        let (name, unknown) = (self.record.spec.name(), self.clone_end());
        async move {
            match ask(&client, request, Vec::new(), within + SLACK).await {
                Ok(Reply::HungUp(end)) => ended(&end, &name),
                Ok(other) => Happening::Event(Event::LineEnded(unknown(nonsense(&other)))),
                Err(error) => Happening::Event(Event::LineEnded(unknown(error))),
            }
        }
        .boxed()
    }

    /// What the worker says unasked.
    pub(super) fn heard(&mut self, event: Option<control::Event>) -> Happening {
        let Some(event) = event else {
            // It has closed the conversation: it is dying, or it must.
            self.worker_is_silent = true;
            self.worker.iter().for_each(supervisor::kill_silent);
            return Happening::Nothing;
        };
        match event {
            control::Event::LinkState { state, .. } => return Happening::Reached(state),
            control::Event::LinkAgreed(agreed) => return Happening::AgreedAnew(Box::new(agreed)),
            control::Event::LinkIdle => return Happening::Event(Event::Idle),
            control::Event::LinkEnded(end) => return ended(&end, &self.record.spec.name()),
            // Another daemon has it now: it is no longer ours to kill.
            control::Event::Replaced => self.worker_is_silent = true,
            other => tracing::debug!(?other, "a worker"),
        }
        Happening::Nothing
    }
}

fn ended(end: &LinkEnd, name: &str) -> Happening {
    Happening::Event(Event::LineEnded(line_end(end, name)))
}

/// The end of a line as the machine knows it.
pub(super) fn line_end(end: &LinkEnd, name: &str) -> LineEnd {
    LineEnd { error: end.error(name), acknowledged: end.acknowledged, device_answers: end.device_answers }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn nonsense(reply: &Reply) -> Error {
    Error::from(ErrorKind::WorkerDied("answering".into()))
        .because(format!("its answer makes no sense: {reply:?}"))
}
