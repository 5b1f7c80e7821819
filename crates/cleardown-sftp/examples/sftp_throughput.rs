//! Measures one session: sequential write and read of a file, with requests of 1 MiB, several in flight.
//!
//! `throughput sftp://user@host:port/folder KEY KNOWN_HOSTS [MIB]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring tool")]

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cleardown_sftp::{Config, connect};
use cleardown_share::{Access, Disposition, File, OpenHow, Share, SharePath};
use futures_util::StreamExt;

const MIB: u64 = 1 << 20;
const IN_FLIGHT: usize = 8;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let remote: cleardown_core::name::Remote = arguments[0].parse().unwrap();
    let size: u64 = arguments.get(3).map_or(1024, |mib| mib.parse().unwrap());
    let user = remote.user.clone().unwrap_or_else(|| "root".into());
    let config = Config {
        identities: vec![arguments[1].clone().into()],
        known_hosts: vec![arguments[2].clone().into()],
        agent: None,
        ..Config::new(remote, user)
    };
    let share = connect(config).await.unwrap();
    println!("{:?}, {} bytes per request", share.session(), share.transfer_size());
    let path = SharePath::parse(b"throughput.tmp").unwrap();
    let access = Access::READ | Access::WRITE;
    let how = OpenHow { access, disposition: Disposition::CreateOrTruncate, mode: 0o644, lease: false };
    let file = share.open(&path, how).await.unwrap().file;

    let started = Instant::now();
    let data = Bytes::from(vec![0x5a; MIB as usize]);
    each(size, |at| write(file.clone(), at, data.clone())).await;
    file.flush().await.unwrap();
    report("write", size, started);

    let started = Instant::now();
    each(size, |at| read(file.clone(), at)).await;
    report("read", size, started);

    file.close().await.unwrap();
    share.remove_file(&path).await.unwrap();
    share.close().await.unwrap();
}

async fn each<W: Future<Output = ()>>(size: u64, work: impl Fn(u64) -> W) {
    futures_util::stream::iter(0..size)
        .map(|at| work(at * MIB))
        .buffer_unordered(IN_FLIGHT)
        .collect::<()>()
        .await;
}

async fn write(file: Arc<dyn File>, at: u64, data: Bytes) {
    file.write(at, data).await.unwrap();
}

async fn read(file: Arc<dyn File>, at: u64) {
    assert_eq!(file.read(at, MIB as u32).await.unwrap().len() as u64, MIB);
}

fn report(what: &str, mib: u64, started: Instant) {
    println!("{what}: {:.0} MiB/s", mib as f64 / started.elapsed().as_secs_f64());
}
