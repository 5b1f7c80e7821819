//! The bytes: headers, request bodies and replies that the engine builds and reads itself (MS-SMB2 2.2, MS-FSCC 2).
//! What is said once per session (NEGOTIATE, SESSION_SETUP, referrals) uses the codecs of the `smb2` crate.

pub(crate) mod create;
pub(crate) mod directory;
pub(crate) mod frame;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
pub(crate) mod info;
pub(crate) mod ioctl;
pub(crate) mod request;
pub(crate) mod srvsvc;

use cleardown_share::ShareError;

/// Size of the SMB2 header; offsets in bodies count from its start.
pub(crate) const HEADER: usize = 64;

/// SMB2 commands (MS-SMB2 2.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Command {
    Negotiate = 0,
    SessionSetup = 1,
    Logoff = 2,
    TreeConnect = 3,
    TreeDisconnect = 4,
    Create = 5,
    Close = 6,
    Flush = 7,
    Read = 8,
    Write = 9,
    Lock = 10,
    Ioctl = 11,
    Cancel = 12,
    Echo = 13,
    QueryDirectory = 14,
    ChangeNotify = 15,
    QueryInfo = 16,
    SetInfo = 17,
    OplockBreak = 18,
}

/// A server's name for an open file: the persistent and the volatile half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileId(pub(crate) [u8; 16]);

impl FileId {
    /// In a related compound: the file that the previous part opened.
    pub(crate) const RELATED: FileId = FileId([0xFF; 16]);
}

/// A reply that does not hold what its command demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<Malformed> for ShareError {
    fn from(_: Malformed) -> Self {
        ShareError::server(libc::EIO, "the server's answer makes no sense")
    }
}

/// Checked reads out of hostile bytes.
pub(crate) trait Bits {
    fn part(&self, at: usize, len: usize) -> Result<&[u8], Malformed>;

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Malformed> {
        self.part(at, N)?.try_into().map_err(|_| Malformed)
    }
    fn u8(&self, at: usize) -> Result<u8, Malformed> {
        Ok(u8::from_le_bytes(self.array(at)?))
    }
    fn u16(&self, at: usize) -> Result<u16, Malformed> {
        Ok(u16::from_le_bytes(self.array(at)?))
    }
    fn u32(&self, at: usize) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }
    fn u64(&self, at: usize) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array(at)?))
    }
    fn i64(&self, at: usize) -> Result<i64, Malformed> {
        Ok(i64::from_le_bytes(self.array(at)?))
    }
    /// UTF-16LE code units.
    fn utf16(&self, at: usize, bytes: usize) -> Result<Vec<u16>, Malformed> {
        let (pairs, rest) = self.part(at, bytes)?.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Malformed);
        }
        Ok(pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect())
    }
}

impl Bits for [u8] {
    fn part(&self, at: usize, len: usize) -> Result<&[u8], Malformed> {
        self.get(at..at.checked_add(len).ok_or(Malformed)?).ok_or(Malformed)
    }
}

/// Appends UTF-16LE code units.
pub(crate) fn put_utf16(into: &mut Vec<u8>, units: &[u16]) {
    into.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
}
