//! A worker whose servers are in its own memory, for tests: `eve` needs the password `tiger`, the host `slow` never
//! answers the log-on, and the host `frozen` answers nothing after it.

use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use cleardown_core::{Error, ErrorKind};
use cleardown_share::Share;
use cleardown_share::memory::MemoryShare;
use cleardown_worker::control::Connect;
use cleardown_worker::provider::{Provider, Stages};
use zeroize::Zeroizing;

struct Memory;

#[async_trait]
impl Provider for Memory {
    async fn connect(
        &self,
        wish: &Connect,
        password: Option<Zeroizing<String>>,
        stages: Stages,
    ) -> Result<Arc<dyn Share>, Error> {
        stages("connecting");
        if wish.remote.host == "slow" {
            std::future::pending::<()>().await;
        }
        stages("authenticating");
        let user = wish.user.clone().unwrap_or_default();
        if user == "eve" && password.as_deref().map(String::as_str) != Some("tiger") {
            return Err(ErrorKind::Authentication { user, server: wish.remote.host.clone() }.into());
        }
        let share = MemoryShare::new();
        if wish.remote.host == "frozen" {
            share.freeze();
        }
        Ok(share)
    }
}

fn main() -> ExitCode {
    cleardown_worker::run_with(std::env::args_os().skip(1), Memory)
}
