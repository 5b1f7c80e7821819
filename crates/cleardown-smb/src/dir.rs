//! Folders: listing.

use std::time::Instant;

use cleardown_share::{DirEntry, FileKind, SharePath, ShareResult};
use tokio::sync::mpsc;

use crate::core::{Core, once};
use crate::folders::OpenFolder;
use crate::link::Link;
use crate::names;
use crate::status;
use crate::wire::create::{Create, Created, access, option};
use crate::wire::frame::{Frame, Reply};
use crate::wire::{Command, FileId, Malformed, directory, request};

/// Room for one answer with entries.
const ROOM: u32 = 1 << 20;
/// Room for the second answer of the first round trip: small folders end there.
const SECOND_ROOM: u32 = 64 * 1024;

/// Lists a folder; see [`cleardown_share::Share::list`].
pub(crate) async fn list(
    core: &Core,
    path: &SharePath,
    into: mpsc::Sender<Vec<DirEntry>>,
) -> ShareResult<()> {
    let wire = core.wire_path(path)?;
    once!(core, |link, deadline| {
        let room = link.negotiated.max_transact.min(link.chunk(false)).min(ROOM);
        let folder = core.folders.open(path);
        let (dir, first) = open(&link, &wire, room, deadline).await?;
        let open = OpenDir { link: &link, dir, core, folder: Some(folder) };
        let mut more = true;
        for reply in first {
            more = more && open.pass_on(reply, &into).await?;
        }
        while more {
            // Each answer has its own deadline: a large folder may take long as a whole.
            let deadline = Instant::now() + core.config.request_timeout;
            let mut frame = Frame::new();
            frame.add(Command::QueryDirectory, link.tree, link.charge(room), |body| {
                directory::query(body, dir, room);
            });
            more = open.pass_on(link.call_one(frame, deadline).await?, &into).await?;
        }
        Ok(())
    })
}

/// Opens a folder and asks for its first entries, twice, in one round trip.
async fn open(link: &Link, path: &[u16], room: u32, deadline: Instant) -> ShareResult<(FileId, Vec<Reply>)> {
    let mut create = Create::open(path, access::READ_DATA | access::READ_ATTRIBUTES | access::SYNCHRONIZE);
    create.options = option::DIRECTORY;
    let mut frame = Frame::new();
    frame.add(Command::Create, link.tree, 1, |body| create.body(body));
    for room in [room, room.min(SECOND_ROOM)] {
        frame.add(Command::QueryDirectory, link.tree, link.charge(room), |body| {
            directory::query(body, FileId::RELATED, room);
        });
    }
    let mut replies = link.call(frame, deadline).await?.into_iter();
    let created = Created::read(replies.next().ok_or(Malformed)?.ok()?)?;
    Ok((created.file, replies.collect()))
}

/// A folder that is open while it is listed, closed without waiting.
struct OpenDir<'a> {
    link: &'a std::sync::Arc<Link>,
    dir: FileId,
    core: &'a Core,
    folder: Option<OpenFolder>,
}

impl OpenDir<'_> {
    /// Passes an answer's entries on; false at the end, or when nobody listens any more.
    async fn pass_on(&self, reply: Reply, into: &mpsc::Sender<Vec<DirEntry>>) -> ShareResult<bool> {
        if matches!(reply.header.status, status::NO_MORE_FILES | status::NO_SUCH_FILE) {
            return Ok(false);
        }
        let data = request::output(reply.ok()?)?;
        let entries = directory::entries(&data)?;
        let mut batch = Vec::with_capacity(entries.len());
        for (units, mut attr) in entries {
            let Some(name) = names::decode(&units) else { continue };
            if self.core.hidden.lock().contains(&units) {
                continue;
            }
            if names::is_device(&name) && units.first().is_some_and(|unit| *unit < 0x80) {
                self.core.note_native(units);
            }
            if attr.kind == FileKind::Symlink {
                attr.size = 0; // the length of the target is not told here
            }
            batch.push(DirEntry { name, attr });
        }
        Ok(if batch.is_empty() { !into.is_closed() } else { into.send(batch).await.is_ok() })
    }
}

impl Drop for OpenDir<'_> {
    fn drop(&mut self) {
        let (link, dir, folder) = (self.link.clone(), self.dir, self.folder.take());
        let deadline = Instant::now() + self.core.config.request_timeout;
        self.core.runtime.spawn(async move {
            link.close_file(dir, deadline).await;
            drop(folder);
        });
    }
}
