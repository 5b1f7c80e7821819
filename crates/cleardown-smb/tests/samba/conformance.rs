//! The suite that every provider must pass, over what servers demand and what they are too old for.

use std::sync::Arc;

use async_trait::async_trait;
use cleardown_share::Share;
use cleardown_share::conformance::Ground;
use cleardown_testkit::{Options, Samba};

struct Server(Samba);

#[async_trait]
impl Ground for Server {
    async fn connect(&self) -> Arc<dyn Share> {
        Arc::new(crate::common::eve(&self.0, "files").await)
    }
}

fn server(options: Options) -> Server {
    Server(Samba::start(options).unwrap())
}

mod smb_3_1_1_signed {
    async fn ground() -> super::Server {
        super::server(super::Options { signing: true, ..super::Options::default() })
    }
    cleardown_share::conformance!(ground());
}

mod smb_3_0_encrypted {
    async fn ground() -> super::Server {
        let max_protocol = "SMB3_00".into();
        super::server(super::Options { max_protocol, encrypt: true, ..super::Options::default() })
    }
    cleardown_share::conformance!(ground());
}

mod smb_2_1_with_oplocks_only {
    async fn ground() -> super::Server {
        let (max_protocol, extra) = ("SMB2_10".into(), "smb2 leases = no".into());
        super::server(super::Options { max_protocol, extra, ..super::Options::default() })
    }
    cleardown_share::conformance!(ground());
}
