//! The conformance suite over OpenSSH, as root with its sftp-server program, and as an ordinary user with what is
//! built into sshd.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use cleardown_share::Share;
use cleardown_share::conformance::Ground;
use cleardown_testkit::sshd::{Sshd, SshdOptions};

struct OpenSsh(Sshd);

#[async_trait::async_trait]
impl Ground for OpenSsh {
    async fn connect(&self) -> Arc<dyn Share> {
        Arc::new(cleardown_sftp::connect(common::config(&self.0)).await.expect("sshd lets us in"))
    }
}

mod as_root {
    use super::*;

    async fn ground() -> OpenSsh {
        OpenSsh(Sshd::start(SshdOptions { external: true, ..Default::default() }).unwrap())
    }
    cleardown_share::conformance!(ground());
}

mod as_nobody {
    use super::*;

    async fn ground() -> OpenSsh {
        OpenSsh(Sshd::start(SshdOptions { as_nobody: true, ..Default::default() }).unwrap())
    }
    cleardown_share::conformance!(ground());
}
