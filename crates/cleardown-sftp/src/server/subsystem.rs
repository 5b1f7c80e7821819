//! The SFTP side: requests in, answers out, one after another as OpenSSH does it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use russh::server::Msg;
use russh::{Channel, ChannelMsg};
use rustix::fs::{self, Dir, OFlags};
use tokio::sync::mpsc;

use super::folder::{Folder, Inside, attrs};
use crate::wire::{Attrs, Fields, MAX_PACKET, Malformed, Packet, VERSION, extension, flag, kind, status};

/// Requests taken before they are carried out, and answers before they are sent.
const QUEUE: usize = 32;
/// The most that is read or written at once, as OpenSSH has it.
const TRANSFER: u32 = 255 * 1024;
/// Entries in one answer.
const ENTRIES: u32 = 100;
/// Files and folders open at once.
const HANDLES: usize = 4096;

/// Serves a channel until it closes.
pub(super) async fn serve(channel: Channel<Msg>, folder: Arc<Folder>) {
    let (mut read, write) = channel.split();
    let (requests, queued) = mpsc::channel(QUEUE);
    let (answers, mut answered) = mpsc::channel::<Bytes>(QUEUE);
    // The operations block, so they have a thread of their own.
    let worker = tokio::task::spawn_blocking(move || work(queued, answers, Client::new(folder)));
    let sending = tokio::spawn(async move {
        while let Some(answer) = answered.recv().await {
            if write.data_bytes(answer).await.is_err() {
                return;
            }
        }
        let _ = write.eof().await;
        let _ = write.close().await;
    });
    let mut buffer = BytesMut::new();
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => buffer.extend_from_slice(&data),
            ChannelMsg::Eof | ChannelMsg::Close => break,
            _ => continue,
        }
        if pass_on(&mut buffer, &requests).await.is_err() {
            break;
        }
    }
    drop(requests);
    let _ = worker.await;
    let _ = sending.await;
}

/// Passes whole packets on.
async fn pass_on(buffer: &mut BytesMut, requests: &mpsc::Sender<Bytes>) -> Result<(), Malformed> {
    while let Some(length) = buffer.first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if !(5..=MAX_PACKET).contains(&length) {
            return Err(Malformed);
        }
        if buffer.len() < 4 + length {
            return Ok(());
        }
        buffer.advance(4);
        requests.send(buffer.split_to(length).freeze()).await.map_err(|_| Malformed)?;
    }
    Ok(())
}

fn work(mut requests: mpsc::Receiver<Bytes>, answers: mpsc::Sender<Bytes>, mut client: Client) {
    while let Some(request) = requests.blocking_recv() {
        let Ok(answer) = client.serve(Fields(request)) else { return };
        if answers.blocking_send(answer).is_err() {
            return;
        }
    }
}

enum Open {
    File(OwnedFd),
    Folder { dir: Dir, path: Inside },
}

/// What a client has open.
struct Client {
    folder: Arc<Folder>,
    open: HashMap<u32, Open>,
    next: u32,
}

/// Why there is no answer but a status.
enum No {
    End,
    Unsupported,
    Failed(io::Error),
}
impl From<io::Error> for No {
    fn from(error: io::Error) -> Self {
        No::Failed(error)
    }
}
impl From<rustix::io::Errno> for No {
    fn from(error: rustix::io::Errno) -> Self {
        No::Failed(error.into())
    }
}
impl From<Malformed> for No {
    fn from(_: Malformed) -> Self {
        No::Failed(io::Error::from_raw_os_error(libc::EBADMSG))
    }
}

impl No {
    fn packet(self, id: u32) -> Packet {
        let (code, text) = match self {
            No::End => (status::EOF, "End of file".into()),
            No::Unsupported => (status::OP_UNSUPPORTED, "Operation unsupported".into()),
            No::Failed(error) => (code(&error), error.to_string()),
        };
        answer(kind::STATUS, id).u32(code).string(text).string("")
    }
}

