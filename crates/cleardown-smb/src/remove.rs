//! Removing: SMB removes a file when its last handle closes, Linux removes the name at once.

use std::time::Instant;

use cleardown_share::{ShareError, SharePath, ShareResult};

use crate::core::{Core, once};
use crate::create::{Compound, stat};
use crate::link::Link;
use crate::wire::create::{Create, access, option};
use crate::wire::info::{self, attribute, class};
use crate::{attr, folders, names, random, status};

/// Removes a file or an empty folder.
pub(crate) async fn remove(core: &Core, path: &SharePath, kind: u32) -> ShareResult<()> {
    core.may_write()?;
    let wire = core.wire_path(path)?;
    once!(core, |link, deadline| {
        if kind & option::DIRECTORY == 0 {
            return delete(core, &link, path, &wire, kind, deadline).await;
        }
        folders::leave(core, path, deadline).await;
        delete(core, &link, path, &wire, kind, deadline).await?;
        // One that we opened meanwhile would keep it in its parent.
        folders::leave(core, path, deadline).await;
        Ok(())
    })
}

/// Removes what `path` names. A file that is open here is moved aside first, so that its name is free at once and
/// its handles stay good until they are closed.
pub(crate) async fn delete(
    core: &Core,
    link: &Link,
    path: &SharePath,
    wire: &[u16],
    kind: u32,
    deadline: Instant,
) -> ShareResult<()> {
    let is_open = kind & option::NON_DIRECTORY != 0 && core.leases.opens(path) > 0;
    if is_open {
        return aside(core, link, path, wire, deadline).await;
    }
    let mut create = Create::open(wire, access::DELETE | access::READ_ATTRIBUTES);
    create.options |= kind;
    create.lease = core.own_lease(link, path);
    match dispose(link, &create, deadline).await {
        Err(error) if status::is(&error, status::CANNOT_DELETE) => {
            dispose_read_only(link, create, error, deadline).await
        }
        result => result,
    }
}

/// Marks a file or folder for removal with its last handle.
async fn dispose(link: &Link, create: &Create<'_>, deadline: Instant) -> ShareResult<()> {
    if create.options & option::NON_DIRECTORY != 0 {
        // Refused at once where it is not allowed. Not for folders: one that is not empty would just stay.
        let create = Create { options: create.options | option::DELETE_ON_CLOSE, ..*create };
        return Compound::new(link, &create).run(deadline).await?.done().map(drop);
    }
    let compound = Compound::new(link, create).set(class::DISPOSITION, &[1]);
    compound.run(deadline).await?.done().map(drop)
}

/// A read-only file may be removed on Linux. On SMB the attribute goes first, and comes back: the file may have other
/// names.
async fn dispose_read_only(
    link: &Link,
    mut create: Create<'_>,
    refusal: ShareError,
    deadline: Instant,
) -> ShareResult<()> {
    let bits = stat(link, create.path, deadline).await?.1;
    if bits & attribute::READ_ONLY == 0 {
        return Err(refusal);
    }
    let with = |bits: u32| info::basic(0, 0, 0, bits);
    create.access |= access::WRITE_ATTRIBUTES;
    let compound = Compound::new(link, &create)
        .set(class::BASIC, &with(attr::bits_for_mode(bits, 0o200)))
        .set(class::DISPOSITION, &[1])
        .set(class::BASIC, &with(bits & attribute::SETTABLE));
    let mut answers = compound.run(deadline).await?;
    answers.done()?;
    answers.done()?;
    answers.done().map(drop)
}

/// What names of removed files that are open still begin with.
const ASIDE: &str = ".cleardown-removed-";

/// The last handle of a file is gone; if it was moved aside, its name need not be hidden any more.
pub(crate) fn unhide(core: &Core, path: &SharePath) {
    if let Some(name) = path.name().filter(|name| name.starts_with(ASIDE.as_bytes())) {
        let units: Vec<u16> = name.iter().map(|byte| u16::from(*byte)).collect();
        core.hidden.lock().remove(&units);
    }
}

/// Moves a file that is open here to a name of its own at the share's root, where no folder's removal meets it (or in
/// its own folder, if it may not be there), and marks it for removal.
pub(crate) async fn aside(
    core: &Core,
    link: &Link,
    path: &SharePath,
    wire: &[u16],
    deadline: Instant,
) -> ShareResult<()> {
    let number = u64::from_le_bytes(random());
    let name = format!("{ASIDE}{number:016x}");
    let own = path.parent().ok_or_else(|| status::error(status::ACCESS_DENIED))?;
    let in_folder =
        |folder: &SharePath| folder.join(name.as_bytes()).ok_or_else(|| status::error(status::ACCESS_DENIED));
    let mut units = Vec::new();
    names::encode(name.as_bytes(), &mut units).map_err(|_| status::error(status::NAME_TOO_LONG))?;
    core.hidden.lock().insert(units);
    let mut create = Create::open(wire, access::DELETE | access::READ_ATTRIBUTES);
    create.options |= option::NON_DIRECTORY;
    create.lease = core.own_lease(link, path);
    let rename = async |hidden: &SharePath| {
        let target = info::rename(&core.wire_path(hidden)?, 0);
        let compound = Compound::new(link, &create).set(class::RENAME, &target).set(class::DISPOSITION, &[1]);
        let mut answers = compound.run(deadline).await?;
        answers.done()?;
        Ok(answers)
    };
    let mut hidden = in_folder(&SharePath::root())?;
    let mut answers = match rename(&hidden).await {
        Err(ShareError { transport: false, .. }) => {
            hidden = in_folder(&own)?;
            rename(&hidden).await?
        }
        renamed => renamed?,
    };
    core.files.moved(path, &hidden);
    core.leases.moved(path, &hidden);
    match answers.done() {
        Err(error) if status::is(&error, status::CANNOT_DELETE) => {
            let wire = core.wire_path(&hidden)?;
            let create = Create { path: &wire, lease: core.own_lease(link, &hidden), ..create };
            dispose_read_only(link, create, error, deadline).await
        }
        result => result.map(drop),
    }
}
