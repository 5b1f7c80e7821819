//! Removing: SMB removes a file when its last handle closes, Linux removes the name at once.

use std::time::Instant;

use cleardown_share::{SetAttr, SharePath, ShareResult};

use crate::core::{Core, once};
use crate::create::{Compound, stat};
use crate::link::Link;
use crate::wire::create::{Create, access, option};
use crate::wire::info::{self, attribute, class};
use crate::{attr, names, random, status};

/// Removes a file or an empty folder.
pub(crate) async fn remove(core: &Core, path: &SharePath, kind: u32) -> ShareResult<()> {
    core.may_write()?;
    let wire = core.wire_path(path)?;
    once!(core, |link, deadline| delete(core, &link, path, &wire, kind, deadline).await)
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
    let dispose = async || {
        let compound = Compound::new(link, &create).set(class::DISPOSITION, &[1]);
        compound.run(deadline).await?.done().map(drop)
    };
    match dispose().await {
        // A read-only file may be removed on Linux; on SMB the attribute goes first.
        Err(error) if status::is(&error, status::CANNOT_DELETE) => {
            let bits = stat(link, wire, deadline).await?.1;
            if bits & attribute::READ_ONLY == 0 {
                return Err(error);
            }
            set_bits(link, wire, attr::bits_for_mode(bits, 0o200), deadline).await?;
            let result = dispose().await;
            if result.is_err() {
                set_bits(link, wire, bits, deadline).await?;
            }
            result
        }
        result => result,
    }
}

async fn set_bits(link: &Link, wire: &[u16], bits: u32, deadline: Instant) -> ShareResult<()> {
    let create = Create::open(wire, access::WRITE_ATTRIBUTES);
    let compound = Compound::new(link, &create).set(class::BASIC, &info::basic(0, 0, 0, bits));
    compound.run(deadline).await?.done().map(drop)
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

/// Moves a file that is open here to a name of its own in the same folder, and marks it for removal.
pub(crate) async fn aside(
    core: &Core,
    link: &Link,
    path: &SharePath,
    wire: &[u16],
    deadline: Instant,
) -> ShareResult<()> {
    let number = u64::from_le_bytes(random());
    let name = format!("{ASIDE}{number:016x}");
    let hidden = path.parent().and_then(|parent| parent.join(name.as_bytes()));
    let hidden = hidden.ok_or_else(|| status::error(status::ACCESS_DENIED))?;
    let mut units = Vec::new();
    names::encode(name.as_bytes(), &mut units).map_err(|_| status::error(status::NAME_TOO_LONG))?;
    core.hidden.lock().insert(units);
    let mut create = Create::open(wire, access::DELETE | access::READ_ATTRIBUTES);
    create.options |= option::NON_DIRECTORY;
    create.lease = core.own_lease(link, path);
    let target = info::rename(&core.wire_path(&hidden)?, 0);
    let compound = Compound::new(link, &create).set(class::RENAME, &target).set(class::DISPOSITION, &[1]);
    let mut answers = compound.run(deadline).await?;
    answers.done()?;
    core.files.moved(path, &hidden);
    core.leases.moved(path, &hidden);
    match answers.done() {
        Err(error) if status::is(&error, status::CANNOT_DELETE) => {
            let clear = SetAttr { mode: Some(0o600), ..SetAttr::default() };
            attr::set_path(core, &hidden, &clear).await?;
            let wire = core.wire_path(&hidden)?;
            let create = Create { path: &wire, lease: core.own_lease(link, &hidden), ..create };
            let compound = Compound::new(link, &create).set(class::DISPOSITION, &[1]);
            compound.run(deadline).await?.done().map(drop)
        }
        result => result.map(drop),
    }
}
