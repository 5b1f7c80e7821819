//! A password on its way: it travels as a descriptor, never inside a message.

use std::fmt;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use cleardown_core::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use zeroize::Zeroizing;

/// A password. It is wiped when dropped, never shown, and travels as a descriptor.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The longest password, in bytes. It fits a pipe, so that sending never blocks.
    pub const MAX: usize = 4096;
    /// How long the sender may take to write it.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Takes a password.
    pub fn new(text: String) -> Self {
        Secret(Zeroizing::new(text))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The reading end of a pipe that holds it.
    ///
    /// # Errors
    /// The password is longer than [`Secret::MAX`], or there are no descriptors left.
    pub fn to_pipe(&self) -> Result<OwnedFd> {
        if self.0.len() > Self::MAX {
            return Err(ErrorKind::BadParameter("the password is too long".into()).into());
        }
        let (reader, writer) = std::io::pipe().map_err(|e| Error::os("opening a pipe", &e))?;
        let mut writer = writer;
        writer.write_all(self.0.as_bytes()).map_err(|e| Error::os("writing to a pipe", &e))?;
        Ok(reader.into())
    }

    /// Reads it from a descriptor up to its end, in a blocking way but not for long.
    ///
    /// # Errors
    /// It is too long, not UTF-8, or does not arrive in time.
    pub fn read_from(fd: OwnedFd) -> Result<Secret> {
        let mut file = std::fs::File::from(fd);
        let mut bytes = Zeroizing::new(vec![0u8; Self::MAX + 1]);
        let mut length = 0;
        let end = Instant::now() + Self::PATIENCE;
        loop {
            wait_readable(&file, end)?;
            match file.read(&mut bytes[length..]) {
                Ok(0) => break,
                Ok(n) => length += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::os("reading the password", &e)),
            }
            if length > Self::MAX {
                return Err(ErrorKind::BadParameter("the password is too long".into()).into());
            }
        }
        match std::str::from_utf8(&bytes[..length]) {
            Ok(text) => Ok(Secret::new(text.to_owned())),
            Err(_) => Err(ErrorKind::BadParameter("the password is not UTF-8".into()).into()),
        }
    }
}

fn wait_readable(file: &std::fs::File, end: Instant) -> Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
    match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(ErrorKind::BadParameter("the password did not arrive".into()).into()),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(e) => Err(Error::os("waiting for the password", &e.into())),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_travels_through_a_pipe_and_is_not_shown() {
        let secret = Secret::new("p, \"ä\" $x".into());
        let arrived = Secret::read_from(secret.to_pipe().unwrap()).unwrap();
        assert_eq!(arrived.expose(), "p, \"ä\" $x");
        assert_eq!(format!("{arrived:?}"), "Secret(..)");
    }

    #[test]
    fn too_much_is_refused() {
        assert!(Secret::new("x".repeat(5000)).to_pipe().is_err());
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(&[b'x'; 5000]).unwrap();
        drop(writer);
        assert!(Secret::read_from(reader.into()).is_err());
    }
}
