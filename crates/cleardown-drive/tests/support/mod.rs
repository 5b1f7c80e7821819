//! A drive on a mount of its own. Needs root and /dev/fuse.
#![allow(dead_code, clippy::unwrap_used)]

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cleardown_drive::{Arena, Drained, Drive, Options, Start};
use cleardown_share::Share;
use cleardown_share::memory::MemoryShare;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A mounted drive.
pub(crate) struct Mount {
    pub drive: Arc<Drive>,
    pub runtime: Runtime,
    point: Point,
}

/// A mount point, and the descriptor that its daemon would keep.
pub(crate) struct Point {
    pub fuse: OwnedFd,
    dir: TempDir,
}

impl Point {
    pub(crate) fn new() -> Point {
        let dir = TempDir::new().unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
        let fuse = rustix::fs::open("/dev/fuse", flags, rustix::fs::Mode::empty()).unwrap();
        let data = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", fuse.as_raw_fd());
        let data = std::ffi::CString::new(data).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("cleardown-test", dir.path(), "fuse.cleardown", flags, Some(data.as_c_str())).unwrap();
        Point { fuse, dir }
    }
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
    pub(crate) fn duplicate(&self) -> OwnedFd {
        self.fuse.try_clone().unwrap()
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        let _ = unmount(self.dir.path(), UnmountFlags::DETACH);
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Mount {
    pub(crate) fn new(share: &Arc<MemoryShare>) -> Mount {
        Mount::with(share.clone(), Options::default())
    }

    pub(crate) fn with(share: Arc<dyn Share>, options: Options) -> Mount {
        Mount::with_arena(share, options, Arena::create().unwrap())
    }

    pub(crate) fn with_arena(share: Arc<dyn Share>, options: Options, arena: Arena) -> Mount {
        Mount::at(runtime(), share, options, arena)
    }

    pub(crate) fn at(runtime: Runtime, share: Arc<dyn Share>, options: Options, arena: Arena) -> Mount {
        let point = Point::new();
        let drive = {
            let _inside = runtime.enter();
            let events = share.events();
            Drive::start(share, events, point.duplicate(), arena, options, Start::Fresh).unwrap()
        };
        Mount { drive, runtime, point }
    }

    pub(crate) fn root(&self) -> &Path {
        self.point.path()
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    pub(crate) fn drain(&self, within: Duration) -> Drained {
        self.runtime.block_on(self.drive.drain(Instant::now() + within, |_| {}))
    }

    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Whatever hangs in a failed test gets its answer.
        self.drive.abort();
    }
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes that look random and are the same every time.
pub(crate) fn pattern(seed: u32, len: usize) -> Vec<u8> {
    let mut x = seed.wrapping_mul(2_654_435_761) | 1;
    (0..len)
        .map(|_| {
            x ^= x << 13;
            x ^= x >> 17;
            x ^= x << 5;
            x as u8
        })
        .collect()
}

pub(crate) fn errno<T: std::fmt::Debug>(result: std::io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// The whole content of a file, as another client of the server sees it.
pub(crate) fn on_server(mount: &Mount, share: &Arc<MemoryShare>, path: &str) -> Vec<u8> {
    use cleardown_share::{Access, Disposition, OpenHow, SharePath};
    let other = share.second_client();
    let path = SharePath::parse(path.as_bytes()).unwrap();
    mount.block_on(async move {
        let how = OpenHow { access: Access::READ, disposition: Disposition::Open, mode: 0, lease: false };
        let opened = other.open(&path, how).await.unwrap();
        opened.file.read(0, opened.attr.size as u32).await.unwrap().to_vec()
    })
}
