//! New keys in the middle of everything: the server asks for them while requests are in flight.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use cleardown_sftp::connect;
use cleardown_share::{Access, Disposition, OpenHow, Share, SharePath};
use cleardown_testkit::sshd::{Sshd, SshdOptions};
use futures_util::{StreamExt, TryStreamExt, stream};

const MIB: usize = 1 << 20;

fn path(text: &str) -> SharePath {
    SharePath::parse(text.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_go_on_while_the_server_asks_for_new_keys() {
    let options = SshdOptions { external: true, rekey: Some("2M"), ..SshdOptions::default() };
    let sshd = Sshd::start(options).unwrap();
    let share = Arc::new(connect(common::config(&sshd)).await.unwrap());
    let mut events = share.events().unwrap();
    let access = Access::READ | Access::WRITE;
    let how = OpenHow { access, disposition: Disposition::CreateNew, mode: 0o644, lease: false };
    let file = share.open(&path("large"), how).await.unwrap().file;
    let data = Bytes::from(vec![7; MIB]);
    let writing = stream::iter(0..16)
        .map(|at| file.write(at * MIB as u64, data.clone()))
        .buffer_unordered(8)
        .try_collect::<()>();
    let creating = stream::iter(0..100)
        .map(async |at: usize| {
            let file = share.open(&path(&format!("small{at}")), how).await?.file;
            file.write(0, data.slice(..4096)).await?;
            file.close().await
        })
        .buffer_unordered(8)
        .try_collect::<()>();
    let (written, created) = tokio::join!(writing, creating);
    written.unwrap();
    created.unwrap();
    let reading = stream::iter(0..16)
        .map(|at| file.read(at * MIB as u64, MIB as u32))
        .buffer_unordered(8)
        .try_collect::<Vec<_>>();
    assert!(reading.await.unwrap().iter().all(|read| *read == data));
    assert!(events.try_recv().is_err(), "the connection lived through all of it");
}
