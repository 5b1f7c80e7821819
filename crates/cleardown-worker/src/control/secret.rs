//! Secrets travel in descriptors, never in messages.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use zeroize::Zeroizing;

/// The longest secret, in bytes.
pub const MAX_SECRET: usize = 64 << 10;

/// A descriptor from which [`read_secret`] reads this secret.
///
/// # Errors
/// What memfd_create(2) and write(2) answer.
pub fn secret_descriptor(secret: &[u8]) -> io::Result<OwnedFd> {
    let memory = memfd_create("cleardown-secret", MemfdFlags::CLOEXEC)?;
    let mut done = 0;
    while done < secret.len() {
        done += rustix::io::pwrite(&memory, &secret[done..], done as u64)?;
    }
    Ok(memory)
}

/// Reads a secret from a memfd or file (from its start) or from a pipe (up to its end). It may block for as
/// long as `patience`.
///
/// # Errors
/// `TimedOut` when a pipe does not end; `InvalidData` above [`MAX_SECRET`].
pub fn read_secret(from: impl AsFd, patience: Duration) -> io::Result<Zeroizing<Vec<u8>>> {
    let from = from.as_fd();
    let until = Instant::now() + patience;
    // All of the room at once: a vector that grows leaves copies behind.
    let mut secret = Zeroizing::new(vec![0; MAX_SECRET + 1]);
    let mut done = 0;
    let mut seekable = true;
    while done < secret.len() {
        let n = if seekable {
            match rustix::io::pread(from, &mut secret[done..], done as u64) {
                Err(rustix::io::Errno::SPIPE) => {
                    seekable = false;
                    continue;
                }
                other => other?,
            }
        } else {
            let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok();
            if poll(&mut [PollFd::new(&from, PollFlags::IN)], left.as_ref())? == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            rustix::io::read(from, &mut secret[done..])?
        };
        if n == 0 {
            secret.truncate(done);
            return Ok(secret);
        }
        done += n;
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the secret is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memfd_can_be_read_twice() {
        let fd = secret_descriptor(b"tiger").unwrap();
        for _ in 0..2 {
            assert_eq!(&read_secret(&fd, Duration::ZERO).unwrap()[..], b"tiger");
        }
    }

    #[test]
    fn a_pipe_is_read_to_its_end_and_not_for_ever() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&writer, b"tiger").unwrap();
        let error = read_secret(&reader, Duration::from_millis(10)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        rustix::io::write(&writer, b"lion").unwrap();
        drop(writer);
        assert_eq!(&read_secret(&reader, Duration::from_secs(5)).unwrap()[..], b"lion");
    }

    #[test]
    fn an_endless_secret_is_refused() {
        let fd = secret_descriptor(&vec![b'x'; MAX_SECRET + 1]).unwrap();
        assert_eq!(read_secret(&fd, Duration::ZERO).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
