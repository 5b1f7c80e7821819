//! How long the daemon lives: as long as there is a connection or a client, and a little longer.

use std::time::Duration;

use tokio::sync::watch;

/// How long a daemon without connections and clients stays.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// Waits until there has been neither a connection nor a client for a while. No timer runs while there is one.
pub(crate) async fn idle(
    mut connections: watch::Receiver<usize>,
    mut clients: watch::Receiver<usize>,
    patience: Duration,
) {
    loop {
        let nothing = |n: &usize| *n == 0;
        if connections.wait_for(nothing).await.is_err() || clients.wait_for(nothing).await.is_err() {
            return;
        }
        if *connections.borrow_and_update() > 0 || *clients.borrow_and_update() > 0 {
            continue;
        }
        tokio::select! {
            () = tokio::time::sleep(patience) => return,
            Ok(()) = connections.changed() => {}
            Ok(()) = clients.changed() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_client_or_a_connection_keeps_the_daemon() {
        let (connections, c) = watch::channel(1);
        let (clients, k) = watch::channel(0);
        let mut idle = std::pin::pin!(idle(c, k, Duration::ZERO));
        assert!(idle.as_mut().now_or_never().is_none());
        connections.send_replace(0);
        clients.send_replace(1);
        assert!(idle.as_mut().now_or_never().is_none());
        clients.send_replace(0);
        idle.await;
    }
}
