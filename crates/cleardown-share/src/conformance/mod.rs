//! One suite of tests for every provider; see [`Ground`].

use std::sync::Arc;

use async_trait::async_trait;

use crate::share::Share;

/// Where a provider is tested: a server with an empty, writable folder.
#[async_trait]
pub trait Ground: Send + Sync {
    /// A new session with that folder; several may be open together.
    async fn connect(&self) -> Arc<dyn Share>;
}
