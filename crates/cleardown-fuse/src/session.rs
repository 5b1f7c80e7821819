//! A session: the threads that read requests, and what they share.
//!
//! All threads block in read(2) on the one descriptor: the kernel wakes one of them per request. The descriptor
//! is deliberately not cloned per thread (`FUSE_DEV_IOC_CLONE`): a clone keeps its own list of requests handed
//! out, and when the process dies and the clone is closed, the kernel fails those with `ECONNABORTED` instead
//! of keeping them for the next worker. What is read from the one description that the daemon also holds stays
//! alive, and can be asked for again.
//!
//! Why threads and not tokio's `AsyncFd`: measured on a null file system on two cores (medians of four rounds,
//! in turns, on a busy machine), a lookup answered at once took 14.5 µs with one blocking thread, 24.5 with two and
//! 46.8 with four, against 19.8 µs with one task on a non-blocking descriptor and 28.7 with two; streams of 1 MiB
//! (1.1 to 1.4 GB/s through the page cache, 4 to 6 GB/s with direct I/O) did not tell them apart. The kernel wakes
//! waiting readers in turn, so each further thread is one more cold one. A reader only decodes and hands on, so
//! one is enough on two cores; replies are written by whoever gives them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use tokio::sync::watch;
use zerocopy::IntoBytes;

use crate::channel::Channel;
use crate::counters::Counters;
use crate::init::{self, Config, Negotiated};
use crate::notify::Notifier;
use crate::op::{Filesystem, Header, Op, Request};
use crate::parse::{Body, Incoming, parse};
use crate::pool::{Buffer, BufferPool};
use crate::reply::Reply;
use crate::{abi, wake};

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The kernel let go of the mount: it was unmounted, or aborted.
    Detached,
    /// [`Session::shutdown`] was called; the mount goes on, and requests wait for the next worker.
    Stopped,
    /// Reading the device failed with this errno.
    Failed(i32),
}

/// A served mount. Dropping it stops serving, as [`Session::shutdown`] does.
pub struct Session {
    shared: Arc<Shared>,
    negotiated: Negotiated,
}

struct Shared {
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Counts the times of quiet, after each of which the threads give their buffers back once.
    quiet: AtomicU64,
    /// A thread waits for quiet.
    tidying: AtomicBool,
    channel: Arc<Channel>,
    filesystem: Arc<dyn Filesystem>,
    pool: Arc<dyn BufferPool>,
    buffer_size: usize,
    copy_below: usize,
    stopping: AtomicBool,
    running: AtomicUsize,
    /// What the first thread saw that left.
    ending: OnceLock<Ending>,
    ended: watch::Sender<Option<Ending>>,
}

/// How long after the last large write its memory is kept for the next.
const QUIET: Duration = Duration::from_secs(1);

/// How long the kernel may take to send FUSE_INIT: it does so during mount(2).
const INIT_DEADLINE: Duration = Duration::from_secs(10);

impl Session {
    /// Serves a fresh mount: answers FUSE_INIT, then reads requests. `fd` is the descriptor given to mount(2),
    /// or received from fusermount3. Blocks until the kernel has sent FUSE_INIT, which it does on mounting.
    pub fn start<F: Filesystem>(fd: OwnedFd, filesystem: Arc<F>, config: Config) -> io::Result<Session> {
        let negotiated = handshake(fd.as_fd(), &config)?;
        Session::adopt(fd, filesystem, config, negotiated)
    }

    /// Serves a mount on which an earlier session has agreed on `negotiated`. Requests that it took and never
    /// answered come again after [`Notifier::resend`].
    pub fn adopt<F: Filesystem>(
        fd: OwnedFd,
        filesystem: Arc<F>,
        config: Config,
        negotiated: Negotiated,
    ) -> io::Result<Session> {
        wake::prepare()?;
        let threads = config.threads.clamp(1, 64);
        let shared = Arc::new(Shared {
            channel: Arc::new(Channel { fd, counters: Counters::new() }),
            filesystem,
            pool: config.pool(),
            buffer_size: negotiated.buffer_size(),
            copy_below: config.copy_below,
            stopping: AtomicBool::new(false),
            running: AtomicUsize::new(threads),
            threads: Mutex::default(),
            quiet: AtomicU64::new(0),
            tidying: AtomicBool::new(false),
            ending: OnceLock::new(),
            ended: watch::Sender::new(None),
        });
        let session = Session { shared, negotiated };
        for number in 0..threads {
            let shared = session.shared.clone();
            let thread = std::thread::Builder::new().name(format!("fuse-{number}"));
            match thread.spawn(move || shared.run()) {
                Ok(thread) => session.shared.threads().push(thread),
                Err(error) => {
                    session.shared.running.fetch_sub(threads - number, Ordering::AcqRel);
                    return Err(error);
                }
            }
        }
        Ok(session)
    }

