//! The client side: one connection to a daemon's private socket.

use std::os::fd::AsFd;
use std::time::Duration;

use cleardown_core::view::Progress;
use cleardown_core::{Error, ErrorKind, Result};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream, Structure};

use crate::error::from_zbus;
use crate::names::{BUS_NAME, MANAGER, MANAGER_PATH};
use crate::service::Call;
use crate::{Location, call, dispatch, read};

/// How long connecting and answering a query may take: the daemon is on this machine.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to a daemon.
#[derive(Clone, Debug)]
pub struct Peer {
    connection: Connection,
}

impl Peer {
    /// Connects to the daemon at `location`.
    ///
    /// # Errors
    /// [`ErrorKind::Daemon`]: nobody listens, or it is not the daemon of the right user.
    pub async fn connect(location: &Location) -> Result<Peer> {
        let path = location.socket();
        let during = || Error::from(ErrorKind::Daemon(format!("nobody answers at {}", path.display())));
        let connecting = async {
            let stream = tokio::net::UnixStream::connect(&path).await.map_err(|e| during().because(e))?;
            let server =
                rustix::net::sockopt::socket_peercred(stream.as_fd()).map_err(|e| during().because(e))?;
            let uid = server.uid.as_raw();
            if !is_theirs(uid, location.uid, rustix::process::geteuid().as_raw()) {
                return Err(during().because(format!("user {uid} listens there, not user {}", location.uid)));
            }
            let stream = stream.into_std().map_err(|e| during().because(e))?;
            Builder::unix_stream(stream).p2p().build().await.map_err(|e| during().because(e))
        };
        match timeout(PATIENCE, connecting).await {
            Ok(connection) => Ok(Peer { connection: connection? }),
            Err(_) => Err(during().because("it did not answer in time")),
        }
    }

    /// Calls and waits for the answer, for at most [`PATIENCE`].
    pub async fn query<T: DeserializeOwned>(&self, call: &Call) -> Result<T> {
        let (member, args) = call::encode(call)?;
        let body = args.into_iter().fold(Structure::builder(), zbus::wire::StructureBuilder::append_field);
        let asking = async {
            let reply = match body.build() {
                Ok(body) => self.method(member, &body).await,
                Err(_) => self.method(member, &()).await,
            };
            reply.map_err(from_zbus).and_then(|reply| read::first(&reply))
        };
        timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| Err(ErrorKind::Daemon("it did not answer in time".into()).into()))
    }

    async fn method<B: serde::Serialize + zbus::DynamicType>(
        &self,
        member: &'static str,
        body: &B,
    ) -> zbus::Result<Message> {
        self.connection.call_method(Some(BUS_NAME), MANAGER_PATH, Some(MANAGER), member, body).await
    }

    /// Calls, hands on progress, and waits for the answer for as long as `patience` allows. Dropping the
    /// future while this is the only use of the connection hangs up, which cancels the call.
    pub async fn operate<T: DeserializeOwned>(
        self,
        call: &Call,
        patience: Option<Duration>,
        mut progress: impl FnMut(Progress),
    ) -> Result<T> {
        let (member, args) = call::encode(call)?;
        let message = Message::method_call(MANAGER_PATH, member).interface(MANAGER).destination(BUS_NAME);
        let message = dispatch::with_values(message, args).map_err(from_zbus)?;
        let mut incoming = MessageStream::from(&self.connection);
        let serial = message.primary_header().serial_num();
        let talking = async {
            self.connection.send(&message).await.map_err(from_zbus)?;
            while let Some(message) = incoming.next().await {
                let message = message.map_err(from_zbus)?;
                match message.message_type() {
                    Type::Signal if is_progress(&message) => {
                        if let Ok(report) = read::first(&message) {
                            progress(report);
                        }
                    }
                    Type::MethodReturn if message.header().reply_serial() == Some(serial) => {
                        return read::first(&message);
                    }
                    Type::Error if message.header().reply_serial() == Some(serial) => {
                        return Err(from_zbus(message.into()));
                    }
                    _ => {}
                }
            }
            Err(ErrorKind::Daemon("it went away".into()).into())
        };
        match patience {
            None => talking.await,
            Some(patience) => timeout(patience, talking)
                .await
                .unwrap_or_else(|_| Err(ErrorKind::Daemon("it did not answer in time".into()).into())),
        }
    }

    /// An item for each change of the list. The stream ends when the daemon goes away.
    pub async fn changes(self) -> Result<impl Stream<Item = ()> + Send + Unpin + use<>> {
        let incoming = MessageStream::from(&self.connection);
        let bus = "org.freedesktop.DBus";
        let rule = format!("type='signal',interface='{MANAGER}'");
        let asking =
            self.connection.call_method(Some(bus), "/org/freedesktop/DBus", Some(bus), "AddMatch", &rule);
        timeout(PATIENCE, asking)
            .await
            .unwrap_or_else(|_| Err(zbus::Error::Failure("it did not answer in time".into())))
            .map_err(from_zbus)?;
        Ok(incoming.filter_map(|message| {
            let change = message.is_ok_and(|m| m.message_type() == Type::Signal && !is_progress(&m));
            std::future::ready(change.then_some(()))
        }))
    }
}

/// Whether the daemon that `listener` runs may be talked to as that of `owner`. In our own run-time directory it may be
/// root's; in another user's it may not, for that user could have put a link to root's socket there, and what we ask of
/// their connections would be done to root's.
fn is_theirs(listener: u32, owner: u32, me: u32) -> bool {
    listener == owner || (listener == 0 && owner == me)
}

fn is_progress(message: &Message) -> bool {
    message.header().member().is_some_and(|member| member.as_str() == "Progress")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_socket_does_not_lead_to_roots_daemon() {
        assert!(is_theirs(1000, 1000, 0) && is_theirs(1000, 1000, 1000) && is_theirs(0, 0, 1000));
        assert!(is_theirs(0, 1000, 1000), "root's, in our own run-time directory");
        assert!(!is_theirs(0, 1000, 0) && !is_theirs(1001, 1000, 0) && !is_theirs(1000, 0, 1000));
    }
}