fn code(error: &io::Error) -> u32 {
    match error.raw_os_error() {
        Some(libc::ENOENT) => status::NO_SUCH_FILE,
        // EXDEV: a link that leads out of the folder.
        Some(libc::EACCES | libc::EPERM | libc::EXDEV) => status::PERMISSION_DENIED,
        Some(libc::EBADMSG) => status::BAD_MESSAGE,
        _ => status::FAILURE,
    }
}

fn answer(kind: u8, id: u32) -> Packet {
    Packet::new(kind).u32(id)
}

fn fine(id: u32) -> Packet {
    answer(kind::STATUS, id).u32(status::OK).string("Success").string("")
}

fn path(fields: &mut Fields) -> Result<Inside, No> {
    Ok(Inside::parse(&fields.string()?)?)
}

impl Client {
    fn new(folder: Arc<Folder>) -> Self {
        Client { folder, open: HashMap::new(), next: 0 }
    }

    fn serve(&mut self, mut fields: Fields) -> Result<Bytes, Malformed> {
        let (kind, id) = (fields.byte()?, fields.u32()?);
        if kind == kind::INIT {
            return Ok(greeting());
        }
        if kind == kind::READ {
            return Ok(self.read(id, fields).unwrap_or_else(|no| no.packet(id).finish(0)));
        }
        Ok(self.answer(kind, id, fields).unwrap_or_else(|no| no.packet(id)).finish(0))
    }

    fn answer(&mut self, kind: u8, id: u32, mut fields: Fields) -> Result<Packet, No> {
        let fields = &mut fields;
        let folder = self.folder.clone();
        match kind {
            kind::OPEN => return self.open_file(id, fields),
            kind::OPENDIR => return self.open_folder(id, fields),
            kind::READDIR => return self.read_folder(id, fields),
            kind::CLOSE => drop(self.open.remove(&handle(fields)?).ok_or(bad_handle())?),
            kind::WRITE => self.write(fields)?,
            kind::FSTAT => return Ok(answer(kind::ATTRS, id).attrs(&attrs(&fs::fstat(self.file(fields)?)?))),
            kind::STAT => return Ok(answer(kind::ATTRS, id).attrs(&attrs(&folder.stat(&path(fields)?)?))),
            kind::LSTAT => return Ok(answer(kind::ATTRS, id).attrs(&attrs(&folder.lstat(&path(fields)?)?))),
            kind::SETSTAT => folder.set(&path(fields)?, &fields.attrs()?)?,
            kind::FSETSTAT => {
                let file = self.file(fields)?;
                folder.set_open(file, &fields.attrs()?)?;
            }
            kind::REMOVE => folder.remove(&path(fields)?, false)?,
            kind::RMDIR => folder.remove(&path(fields)?, true)?,
            kind::MKDIR => folder.make_folder(&path(fields)?, fields.attrs()?.mode.unwrap_or(0o777))?,
            kind::RENAME => folder.rename(&path(fields)?, &path(fields)?, false)?,
            kind::SYMLINK => {
                let target = fields.string()?;
                folder.symlink(&path(fields)?, &target)?;
            }
            kind::READLINK => return Ok(name(id, &folder.read_link(&path(fields)?)?)),
            kind::REALPATH => return Ok(name(id, &path(fields)?.absolute())),
            kind::EXTENDED => return self.extended(id, fields),
            _ => return Err(No::Unsupported),
        }
        Ok(fine(id))
    }

