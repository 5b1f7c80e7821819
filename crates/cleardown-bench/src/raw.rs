//! The limits without a file system: `smbclient`, and our own SMB client, moving one large file.

use std::io;
use std::time::Instant;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, OpenHow, Share, SharePath};
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

/// Both, reading and writing.
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
        report.add(SMBCLIENT, row, done.map(|()| took(start, scale)));
        report.add(OWN, row, own(servers, scale, row == "write"));
        let _ = std::fs::remove_file(&written);
    }
}

fn took(start: Instant, scale: &Scale) -> Measured {
    let seconds = start.elapsed().as_secs_f64();
    Measured { app: seconds, server: seconds, amount: scale.big as f64 }
}

fn own(servers: &Servers, scale: &Scale, write: bool) -> io::Result<Measured> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let remote = format!("smb://127.0.0.1:{}/{SHARE}", servers.samba.port());
        let remote = remote.parse().map_err(io::Error::other)?;
        let config = Config::new(remote).user(&servers.user.name, &servers.user.password);
        let share = cleardown_smb::connect(config).await.map_err(io::Error::other)?;
        let moved = moved(&share, scale, write).await;
        share.close().await.map_err(io::Error::other)?;
        moved
    })
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
    Ok(took(start, scale))
}
