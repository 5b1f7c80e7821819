//! The SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions (its PROTOCOL file):
//! packets as bytes. Both ends use it; everything read is checked, for it comes from strangers.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The longest packet that is taken: OpenSSH's `SFTP_MAX_MSG_LENGTH` with room to spare.
pub(crate) const MAX_PACKET: usize = 512 * 1024;
/// The version spoken.
pub(crate) const VERSION: u32 = 3;

/// Packet types.
pub(crate) mod kind {
    #![allow(missing_docs)]
    pub(crate) const INIT: u8 = 1;
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const SETSTAT: u8 = 9;
    pub(crate) const FSETSTAT: u8 = 10;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const REALPATH: u8 = 16;
    pub(crate) const STAT: u8 = 17;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const READLINK: u8 = 19;
    pub(crate) const SYMLINK: u8 = 20;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAME: u8 = 104;
    pub(crate) const ATTRS: u8 = 105;
    pub(crate) const EXTENDED: u8 = 200;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

/// Flags of an open.
pub(crate) mod flag {
    #![allow(missing_docs)]
    pub(crate) const READ: u32 = 1;
    pub(crate) const WRITE: u32 = 2;
    pub(crate) const APPEND: u32 = 4;
    pub(crate) const CREATE: u32 = 8;
    pub(crate) const TRUNCATE: u32 = 16;
    pub(crate) const EXCLUSIVE: u32 = 32;
}

/// Status codes.
pub(crate) mod status {
    #![allow(missing_docs)]
    pub(crate) const OK: u32 = 0;
    pub(crate) const EOF: u32 = 1;
    pub(crate) const NO_SUCH_FILE: u32 = 2;
    pub(crate) const PERMISSION_DENIED: u32 = 3;
    pub(crate) const FAILURE: u32 = 4;
    pub(crate) const BAD_MESSAGE: u32 = 5;
    pub(crate) const OP_UNSUPPORTED: u32 = 8;
}

/// Names of OpenSSH's extensions.
pub(crate) mod extension {
    #![allow(missing_docs)]
    pub(crate) const POSIX_RENAME: &[u8] = b"posix-rename@openssh.com";
    pub(crate) const FSYNC: &[u8] = b"fsync@openssh.com";
    pub(crate) const STATVFS: &[u8] = b"statvfs@openssh.com";
    pub(crate) const HARD_LINK: &[u8] = b"hardlink@openssh.com";
    pub(crate) const LIMITS: &[u8] = b"limits@openssh.com";
    pub(crate) const LSETSTAT: &[u8] = b"lsetstat@openssh.com";
    pub(crate) const COPY_DATA: &[u8] = b"copy-data";
}

/// A packet that is not what the protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a packet is malformed")]
pub(crate) struct Malformed;

/// Reads fields off the front of a packet.
#[derive(Clone, Debug)]
pub(crate) struct Fields(pub(crate) Bytes);

impl Fields {
    fn need(&self, len: usize) -> Result<(), Malformed> {
        if self.0.len() >= len { Ok(()) } else { Err(Malformed) }
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        self.need(1)?;
        Ok(self.0.get_u8())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.need(4)?;
        Ok(self.0.get_u32())
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.need(8)?;
        Ok(self.0.get_u64())
    }

    pub(crate) fn string(&mut self) -> Result<Bytes, Malformed> {
        let len = self.u32()? as usize;
        self.need(len)?;
        Ok(self.0.split_to(len))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn attrs(&mut self) -> Result<Attrs, Malformed> {
        let flags = self.u32()?;
        let mut attrs = Attrs::default();
        if flags & Attrs::SIZE != 0 {
            attrs.size = Some(self.u64()?);
        }
        if flags & Attrs::IDS != 0 {
            attrs.ids = Some((self.u32()?, self.u32()?));
        }
        if flags & Attrs::MODE != 0 {
            attrs.mode = Some(self.u32()?);
        }
        if flags & Attrs::TIMES != 0 {
            attrs.times = Some((self.u32()?, self.u32()?));
        }
        if flags & Attrs::EXTENDED != 0 {
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Ok(attrs)
    }
}

/// Attributes as they travel; what is absent is not there, or stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attrs {
    pub(crate) size: Option<u64>,
    pub(crate) ids: Option<(u32, u32)>,
    /// With the file type.
    pub(crate) mode: Option<u32>,
    /// Last access and last modification, in whole seconds.
    pub(crate) times: Option<(u32, u32)>,
}

impl Attrs {
    const SIZE: u32 = 1;
    const IDS: u32 = 2;
    const MODE: u32 = 4;
    const TIMES: u32 = 8;
    const EXTENDED: u32 = 1 << 31;
}

/// Builds a packet.
#[derive(Clone, Debug)]
pub(crate) struct Packet(BytesMut);

impl Packet {
    /// A packet of this type; the length is filled in by [`Packet::finish`].
    pub(crate) fn new(kind: u8) -> Self {
        let mut bytes = BytesMut::with_capacity(96);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        Packet(bytes)
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.put_u32(value);
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.put_u64(value);
        self
    }

