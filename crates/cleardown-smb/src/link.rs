//! A link: connection, session and tree, made together and lost together.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_core::{Error, ErrorKind};
use cleardown_share::{SessionInfo, ShareError};
use tokio::net::TcpStream;

use crate::config::Config;
use crate::connection::Connection;
use crate::kerberos::{self, Login};
use crate::negotiate::{self, Negotiated};
use crate::session::{self, Credentials, Granted, Wish};
use crate::status;
use crate::wire::frame::{Frame, Reply};
use crate::wire::request::{self, TreeReply};
use crate::wire::{Command, FileId};

/// Requests of one file are at most this large, so that several are in flight.
const CHUNK: u32 = 1 << 20;

/// A share on a server, reached.
pub(crate) struct Link {
    pub(crate) connection: Arc<Connection>,
    pub(crate) negotiated: Negotiated,
    pub(crate) granted: Granted,
    pub(crate) tree: u32,
    pub(crate) share: TreeReply,
    /// Counts the links of one share; a file handle is good for the link it was opened on.
    pub(crate) generation: u64,
}

/// A server and one of its shares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) share: String,
    /// The folder below the share that is our root: components joined by backslashes.
    pub(crate) folder: Vec<u16>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.connection.kill("the share was let go");
    }
}

impl Link {
    /// Sends requests on this tree; all answers, whatever their status.
    pub(crate) async fn call(&self, mut frame: Frame, deadline: Instant) -> Result<Vec<Reply>, ShareError> {
        self.protect(&mut frame);
        self.connection.call(frame, deadline).await
    }

    /// Sends one request; its answer, whatever its status.
    pub(crate) async fn call_one(&self, mut frame: Frame, deadline: Instant) -> Result<Reply, ShareError> {
        self.protect(&mut frame);
        self.connection.call_one(frame, deadline).await
    }

    /// The share demands encryption.
    pub(crate) fn encrypts(&self) -> bool {
        self.share.flags & TreeReply::ENCRYPT != 0
    }

    /// What the share demands of each frame.
    pub(crate) fn protect(&self, frame: &mut Frame) {
        frame.encrypt = self.encrypts();
    }

    /// The largest read or write that travels as one request.
    pub(crate) fn chunk(&self, write: bool) -> u32 {
        let most = if write { self.negotiated.max_write } else { self.negotiated.max_read };
        let most = if self.negotiated.large { most.min(CHUNK) } else { most.min(65536) };
        most.min(self.connection.affordable()).max(1)
    }

    /// What a request that moves `bytes` costs.
    pub(crate) fn charge(&self, bytes: u32) -> u16 {
        if self.negotiated.large { crate::credits::charge(bytes) } else { 1 }
    }

    /// What the two ends agreed on.
    pub(crate) fn info(&self) -> SessionInfo {
        let security = self.connection.security.get();
        let encrypted = security.is_some_and(|s| s.encrypt) || self.share.flags & TreeReply::ENCRYPT != 0;
        let sealer = security.and_then(|s| s.sealer.as_ref()).filter(|_| encrypted);
        let signer = security.filter(|s| s.sign && !encrypted).and_then(|s| s.signer.as_ref());
        SessionInfo {
            dialect: self.negotiated.dialect_name().into(),
            encryption: sealer.map(|sealer| sealer.name().into()),
            signing: signer.map(|signer| signer.name().into()),
            user: self.granted.user.clone(),
        }
    }

    /// Closes a file; its errors do not matter.
    pub(crate) async fn close_file(&self, file: FileId, deadline: Instant) {
        let frame = Frame::one(Command::Close, self.tree, |body| request::close(body, file));
        let _ = self.call_one(frame, deadline).await;
    }

    /// Leaves the share and logs off; true when the server confirmed both.
    pub(crate) async fn leave(&self, deadline: Instant) -> bool {
        let mut confirmed = true;
        for command in [Command::TreeDisconnect, Command::Logoff] {
            let frame = Frame::one(command, self.tree, request::empty);
            let reply = self.call_one(frame, deadline).await;
            confirmed &= reply.is_ok_and(|reply| status::is_success(reply.header.status));
        }
        self.connection.kill("the share was closed");
        confirmed
    }
}

