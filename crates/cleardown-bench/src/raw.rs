//! The limits without a file system: `smbclient`, and our own SMB client, moving one large file and removing a tree.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, FileKind, OpenHow, Share, SharePath};
use cleardown_smb::{Config, SmbShare};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::report::Report;
use crate::servers::{SHARE, Servers};
use crate::tree::megabyte;
use crate::work::{Measured, Scale};

/// Their names in the table.
pub(crate) const SMBCLIENT: &str = "smbclient (limit)";
pub(crate) const OWN: &str = "our SMB client (limit)";

const MIB: u64 = 1 << 20;
/// Large requests in flight.
const DEPTH: usize = 8;

/// Both, reading, writing and removing.
pub(crate) fn measure(servers: &Servers, scale: &Scale, report: &mut Report, wanted: impl Fn(&str) -> bool) {
    let big = servers.folder().join("prepared/big.bin");
    let written = servers.folder().join("work/raw.bin");
    for (row, commands) in [
        ("read", r"get prepared\big.bin /dev/null".to_owned()),
        ("write", format!(r"put {} work\raw.bin", big.display())),
    ] {
        if !wanted(row) {
            continue;
        }
        let start = Instant::now();
        let done = servers.samba.smbclient(SHARE, &servers.user, &commands).map(drop);
        report.add(SMBCLIENT, row, done.map(|()| took(start, scale.big)));
        report.add(OWN, row, own(servers, async |share| moved(share, scale, row == "write").await));
        let _ = std::fs::remove_file(&written);
    }
    if wanted("rm -r") {
        let removed = copy_tree(servers).and_then(|()| {
            let start = Instant::now();
            servers.samba.smbclient(SHARE, &servers.user, r"deltree work\tree")?;
            Ok(took(start, 1))
        });
        report.add(SMBCLIENT, "rm -r", removed);
        let removed = copy_tree(servers).and_then(|()| own(servers, remove_tree));
        report.add(OWN, "rm -r", removed);
    }
}

/// Lays the tree on the server.
fn copy_tree(servers: &Servers) -> io::Result<()> {
    crate::tree::clean(servers)?;
    let mut copy = std::process::Command::new("cp");
    copy.arg("-r").arg(servers.home.path().join("tree")).arg(servers.folder().join("work"));
    if copy.status()?.success() { Ok(()) } else { Err(io::Error::other("copying the tree failed")) }
}

fn took(start: Instant, amount: u64) -> Measured {
    let seconds = start.elapsed().as_secs_f64();
    Measured { app: seconds, server: seconds, amount: amount as f64 }
}

/// Does something with our own client.
fn own(servers: &Servers, work: impl AsyncFnOnce(&SmbShare) -> io::Result<Measured>) -> io::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let remote = format!("smb://127.0.0.1:{}/{SHARE}", servers.samba.port());
        let remote = remote.parse().map_err(io::Error::other)?;
        let config = Config::new(remote).user(&servers.user.name, &servers.user.password);
        let share = cleardown_smb::connect(config).await.map_err(io::Error::other)?;
        let measured = work(&share).await;
        share.close().await.map_err(io::Error::other)?;
        measured
    })
}

/// As rm(1) goes: one after the other, each folder listed, emptied and removed.
async fn remove_tree(share: &SmbShare) -> io::Result<Measured> {
    let root = SharePath::parse(b"work/tree").ok_or_else(|| io::Error::other("a bad path"))?;
    let start = Instant::now();
    let mut folders = vec![(root, false)];
    while let Some((folder, emptied)) = folders.pop() {
        if emptied {
            share.remove_dir(&folder).await.map_err(io::Error::other)?;
            continue;
        }
        folders.push((folder.clone(), true));
        for entry in share.entries(&folder).await.map_err(io::Error::other)? {
            let Some(path) = folder.join(&entry.name) else { continue };
            match entry.attr.kind {
                FileKind::Dir => folders.push((path, false)),
                _ => share.remove_file(&path).await.map_err(io::Error::other)?,
            }
        }
    }
    Ok(took(start, 1))
}

async fn moved(share: &SmbShare, scale: &Scale, write: bool) -> io::Result<Measured> {
    let (name, access, disposition) = match write {
        true => ("work/raw.bin", Access::WRITE, Disposition::CreateOrTruncate),
        false => ("prepared/big.bin", Access::READ, Disposition::Open),
    };
    let path = SharePath::parse(name.as_bytes()).ok_or_else(|| io::Error::other("a bad path"))?;
    let how = OpenHow { access, disposition, mode: 0o644, lease: false };
    let data = Bytes::from(megabyte(1));
    let start = Instant::now();
    let file = share.open(&path, how).await.map_err(io::Error::other)?.file;
    let pieces = stream::iter(0..scale.big).map(|number| {
        let (file, data) = (file.clone(), data.clone());
        async move {
            match write {
                true => file.write(number * MIB, data).await,
                false => file.read(number * MIB, MIB as u32).await.map(drop),
            }
        }
    });
    pieces.buffer_unordered(DEPTH).try_collect::<()>().await.map_err(io::Error::other)?;
    if write {
        file.flush().await.map_err(io::Error::other)?;
    }
    file.close().await.map_err(io::Error::other)?;
    Ok(took(start, scale.big))
}
