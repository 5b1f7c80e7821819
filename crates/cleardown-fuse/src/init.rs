//! FUSE_INIT: what kernel and file system agree on.

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use zerocopy::FromZeros;

use crate::abi;
use crate::pool::{BufferPool, PagePool};
use crate::types::InitFlags;

/// What a session wants.
#[derive(Clone)]
pub struct Config {
    /// Largest write in bytes; bounded by `fs.fuse.max_pages_limit`.
    pub max_write: u32,
    /// Largest read-ahead of the page cache in bytes; the kernel bounds it (128 KiB unless the mount's
    /// `/sys/class/bdi/*/read_ahead_kb` is raised by root).
    pub max_readahead: u32,
    /// Requests in the background (read-ahead, asynchronous direct I/O) at a time.
    pub max_background: u16,
    /// Background requests from which on the kernel holds back.
    pub congestion_threshold: u16,
    /// Granularity of times in nanoseconds.
    pub time_gran: u32,
    /// Threads that read requests: one up to three cores, else two (see `session.rs` for what was measured).
    pub threads: usize,
    /// Wanted flags; those the kernel does not offer are left out.
    pub flags: InitFlags,
    /// Payloads of writes below this size are copied into a buffer of their own size; larger ones are handed
    /// on in the buffer that the kernel filled.
    pub copy_below: usize,
    /// Where requests are read to; `None` for a [`PagePool`].
    pub buffers: Option<Arc<dyn BufferPool>>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            max_write: 1 << 20,
            max_readahead: 16 << 20,
            max_background: 64,
            congestion_threshold: 48,
            time_gran: 1,
            threads: std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).clamp(1, 2)),
            flags: InitFlags::network_drive(),
            copy_below: 16 << 10,
            buffers: None,
        }
    }
}

impl Config {
    pub(crate) fn pool(&self) -> Arc<dyn BufferPool> {
        self.buffers.clone().unwrap_or_else(|| PagePool::new(64 << 20))
    }
}

/// What was agreed on. A worker that adopts the descriptor needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Minor version of the protocol.
    pub minor: u32,
    /// [`InitFlags`] in force.
    pub flags: u64,
    /// Largest write in bytes; a read for requests must offer this and [`crate::PAYLOAD_OFFSET`] more.
    pub max_write: u32,
    /// Largest read-ahead in bytes.
    pub max_readahead: u32,
    /// Requests in the background at a time.
    pub max_background: u16,
    /// Background requests from which on the kernel holds back.
    pub congestion_threshold: u16,
}

impl Negotiated {
    /// The flags in force.
    pub fn flags(&self) -> InitFlags {
        InitFlags::from_bits_truncate(self.flags)
    }

    /// Bytes that a buffer for requests needs.
    pub fn buffer_size(&self) -> usize {
        (self.max_write as usize + crate::PAYLOAD_OFFSET).max(8192)
    }
}

/// What the kernel offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) major: u32,
    pub(crate) minor: u32,
    pub(crate) flags: u64,
}

/// Agrees on an offer; `Ok(None)` when the kernel must first come down to our major version.
pub(crate) fn negotiate(offer: Offer, config: &Config) -> io::Result<Option<Negotiated>> {
    if offer.major > abi::MAJOR {
        return Ok(None);
    }
    if offer.major < abi::MAJOR || offer.minor < abi::OLDEST_MINOR {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("the kernel speaks FUSE {}.{}; 7.31 (Linux 5.4) is needed", offer.major, offer.minor),
        ));
    }
    let flags = (config.flags | InitFlags::INIT_EXT).bits() & offer.flags;
    let paged = flags & InitFlags::MAX_PAGES.bits() != 0;
    let largest = if paged { max_pages_limit() * PAGE } else { 32 * PAGE };
    Ok(Some(Negotiated {
        minor: offer.minor.min(abi::MINOR),
        flags,
        max_write: config.max_write.clamp(PAGE, largest),
        // The kernel takes the lesser of this and what the mount's bdi says by then.
        max_readahead: config.max_readahead,
        max_background: config.max_background,
        congestion_threshold: config.congestion_threshold,
    }))
}

/// The answer that tells the kernel so.
pub(crate) fn answer(agreed: &Negotiated, time_gran: u32) -> abi::InitOut {
    abi::InitOut {
        major: abi::MAJOR,
        minor: agreed.minor,
        max_readahead: agreed.max_readahead,
        flags: agreed.flags as u32,
        max_background: agreed.max_background,
        congestion_threshold: agreed.congestion_threshold,
        max_write: agreed.max_write,
        time_gran,
        max_pages: (agreed.max_write / PAGE).min(u16::MAX.into()) as u16,
        flags2: (agreed.flags >> 32) as u32,
        ..abi::InitOut::new_zeroed()
    }
}

/// The answer to a kernel of a newer major version.
pub(crate) fn step_down() -> abi::InitOut {
    abi::InitOut { major: abi::MAJOR, minor: abi::MINOR, ..abi::InitOut::new_zeroed() }
}

/// The unit of `max_pages`. Kernels with larger pages only get fewer bytes than they could.
const PAGE: u32 = 4096;

/// Pages per request that the kernel allows: `fs.fuse.max_pages_limit` (Linux 6.13), else 256.
fn max_pages_limit() -> u32 {
    std::fs::read_to_string("/proc/sys/fs/fuse/max_pages_limit")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .map_or(256, |pages: u32| pages.clamp(1, 65_535))
}