    pub(crate) fn string(mut self, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.0.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.put_slice(value);
        self
    }

    pub(crate) fn attrs(mut self, attrs: &Attrs) -> Self {
        let flags = (u32::from(attrs.size.is_some()) * Attrs::SIZE)
            | (u32::from(attrs.ids.is_some()) * Attrs::IDS)
            | (u32::from(attrs.mode.is_some()) * Attrs::MODE)
            | (u32::from(attrs.times.is_some()) * Attrs::TIMES);
        self.0.put_u32(flags);
        if let Some(size) = attrs.size {
            self.0.put_u64(size);
        }
        for pair in [attrs.ids, attrs.mode.map(|mode| (mode, 0)), attrs.times].iter().enumerate() {
            if let (at, Some((first, second))) = pair {
                self.0.put_u32(*first);
                if at != 1 {
                    self.0.put_u32(*second);
                }
            }
        }
        self
    }

    /// Puts the request's id in; it comes right after the type.
    pub(crate) fn set_id(&mut self, id: u32) {
        if let Some(place) = self.0.get_mut(5..9) {
            place.copy_from_slice(&id.to_be_bytes());
        }
    }

    /// The packet, when `body` more bytes follow it.
    pub(crate) fn finish(mut self, body: usize) -> Bytes {
        let len = u32::try_from(self.0.len() - 4 + body).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&len.to_be_bytes());
        self.0.freeze()
    }

    /// Overwrites a number that was written as a place-holder.
    pub(crate) fn patch_u32(&mut self, at: usize, value: u32) {
        if let Some(place) = self.0.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }
}

/// A request: room for the id, which the multiplexer fills in.
pub(crate) fn request(kind: u8) -> Packet {
    Packet::new(kind).u32(0)
}

/// A request of an extension.
pub(crate) fn extended(name: &[u8]) -> Packet {
    request(kind::EXTENDED).string(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attrs() -> impl Strategy<Value = Attrs> {
        (any::<Option<u64>>(), any::<Option<(u32, u32)>>(), any::<Option<u32>>(), any::<Option<(u32, u32)>>())
            .prop_map(|(size, ids, mode, times)| Attrs { size, ids, mode, times })
    }

    proptest! {
        #[test]
        fn fields_come_back_as_they_went(a in any::<u32>(), b in any::<u64>(), s in any::<Vec<u8>>(), attrs in attrs()) {
            let bytes = request(kind::OPEN).u32(a).u64(b).string(&s).attrs(&attrs).finish(0);
            let mut fields = Fields(bytes);
            prop_assert_eq!(fields.u32().unwrap() as usize, fields.0.len());
            prop_assert_eq!(fields.byte().unwrap(), kind::OPEN);
            prop_assert_eq!(fields.u32().unwrap(), 0);
            prop_assert_eq!(fields.u32().unwrap(), a);
            prop_assert_eq!(fields.u64().unwrap(), b);
            prop_assert_eq!(&fields.string().unwrap()[..], &s[..]);
            prop_assert_eq!(fields.attrs().unwrap(), attrs);
            prop_assert!(fields.is_empty());
        }

        #[test]
        fn hostile_attributes_do_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = Fields(bytes.clone().into()).attrs();
            let _ = Fields(bytes.into()).string();
        }
    }
}