/// Connects, negotiates, logs on and opens the share, all before the deadline.
pub(crate) async fn reach(
    config: &Config,
    client: [u8; 16],
    target: &Target,
    previous: Option<u64>,
    generation: u64,
    deadline: Instant,
) -> Result<Link, Error> {
    let (connection, negotiated) = greet(config, client, target, deadline).await?;
    let guard = KillOnDrop(Some(connection.clone()));
    let connection = &connection;
    let server = &target.host;
    (config.progress)("authenticating");
    let wish = Wish { sign: config.sign, encrypt: config.encrypt, previous };
    let credentials = credentials(config, target);
    let granted = session::log_on(connection, &credentials, wish, deadline)
        .await
        .map_err(|error| refusal(error, config, server))?;
    (config.progress)("opening share");
    let name = format!("//{server}/{}", target.share);
    let (tree, share) = open_tree(connection, target, deadline).await.map_err(|error| {
        let kind = match () {
            () if status::is(&error, status::BAD_NETWORK_NAME) || error.errno == libc::ENOENT => {
                ErrorKind::NoSuchShare(name)
            }
            () if error.errno == libc::EACCES => ErrorKind::AccessDenied(name),
            () => return let_down(error, &granted.user, server, "opening the share"),
        };
        Error::from(kind).because(error)
    })?;
    negotiate::validate(connection, tree, deadline)
        .await
        .map_err(|error| let_down(error, &granted.user, server, "negotiating"))?;
    if share.flags & TreeReply::ENCRYPT != 0
        && connection.security.get().is_none_or(|security| security.sealer.is_none())
    {
        let why = "the share demands encryption, and this session cannot encrypt".into();
        return Err(ErrorKind::Protocol { server: server.clone(), why }.into());
    }
    let connection = connection.clone();
    { guard }.0 = None;
    Ok(Link { connection, negotiated, granted, tree, share, generation })
}

/// Connects and negotiates. A server that is short of something for the moment is asked again: Samba says NO_MEMORY
/// whenever it could not put its ways of logging on together.
async fn greet(
    config: &Config,
    client: [u8; 16],
    target: &Target,
    deadline: Instant,
) -> Result<(Arc<Connection>, Negotiated), Error> {
    let mut pauses = [100, 400].map(Duration::from_millis).into_iter();
    loop {
        let connection = open_socket(config, target, deadline).await?;
        let guard = KillOnDrop(Some(connection.clone()));
        (config.progress)("negotiating");
        match negotiate::negotiate(&connection, client, config.sign, deadline).await {
            Ok(negotiated) => {
                { guard }.0 = None;
                let _ = connection.negotiated.set(negotiated.clone());
                return Ok((connection, negotiated));
            }
            Err(error) => {
                drop(guard);
                let Some(pause) = pauses.next().filter(|_| error.errno == libc::ENOMEM) else {
                    return Err(failure(error, &target.host, "negotiating"));
                };
                tracing::info!(%error, "the server is asked again");
                tokio::time::sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
            }
        }
    }
}

/// A connection that dies with the attempt to use it.
struct KillOnDrop(Option<Arc<Connection>>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(connection) = &self.0 {
            connection.kill("connecting was given up");
        }
    }
}

fn credentials(config: &Config, target: &Target) -> Credentials {
    if let Some(kerberos) = &config.kerberos {
        return Credentials::Kerberos(Login {
            host: target.host.clone(),
            user: config.login().map(Into::into),
            password: config.password.clone(),
            cache: kerberos.cache.clone(),
        });
    }
    let password = config.password.clone().unwrap_or_default();
    match config.account() {
        Some((domain, user)) => Credentials::Password { domain, user, password },
        None => Credentials::Guest,
    }
}

