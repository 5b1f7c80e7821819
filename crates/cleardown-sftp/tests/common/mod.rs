//! What the tests share.
#![allow(dead_code, reason = "each test file uses some of it")]

use cleardown_sftp::Config;
use cleardown_testkit::sshd::Sshd;

/// How to log on to a server of the test kit by its key.
pub(crate) fn config(sshd: &Sshd) -> Config {
    Config {
        known_hosts: vec![sshd.known_hosts()],
        identities: vec![sshd.key()],
        agent: None,
        ..Config::new(sshd.remote().parse().unwrap(), sshd.user())
    }
}
