//! OpenSSH says "Failure" to much, and "No such file" to more than it should: a second look at the server tells which
//! errno it was.

use cleardown_share::{Attr, FileKind, ShareError, SharePath, StatFs};

use crate::errno::{is_vague, rather};
use crate::link::expect_handle;
use crate::link::{Answer, Failure, Link};
use crate::mux::Reply;
use crate::wire::{Fields, Malformed, extended, extension, kind, request};

/// The longest name that Linux file systems take.
const NAME_MAX: usize = 255;
/// `ST_RDONLY` in a statvfs answer.
const READ_ONLY: u64 = 1;

/// A statvfs answer: the room, and whether the file system is read-only.
pub(crate) fn room(mut fields: Fields) -> Result<(StatFs, bool), Malformed> {
    let _io_size = fields.u64()?;
    let (block, blocks, free, available) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    let (files, files_free, _, _) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    let (flags, name_max) = (fields.u64()?, fields.u64()?);
    let stat = StatFs {
        block_size: u32::try_from(block).map_err(|_| Malformed)?,
        blocks,
        free,
        available,
        files,
        files_free,
        name_max: u32::try_from(name_max).unwrap_or(u32::MAX),
    };
    Ok((stat, flags & READ_ONLY != 0))
}

impl Link {
    /// The room where the path is.
    pub(crate) async fn room(&self, path: &[u8]) -> Answer<(StatFs, bool)> {
        if !self.extensions.statvfs {
            return Err(ShareError::unsupported("statvfs").into());
        }
        match self.send(extended(extension::STATVFS).string(path)).await? {
            Reply::Extended(fields) => Ok(room(fields)?),
            _ => Err(Malformed.into()),
        }
    }

    /// Why something could not be added or written: no room, or no writing at all.
    async fn no_room(&self, error: ShareError, at: &SharePath, wanted: u64) -> ShareError {
        if !is_vague(&error) {
            return error;
        }
        if at.components().any(|name| name.len() > NAME_MAX) {
            return rather(&error, libc::ENAMETOOLONG);
        }
        match self.room(&self.path(&at.parent().unwrap_or_default())).await {
            Ok((_, true)) => rather(&error, libc::EROFS),
            Ok((stat, _)) if stat.available.saturating_mul(stat.block_size.into()) < wanted.max(1) => {
                rather(&error, libc::ENOSPC)
            }
            Ok((stat, _)) if stat.files > 0 && stat.files_free == 0 => rather(&error, libc::ENOSPC),
            _ => error,
        }
    }

    async fn look(&self, path: &SharePath) -> Option<Attr> {
        self.lstat(&self.path(path)).await.ok()
    }

    async fn kind_of(&self, path: &SharePath) -> Option<FileKind> {
        self.look(path).await.map(|attr| attr.kind)
    }

    /// Puts a failure of the server through `explain`; others stay.
    pub(crate) async fn explain<T>(
        &self,
        answer: Answer<T>,
        explain: impl AsyncFnOnce(ShareError) -> ShareError,
    ) -> Answer<T> {
        match answer {
            Err(Failure::Server(error)) => Err(explain(error).await.into()),
            other => other,
        }
    }

    pub(crate) async fn why_no_stat(&self, error: ShareError, path: &SharePath) -> ShareError {
        let long = path.components().any(|name| name.len() > NAME_MAX);
        if is_vague(&error) && long { rather(&error, libc::ENAMETOOLONG) } else { error }
    }

    /// `exclusive`: the open was to create the file.
    pub(crate) async fn why_no_open(
        &self,
        error: ShareError,
        path: &SharePath,
        exclusive: bool,
    ) -> ShareError {
        if !is_vague(&error) {
            return error;
        }
        match self.kind_of(path).await {
            Some(_) if exclusive => rather(&error, libc::EEXIST),
            Some(FileKind::Dir) => rather(&error, libc::EISDIR),
            Some(FileKind::Symlink) => rather(&error, libc::ELOOP),
            _ => self.no_room(error, path, 0).await,
        }
    }

    pub(crate) async fn why_no_write(&self, error: ShareError, at: &SharePath, wanted: u64) -> ShareError {
        self.no_room(error, at, wanted).await
    }

    /// A folder or link could not be made.
    pub(crate) async fn why_not_made(&self, error: ShareError, path: &SharePath) -> ShareError {
        if is_vague(&error) && self.look(path).await.is_some() {
            return rather(&error, libc::EEXIST);
        }
        self.no_room(error, path, 0).await
    }

