//! What the tests share.

use std::sync::Arc;
use std::time::Duration;

use cleardown_core::Error;
use cleardown_share::{Access, DirEntry, Disposition, OpenHow, Opened, Share, SharePath};
use cleardown_smb::{Config, SmbShare, connect};
use cleardown_testkit::{Samba, User};

pub(crate) fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

pub(crate) fn config(samba: &Samba, share: &str) -> Config {
    let eve = User::eve();
    let mut config = Config::new(samba.remote(share).parse().unwrap()).user(&eve.name, &eve.password);
    config.request_timeout = Duration::from_secs(20);
    config
}

pub(crate) async fn eve(samba: &Samba, share: &str) -> SmbShare {
    connect(config(samba, share)).await.unwrap()
}

pub(crate) async fn refusal(config: Config) -> Error {
    connect(config).await.err().unwrap()
}

pub(crate) fn how(access: Access, disposition: Disposition) -> OpenHow {
    OpenHow { access, disposition, mode: 0o644, lease: false }
}

pub(crate) const BOTH: Access = Access::READ.union(Access::WRITE);

/// Opens a file for reading and writing, and makes it if need be.
pub(crate) async fn open(share: &SmbShare, name: &str) -> Opened {
    share.open(&path(name), how(BOTH, Disposition::OpenOrCreate)).await.unwrap()
}

/// Bytes that differ from place to place.
pub(crate) fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|i| (i as u8).wrapping_mul(31).wrapping_add((i >> 8) as u8).wrapping_add(seed)).collect()
}

/// All entries of a folder by name.
pub(crate) async fn names(share: &Arc<SmbShare>, dir: &str) -> Vec<String> {
    let entries = share.entries(&path(dir)).await.unwrap();
    let name = |entry: DirEntry| String::from_utf8_lossy(&entry.name).into_owned();
    let mut names: Vec<_> = entries.into_iter().map(name).collect();
    names.sort();
    names
}
