//! The SSH connection: the way to the server, its host key, its cipher.

use std::borrow::Cow;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use cleardown_core::error::{Error, ErrorKind};
use parking_lot::Mutex;
use russh::client::{self, Handle};
use russh::keys::{Algorithm, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{Disconnect, Preferred, cipher};
use tokio::io::BufReader;
use tokio::net::{TcpStream, lookup_host};

use crate::config::Config;
use crate::known_hosts::{KnownHosts, Verdict, learn};

/// How much the server may send before we must have taken it.
const WINDOW: u32 = 16 << 20;
/// Read from the socket at once: the library asks for a packet's length and then for the rest, and small answers
/// come many together.
const AT_ONCE: usize = 64 << 10;
/// The largest packet that we take.
const PACKET: u32 = 65_535;

/// Fastest first, as measured; each is authenticated encryption of at least 128 bits.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_128_GCM,
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_128_CTR,
    cipher::AES_256_CTR,
];

/// An SSH connection.
pub(crate) struct Ssh {
    pub(crate) handle: Handle<Client>,
    /// The name of the cipher.
    pub(crate) cipher: Option<String>,
    /// The same socket, to cut it.
    pub(crate) socket: Socket,
}

/// A duplicate of the connection's socket.
pub(crate) struct Socket(std::net::TcpStream);

impl Socket {
    /// Ends the connection at once, for both sides.
    pub(crate) fn cut(&self) {
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// What we answer when the server asks.
pub(crate) struct Client {
    host: String,
    port: u16,
    known: KnownHosts,
    config: Config,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    refusal: Option<Error>,
    cipher: Option<String>,
}

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let verdict = self.judge(key);
        let trusted = verdict.is_ok();
        self.seen.lock().refusal = verdict.err();
        Ok(trusted)
    }

    async fn kex_done(
        &mut self,
        _secret: Option<&[u8]>,
        names: &russh::Names,
        _session: &mut client::Session,
    ) -> Result<(), russh::Error> {
        self.seen.lock().cipher = Some(names.cipher.as_ref().to_owned());
        Ok(())
    }
}

impl Client {
    fn judge(&self, key: &PublicKey) -> Result<(), Error> {
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let host = self.config.server();
        match self.known.judge(key) {
            Verdict::Known => Ok(()),
            Verdict::Changed => Err(ErrorKind::HostKeyChanged { host, fingerprint }.into()),
            Verdict::Unknown if self.config.accept_host_key.as_ref() == Some(&fingerprint) => {
                // The person has said yes to this key; that it cannot be kept only means being asked again.
                if let Some(file) = self.config.known_hosts.first()
                    && let Err(error) = learn(file, &self.host, self.port, key)
                {
                    tracing::warn!(%error, file = %file.display(), "the accepted host key could not be kept");
                }
                Ok(())
            }
            Verdict::Unknown => {
                let algorithm = key.algorithm().to_string();
                Err(ErrorKind::HostKeyUnknown { host, algorithm, fingerprint }.into())
            }
        }
    }
}

/// Connects and makes sure that the server is the right one; authentication comes after.
pub(crate) async fn connect(config: &Config) -> Result<Ssh, Error> {
    config.say("resolving");
    let (host, port) = (config.remote.host.clone(), config.remote.port_or_default());
    let addresses: Vec<_> = lookup_host((host.as_str(), port))
        .await
        .map_err(|error| Error::from(ErrorKind::UnknownHost(host.clone())).because(error))?
        .collect();
    config.say("connecting");
    let stream = reach(config, &addresses).await?;
    let socket = duplicate(&stream).map_err(|error| Error::os("duplicating a socket", &error))?;
    let known = KnownHosts::read(&config.known_hosts, &host, port);
    let settings = Arc::new(settings(&known));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let client = Client { host, port, known, config: config.clone(), seen: seen.clone() };
    let stream = BufReader::with_capacity(AT_ONCE, stream);
    let connected = client::connect_stream(settings, stream, client).await;
    let (refusal, cipher) = {
        let mut seen = seen.lock();
        (seen.refusal.take(), seen.cipher.take())
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let handle = connected.map_err(|error| failure(config, &error))?;
    Ok(Ssh { handle, cipher, socket })
}

/// Says good-bye; the server sees an orderly end.
pub(crate) async fn leave(handle: &Handle<Client>) {
    let _ = handle.disconnect(Disconnect::ByApplication, "", "").await;
}

fn duplicate(stream: &TcpStream) -> io::Result<Socket> {
    use std::os::fd::AsFd;
    Ok(Socket(stream.as_fd().try_clone_to_owned()?.into()))
}

async fn reach(config: &Config, addresses: &[std::net::SocketAddr]) -> Result<TcpStream, Error> {
    let mut failed = io::Error::from_raw_os_error(libc::EHOSTUNREACH);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true).map_err(|error| Error::os("setting up a socket", &error))?;
                return Ok(stream);
            }
            Err(error) => failed = error,
        }
    }
    let server = config.server();
    let kind = match failed.kind() {
        io::ErrorKind::ConnectionRefused => ErrorKind::Refused(server),
        io::ErrorKind::TimedOut => ErrorKind::Timeout { server, during: "connecting".into() },
        _ => ErrorKind::NoRoute(server),
    };
    Err(Error::from(kind).because(failed))
}

fn settings(known: &KnownHosts) -> client::Config {
    let known = known.algorithms();
    // An RSA key in known_hosts has no hash; the signature shall have one.
    let fits =
        |key: &Algorithm| known.iter().any(|k| k == key || (k.clone().is_rsa() && key.clone().is_rsa()));
    let mut keys = Preferred::DEFAULT.key.to_vec();
    keys.sort_by_key(|key| !fits(key));
    client::Config {
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: 1024,
        nodelay: true,
        preferred: Preferred { key: Cow::Owned(keys), cipher: Cow::Borrowed(CIPHERS), ..Preferred::DEFAULT },
        ..client::Config::default()
    }
}

/// What a failure of the SSH layer means.
pub(crate) fn failure(config: &Config, error: &russh::Error) -> Error {
    let server = config.server();
    let kind = match error {
        russh::Error::IO(io) if io.kind() == io::ErrorKind::ConnectionRefused => ErrorKind::Refused(server),
        russh::Error::ConnectionTimeout => ErrorKind::Timeout { server, during: "connecting".into() },
        russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError => {
            ErrorKind::ServerGone(server)
        }
        _ => ErrorKind::Protocol { server, why: "the SSH connection could not be made".into() },
    };
    Error::from(kind).because_of(error)
}