    fn extended(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, No> {
        let folder = self.folder.clone();
        match &fields.string()?[..] {
            extension::POSIX_RENAME => folder.rename(&path(fields)?, &path(fields)?, true)?,
            extension::HARD_LINK => folder.hard_link(&path(fields)?, &path(fields)?)?,
            extension::FSYNC => fs::fsync(self.file(fields)?)?,
            extension::LSETSTAT => {
                let path = path(fields)?;
                folder.set(&path, &Attrs { size: None, mode: None, ..fields.attrs()? })?;
            }
            extension::STATVFS => return Ok(room(id, &folder.room(&path(fields)?)?)),
            extension::LIMITS => {
                let (most, handles) = (u64::from(TRANSFER), HANDLES as u64);
                return Ok(answer(kind::EXTENDED_REPLY, id)
                    .u64(MAX_PACKET as u64)
                    .u64(most)
                    .u64(most)
                    .u64(handles));
            }
            extension::COPY_DATA => self.copy(fields)?,
            _ => return Err(No::Unsupported),
        }
        Ok(fine(id))
    }

    fn keep(&mut self, id: u32, open: Open) -> Result<Packet, No> {
        if self.open.len() >= HANDLES {
            return Err(io::Error::from_raw_os_error(libc::EMFILE).into());
        }
        while self.open.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        self.open.insert(self.next, open);
        let handle = self.next.to_be_bytes();
        self.next = self.next.wrapping_add(1);
        Ok(answer(kind::HANDLE, id).string(handle))
    }

    fn open_file(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, No> {
        let (path, wanted, attrs) = (path(fields)?, fields.u32()?, fields.attrs()?);
        let has = |bit| wanted & bit != 0;
        let mut flags = match (has(flag::READ), has(flag::WRITE)) {
            (true, true) => OFlags::RDWR,
            (false, true) => OFlags::WRONLY,
            _ => OFlags::RDONLY,
        };
        flags.set(OFlags::CREATE, has(flag::CREATE));
        flags.set(OFlags::EXCL, has(flag::CREATE) && has(flag::EXCLUSIVE));
        flags.set(OFlags::TRUNC, has(flag::TRUNCATE));
        // Linux then appends whatever the offset.
        flags.set(OFlags::APPEND, has(flag::APPEND));
        let mode = if has(flag::CREATE) { attrs.mode.unwrap_or(0o666) } else { 0 };
        let file = self.folder.open_file(&path, flags, mode)?;
        self.keep(id, Open::File(file))
    }

    fn open_folder(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, No> {
        let path = path(fields)?;
        let folder = self.folder.open_file(&path, OFlags::RDONLY | OFlags::DIRECTORY, 0)?;
        let dir = Dir::new(folder)?;
        self.keep(id, Open::Folder { dir, path })
    }

    fn file(&self, fields: &mut Fields) -> Result<&OwnedFd, No> {
        match self.open.get(&handle(fields)?) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(bad_handle()),
        }
    }

    fn read(&self, id: u32, mut fields: Fields) -> Result<Bytes, No> {
        let file = self.file(&mut fields)?;
        let (offset, len) = (fields.u64()?, fields.u32()?.min(TRANSFER) as usize);
        let head = 13;
        let mut packet = BytesMut::zeroed(head + len);
        let mut got = 0;
        while got < len {
            let read = rustix::io::pread(file, &mut packet[head + got..], offset.saturating_add(got as u64))?;
            if read == 0 {
                break;
            }
            got += read;
        }
        if got == 0 && len > 0 {
            return Err(No::End);
        }
        packet.truncate(head + got);
        packet[..4].copy_from_slice(&(got as u32 + 9).to_be_bytes());
        packet[4] = kind::DATA;
        packet[5..9].copy_from_slice(&id.to_be_bytes());
        packet[9..13].copy_from_slice(&(got as u32).to_be_bytes());
        Ok(packet.freeze())
    }

    fn write(&self, fields: &mut Fields) -> Result<(), No> {
        let file = self.file(fields)?;
        let (mut offset, mut data) = (fields.u64()?, fields.string()?);
        while !data.is_empty() {
            let written = rustix::io::pwrite(file, &data, offset)?;
            data.advance(written);
            offset = offset.saturating_add(written as u64);
        }
        Ok(())
    }

    fn copy(&self, fields: &mut Fields) -> Result<(), No> {
        let from = self.file(fields)?;
        let (mut read, len) = (fields.u64()?, fields.u64()?);
        let (to, mut write) = (self.file(fields)?, fields.u64()?);
        let mut left = if len == 0 { u64::MAX } else { len };
        while left > 0 {
            let most = usize::try_from(left.min(1 << 30)).unwrap_or(1 << 30);
            let copied = fs::copy_file_range(from, Some(&mut read), to, Some(&mut write), most)?;
            if copied == 0 {
                break;
            }
            left -= copied as u64;
        }
        Ok(())
    }

    fn read_folder(&mut self, id: u32, fields: &mut Fields) -> Result<Packet, No> {
        let Some(Open::Folder { dir, path }) = self.open.get_mut(&handle(fields)?) else {
            return Err(bad_handle());
        };
        let mut packet = answer(kind::NAME, id).u32(0);
        let mut count = 0;
        while count < ENTRIES {
            let Some(entry) = dir.read() else { break };
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let stat = match name {
                b"." | b".." => self.folder.stat(path),
                name => fs::statat(dir.fd()?, name, fs::AtFlags::SYMLINK_NOFOLLOW).map_err(Into::into),
            };
            // It may have gone since it was listed.
            let Ok(stat) = stat else { continue };
            packet = packet.string(name).string(name).attrs(&attrs(&stat));
            count += 1;
        }
        if count == 0 {
            return Err(No::End);
        }
        packet.patch_u32(9, count);
        Ok(packet)
    }
}

fn handle(fields: &mut Fields) -> Result<u32, No> {
    let handle: [u8; 4] = fields.string()?[..].try_into().map_err(|_| Malformed)?;
    Ok(u32::from_be_bytes(handle))
}

fn bad_handle() -> No {
    No::Failed(io::Error::from_raw_os_error(libc::EBADF))
}

fn name(id: u32, name: &[u8]) -> Packet {
    answer(kind::NAME, id).u32(1).string(name).string(name).attrs(&Attrs::default())
}

fn room(id: u32, stat: &fs::StatVfs) -> Packet {
    let flags = u64::from(stat.f_flag.contains(fs::StatVfsMountFlags::RDONLY))
        | (u64::from(stat.f_flag.contains(fs::StatVfsMountFlags::NOSUID)) << 1);
    [
        stat.f_bsize,
        stat.f_frsize,
        stat.f_blocks,
        stat.f_bfree,
        stat.f_bavail,
        stat.f_files,
        stat.f_ffree,
        stat.f_favail,
        stat.f_fsid,
        flags,
        stat.f_namemax,
    ]
    .into_iter()
    .fold(answer(kind::EXTENDED_REPLY, id), Packet::u64)
}

fn greeting() -> Bytes {
    use extension::{COPY_DATA, FSYNC, HARD_LINK, LIMITS, LSETSTAT, POSIX_RENAME, STATVFS};
    let greeting = Packet::new(kind::VERSION).u32(VERSION).string(STATVFS).string("2");
    [POSIX_RENAME, FSYNC, HARD_LINK, LIMITS, LSETSTAT, COPY_DATA]
        .into_iter()
        .fold(greeting, |greeting, name| greeting.string(name).string("1"))
        .finish(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn hostile_requests_do_no_harm(requests in proptest::collection::vec((1u8..=20, any::<Vec<u8>>()), 1..8)) {
            let dir = tempfile::tempdir().unwrap();
            let mut client = Client::new(Arc::new(Folder::open(dir.path()).unwrap()));
            for (kind, body) in requests {
                let _ = client.serve(Fields([&[kind][..], &[0, 0, 0, 1], &body].concat().into()));
            }
        }

        #[test]
        fn hostile_strings_do_no_harm(kind in 3u8..=20, path in "[a./]{0,12}", tail in any::<Vec<u8>>()) {
            let dir = tempfile::tempdir().unwrap();
            let mut client = Client::new(Arc::new(Folder::open(dir.path()).unwrap()));
            let request = Packet::new(kind).u32(1).string(&path).finish(0).slice(4..);
            let _ = client.serve(Fields([&request[..], &tail].concat().into()));
        }
    }
}
