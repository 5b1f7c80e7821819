//! The shares of a server, asked for over the srvsvc pipe (MS-SRVS 3.1.4.8).

use std::time::Instant;

use bytes::Bytes;
use cleardown_core::view::{Offered, ShareKind};
use cleardown_core::{Error, ErrorKind};
use cleardown_share::{ShareError, ShareResult};
use smb2::rpc::srvsvc::build_net_share_enum_all;
use smb2::rpc::{build_srvsvc_bind, parse_bind_ack};

use crate::config::Config;
use crate::link::{Link, Target, reach};
use crate::share::open_once;
use crate::wire::create::{Create, access};
use crate::wire::frame::Frame;
use crate::wire::{Bits, Command, FileId, Malformed, ioctl, request, srvsvc};
use crate::{random, status};

/// Largest answer of the pipe, in bytes.
const LARGEST: usize = 4 << 20;
const ROOM: u32 = 64 * 1024;

/// The shares that the server in `config` offers, hidden ones too; its share is ignored.
///
/// # Errors
/// As [`crate::connect`].
pub async fn list_shares(config: Config) -> Result<Vec<Offered>, Error> {
    let deadline = Instant::now() + config.timeout;
    let host = config.remote.host.clone();
    let target = Target {
        host: host.clone(),
        port: config.remote.port_or_default(),
        share: "IPC$".into(),
        folder: vec![],
    };
    let link = reach(&config, random(), &target, None, 1, deadline).await?;
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

async fn ask(link: &Link, host: &str, deadline: Instant) -> ShareResult<Vec<Offered>> {
    let name: Vec<u16> = "srvsvc".encode_utf16().collect();
    let mut create = Create::open(&name, access::READ_DATA | access::WRITE_DATA | access::READ_ATTRIBUTES);
    create.options = 0;
    let pipe = open_once(link, create, deadline).await?.file;
    let bound = transceive(link, pipe, &build_srvsvc_bind(1), deadline).await?;
    parse_bind_ack(&bound).map_err(|_| Malformed)?;
    let request = build_net_share_enum_all(2, &format!(r"\\{host}"));
    let answer = transceive(link, pipe, &request, deadline).await?;
    link.close_file(pipe, deadline).await;
    match srvsvc::shares(answer.get(srvsvc::RESPONSE_HEADER..).ok_or(Malformed)?)? {
        Ok(shares) => Ok(shares.into_iter().map(offered).collect()),
        // ERROR_ACCESS_DENIED
        Err(5) => Err(ShareError::server(libc::EACCES, "the server does not tell you its shares")),
        Err(code) => Err(ShareError::server(libc::EIO, format!("the server's error {code}"))),
    }
}

fn offered(share: srvsvc::Share) -> Offered {
    let kind = match share.kind & 0xFFFF {
        0 => ShareKind::Disk,
        1 => ShareKind::Printer,
        3 => ShareKind::Ipc,
        _ => ShareKind::Device,
    };
    Offered { name: share.name, kind, comment: share.comment }
}

/// A request on a pipe, and its whole answer: the header of its first fragment, and what all of them hold.
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
        // Fragments after the first add what follows their header.
        match &mut whole {
            None => whole = Some(data.part(0, length)?.to_vec()),
            Some(whole) => {
                let held = length.checked_sub(srvsvc::RESPONSE_HEADER).ok_or(Malformed)?;
                whole.extend_from_slice(data.part(srvsvc::RESPONSE_HEADER, held)?);
            }
        }
        data.drain(..length);
        if is_last || whole.as_ref().is_some_and(|whole| whole.len() > LARGEST) {
            break;
        }
    }
    whole.ok_or_else(|| Malformed.into())
}

async fn read(link: &Link, pipe: FileId, deadline: Instant) -> ShareResult<Bytes> {
    let frame = Frame::one(Command::Read, link.tree, |body| request::read(body, pipe, 0, ROOM));
    let reply = link.call_one(frame, deadline).await?;
    let data = request::read_data(reply.ok_or_status(status::BUFFER_OVERFLOW)?, ROOM)?;
    if data.is_empty() { Err(Malformed.into()) } else { Ok(data) }
}