    /// What was agreed on with the kernel.
    pub fn negotiated(&self) -> Negotiated {
        self.negotiated
    }
    /// For telling the kernel things.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(self.shared.channel.clone())
    }
    /// What was received and answered.
    pub fn counters(&self) -> &Counters {
        &self.shared.channel.counters
    }
    /// The device, for handing it to another process.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.channel.fd.as_fd()
    }
    /// How it ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        *self.shared.ended.borrow()
    }
    /// Waits until it ends; may be called by several, and borrows nothing.
    pub fn ended(&self) -> impl Future<Output = Ending> + Send + 'static {
        let mut ended = self.shared.ended.subscribe();
        async move {
            let ending = ended.wait_for(Option::is_some).await.map(|ending| *ending);
            ending.ok().flatten().unwrap_or(Ending::Stopped)
        }
    }

    /// Stops reading requests, and waits for the threads (so call it from none of them: from there it only
    /// begins). Replies still outstanding may be given afterwards.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        let threads = std::mem::take(&mut *self.shared.threads());
        for thread in threads.iter().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // A signal that arrives just before the thread enters read(2) is lost, so it is repeated.
            while !thread.is_finished() {
                wake::thread(thread);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("negotiated", &self.negotiated).finish_non_exhaustive()
    }
}

impl Shared {
    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After large writes: waits until a second has passed without any, then has the memory given back. A
    /// blocked thread holds the buffer that the next request will be read into, so all are woken once.
    fn tidy_when_quiet(self: &Arc<Self>) {
        if self.tidying.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = self.clone();
        let wait = move || {
            let mut seen = u64::MAX;
            while seen != shared.channel.counters.bytes_written() && !shared.stopping.load(Ordering::Acquire)
            {
                seen = shared.channel.counters.bytes_written();
                std::thread::sleep(QUIET);
            }
            shared.tidying.store(false, Ordering::Release);
            shared.quiet.fetch_add(1, Ordering::AcqRel);
            shared.threads().iter().for_each(wake::thread);
        };
        // Without the thread the memory only stays ours for longer.
        if std::thread::Builder::new().name("fuse-tidy".into()).spawn(wait).is_err() {
            self.tidying.store(false, Ordering::Release);
        }
    }

