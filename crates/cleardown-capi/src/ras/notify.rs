//! RasConnectionNotification: an event is set when links come or go.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use cleardown_client::Instance;
use cleardown_core::view::{Connection, Status};
use cleardown_core::{Code, Error};
use futures_util::StreamExt;

use crate::Failure;
use crate::session;

/// RASCN_Connection and RASCN_Disconnection. The other flags ask for what never happens here: a link has one line, and no tunnel
/// moves.
const CONNECTION: u32 = 1;
const DISCONNECTION: u32 = 2;
const KNOWN: u32 = 0x7f;
/// INVALID_HANDLE_VALUE: all links.
const ALL: usize = usize::MAX;
/// The pause before a daemon that went away is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// RasConnectionNotification: sets `event` (by `set`, which says whether the event is still there) at each change that the
/// flags ask for, of one link or (INVALID_HANDLE_VALUE) of any, until the event is closed.
///
/// # Errors
/// 6: there is no such link. 87: no event, or unknown flags. 711.
pub fn register(handle: usize, event: usize, flags: u32, set: fn(usize) -> bool) -> Result<(), Failure> {
    if event == 0 || flags == 0 || flags & !KNOWN != 0 {
        return Err(Code::INVALID_PARAMETER.into());
    }
    if handle != ALL {
        super::connections::find(handle)?;
    }
    let before = connected(&super::instance::links()?, handle);
    let watch = Watch { handle, event, flags, set, before };
    let thread = thread::Builder::new().name("ras-watch".into()).spawn(move || watch.run());
    thread.map(drop).map_err(|error| Error::os("starting a thread", &error).into())
}

struct Watch {
    handle: usize,
    event: usize,
    flags: u32,
    set: fn(usize) -> bool,
    before: BTreeSet<u64>,
}

impl Watch {
    fn run(mut self) {
        let mut goes_on = true;
        while goes_on {
            let watching = session::operate(Instance::System, async |client| {
                let mut lists = client.watch().await?;
                while let Some(list) = lists.next().await {
                    goes_on = self.look(&list);
                    if !goes_on {
                        break;
                    }
                }
                Ok(())
            });
            if watching.is_err() || goes_on {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Compares with the last look; false when nobody waits any more.
    fn look(&mut self, list: &[Connection]) -> bool {
        let now = connected(list, self.handle);
        let come = now.difference(&self.before).next().is_some() && self.flags & CONNECTION != 0;
        let gone = self.before.difference(&now).next().is_some() && self.flags & DISCONNECTION != 0;
        self.before = now;
        !(come || gone) || (self.set)(self.event)
    }
}

/// The handles of the links that are connected.
fn connected(list: &[Connection], handle: usize) -> BTreeSet<u64> {
    let links = list.iter().filter(|c| matches!(c.status, Status::Connected | Status::Reconnecting));
    let handles = links.filter_map(|connection| connection.link.as_ref().map(|link| link.handle));
    handles.filter(|link| handle == ALL || usize::try_from(*link) == Ok(handle)).collect()
}
