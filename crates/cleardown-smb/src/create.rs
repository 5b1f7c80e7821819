//! Compounds: what is done to a path in one round trip, opening and closing included.

use std::time::Instant;

use bytes::Bytes;
use cleardown_share::{Attr, FileKind, ShareResult};

use crate::link::Link;
use crate::status;
use crate::wire::create::{Create, Created, access};
use crate::wire::frame::{Frame, Reply};
use crate::wire::info::{self, attribute, class};
use crate::wire::{Bits, Command, FileId, Malformed, ioctl, request};

/// Room for attributes; the name at their end may be cut.
pub(crate) const ATTR_ROOM: u32 = 1024;
/// FileAttributeTagInformation.
const ATTRIBUTE_TAG: u8 = 35;

/// Requests on a path that travel together: CREATE, what was added, CLOSE.
pub(crate) struct Compound<'a> {
    link: &'a Link,
    frame: Frame,
}

/// The answers to a compound whose CREATE succeeded.
pub(crate) struct Answers {
    pub(crate) created: Created,
    replies: std::vec::IntoIter<Reply>,
}

impl<'a> Compound<'a> {
    pub(crate) fn new(link: &'a Link, create: &Create<'_>) -> Compound<'a> {
        let mut frame = Frame::new();
        frame.add(Command::Create, link.tree, 1, |body| create.body(body));
        Compound { link, frame }
    }

    /// Adds a SET_INFO.
    pub(crate) fn set(mut self, class: u8, data: &[u8]) -> Self {
        self.frame.add(Command::SetInfo, self.link.tree, 1, |body| {
            info::set_file(body, class, FileId::RELATED, data);
        });
        self
    }

    /// Adds a query for attributes.
    pub(crate) fn attributes(mut self) -> Self {
        self.frame.add(Command::QueryInfo, self.link.tree, 1, |body| {
            info::query_file(body, class::ALL, FileId::RELATED, ATTR_ROOM);
        });
        self
    }

    /// Adds a query of one file information class.
    pub(crate) fn query(mut self, class: u8, room: u32) -> Self {
        self.frame.add(Command::QueryInfo, self.link.tree, 1, |body| {
            info::query_file(body, class, FileId::RELATED, room);
        });
        self
    }

    /// Adds a query of one file-system information class.
    pub(crate) fn query_fs(mut self, class: u8, room: u32) -> Self {
        self.frame.add(Command::QueryInfo, self.link.tree, 1, |body| {
            info::query_fs(body, class, FileId::RELATED, room);
        });
        self
    }

    /// Adds a file-system control.
    pub(crate) fn control(mut self, code: u32, input: &[u8], room: u32) -> Self {
        self.frame.add(Command::Ioctl, self.link.tree, 1, |body| {
            ioctl::request(body, code, FileId::RELATED, input, room);
        });
        self
    }

    /// Sends it with a CLOSE at the end.
    pub(crate) async fn run(mut self, deadline: Instant) -> ShareResult<Answers> {
        self.frame.add(Command::Close, self.link.tree, 1, |body| request::close(body, FileId::RELATED));
        let mut replies = self.link.call(self.frame, deadline).await?.into_iter();
        let first = replies.next().ok_or(Malformed)?;
        let created = Created::read(first.ok()?)?;
        Ok(Answers { created, replies })
    }
}

impl Answers {
    /// The next answer, which must be a success.
    pub(crate) fn done(&mut self) -> ShareResult<Reply> {
        let reply = self.replies.next().ok_or(Malformed)?;
        reply.ok()?;
        Ok(reply)
    }

    /// The next answer's output; a warning that it was cut is fine.
    pub(crate) fn output(&mut self) -> ShareResult<Bytes> {
        let reply = self.replies.next().ok_or(Malformed)?;
        Ok(request::output(reply.ok_or_status(status::BUFFER_OVERFLOW)?)?)
    }

    /// The next answer's attributes, and their raw bits.
    pub(crate) fn attributes(&mut self) -> ShareResult<(Attr, u32)> {
        Ok(info::all(&self.output()?)?)
    }
}

/// The attributes of a path, and their raw bits.
pub(crate) async fn stat(link: &Link, path: &[u16], deadline: Instant) -> ShareResult<(Attr, u32)> {
    let create = Create::open(path, access::READ_ATTRIBUTES);
    let mut answers = Compound::new(link, &create).attributes().run(deadline).await?;
    let (mut attr, bits) = answers.attributes()?;
    if bits & attribute::REPARSE_POINT != 0 {
        let mut answers = Compound::new(link, &create).query(ATTRIBUTE_TAG, 8).run(deadline).await?;
        let tag = answers.output()?.u32(4)?;
        attr.kind = info::kind(bits, tag);
        if attr.kind == FileKind::Symlink {
            attr.size = read_link(link, path, deadline).await?.len() as u64;
        }
    }
    Ok((attr, bits))
}

/// The target of a symbolic link; `EINVAL` for what is none.
pub(crate) async fn read_link(link: &Link, path: &[u16], deadline: Instant) -> ShareResult<Vec<u8>> {
    let create = Create::open(path, access::READ_ATTRIBUTES);
    let compound = Compound::new(link, &create).control(ioctl::GET_REPARSE_POINT, &[], 16 * 1024);
    let reply = compound.run(deadline).await?.done()?;
    match ioctl::target(&ioctl::output(&reply)?)? {
        Some(ioctl::Target::Unix(target)) => Ok(target),
        Some(ioctl::Target::Windows(target)) => Ok(unix_target(&target)),
        None => Err(status::error(status::NOT_A_REPARSE_POINT)),
    }
}

/// A Windows link's target with slashes.
fn unix_target(target: &[u16]) -> Vec<u8> {
    let parts = target.split(|unit| *unit == u16::from(b'\\'));
    let names = parts.map(|part| match part {
        [] => Vec::new(),
        [0x2E] => b".".to_vec(),
        [0x2E, 0x2E] => b"..".to_vec(),
        part => crate::names::decode(part).unwrap_or_else(|| String::from_utf16_lossy(part).into_bytes()),
    });
    names.collect::<Vec<_>>().join(&b'/')
}
