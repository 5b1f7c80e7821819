//! The limit: a file system that keeps nothing of large files, and answers everything at once.

use std::io::{self, Read};
use std::sync::Arc;

use cleardown_fuse::Config;
use cleardown_testkit::fuse::{Memory, Mounted};

/// Mounts it, says where on standard output, and serves until standard input ends.
pub(crate) fn serve(threads: usize) -> io::Result<()> {
    let mut mounted = Mounted::new();
    let session = mounted.serve(Arc::new(Memory::null()), Config { threads, ..Config::default() });
    println!("{}", mounted.path().display());
    io::stdin().read_to_end(&mut Vec::new())?;
    drop(session);
    Ok(())
}
