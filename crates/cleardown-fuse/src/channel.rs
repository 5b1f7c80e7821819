//! The descriptor, for those who write to it.

use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use zerocopy::IntoBytes;

use crate::abi;
use crate::counters::Counters;

/// The device and what went through it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) fd: OwnedFd,
    pub(crate) counters: Counters,
}

impl Channel {
    /// Sends an answer (`unique` of the request, `error` a negative errno or 0) or a notification (`unique` 0,
    /// `error` its code), with at most seven pieces of body.
    pub(crate) fn send(&self, unique: u64, error: i32, body: &[IoSlice<'_>]) -> Result<(), Errno> {
        let length = size_of::<abi::OutHeader>() + body.iter().map(|piece| piece.len()).sum::<usize>();
        let header = abi::OutHeader { len: u32::try_from(length).map_err(|_| Errno::TOOBIG)?, error, unique };
        let sent = match body {
            // The usual case needs no list on the heap.
            [] => rustix::io::writev(&self.fd, &[IoSlice::new(header.as_bytes())]),
            [one] => rustix::io::writev(&self.fd, &[IoSlice::new(header.as_bytes()), *one]),
            many => {
                let mut pieces = Vec::with_capacity(many.len() + 1);
                pieces.push(IoSlice::new(header.as_bytes()));
                pieces.extend_from_slice(many);
                rustix::io::writev(&self.fd, &pieces)
            }
        };
        sent.map(drop)
    }
}
