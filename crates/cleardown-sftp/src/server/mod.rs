//! The embedded SFTP server of the demo and of tests: one folder on loopback for one user with a password, its host key
//! made on the spot.
//!
//! Nothing outside the folder can be reached: every path is resolved by the kernel below the folder's descriptor
//! (`openat2` with `RESOLVE_BENEATH`), links included.

mod folder;
mod ssh;
mod subsystem;

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use russh::keys::{Algorithm, HashAlg, PrivateKey};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use folder::Folder;

/// Clients served together.
const CLIENTS: usize = 32;

/// What to serve, and to whom.
pub struct Options {
    /// The folder.
    pub folder: PathBuf,
    /// The port on 127.0.0.1; 0: any that is free.
    pub port: u16,
    /// The user's name.
    pub user: String,
    /// The password; none: a random one, see [`Server::password`].
    pub password: Option<Zeroizing<String>>,
}

/// A running server; it ends when dropped.
pub struct Server {
    address: SocketAddr,
    user: String,
    password: Zeroizing<String>,
    fingerprint: String,
    sockets: Sockets,
    accepting: JoinHandle<()>,
}

/// Duplicates of the clients' sockets, to cut them.
type Sockets = Arc<Mutex<Vec<std::net::TcpStream>>>;

impl Server {
    /// Starts serving.
    pub async fn start(options: Options) -> io::Result<Server> {
        let folder = Arc::new(Folder::open(&options.folder)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(io::Error::other)?;
        let fingerprint = key.public_key().fingerprint(HashAlg::Sha256).to_string();
        let password = options.password.unwrap_or_else(random_password);
        let login = ssh::Login { user: options.user.clone(), password: password.clone() };
        let sockets = Sockets::default();
        let accepting = tokio::spawn(accept(listener, ssh::settings(key), login, folder, sockets.clone()));
        Ok(Server { address, user: options.user, password, fingerprint, sockets, accepting })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The user's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    pub fn password(&self) -> &Zeroizing<String> {
        &self.password
    }

    /// The host key's fingerprint, `SHA256:...`.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Cuts all clients off; new connections are served.
    pub fn cut(&self) {
        for socket in self.sockets.lock().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

fn random_password() -> Zeroizing<String> {
    let bytes: Zeroizing<[u8; 18]> = Zeroizing::new(rand::random());
    Zeroizing::new(data_encoding::BASE64URL.encode(&*bytes))
}

async fn accept(
    listener: TcpListener,
    settings: Arc<russh::server::Config>,
    login: ssh::Login,
    folder: Arc<Folder>,
    sockets: Sockets,
) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let Some(socket) = duplicate(&stream) else { continue };
        {
            let mut sockets = sockets.lock();
            sockets.retain(|socket| socket.peer_addr().is_ok());
            if sockets.len() >= CLIENTS {
                continue;
            }
            sockets.push(socket);
        }
        tokio::spawn(ssh::serve(stream, settings.clone(), login.clone(), folder.clone()));
    }
}

fn duplicate(stream: &tokio::net::TcpStream) -> Option<std::net::TcpStream> {
    use std::os::fd::AsFd;
    Some(stream.as_fd().try_clone_to_owned().ok()?.into())
}
