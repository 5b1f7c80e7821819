//! What a case works with.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::attr::DirEntry;
use crate::error::{ShareError, ShareResult};
use crate::path::SharePath;
use crate::share::{Access, Capabilities, Disposition, File, OpenHow, Opened, Share};

/// Where a provider is tested: a server with an empty, writable folder.
#[async_trait]
pub trait Ground: Send + Sync {
    /// A new session with that folder; several may be open together.
    async fn connect(&self) -> Arc<dyn Share>;
}

/// A case's own folder, and a session.
pub struct Room<'a> {
    /// The session.
    pub share: Arc<dyn Share>,
    /// An empty folder.
    pub dir: SharePath,
    ground: &'a dyn Ground,
}

/// A case may take this long before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a case in a folder of its own name.
pub async fn run(name: &str, ground: &dyn Ground, case: impl AsyncFnOnce(&Room<'_>)) {
    let share = ground.connect().await;
    let dir = SharePath::root().join(name.as_bytes()).unwrap();
    share.create_dir(&dir, 0o755).await.expect("the case's folder can be made");
    let room = Room { share: share.clone(), dir, ground };
    tokio::time::timeout(PATIENCE, case(&room)).await.expect("the case ends");
    let _ = tokio::time::timeout(PATIENCE, share.close()).await;
}

impl Room<'_> {
    /// A path in the folder.
    pub fn path(&self, name: impl AsRef<[u8]>) -> SharePath {
        self.dir.join(name.as_ref()).unwrap()
    }

    /// A second session.
    pub async fn second(&self) -> Arc<dyn Share> {
        self.ground.connect().await
    }

    /// Whether the server can do this; if not, says that the case is not applicable.
    pub fn can(&self, capability: Capabilities) -> bool {
        let can = self.share.capabilities().contains(capability);
        if !can {
            println!("not applicable: the share has no {capability:?}");
        }
        can
    }

    pub(super) async fn open(&self, name: &str, disposition: Disposition) -> ShareResult<Opened> {
        self.share.open(&self.path(name), how(disposition)).await
    }

    /// A new file with this content, closed.
    pub(super) async fn file(&self, name: &str, content: &[u8]) -> SharePath {
        let file = self.create(name, content).await;
        file.close().await.unwrap();
        self.path(name)
    }

    /// A new file with this content, open for reading and writing.
    pub(super) async fn create(&self, name: &str, content: &[u8]) -> Arc<dyn File> {
        let opened = self.open(name, Disposition::CreateNew).await.expect("a file can be made");
        opened.file.write(0, Bytes::copy_from_slice(content)).await.expect("a file can be written");
        opened.file
    }

    /// All of a file's content.
    pub(super) async fn content(&self, name: &str) -> Vec<u8> {
        content(&*self.share, &self.path(name)).await
    }

    /// All entries of the folder, by name.
    pub(super) async fn entries(&self) -> Vec<DirEntry> {
        list(&*self.share, &self.dir).await.expect("the folder can be listed")
    }
}

pub(super) fn how(disposition: Disposition) -> OpenHow {
    OpenHow { access: Access::READ | Access::WRITE, disposition, mode: 0o644, lease: false }
}

pub(super) async fn content(share: &dyn Share, path: &SharePath) -> Vec<u8> {
    let how = OpenHow { access: Access::READ, ..how(Disposition::Open) };
    let opened = share.open(path, how).await.expect("the file can be opened");
    let bytes = opened.file.read(0, 64 << 20).await.expect("the file can be read");
    opened.file.close().await.unwrap();
    bytes.to_vec()
}

pub(super) async fn list(share: &dyn Share, path: &SharePath) -> ShareResult<Vec<DirEntry>> {
    let mut entries = share.entries(path).await?;
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Bytes without a period that a misplaced block could hide in.
pub(super) fn pattern(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend_from_slice(&next());
    }
    bytes.truncate(len);
    bytes.into()
}

/// The call failed with one of these.
#[track_caller]
pub(super) fn fails<T>(result: ShareResult<T>, errnos: &[i32]) -> ShareError {
    match result {
        Ok(_) => panic!("succeeded, and one of errno {errnos:?} was expected"),
        Err(error) => {
            assert!(errnos.contains(&error.errno), "errno {} ({error}) is none of {errnos:?}", error.errno);
            error
        }
    }
}
