//! The SSH side: one user, one password, one subsystem.

use std::sync::Arc;
use std::time::Duration;

use russh::keys::PrivateKey;
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::folder::Folder;
use super::subsystem;

/// Who may log on.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) password: Zeroizing<String>,
}

impl Login {
    /// Compares in a time that does not tell where the difference is.
    fn fits(&self, user: &str, password: &str) -> bool {
        let (ours, theirs) = (self.password.as_bytes(), password.as_bytes());
        let differ = ours.iter().zip(theirs).fold(0, |differ, (a, b)| differ | (a ^ b));
        user == self.user && ours.len() == theirs.len() && differ == 0
    }
}

pub(super) fn settings(key: PrivateKey) -> Arc<Config> {
    Arc::new(Config {
        methods: MethodSet::from(&[MethodKind::Password][..]),
        auth_rejection_time: Duration::from_millis(500),
        auth_rejection_time_initial: Some(Duration::ZERO),
        max_auth_attempts: 6,
        keys: vec![key],
        window_size: 16 << 20,
        maximum_packet_size: 65_535,
        channel_buffer_size: 256,
        nodelay: true,
        ..Config::default()
    })
}

pub(super) async fn serve(stream: TcpStream, settings: Arc<Config>, login: Login, folder: Arc<Folder>) {
    let _ = stream.set_nodelay(true);
    let client = Client { login, folder, channel: None };
    match russh::server::run_stream(settings, stream, client).await {
        Ok(session) => {
            if let Err(error) = session.await {
                tracing::debug!(%error, "a client's session ended");
            }
        }
        Err(error) => tracing::debug!(%error, "a client did not get in"),
    }
}

struct Client {
    login: Login,
    folder: Arc<Folder>,
    channel: Option<Channel<Msg>>,
}

impl Handler for Client {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if self.login.fits(user, password) { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        match self.channel.take_if(|channel| name == "sftp" && channel.id() == id) {
            Some(channel) => {
                session.channel_success(id)?;
                tokio::spawn(subsystem::serve(channel, self.folder.clone()));
                Ok(())
            }
            None => session.channel_failure(id),
        }
    }
}
