//! One machine and one server, and the tests that run on every such pair.

use crate::{Machine, Protocol, Server, Who};

/// A machine and a server.
#[derive(Debug)]
pub struct Stage {
    /// The machine; declared first, so that its drives end before the server does.
    pub machine: Machine,
    /// The server.
    pub server: Server,
}

impl Stage {
    /// A fresh pair.
    pub fn new(protocol: Protocol, who: Who) -> Stage {
        Stage { machine: Machine::new(who), server: Server::start_for(protocol, who) }
    }
}

/// Makes tests of functions that take a [`Stage`]: each over both protocols, as root and as an ordinary user.
#[macro_export]
macro_rules! on_every_stage {
    ($($name:ident),* $(,)?) => {
        $crate::on_every_stage!(@ smb_as_root, Smb, Root, $($name),*);
        $crate::on_every_stage!(@ smb_as_user, Smb, User, $($name),*);
        $crate::on_every_stage!(@ sftp_as_root, Sftp, Root, $($name),*);
        $crate::on_every_stage!(@ sftp_as_user, Sftp, User, $($name),*);
    };
    (@ $stage:ident, $protocol:ident, $who:ident, $($name:ident),*) => {
        mod $stage {
            $(
                #[test]
                fn $name() {
                    $crate::needs_root!();
                    super::$name(&mut $crate::Stage::new($crate::Protocol::$protocol, $crate::Who::$who));
                }
            )*
        }
    };
}

/// Leaves a test that needs root (for servers, other users and mounts) when nobody gave us that.
#[macro_export]
macro_rules! needs_root {
    () => {
        if !$crate::is_root() {
            eprintln!("SKIPPED: this test must be run by root");
            return;
        }
    };
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
