//! Dialling and hanging up, as the daemon asks for it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::link::RasState;
use cleardown_core::{Code, ErrorKind, Result};
use cleardown_link::Job;
use cleardown_link::engine::{self, Plan, Why};

use crate::carry::{Carry, out_of_turn};
use crate::control::{Dial, LinkEnd, Phase, Reply};
use crate::converse::{Worker, secret_beside};
use crate::link::{Link, link_end};

/// How long a dial that took too long may take to be undone.
const UNDO: Duration = Duration::from_secs(10);

impl Worker {
    /// Dials; answers once the network is agreed on, or once the device is at rest again. A link that has ended may
    /// be dialled anew.
    pub(crate) async fn dial(self: &Arc<Self>, wish: Dial, descriptors: Vec<OwnedFd>) -> Result<Reply> {
        let secret = secret_beside(descriptors).await?;
        let job = Job::of(&wish.entry, secret.clone())?;
        let name = wish.entry.name.to_string();
        let timeout = wish.timeout_ms.map(Duration::from_millis);
        let link = {
            let mut carry = self.lock();
            let free = match &*carry {
                Carry::Idle => true,
                Carry::Link(before) => before.phase() == Phase::Closed,
                _ => false,
            };
            if !free {
                return Err(out_of_turn("dial", &carry));
            }
            let link = Link::start(wish, secret, job, Arc::downgrade(self));
            *carry = Carry::Link(Arc::clone(&link));
            link
        };
        self.changes.send_replace(());
        let agreed = match timeout {
            Some(timeout) => tokio::time::timeout(timeout, link.agreed()).await,
            None => Ok(link.agreed().await),
        };
        match agreed {
            Ok(Ok(agreed)) => Ok(Reply::Agreed(agreed)),
            Ok(Err(end)) => Err(end.error(&name)),
            Err(_late) => {
                link.give_up(Code::REQUEST_TIMEOUT);
                Err(link.hang_up(Instant::now() + UNDO).await.error(&name))
            }
        }
    }

    /// Hands the link its interface.
    pub(crate) fn interface(&self, descriptors: Vec<OwnedFd>) -> Result<Reply> {
        let carry = self.carry();
        let Carry::Link(link) = &carry else { return Err(out_of_turn("an interface", &carry)) };
        let interface = descriptors
            .into_iter()
            .next()
            .ok_or_else(|| ErrorKind::BadParameter("an interface needs its descriptor".into()))?;
        link.give_interface(interface)?;
        self.changes.send_replace(());
        Ok(Reply::Done)
    }

    /// Ends the link, in whatever state it is.
    pub(crate) async fn hang_up(&self, until: Instant) -> Result<Reply> {
        match self.carry() {
            Carry::Link(link) => Ok(Reply::HungUp(link.hang_up(until).await)),
            other => Err(out_of_turn("hang up", &other)),
        }
    }
}

/// Brings the modem of a link to rest whose worker is gone. Where there is no modem, nothing is to be proven.
pub(crate) async fn reset(dial: &Dial, until: Instant) -> Result<Reply> {
    let end = match Plan::of(&dial.entry, None) {
        Ok(Plan { line, modem: Some((modem, _)), .. }) => {
            let end = engine::rest(&line, modem, until.into()).await;
            link_end(&end, RasState::WaitForModemReset)
        }
        _ => LinkEnd {
            code: Code::USER_DISCONNECTION,
            detail: String::new(),
            during: RasState::WaitForModemReset,
            acknowledged: false,
            device_answers: None,
        },
    };
    Ok(Reply::HungUp(end))
}

/// A reason for an end that is no failure of the line: what is shown instead is what the daemon knows.
pub(crate) fn was_asked_for(why: &Why) -> bool {
    matches!(why, Why::Cancelled | Why::Ppp(cleardown_link::ppp::session::Reason::Asked))
}
