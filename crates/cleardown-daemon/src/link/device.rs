//! The dial of a link that the kernel carries: its interface is made for the dial, and belongs to no process. It is in the
//! journal, by an index of our choice, before it exists.

use cleardown_core::life::link::{Event, LineEnd};
use cleardown_core::link::RasState;
use cleardown_core::{Code, Error, ErrorKind, Result};
use cleardown_kernel::net::{self, Change, Interface, wireguard};
use cleardown_link::wireguard::{Plan, kernel};
use cleardown_worker::control::{Agreed, LinkEnd};
use futures_util::FutureExt;

use super::actor::{Actor, Happening, Work};
use super::handle::LinkHandle;
use super::network::{Job, NAME, PATIENCE, blocking};

impl LinkHandle {
    fn wire_plan(&self) -> Result<Plan> {
        let secret = self.secret().map(|secret| secret.expose().to_owned().into());
        Plan::of(&self.spec.entry, secret)
    }

    /// Has the kernel call the peers of a link that it carries.
    pub(crate) async fn check_in_kernel(&self) {
        let Some(interface) = self.interface().filter(|_| self.spec.is_in_kernel()) else { return };
        let name = self.spec.name();
        match self.wire_plan() {
            Ok(plan) => {
                if let Err(end) = kernel::check(plan, interface).await {
                    tracing::warn!(name, why = end.words(), "the kernel does not call the peers");
                }
            }
            Err(error) => tracing::warn!(name, %error, "the peers are not called"),
        }
    }
}

impl Actor {
    /// Makes the interface.
    pub(super) fn make_device(&mut self) -> Option<Work> {
        if self.machine.state().is_ending() {
            return None;
        }
        let (plan, index) = match self.wire_plan().and_then(|plan| Ok((plan, wireguard::fresh_index()?))) {
            Ok(both) => both,
            Err(error) => return Some(std::future::ready(Happening::Device(Err(error))).boxed()),
        };
        // What it will be called only the kernel knows, and it is shown when it is there.
        self.note_change(Interface { index, name: NAME.into() }, plan.mtu());
        let make = move || wireguard::create(index, NAME);
        Some(async move { Happening::Device(blocking(make).await.and_then(|made| made)) }.boxed())
    }

    fn note_change(&mut self, interface: Interface, mtu: u16) {
        self.record.changes = vec![Change::Interface { interface, mtu: mtu.into() }];
        self.write_record();
    }

    fn wire_plan(&self) -> Result<Plan> {
        self.handle.wire_plan()
    }

    /// The interface is made: the peer is called.
    pub(super) async fn device_made(&mut self, made: Result<Interface>) {
        let plan = made.and_then(|interface| {
            let plan = self.wire_plan()?;
            self.record.interface = Some(interface.clone());
            self.note_change(interface.clone(), plan.mtu());
            Ok((plan, interface))
        });
        if self.machine.state().is_ending() {
            return;
        }
        match plan {
            Ok((plan, interface)) => {
                for state in [RasState::PortOpened, RasState::ConnectDevice] {
                    self.feed(Event::Reached(state)).await;
                    self.report_ras(state);
                }
                let call = self.call(plan, interface);
                self.asked.push(call);
            }
            Err(error) => self.call_failed(error),
        }
    }

    fn call(&self, plan: Plan, interface: Interface) -> Work {
        let (name, mtu) = (self.record.spec.name(), plan.mtu());
        let patience = self.record.spec.plan().dial_timeout;
        let during = RasState::ConnectDevice;
        async move {
            let (code, detail) = match tokio::time::timeout(patience, kernel::call(plan, interface)).await {
                Ok(Ok(servers)) => {
                    return Happening::Agreed(Box::new(Agreed { mtu, servers, ..Agreed::default() }));
                }
                Ok(Err(end)) => (end.code(), end.words().to_owned()),
                Err(_late) => (Code::REQUEST_TIMEOUT, String::new()),
            };
            let end = LinkEnd { code, detail, during, acknowledged: false, device_answers: None };
            Happening::CallFailed(end.error(&name))
        }
        .boxed()
    }

    /// A failed dial leaves nothing, also where it is made again after a while.
    pub(super) fn call_failed(&mut self, error: Error) {
        if self.machine.state().is_ending() {
            return;
        }
        // That we remove it ourselves is no news.
        self.record.interface = None;
        self.publish();
        self.jobs.push_back(Job::Dismantle(error));
    }

    pub(super) fn dismantle(&self, error: Error) -> Work {
        let changes = self.record.changes.clone();
        async move {
            let undo = move || net::revert_all(&changes, PATIENCE);
            let complete = match blocking(undo).await {
                Ok((facts, failed)) => {
                    failed.iter().for_each(|error| tracing::error!(%error, "undoing a dial"));
                    facts.complete()
                }
                Err(_) => false,
            };
            Happening::Dismantled(complete, error)
        }
        .boxed()
    }

    pub(super) async fn dismantled(&mut self, complete: bool, error: Error) {
        if complete {
            self.record.changes.clear();
            self.write_record();
        }
        let error = match complete || self.machine.state().is_ending() {
            true => error,
            // It must not be dialled again beside what is left.
            false => {
                Error::from(ErrorKind::Daemon("the interface of a failed dial cannot be removed".into()))
                    .because(error)
            }
        };
        let end = LineEnd { error, acknowledged: false, device_answers: None };
        self.feed(Event::LineEnded(end)).await;
    }
}
