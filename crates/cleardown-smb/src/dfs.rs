//! DFS: a path of a namespace that lives elsewhere (MS-DFSC 3.1).

use std::time::Instant;

use cleardown_core::{Error, ErrorKind};
use cleardown_share::{ShareError, ShareResult};
use smb2::msg::dfs::{ReqGetDfsReferral, RespGetDfsReferral};
use smb2::pack::{Pack, ReadCursor, Unpack, WriteCursor};

use crate::config::Config;
use crate::link::{Link, Target, reach};
use crate::status;
use crate::wire::frame::Frame;
use crate::wire::{Command, FileId, Malformed, ioctl};

/// Referrals that are followed one after the other.
pub(crate) const HOPS: usize = 8;

/// Where a folder of this target really is, or none if the server says that it is here.
///
/// # Errors
/// As for connecting; the referral is asked for over the server's IPC$ share.
pub(crate) async fn refer(
    config: &Config,
    client: [u8; 16],
    at: &Target,
    deadline: Instant,
) -> Result<Vec<Target>, Error> {
    let ipc = Target { share: "IPC$".into(), folder: Vec::new(), ..at.clone() };
    let link = reach(config, client, &ipc, None, 1, deadline).await?;
    let folder = String::from_utf16_lossy(&at.folder);
    let path = format!(r"\{}\{}\{folder}", at.host, at.share);
    let targets = ask(&link, path.trim_end_matches('\\'), at, deadline).await;
    link.leave(deadline).await;
    targets.map_err(|error| {
        Error::from(ErrorKind::NoSuchShare(format!("//{}/{}", at.host, at.share))).because(error)
    })
}

async fn ask(link: &Link, path: &str, at: &Target, deadline: Instant) -> ShareResult<Vec<Target>> {
    let request = ReqGetDfsReferral { max_referral_level: 4, request_file_name: path.into() };
    let mut input = WriteCursor::new();
    request.pack(&mut input);
    let input = input.into_inner();
    let frame = Frame::one(Command::Ioctl, link.tree, |body| {
        ioctl::request(body, ioctl::DFS_GET_REFERRALS, FileId::RELATED, &input, 56 * 1024);
    });
    let reply = link.call_one(frame, deadline).await?;
    let output = ioctl::output(reply.ok_or_status(status::BUFFER_OVERFLOW)?)?;
    let referral = RespGetDfsReferral::unpack(&mut ReadCursor::new(&output)).map_err(|_| Malformed)?;
    let asked: Vec<u16> = path.encode_utf16().collect();
    let rest = asked.get(usize::from(referral.path_consumed) / 2..).ok_or(Malformed)?;
    let rest: Vec<u16> = rest.iter().copied().skip_while(|unit| *unit == u16::from(b'\\')).collect();
    let addresses = referral.entries.iter().filter_map(|entry| entry.target_address());
    let targets: Vec<Target> = addresses.filter_map(|address| target(address, &rest, at)).collect();
    if targets.is_empty() {
        return Err(ShareError::server(libc::ENOENT, "the referral names no target"));
    }
    Ok(targets)
}

/// `\server\share\folder` and what is left of the path below it.
fn target(address: &str, rest: &[u16], at: &Target) -> Option<Target> {
    let mut parts = address.split('\\').filter(|part| !part.is_empty());
    let (host, share) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut folder: Vec<u16> = parts.collect::<Vec<_>>().join("\\").encode_utf16().collect();
    if !folder.is_empty() && !rest.is_empty() {
        folder.push(u16::from(b'\\'));
    }
    folder.extend_from_slice(rest);
    // A referral has no port: the same server is on the port that we know, another on the usual one.
    let port = if host.eq_ignore_ascii_case(&at.host) { at.port } else { 445 };
    Some(Target { host, port, share, folder })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referral_becomes_a_target() {
        let at = Target { host: "Dfs".into(), port: 1445, share: "root".into(), folder: Vec::new() };
        let rest: Vec<u16> = "x\\y".encode_utf16().collect();
        let found = target(r"\fs1\data\team", &rest, &at).unwrap();
        assert_eq!((found.host.as_str(), found.port, found.share.as_str()), ("fs1", 445, "data"));
        assert_eq!(String::from_utf16(&found.folder).unwrap(), r"team\x\y");
        assert_eq!(target(r"\DFS\data", &[], &at).unwrap().port, 1445);
        assert_eq!(target(r"\fs1", &[], &at), None);
    }
}
