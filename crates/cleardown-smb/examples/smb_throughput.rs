//! How fast the provider is, beside smbclient and the client of the `smb2` crate, on a Samba of its own over tmpfs.
//!
//! `cargo run --release -p cleardown-smb --example throughput [MiB]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement for people")]

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cleardown_share::{Access, Disposition, File, OpenHow, Share, SharePath};
use cleardown_smb::{Config, SmbShare, connect};
use cleardown_testkit::{Options, Samba, ShareDef, User};
use futures_util::{StreamExt, stream};

const MIB: u64 = 1 << 20;
/// Large requests in flight.
const DEPTH: usize = 8;

#[tokio::main]
async fn main() {
    let mib: u64 = std::env::args().nth(1).map_or(512, |text| text.parse().unwrap());
    for (label, signing, encrypt) in
        [("plain", false, false), ("signed", true, false), ("encrypted", false, true)]
    {
        let shares = vec![ShareDef { tmpfs: Some(4 << 30), ..ShareDef::new("files") }];
        let samba = Samba::start(Options { signing, encrypt, shares, ..Options::default() }).unwrap();
        println!("== {label}");
        ours(&samba, mib).await;
        crate_client(&samba, mib).await;
        smbclient(&samba, mib);
        if label == "plain" {
            small(&samba).await;
        }
    }
}

fn rate(what: &str, mib: u64, start: Instant) {
    println!("{what:<28} {:>8.0} MiB/s", mib as f64 / start.elapsed().as_secs_f64());
}

async fn ops<F: Future<Output = ()>>(what: &str, count: u64, depth: usize, op: impl Fn(u64) -> F) {
    let start = Instant::now();
    stream::iter(0..count).map(&op).buffer_unordered(depth).collect::<()>().await;
    println!("{what:<28} {:>8.0} /s", count as f64 / start.elapsed().as_secs_f64());
}

fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

fn how(disposition: Disposition) -> OpenHow {
    OpenHow { access: Access::READ | Access::WRITE, disposition, mode: 0o644, lease: false }
}

async fn open_share(samba: &Samba) -> SmbShare {
    let eve = User::eve();
    let share =
        connect(Config::new(samba.remote("files").parse().unwrap()).user(&eve.name, &eve.password)).await;
    let share = share.unwrap();
    println!("{:?}", share.session());
    share
}

async fn ours(samba: &Samba, mib: u64) {
    let share = open_share(samba).await;
    let file: Arc<dyn File> =
        share.open(&path("big"), how(Disposition::CreateOrTruncate)).await.unwrap().file;
    let data = Bytes::from((0..MIB).map(|i| (i * 7) as u8).collect::<Vec<_>>());
    for round in 0..2 {
        let start = Instant::now();
        let writes = stream::iter(0..mib).map(|i| {
            let (file, data) = (file.clone(), data.clone());
            tokio::spawn(async move { file.write(i * MIB, data).await.unwrap() })
        });
        writes.buffer_unordered(DEPTH).for_each(|done| async { done.unwrap() }).await;
        file.flush().await.unwrap();
        rate(&format!("cleardown write {round}"), mib, start);
        let start = Instant::now();
        let reads = stream::iter(0..mib).map(|i| {
            let file = file.clone();
            tokio::spawn(async move {
                assert_eq!(file.read(i * MIB, MIB as u32).await.unwrap().len() as u64, MIB)
            })
        });
        reads.buffer_unordered(DEPTH).for_each(|done| async { done.unwrap() }).await;
        rate(&format!("cleardown read {round}"), mib, start);
    }
}

async fn crate_client(samba: &Samba, mib: u64) {
    let eve = User::eve();
    let address = format!("127.0.0.1:{}", samba.port());
    let Ok(mut client) = smb2::connect(&address, &eve.name, &eve.password).await else {
        return println!("the smb2 crate's client could not connect");
    };
    let mut tree = client.connect_share("files").await.unwrap();
    let data = vec![7; (mib * MIB) as usize];
    let start = Instant::now();
    client.write_file_pipelined(&tree, "big2", &data).await.unwrap();
    rate("smb2 write", mib, start);
    let start = Instant::now();
    let back = client.read_file_pipelined(&mut tree, "big2").await.unwrap();
    assert_eq!(back.len(), data.len());
    rate("smb2 read", mib, start);
}

fn smbclient(samba: &Samba, mib: u64) {
    let source = samba.path("files").join("source");
    std::fs::write(&source, vec![7; (mib * MIB) as usize]).unwrap();
    let start = Instant::now();
    samba.smbclient("files", &User::eve(), &format!("put {} big3", source.display())).unwrap();
    rate("smbclient write", mib, start);
    let start = Instant::now();
    samba.smbclient("files", &User::eve(), "get big3 /dev/null").unwrap();
    rate("smbclient read", mib, start);
}

async fn small(samba: &Samba) {
    let share = &open_share(samba).await;
    let data = Bytes::from(vec![1; 4096]);
    let create = |i: u64| {
        let data = data.clone();
        async move {
            let opened = share.open(&path(&format!("small {i}")), how(Disposition::CreateNew)).await.unwrap();
            opened.file.write(0, data).await.unwrap();
            opened.file.close().await.unwrap();
        }
    };
    ops("create 4 KiB", 2000, 1, create).await;
    ops("stat", 5000, 1, |i| async move {
        share.stat(&path(&format!("small {}", i % 2000))).await.unwrap();
    })
    .await;
    let file = &share.open(&path("big"), how(Disposition::Open)).await.unwrap().file;
    let read = |i: u64| async move {
        file.read((i * 7919 % 100_000) * 4096, 4096).await.unwrap();
    };
    ops("random 4 KiB read, depth 1", 20_000, 1, read).await;
    ops("random 4 KiB read, depth 16", 50_000, 16, read).await;
    ops("stat, depth 16", 10_000, 16, |i| async move {
        share.stat(&path(&format!("small {}", i % 2000))).await.unwrap();
    })
    .await;
    ops("list 2,000", 20, 1, |_| async move {
        let count = share.entries(&SharePath::root()).await.unwrap().len();
        assert!(count >= 2000);
    })
    .await;
    ops("remove", 2000, 1, |i| async move {
        share.remove_file(&path(&format!("small {i}"))).await.unwrap();
    })
    .await;
}
