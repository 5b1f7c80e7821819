//! Renaming, as rename(2) means it.

use std::time::Instant;

use cleardown_share::{FileKind, RenameHow, ShareError, SharePath, ShareResult};

use crate::core::{Core, once};
use crate::create::{Compound, stat};
use crate::link::Link;
use crate::wire::create::{Create, access, option};
use crate::wire::info::{self, class};
use crate::{folders, names, remove, status};

/// Renames; see [`cleardown_share::Share::rename`].
pub(crate) async fn rename(core: &Core, from: &SharePath, to: &SharePath, how: RenameHow) -> ShareResult<()> {
    core.may_write()?;
    if from == to {
        return match how {
            RenameHow::Replace => Ok(()),
            RenameHow::NoReplace => Err(status::error(status::OBJECT_NAME_COLLISION)),
        };
    }
    if to.starts_with(from) {
        return Err(ShareError::server(libc::EINVAL, "a folder cannot move into itself"));
    }
    let (wire_from, wire_to) = (core.wire_path(from)?, core.wire_path(to)?);
    once!(core, |link, deadline| {
        folders::leave(core, from, deadline).await;
        folders::leave(core, to, deadline).await;
        let task = Task { core, link: &link, from: (from, &wire_from), to: (to, &wire_to), deadline };
        let replace = how == RenameHow::Replace;
        // The server refuses to replace a file that is open; ours we move out of the way.
        if replace && core.leases.opens(to) > 0 && !same_name(from, to) {
            task.replace_open().await?;
        } else {
            match task.run(replace).await {
                Err(error) if replace && is_in_the_way(&error) => task.replace_otherwise(error).await?,
                result => result?,
            }
        }
        core.files.moved(from, to);
        core.leases.moved(from, to);
        Ok(())
    })
}

/// Names that differ in case only are one file on the server.
fn same_name(a: &SharePath, b: &SharePath) -> bool {
    let fold = |path: &SharePath| String::from_utf8_lossy(path.as_bytes()).to_lowercase();
    fold(a) == fold(b)
}

/// What servers say of a target that they will not replace by themselves.
fn is_in_the_way(error: &ShareError) -> bool {
    matches!(error.errno, libc::EACCES | libc::EEXIST | libc::EISDIR | libc::ENOTDIR | libc::EBUSY)
}

struct Task<'a> {
    core: &'a Core,
    link: &'a Link,
    from: (&'a SharePath, &'a [u16]),
    to: (&'a SharePath, &'a [u16]),
    deadline: Instant,
}

impl Task<'_> {
    async fn run(&self, replace: bool) -> ShareResult<()> {
        let mut create =
            Create::open(self.from.1, access::DELETE | access::READ_ATTRIBUTES | access::SYNCHRONIZE);
        create.lease = self.core.own_lease(self.link, self.from.0);
        let target = info::rename(self.to.1, u32::from(replace));
        let compound = Compound::new(self.link, &create).set(class::RENAME, &target);
        compound.run(self.deadline).await?.done().map(drop)
    }

    /// Moves a target that is open here aside, then renames. Between the two, the target's name is free.
    async fn replace_open(&self) -> ShareResult<()> {
        stat(self.link, self.from.1, self.deadline).await?;
        remove::aside(self.core, self.link, self.to.0, self.to.1, self.deadline).await?;
        self.run(true).await
    }

    /// Replaces a target that SMB does not replace: an empty folder, or a read-only file. Otherwise says what
    /// rename(2) would.
    async fn replace_otherwise(&self, error: ShareError) -> ShareResult<()> {
        let source = stat(self.link, self.from.1, self.deadline).await?.0;
        let Ok((target, _)) = stat(self.link, self.to.1, self.deadline).await else { return Err(error) };
        let is_dir = |kind: FileKind| kind == FileKind::Dir;
        match (is_dir(source.kind), is_dir(target.kind)) {
            (true, false) => Err(status::error(status::NOT_A_DIRECTORY)),
            (false, true) => Err(status::error(status::FILE_IS_A_DIRECTORY)),
            (true, true) => {
                self.make_room(option::DIRECTORY).await?;
                self.run(false).await
            }
            (false, false) if target.read_only => {
                self.make_room(option::NON_DIRECTORY).await?;
                self.run(true).await
            }
            // Somebody else has it open.
            (false, false) => Err(ShareError { errno: libc::EBUSY, ..error }),
        }
    }

    async fn make_room(&self, kind: u32) -> ShareResult<()> {
        remove::delete(self.core, self.link, self.to.0, self.to.1, kind, self.deadline).await
    }
}

/// A link's target as Windows writes it: backslashes for slashes, names mapped.
pub(crate) fn link_target(target: &[u8]) -> ShareResult<Vec<u16>> {
    let mut units = Vec::new();
    for (index, part) in target.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            units.push(u16::from(b'\\'));
        }
        if matches!(part, b"." | b"..") {
            units.extend(part.iter().map(|byte| u16::from(*byte)));
        } else {
            names::encode(part, &mut units).map_err(|_| status::error(status::NAME_TOO_LONG))?;
        }
    }
    Ok(units)
}
