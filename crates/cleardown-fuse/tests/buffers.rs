//! A pool of the file system's own: where payloads lie, and when their memory may go.

#![allow(clippy::unwrap_used)] // Helpers outside of #[test] functions too.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cleardown_fuse::{
    Buffer, BufferPool, Config, Filesystem, InitFlags, Op, PAYLOAD_OFFSET, Request, Session,
};
use cleardown_testkit::fuse::{Memory, Mounted};

/// Counts its buffers, and remembers where they are.
#[derive(Default)]
struct Counting {
    places: Mutex<Vec<Range<usize>>>,
    alive: Arc<AtomicUsize>,
    quiet: AtomicUsize,
}

struct Counted(Vec<u8>, Arc<AtomicUsize>);

impl BufferPool for Counting {
    fn take(&self, size: usize) -> Box<dyn Buffer> {
        let memory = vec![0; size];
        let start = memory.as_ptr() as usize;
        self.places.lock().unwrap().push(start..start + size);
        self.alive.fetch_add(1, SeqCst);
        Box::new(Counted(memory, self.alive.clone()))
    }
    fn quiet(&self) {
        self.quiet.fetch_add(1, SeqCst);
    }
}
impl Buffer for Counted {
    fn memory(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn freeze(self: Box<Self>, part: Range<usize>) -> Bytes {
        Bytes::from_owner(*self).slice(part)
    }
}
impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, SeqCst);
    }
}

/// Keeps the payloads of writes; the rest is for [`Memory`].
struct Keeping {
    memory: Memory,
    payloads: Mutex<Vec<Bytes>>,
}
impl Filesystem for Keeping {
    fn handle(&self, request: Request) {
        if let Op::Write { data, .. } = &request.op {
            self.payloads.lock().unwrap().push(data.clone());
        }
        self.memory.handle(request);
    }
}

fn serve(mount: &mut Mounted) -> (Arc<Counting>, Arc<Keeping>, Session) {
    let pool = Arc::new(Counting::default());
    let keeping = Arc::new(Keeping { memory: Memory::new(), payloads: Mutex::default() });
    let config = Config { buffers: Some(pool.clone()), threads: 2, ..Config::default() };
    let session = mount.serve(keeping.clone(), config);
    assert!(session.negotiated().flags().contains(InitFlags::MAX_PAGES));
    (pool, keeping, session)
}

#[test]
fn a_large_payload_stays_in_the_buffer_that_the_kernel_filled() {
    let mut mount = Mounted::new();
    let (pool, keeping, session) = serve(&mut mount);
    std::fs::write(mount.join("large"), vec![9; 3 << 20]).unwrap();
    std::fs::write(mount.join("small"), b"few").unwrap();
    let payloads = std::mem::take(&mut *keeping.payloads.lock().unwrap());
    assert_eq!(payloads.iter().map(Bytes::len).collect::<Vec<_>>(), [1 << 20, 1 << 20, 1 << 20, 3]);
    let places = pool.places.lock().unwrap().clone();
    let inside =
        |data: &Bytes| places.iter().any(|place| data.as_ptr() as usize == place.start + PAYLOAD_OFFSET);
    assert!(payloads[..3].iter().all(inside));
    assert!(!inside(&payloads[3]), "a small payload does not pin a large buffer");
    assert!(pool.alive.load(SeqCst) >= 3);
    drop(payloads);
    session.shutdown();
    assert_eq!(pool.alive.load(SeqCst), 0);
}

#[test]
fn when_writes_cease_every_reader_gives_its_buffer_back_once() {
    let mut mount = Mounted::new();
    let (pool, _, _session) = serve(&mut mount);
    std::fs::write(mount.join("large"), vec![9; 1 << 20]).unwrap();
    let start = Instant::now();
    while pool.quiet.load(SeqCst) < 2 {
        assert!(start.elapsed() < Duration::from_secs(20));
        // A signal can come just before the thread blocks; the next request does it then.
        let _ = std::fs::metadata(mount.join("none"));
        std::thread::sleep(Duration::from_millis(20));
    }
}
