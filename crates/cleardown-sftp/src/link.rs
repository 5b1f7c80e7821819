//! One connection that speaks SFTP: its limits, its extensions, its requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use cleardown_core::error::{Error, ErrorKind};
use cleardown_share::{Attr, ShareError, SharePath};
use russh::client::Handle;
use russh::{ChannelMsg, ChannelReadHalf};

use crate::attr;
use crate::auth;
use crate::config::Config;
use crate::errno;
use crate::mux::{self, Mux, Reply};
use crate::ssh::{self, Client, Socket};
use crate::wire::{
    Attrs, Fields, MAX_PACKET, Malformed, Packet, VERSION, extended, extension, kind, request, status,
};

/// Every server takes this much at once (the draft's minimum).
const TRANSFER: u32 = 32 * 1024;
/// More than any server's limit that is useful; bounds what a hostile one can make us allocate.
const TRANSFER_MAX: u64 = 256 * 1024;

/// Why a request failed.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// The connection was gone before.
    Unsent,
    /// The connection went while waiting.
    Lost,
    /// The server said no.
    Server(ShareError),
}

impl From<mux::Failure> for Failure {
    fn from(failure: mux::Failure) -> Self {
        match failure {
            mux::Failure::Unsent => Failure::Unsent,
            mux::Failure::Lost => Failure::Lost,
        }
    }
}
impl From<ShareError> for Failure {
    fn from(error: ShareError) -> Self {
        Failure::Server(error)
    }
}
impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Failure::Server(ShareError::server(libc::EIO, "the server's answer is malformed"))
    }
}

/// The result of a request.
pub(crate) type Answer<T> = Result<T, Failure>;

/// Which of OpenSSH's extensions the server has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extensions {
    pub(crate) posix_rename: bool,
    pub(crate) fsync: bool,
    pub(crate) statvfs: bool,
    pub(crate) hard_link: bool,
    pub(crate) limits: bool,
    pub(crate) lsetstat: bool,
    pub(crate) copy_data: bool,
}

/// A connection, logged on, at a folder.
pub(crate) struct Link {
    pub(crate) mux: Arc<Mux>,
    pub(crate) extensions: Extensions,
    pub(crate) read_len: u32,
    pub(crate) write_len: u32,
    pub(crate) cipher: Option<String>,
    /// Counts connections of a session; handles belong to one.
    pub(crate) generation: u64,
    /// The mapped folder's absolute path, without a `/` at its end.
    root: Vec<u8>,
    handle: Handle<Client>,
    socket: Socket,
}