    /// A thread: reads and hands on until the end. The last one out tells.
    fn run(self: &Arc<Self>) {
        let seen = self.serve();
        let ending = *self.ending.get_or_init(|| seen);
        self.stopping.store(true, Ordering::Release);
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            if ending == Ending::Detached {
                self.filesystem.destroyed();
            }
            self.ended.send_replace(Some(ending));
        }
    }

    fn serve(self: &Arc<Self>) -> Ending {
        let (mut spare, mut quiet) = (None, self.quiet.load(Ordering::Acquire));
        loop {
            let now = self.quiet.load(Ordering::Acquire);
            if std::mem::replace(&mut quiet, now) != now {
                drop(spare.take());
                self.pool.quiet();
            }
            let mut buffer = spare.take().unwrap_or_else(|| self.pool.take(self.buffer_size));
            if self.stopping.load(Ordering::Acquire) {
                return Ending::Stopped;
            }
            match rustix::io::read(&self.channel.fd, &mut buffer.memory()[..self.buffer_size]) {
                Ok(length) => spare = self.dispatch(buffer, length),
                // NOENT: the request was interrupted while it was being handed out.
                Err(Errno::INTR | Errno::NOENT) => spare = Some(buffer),
                Err(Errno::AGAIN) => {
                    spare = Some(buffer);
                    // Somebody made the (shared) description non-blocking.
                    let _ = poll(&mut [PollFd::new(&self.channel.fd, PollFlags::IN)], None);
                }
                Err(Errno::NODEV | Errno::CONNABORTED) => return Ending::Detached,
                Err(errno) => {
                    tracing::error!(%errno, "reading the FUSE device failed");
                    return Ending::Failed(errno.raw_os_error());
                }
            }
        }
    }

    /// Hands on one request; returns the buffer unless the request keeps it.
    fn dispatch(self: &Arc<Self>, mut buffer: Box<dyn Buffer>, length: usize) -> Option<Box<dyn Buffer>> {
        let counters = &self.channel.counters;
        let Some(Incoming { header, body }) = parse(&buffer.memory()[..length]) else {
            counters.malform();
            return Some(buffer);
        };
        counters.receive(header.opcode);
        let op = match body {
            Body::Op(op) => op,
            Body::Write(mut op, payload) => {
                counters.write(payload.len());
                let Op::Write { data, .. } = &mut op else { return Some(buffer) };
                if payload.len() >= self.copy_below {
                    *data = buffer.freeze(payload);
                    self.tidy_when_quiet();
                    self.hand_on(&header, op);
                    return None;
                }
                *data = bytes::Bytes::copy_from_slice(&buffer.memory()[payload]);
                op
            }
            Body::Destroy => {
                Reply::new(self.channel.clone(), header.unique).ok();
                return Some(buffer);
            }
            Body::Init(_) | Body::Unknown => {
                Reply::new(self.channel.clone(), header.unique).error(libc::ENOSYS);
                return Some(buffer);
            }
            Body::Malformed => {
                counters.malform();
                tracing::error!(opcode = header.opcode, length, "a request of the kernel makes no sense");
                Reply::new(self.channel.clone(), header.unique).error(libc::EIO);
                return Some(buffer);
            }
        };
        self.hand_on(&header, op);
        Some(buffer)
    }

    fn hand_on(&self, header: &abi::InHeader, op: Op) {
        let mut reply = match op {
            Op::Forget(_) | Op::Interrupt { .. } => Reply::none(self.channel.clone(), header.unique),
            _ => Reply::new(self.channel.clone(), header.unique),
        };
        reply.wide = header.opcode == abi::opcode::COPY_FILE_RANGE_64;
        self.filesystem.handle(Request {
            header: Header {
                unique: header.unique & !abi::UNIQUE_RESEND,
                nodeid: header.nodeid,
                uid: header.uid,
                gid: header.gid,
                pid: header.pid,
            },
            resent: header.unique & abi::UNIQUE_RESEND != 0,
            op,
            reply,
        });
    }
}

/// Reads FUSE_INIT and answers it.
fn handshake(fd: BorrowedFd<'_>, config: &Config) -> io::Result<Negotiated> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    // At least FUSE_MIN_READ_BUFFER; before FUSE_INIT is answered the kernel sends nothing longer.
    let mut buffer = vec![0; 132 << 10];
    loop {
        let deadline = Timespec::try_from(INIT_DEADLINE).map_err(io::Error::other)?;
        if poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&deadline))? == 0 {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel sent no FUSE_INIT"));
        }
        let length = match rustix::io::read(fd, &mut *buffer) {
            Ok(length) => length,
            Err(Errno::INTR | Errno::NOENT | Errno::AGAIN) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let incoming =
            parse(&buffer[..length]).ok_or_else(|| bad("the kernel's first request makes no sense"))?;
        let Body::Init(offer) = incoming.body else {
            return Err(bad(
                "the kernel's first request is not FUSE_INIT: was the descriptor served before?",
            ));
        };
        let agreed = init::negotiate(offer, config)?;
        let out = agreed.map_or_else(init::step_down, |agreed| init::answer(&agreed, config.time_gran));
        let length = (size_of::<abi::OutHeader>() + size_of::<abi::InitOut>()) as u32;
        let header = abi::OutHeader { len: length, error: 0, unique: incoming.header.unique };
        rustix::io::write(fd, &[header.as_bytes(), out.as_bytes()].concat())?;
        if let Some(agreed) = agreed {
            return Ok(agreed);
        }
    }
}