    pub(crate) async fn why_no_hard_link(
        &self,
        error: ShareError,
        from: &SharePath,
        to: &SharePath,
    ) -> ShareError {
        if is_vague(&error)
            && self.look(to).await.is_none()
            && self.kind_of(from).await == Some(FileKind::Dir)
        {
            return rather(&error, libc::EPERM);
        }
        self.why_not_made(error, to).await
    }

    pub(crate) async fn why_no_listing(&self, error: ShareError, path: &SharePath) -> ShareError {
        let unsure = is_vague(&error) || error.errno == libc::ENOENT;
        match self.kind_of(path).await {
            Some(kind) if unsure && kind != FileKind::Dir => rather(&error, libc::ENOTDIR),
            _ => self.why_no_stat(error, path).await,
        }
    }

    pub(crate) async fn why_not_removed(&self, error: ShareError, path: &SharePath) -> ShareError {
        // unlink(2) of a folder is EISDIR on Linux, EPERM ("Permission denied") elsewhere.
        let unsure = is_vague(&error) || matches!(error.errno, libc::EACCES | libc::EPERM);
        if unsure && self.kind_of(path).await == Some(FileKind::Dir) {
            return rather(&error, libc::EISDIR);
        }
        self.no_room(error, path, 0).await
    }

    pub(crate) async fn why_no_rmdir(&self, error: ShareError, path: &SharePath) -> ShareError {
        if !is_vague(&error) && error.errno != libc::ENOENT {
            return error;
        }
        match self.kind_of(path).await {
            Some(FileKind::Dir) if self.has_entries(path).await => rather(&error, libc::ENOTEMPTY),
            Some(FileKind::Dir) | None => self.no_room(error, path, 0).await,
            Some(_) => rather(&error, libc::ENOTDIR),
        }
    }

    pub(crate) async fn why_no_rename(
        &self,
        error: ShareError,
        from: &SharePath,
        to: &SharePath,
        replaces: bool,
    ) -> ShareError {
        if !is_vague(&error) && error.errno != libc::ENOENT {
            return error;
        }
        let Some(moving) = self.kind_of(from).await else { return rather(&error, libc::ENOENT) };
        let Some(there) = self.kind_of(to).await else { return self.no_room(error, to, 0).await };
        match (moving == FileKind::Dir, there == FileKind::Dir) {
            _ if !replaces => rather(&error, libc::EEXIST),
            (true, false) => rather(&error, libc::ENOTDIR),
            (false, true) => rather(&error, libc::EISDIR),
            (true, true) if self.has_entries(to).await => rather(&error, libc::ENOTEMPTY),
            _ => self.no_room(error, to, 0).await,
        }
    }

    pub(crate) async fn why_no_link_target(&self, error: ShareError, path: &SharePath) -> ShareError {
        match self.kind_of(path).await {
            Some(kind) if is_vague(&error) && kind != FileKind::Symlink => rather(&error, libc::EINVAL),
            _ => self.why_no_stat(error, path).await,
        }
    }

    pub(crate) async fn why_not_set(
        &self,
        error: ShareError,
        path: &SharePath,
        size: Option<u64>,
    ) -> ShareError {
        if size.is_some() && is_vague(&error) && self.kind_of(path).await == Some(FileKind::Dir) {
            return rather(&error, libc::EISDIR);
        }
        self.no_room(error, path, 0).await
    }

    async fn has_entries(&self, path: &SharePath) -> bool {
        let opened = self.send(request(kind::OPENDIR).string(self.path(path))).await;
        let Ok(handle) = opened.and_then(expect_handle) else { return false };
        let mut found = false;
        while let Ok(Reply::Name(fields)) = self.send(request(kind::READDIR).string(&handle)).await {
            found = crate::attr::entries(fields).is_ok_and(|entries| !entries.is_empty());
            if found {
                break;
            }
        }
        self.mux.close(&handle);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_statvfs_answer_is_read_field_by_field() {
        let mut bytes = Vec::new();
        for field in [1u64, 4096, 100, 50, 40, 7, 6, 6, 9, READ_ONLY, 255] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        let (stat, read_only) = room(Fields(bytes.into())).unwrap();
        assert_eq!((stat.block_size, stat.blocks, stat.free, stat.available), (4096, 100, 50, 40));
        assert_eq!((stat.files, stat.files_free, stat.name_max, read_only), (7, 6, 255, true));
    }

    proptest! {
        #[test]
        fn hostile_answers_do_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = room(Fields(bytes.into()));
        }
    }
}
