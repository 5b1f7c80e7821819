//! Who may do what.
//!
//! A user's instance serves that user and root. The system instance shows its list to everybody, and lets only
//! root change anything; except that members of the groups `dip` (Debian's, for dialling up) and `cleardown` may dial
//! links and end those that they have dialled, whose workers run as them. Where polkit runs, its answer would be asked
//! for in [`Rules::may_change`]: the one seam.

use cleardown_core::{ErrorKind, Result};
use cleardown_ipc::{Call, Caller};
use cleardown_kernel::users;

/// Whose members may dial.
const DIALLERS: [&str; 2] = ["dip", "cleardown"];

/// Whom this daemon serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The user that it runs as.
    pub(crate) me: u32,
    /// Whether it is the system's.
    pub(crate) system: bool,
}

impl Rules {
    /// Whether `caller` may make this `call`.
    ///
    /// # Errors
    /// [`ErrorKind::NotPermitted`].
    pub(crate) fn check(&self, caller: Caller, call: &Call) -> Result<()> {
        let allowed = match call {
            Call::List { .. } | Call::Version => self.may_look(caller),
            Call::Status(_) | Call::Holders(_) => self.may_look(caller),
            // Of what others have made, ending is refused one by one.
            Call::Dial(..) | Call::HangUp(_) | Call::End(_) => self.may_dial(caller),
            Call::Map(..)
            | Call::Remember(_)
            | Call::Forget(_)
            | Call::Restore(_)
            | Call::KeepRestoring
            | Call::Shares(..)
            | Call::Quit => self.may_change(caller),
        };
        if allowed { Ok(()) } else { Err(ErrorKind::NotPermitted(what(call).into()).into()) }
    }

    /// Whether `caller` sees who holds a connection: processes of others are nobody's business.
    pub(crate) fn may_see_holders(&self, caller: Caller) -> bool {
        self.may_change(caller)
    }

    /// Whether `caller` may end what `owner` has made.
    pub(crate) fn may_end(&self, caller: Caller, owner: u32) -> bool {
        self.may_change(caller) || caller.uid == owner
    }

    fn may_dial(&self, caller: Caller) -> bool {
        self.may_change(caller) || (self.system && users::is_in_group(caller.uid, &DIALLERS))
    }

    fn may_look(&self, caller: Caller) -> bool {
        self.system || self.may_change(caller)
    }

    /// Whether `caller` may do anything here.
    pub(crate) fn may_change(&self, caller: Caller) -> bool {
        caller.uid == 0 || caller.uid == self.me
    }
}

fn what(call: &Call) -> &'static str {
    match call {
        Call::Map(..) => "mapping drives of this instance",
        Call::Dial(..) => "dialling links of this instance",
        Call::End(_) | Call::HangUp(_) => "ending connections of this instance",
        Call::Remember(_) | Call::Forget(_) => "changing the profile of this instance",
        Call::Restore(_) | Call::KeepRestoring => "restoring the profile of this instance",
        Call::Shares(..) => "logging on to servers with what this instance knows",
        Call::Quit => "stopping the daemon",
        _ => "looking at another user's connections",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: Call = Call::List { remembered_too: false, with_holders: false, name: None };

    fn allows(rules: Rules, uid: u32, call: &Call) -> bool {
        rules.check(Caller { uid, pid: None }, call).is_ok()
    }

    #[test]
    fn everybody_looks_at_the_system_and_only_root_changes_it() {
        let system = Rules { me: 0, system: true };
        assert!(allows(system, 1000, &LIST));
        assert!(!allows(system, 1000, &Call::Quit));
        assert!(!allows(system, 1000, &Call::Forget("z:".into())));
        assert!(allows(system, 0, &Call::Quit));
        // Uid 4294967294 is in no group.
        let hang_up = Call::HangUp(cleardown_core::request::HangUpRequest { handle: 1, timeout_ms: None });
        assert!(!allows(system, u32::MAX - 1, &hang_up) && allows(system, 0, &hang_up));
        let somebody = Caller { uid: 1000, pid: None };
        assert!(system.may_end(somebody, 1000) && !system.may_end(somebody, 1001));
    }

    #[test]
    fn a_users_instance_serves_the_user_and_root() {
        let user = Rules { me: 1000, system: false };
        assert!(allows(user, 1000, &Call::Quit) && allows(user, 0, &Call::Quit));
        assert!(!allows(user, 1001, &LIST));
    }
}
