//! Changing attributes: sizes, times, and the read-only bit that stands for the write bits of a mode.

use std::time::Instant;

use cleardown_share::{Access, Attr, File, SetAttr, SharePath, ShareResult};

use crate::core::{Core, retry};
use crate::create::{ATTR_ROOM, Compound, stat};
use crate::file::SmbFile;
use crate::link::Link;
use crate::status;
use crate::wire::create::{Create, access, option};
use crate::wire::frame::Frame;
use crate::wire::info::{self, attribute, class};
use crate::wire::{Command, FileId, Malformed, request};

/// The raw attributes with the read-only bit that a mode asks for; 0 (leave them) if nothing changes.
pub(crate) fn bits_for_mode(bits: u32, mode: u32) -> u32 {
    let wanted = if mode & 0o222 == 0 { bits | attribute::READ_ONLY } else { bits & !attribute::READ_ONLY };
    if wanted == bits {
        return 0;
    }
    match wanted & attribute::SETTABLE {
        0 => attribute::NORMAL,
        settable => settable,
    }
}

/// FileBasicInformation for a change; none if it changes nothing there.
fn basic(set: &SetAttr, bits: u32) -> Option<Vec<u8>> {
    let time = |time: Option<_>| time.map_or(0, info::filetime);
    let attributes = set.mode.map_or(0, |mode| bits_for_mode(bits, mode));
    let is_some =
        set.created.is_some() || set.accessed.is_some() || set.modified.is_some() || attributes != 0;
    is_some.then(|| info::basic(time(set.created), time(set.accessed), time(set.modified), attributes))
}

/// Changes attributes by path.
pub(crate) async fn set_path(core: &Core, path: &SharePath, set: &SetAttr) -> ShareResult<Attr> {
    let wire = core.wire_path(path)?;
    retry!(core, |link, deadline| {
        let bits = match set.mode {
            Some(_) => stat(&link, &wire, deadline).await?.1,
            None => 0,
        };
        apply(core, &link, path, &wire, set, bits, deadline).await
    })
}

async fn apply(
    core: &Core,
    link: &Link,
    path: &SharePath,
    wire: &[u16],
    set: &SetAttr,
    bits: u32,
    deadline: Instant,
) -> ShareResult<Attr> {
    let mut create = Create::open(wire, access::READ_ATTRIBUTES | access::SYNCHRONIZE);
    let basic = basic(set, bits);
    if basic.is_some() {
        create.access |= access::WRITE_ATTRIBUTES;
    }
    if set.size.is_some() {
        create.access |= access::WRITE_DATA;
        create.options |= option::NON_DIRECTORY;
        create.lease = core.own_lease(link, path);
    }
    let mut compound = Compound::new(link, &create);
    if let Some(size) = set.size {
        compound = compound.set(class::END_OF_FILE, &size.to_le_bytes());
    }
    if let Some(basic) = &basic {
        compound = compound.set(class::BASIC, basic);
    }
    let mut answers = compound.attributes().run(deadline).await?;
    for _ in 0..usize::from(set.size.is_some()) + usize::from(basic.is_some()) {
        answers.done()?;
    }
    let attr = answers.attributes()?.0;
    if let (Some(_), Some(created)) = (set.created, attr.created) {
        core.files.recreated(path, info::filetime(created));
    }
    Ok(attr)
}

/// Changes attributes of an open file.
pub(crate) async fn set_open(file: &SmbFile, set: &SetAttr) -> ShareResult<Attr> {
    if let Some(size) = set.size {
        file.set(class::END_OF_FILE, &size.to_le_bytes()).await?;
    }
    let rest = SetAttr { size: None, ..set.clone() };
    if rest == SetAttr::default() {
        return file.stat().await;
    }
    if file.0.access.contains(Access::WRITE) {
        return file.set_basic(&rest).await;
    }
    // A handle that was opened for reading may not change attributes; the path can.
    let path = file.0.path.lock().clone();
    set_path(&file.0.core, &path, &rest).await
}

impl SmbFile {
    /// Changes times and mode, and asks for the outcome, in one round trip. Times set like this stay when a write
    /// through this handle comes later (MS-FSA 2.1.5.15.2: UserSetModificationTime).
    async fn set_basic(&self, set: &SetAttr) -> ShareResult<Attr> {
        let bits = match set.mode {
            Some(_) => self.attributes().await?.1,
            None => 0,
        };
        let Some(basic) = basic(set, bits) else { return self.stat().await };
        let attr = retry!(self.0.core, |link, deadline| {
            let file = self.0.on(&link)?;
            let mut frame = Frame::one(Command::SetInfo, link.tree, |body| {
                info::set_file(body, class::BASIC, file, &basic);
            });
            frame.add(Command::QueryInfo, link.tree, 1, |body| {
                info::query_file(body, class::ALL, FileId::RELATED, ATTR_ROOM);
            });
            let replies = link.call(frame, deadline).await?;
            let [set, attributes] = replies.as_slice() else { return Err(Malformed.into()) };
            set.ok()?;
            let output = request::output(attributes.ok_or_status(status::BUFFER_OVERFLOW)?)?;
            Ok(info::all(&output)?.0)
        })?;
        if let (Some(_), Some(created)) = (set.created, attr.created) {
            self.0.core.files.recreated(&self.0.path.lock().clone(), info::filetime(created));
        }
        Ok(attr)
    }

    /// SET_INFO of this file.
    pub(crate) async fn set(&self, class: u8, data: &[u8]) -> ShareResult<()> {
        self.ask(Command::SetInfo, |body, file| info::set_file(body, class, file, data)).await?;
        Ok(())
    }
}