/// Resolves the name and connects to the first address that answers.
async fn open_socket(config: &Config, target: &Target, deadline: Instant) -> Result<Arc<Connection>, Error> {
    let server = target.host.clone();
    let timeout = |during: &str| ErrorKind::Timeout { server: server.clone(), during: during.into() };
    (config.progress)("resolving");
    let lookup = tokio::net::lookup_host((target.host.as_str(), target.port));
    let addresses: Vec<SocketAddr> = match tokio::time::timeout_at(deadline.into(), lookup).await {
        Err(_) => return Err(timeout("resolving its name").into()),
        Ok(Err(error)) => return Err(Error::from(ErrorKind::UnknownHost(server)).because(error)),
        Ok(Ok(addresses)) => addresses.collect(),
    };
    (config.progress)("connecting");
    let mut failure = Error::from(ErrorKind::UnknownHost(server.clone()));
    for address in addresses {
        failure = match tokio::time::timeout_at(deadline.into(), TcpStream::connect(address)).await {
            Err(_) => return Err(timeout("connecting").into()),
            Ok(Ok(stream)) => {
                return Connection::start(stream).map_err(|error| Error::os("setting up the socket", &error));
            }
            Ok(Err(error)) => unreachable_because(&server, &error),
        };
    }
    Err(failure)
}

fn unreachable_because(server: &str, error: &std::io::Error) -> Error {
    let server = server.to_owned();
    let kind = match error.raw_os_error() {
        Some(libc::ECONNREFUSED) => ErrorKind::Refused(server),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::ENETDOWN | libc::EHOSTDOWN) => {
            ErrorKind::NoRoute(server)
        }
        Some(libc::ETIMEDOUT) => ErrorKind::Timeout { server, during: "connecting".into() },
        _ => return Error::os(format!("connecting to {server}"), error),
    };
    Error::from(kind).because(error)
}

/// TREE_CONNECT; signed on 3.1.1 whatever the session does otherwise (MS-SMB2 3.2.4.2.5).
async fn open_tree(
    connection: &Connection,
    target: &Target,
    deadline: Instant,
) -> Result<(u32, TreeReply), ShareError> {
    let unc: Vec<u16> = format!(r"\\{}\{}", target.host, target.share).encode_utf16().collect();
    let mut frame = Frame::one(Command::TreeConnect, 0, |body| request::tree_connect(body, &unc));
    frame.protect = true;
    let reply = connection.call_one(frame, deadline).await?;
    let share = TreeReply::read(reply.ok()?)?;
    Ok((reply.header.tree, share))
}

/// A failure while `during`.
fn failure(error: ShareError, server: &str, during: &str) -> Error {
    let server = server.to_owned();
    let kind = match error.errno {
        libc::ETIMEDOUT => ErrorKind::Timeout { server, during: during.into() },
        _ if error.transport => ErrorKind::ServerGone(server),
        libc::EACCES => ErrorKind::AccessDenied(server),
        _ => return ErrorKind::Protocol { server, why: error.status }.into(),
    };
    Error::from(kind).because(error)
}

/// A failure of a session that was granted: the user's ticket may have expired since (MS-SMB2 3.3.5.2.9).
pub(crate) fn let_down(error: ShareError, user: &str, server: &str, during: &str) -> Error {
    if !status::is(&error, status::NETWORK_SESSION_EXPIRED) {
        return failure(error, server, during);
    }
    let why = format!("the ticket of {user} has expired");
    Error::from(ErrorKind::Kerberos { server: server.into(), why }).because(error)
}

/// A failure of SESSION_SETUP.
fn refusal(error: ShareError, config: &Config, server: &str) -> Error {
    if error.errno == kerberos::NO_TICKET {
        return ErrorKind::Kerberos { server: server.into(), why: error.status }.into();
    }
    let is_refusal = matches!(
        error.errno,
        libc::EACCES | libc::EKEYEXPIRED | libc::EKEYREVOKED | libc::EPERM | libc::EINVAL
    );
    if error.transport || !is_refusal {
        return failure(error, server, "authenticating");
    }
    let user = config.account().map_or_else(|| "guest".into(), |(_, user)| user);
    Error::from(ErrorKind::Authentication { user, server: server.into() }).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_that_expires_while_we_connect_is_no_lost_connection() {
        let of = |status| let_down(status::error(status), "eve@CORP", "fs", "opening the share").kind;
        let why = "the ticket of eve@CORP has expired".into();
        assert_eq!(of(status::NETWORK_SESSION_EXPIRED), ErrorKind::Kerberos { server: "fs".into(), why });
        assert_eq!(of(status::USER_SESSION_DELETED), ErrorKind::ServerGone("fs".into()));
    }
}