impl Link {
    /// Connects, logs on, starts the subsystem and finds the folder.
    pub(crate) async fn open(config: &Config, generation: u64) -> Result<Arc<Link>, Error> {
        let mut ssh = ssh::connect(config).await?;
        auth::log_on(config, &mut ssh.handle).await?;
        config.say("opening");
        let broken = |error: russh::Error| ssh::failure(config, &error);
        let mut channel = ssh.handle.channel_open_session().await.map_err(broken)?;
        channel.request_subsystem(true, "sftp").await.map_err(broken)?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::Failure | ChannelMsg::Close | ChannelMsg::Eof) | None => {
                    return Err(protocol(config, "the server offers no SFTP"));
                }
                Some(_) => {}
            }
        }
        let (mut read, write) = channel.split();
        write.data_bytes(Packet::new(kind::INIT).u32(VERSION).finish(0)).await.map_err(broken)?;
        let (extensions, early) = versions(&mut read).await.map_err(|why| protocol(config, &why))?;
        let mut link = Link {
            mux: Mux::new(read, write, early),
            extensions,
            read_len: TRANSFER,
            write_len: TRANSFER,
            cipher: ssh.cipher,
            generation,
            root: Vec::new(),
            handle: ssh.handle,
            socket: ssh.socket,
        };
        link.learn_limits().await;
        link.root = link.find_folder(config).await?;
        Ok(Arc::new(link))
    }

    async fn learn_limits(&mut self) {
        if !self.extensions.limits {
            return;
        }
        let Ok(Reply::Extended(mut fields)) = self.send(extended(extension::LIMITS)).await else { return };
        let mut number = || fields.u64().unwrap_or(0);
        let (packet, read, write) = (number(), number(), number());
        let bounded = |len: u64| {
            let most = if packet > 2048 { packet - 1024 } else { TRANSFER_MAX };
            let len = if len == 0 { TRANSFER.into() } else { len };
            u32::try_from(len.min(most).min(TRANSFER_MAX)).unwrap_or(TRANSFER).max(1024)
        };
        (self.read_len, self.write_len) = (bounded(read), bounded(write));
    }

    /// The absolute path of the mapped folder, which must be there.
    async fn find_folder(&self, config: &Config) -> Result<Vec<u8>, Error> {
        let path = config.remote.path.as_str();
        let wanted = match path.strip_prefix('~') {
            Some("") => ".".to_owned(),
            Some(below) => format!(".{below}"),
            None => path.to_owned(),
        };
        let missing = |failure: Failure| folder_error(config, failure);
        let attrs = match self.send(request(kind::STAT).string(&wanted)).await.and_then(expect_attrs) {
            Ok(attrs) => attrs,
            Err(failure) => return Err(missing(failure)),
        };
        if attr::kind(&attrs) != cleardown_share::FileKind::Dir {
            return Err(
                Error::from(ErrorKind::NoSuchShare(config.remote.to_string())).because("it is no folder")
            );
        }
        let answer = self.send(request(kind::REALPATH).string(&wanted)).await;
        let mut root = answer.and_then(expect_name).map_err(missing)?;
        while root.last() == Some(&b'/') {
            root.pop();
        }
        Ok(root)
    }

    /// The ids of the user who is logged on. SFTP does not tell: they are taken from the folder where the session begins,
    /// or from the mapped one (where the session begins in a folder of root's, as with sshd's `ChrootDirectory`).
    pub(crate) async fn login_ids(&self, config: &Config) -> Option<(u32, u32)> {
        if config.user == "root" {
            return Some((0, 0));
        }
        for folder in [b".".as_slice(), &self.root] {
            let stat = self.send(request(kind::STAT).string(folder));
            // Who logs on gets no longer than this for a convenience.
            let attrs = tokio::time::timeout(Duration::from_secs(2), stat).await.ok()?.and_then(expect_attrs);
            if let Some(ids) = attrs.ok().and_then(|attrs| attrs.ids).filter(|(uid, _)| *uid != 0) {
                return Some(ids);
            }
        }
        None
    }

    /// The path as the server knows it.
    pub(crate) fn path(&self, path: &SharePath) -> Vec<u8> {
        let mut full = Vec::with_capacity(self.root.len() + 1 + path.as_bytes().len());
        full.extend_from_slice(&self.root);
        if !path.is_root() || full.is_empty() {
            full.push(b'/');
        }
        full.extend_from_slice(path.as_bytes());
        full
    }

    /// A request without data.
    pub(crate) async fn send(&self, packet: Packet) -> Answer<Reply> {
        fail_on_status(self.mux.request(packet, Bytes::new(), None).await?)
    }

    /// A request that is answered by "ok".
    pub(crate) async fn ask(&self, packet: Packet) -> Answer<()> {
        expect_ok(self.mux.request(packet, Bytes::new(), None).await?)
    }

    /// A request that carries data.
    pub(crate) async fn send_data(&self, packet: Packet, data: Bytes) -> Answer<()> {
        expect_ok(self.mux.request(packet, data, None).await?)
    }

    /// A request whose data goes into `into`; none at the end of the file.
    pub(crate) async fn fetch(&self, packet: Packet, into: BytesMut) -> Answer<Option<BytesMut>> {
        let reply = self.mux.request(packet, Bytes::new(), Some(into)).await?;
        if reply.is_end() {
            return Ok(None);
        }
        match fail_on_status(reply)? {
            Reply::Data(data) => Ok(Some(data)),
            _ => Err(Malformed.into()),
        }
    }

    /// The attributes of what is there (of a link itself).
    pub(crate) async fn lstat(&self, path: &[u8]) -> Answer<Attr> {
        Ok(attr::from_wire(&self.send(request(kind::LSTAT).string(path)).await.and_then(expect_attrs)?))
    }

    /// Says good-bye; true when the end of the SSH layer was seen.
    pub(crate) async fn leave(&self) -> bool {
        ssh::leave(&self.handle).await;
        // The SSH layer ends once its last words are out, or the server has hung up by itself: both are an end.
        let gone = tokio::time::timeout(Duration::from_secs(1), self.mux.gone()).await.is_ok();
        self.mux.kill("closed");
        gone
    }

    /// Cuts the connection without a word.
    pub(crate) fn cut(&self, why: &str) {
        self.socket.cut();
        self.mux.kill(why);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.cut("dropped");
    }
}

