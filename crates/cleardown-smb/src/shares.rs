//! The shares of a server, asked for over the srvsvc pipe (MS-SRVS 3.1.4.8).

use std::time::Instant;

use bytes::Bytes;
use cleardown_core::{Error, ErrorKind};
use cleardown_share::{ShareError, ShareResult};
use smb2::rpc::srvsvc::{STYPE_SPECIAL, build_net_share_enum_all, parse_net_share_enum_all_response};
use smb2::rpc::{build_srvsvc_bind, parse_bind_ack};

use crate::config::Config;
use crate::link::{Link, Target, reach};
use crate::share::open_once;
use crate::wire::create::{Create, access};
use crate::wire::frame::Frame;
use crate::wire::{Bits, Command, FileId, Malformed, ioctl, request};
use crate::{random, status};

/// A share that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareInfo {
    /// Its name.
    pub name: String,
    /// What its administrator says of it.
    pub comment: String,
}

/// Largest answer of the pipe, in bytes.
const LARGEST: usize = 4 << 20;
const ROOM: u32 = 64 * 1024;

/// The disk shares of the server in `config` that are not administrative ones; its share is ignored.
///
/// # Errors
/// As [`crate::connect`].
pub async fn list_shares(config: Config) -> Result<Vec<ShareInfo>, Error> {
    let deadline = Instant::now() + config.timeout;
    let host = config.remote.host.clone();
    let target = Target {
        host: host.clone(),
        port: config.remote.port_or_default(),
        share: "IPC$".into(),
        folder: vec![],
    };
    let link = reach(&config, random(), &target, 0, 1, deadline).await?;
    let shares = ask(&link, &host, deadline).await.map_err(|error| {
        let kind = match error.errno {
            libc::EACCES => ErrorKind::AccessDenied(host.clone()),
            libc::ETIMEDOUT => {
                ErrorKind::Timeout { server: host.clone(), during: "listing its shares".into() }
            }
            _ => ErrorKind::Protocol { server: host.clone(), why: error.status.clone() },
        };
        Error::from(kind).because(error)
    });
    link.leave(deadline).await;
    shares
}

async fn ask(link: &Link, host: &str, deadline: Instant) -> ShareResult<Vec<ShareInfo>> {
    let name: Vec<u16> = "srvsvc".encode_utf16().collect();
    let mut create = Create::open(&name, access::READ_DATA | access::WRITE_DATA | access::READ_ATTRIBUTES);
    create.options = 0;
    let pipe = open_once(link, create, deadline).await?.file;
    let bound = transceive(link, pipe, &build_srvsvc_bind(1), deadline).await?;
    parse_bind_ack(&bound).map_err(|_| Malformed)?;
    let request = build_net_share_enum_all(2, &format!(r"\\{host}"));
    let answer = transceive(link, pipe, &request, deadline).await?;
    link.close_file(pipe, deadline).await;
    let shares = parse_net_share_enum_all_response(&answer).map_err(|_| Malformed)?;
    let disks = shares.into_iter().filter(|share| share.share_type & (STYPE_SPECIAL | 0xFFFF) == 0);
    Ok(disks.map(|share| ShareInfo { name: share.name, comment: share.comment }).collect())
}

/// A request on a pipe, and its whole answer as one PDU.
async fn transceive(link: &Link, pipe: FileId, input: &[u8], deadline: Instant) -> ShareResult<Vec<u8>> {
    let frame = Frame::one(Command::Ioctl, link.tree, |body| {
        ioctl::request(body, ioctl::PIPE_TRANSCEIVE, pipe, input, ROOM);
    });
    let reply = link.call_one(frame, deadline).await?;
    let first = ioctl::output(reply.ok_or_status(status::BUFFER_OVERFLOW)?)?;
    let mut data = first.to_vec();
    let mut whole: Option<Vec<u8>> = None;
    loop {
        while data.len() < 10 || data.len() < usize::from(data.u16(8)?) {
            if data.len() > LARGEST {
                return Err(ShareError::from(Malformed));
            }
            data.extend_from_slice(&read(link, pipe, deadline).await?);
        }
        let length = usize::from(data.u16(8)?);
        let is_last = data.u8(3)? & 2 != 0;
        // Fragments after the first add what follows their 24-byte header.
        match &mut whole {
            None => whole = Some(data.part(0, length)?.to_vec()),
            Some(whole) => whole.extend_from_slice(data.part(24, length.checked_sub(24).ok_or(Malformed)?)?),
        }
        data.drain(..length);
        if is_last || whole.as_ref().is_some_and(|whole| whole.len() > LARGEST) {
            break;
        }
    }
    let mut whole = whole.unwrap_or_default();
    // The parser wants one fragment; its length field has 16 bits, which is what a longer answer is cut to.
    let length =
        u16::try_from(whole.len()).map_err(|_| ShareError::server(libc::EMSGSIZE, "too many shares"))?;
    whole[8..10].copy_from_slice(&length.to_le_bytes());
    Ok(whole)
}

async fn read(link: &Link, pipe: FileId, deadline: Instant) -> ShareResult<Bytes> {
    let frame = Frame::one(Command::Read, link.tree, |body| request::read(body, pipe, 0, ROOM));
    let reply = link.call_one(frame, deadline).await?;
    let data = request::read_data(reply.ok_or_status(status::BUFFER_OVERFLOW)?, ROOM)?;
    if data.is_empty() { Err(Malformed.into()) } else { Ok(data) }
}