fn protocol(config: &Config, why: &str) -> Error {
    ErrorKind::Protocol { server: config.server(), why: why.into() }.into()
}

fn folder_error(config: &Config, failure: Failure) -> Error {
    let remote = config.remote.to_string();
    match failure {
        Failure::Server(error) if error.errno == libc::EACCES => {
            Error::from(ErrorKind::AccessDenied(remote)).because(error)
        }
        Failure::Server(error) => Error::from(ErrorKind::NoSuchShare(remote)).because(error),
        Failure::Unsent | Failure::Lost => ErrorKind::ServerGone(config.server()).into(),
    }
}

/// Waits for the server's version packet; returns its extensions and what came after.
async fn versions(read: &mut ChannelReadHalf) -> Result<(Extensions, BytesMut), String> {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(length) = buffer.first_chunk::<4>() {
            let length = u32::from_be_bytes(*length) as usize;
            if !(5..=MAX_PACKET).contains(&length) {
                return Err("the server's greeting is malformed (a shell that prints something?)".into());
            }
            if buffer.len() >= 4 + length {
                buffer.advance(4);
                let greeting = Fields(buffer.split_to(length).freeze());
                let extensions =
                    greet(greeting).map_err(|Malformed| "the server's greeting is malformed")??;
                return Ok((extensions, buffer));
            }
        }
        match read.wait().await {
            Some(ChannelMsg::Data { data }) => buffer.extend_from_slice(&data),
            Some(ChannelMsg::Eof | ChannelMsg::Close) | None => {
                return Err("the server offers no SFTP".into());
            }
            Some(_) => {}
        }
    }
}

pub(crate) fn greet(mut greeting: Fields) -> Result<Result<Extensions, String>, Malformed> {
    if greeting.byte()? != kind::VERSION {
        return Err(Malformed);
    }
    let version = greeting.u32()?;
    if version != VERSION {
        return Ok(Err(format!("it speaks version {version} of SFTP, not {VERSION}")));
    }
    let mut extensions = Extensions::default();
    while !greeting.is_empty() {
        let (name, data) = (greeting.string()?, greeting.string()?);
        match (&name[..], &data[..]) {
            (extension::POSIX_RENAME, b"1") => extensions.posix_rename = true,
            (extension::FSYNC, b"1") => extensions.fsync = true,
            (extension::STATVFS, b"2") => extensions.statvfs = true,
            (extension::HARD_LINK, b"1") => extensions.hard_link = true,
            (extension::LIMITS, b"1") => extensions.limits = true,
            (extension::LSETSTAT, b"1") => extensions.lsetstat = true,
            (extension::COPY_DATA, b"1") => extensions.copy_data = true,
            _ => {}
        }
    }
    Ok(Ok(extensions))
}

fn fail_on_status(reply: Reply) -> Answer<Reply> {
    match reply {
        Reply::Status { code: status::OK, .. } => Ok(reply),
        Reply::Status { code, message } => Err(errno::error(code, &message).into()),
        reply => Ok(reply),
    }
}

fn expect_ok(reply: Reply) -> Answer<()> {
    match fail_on_status(reply)? {
        Reply::Status { .. } => Ok(()),
        _ => Err(Malformed.into()),
    }
}

pub(crate) fn expect_attrs(reply: Reply) -> Answer<Attrs> {
    match reply {
        Reply::Attrs(attrs) => Ok(attrs),
        _ => Err(Malformed.into()),
    }
}

pub(crate) fn expect_handle(reply: Reply) -> Answer<Bytes> {
    match reply {
        Reply::Handle(handle) => Ok(handle),
        _ => Err(Malformed.into()),
    }
}

/// The one name of a REALPATH or READLINK answer.
pub(crate) fn expect_name(reply: Reply) -> Answer<Vec<u8>> {
    match reply {
        Reply::Name(mut fields) => match fields.u32()? {
            1 => Ok(fields.string()?.to_vec()),
            _ => Err(Malformed.into()),
        },
        _ => Err(Malformed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extensions_are_read_from_the_greeting() {
        let greeting =
            Packet::new(kind::VERSION).u32(3).string(extension::FSYNC).string("1").string("x").string("");
        let extensions = greet(Fields(greeting.finish(0).slice(4..))).unwrap().unwrap();
        assert!(extensions.fsync && !extensions.limits);
    }

    proptest! {
        #[test]
        fn hostile_greetings_do_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = greet(Fields([&[2, 0, 0, 0, 3][..], &bytes].concat().into()));
        }
    }
}
