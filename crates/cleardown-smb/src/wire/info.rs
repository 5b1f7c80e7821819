//! QUERY_INFO and SET_INFO, and the information classes of MS-FSCC 2.4 and 2.5.

use bytes::BufMut;

use cleardown_share::{Attr, FileKind, StatFs, Time};

use super::create::Created;
use super::{Bits, FileId, HEADER, Malformed, put_utf16};

/// File information classes.
pub(crate) mod class {
    pub(crate) const BASIC: u8 = 4;
    pub(crate) const RENAME: u8 = 10;
    pub(crate) const LINK: u8 = 11;
    pub(crate) const DISPOSITION: u8 = 13;
    pub(crate) const ALL: u8 = 18;
    pub(crate) const ALLOCATION: u8 = 19;
    pub(crate) const END_OF_FILE: u8 = 20;
    /// File system classes.
    pub(crate) const FS_ATTRIBUTE: u8 = 5;
    pub(crate) const FS_FULL_SIZE: u8 = 7;
}

pub(crate) mod attribute {
    pub(crate) const READ_ONLY: u32 = 1;
    pub(crate) const HIDDEN: u32 = 2;
    pub(crate) const SYSTEM: u32 = 4;
    pub(crate) const DIRECTORY: u32 = 0x10;
    pub(crate) const NORMAL: u32 = 0x80;
    pub(crate) const REPARSE_POINT: u32 = 0x400;
    /// What a client may set.
    pub(crate) const SETTABLE: u32 = 0x1 | 0x2 | 0x4 | 0x20 | 0x100 | 0x1000 | 0x2000;
}

const INFO_FILE: u8 = 1;
const INFO_FILESYSTEM: u8 = 2;

/// Reparse tags that are symbolic links (MS-FSCC 2.1.2.1).
pub(crate) const TAG_SYMLINK: u32 = 0xA000_000C;
pub(crate) const TAG_LX_SYMLINK: u32 = 0xA000_001D;
/// WSL's tags for special files.
const TAG_SOCKET: u32 = 0x8000_0023;
const TAG_FIFO: u32 = 0x8000_0024;
const TAG_CHAR: u32 = 0x8000_0025;
const TAG_BLOCK: u32 = 0x8000_0026;

fn query(body: &mut Vec<u8>, kind: u8, class: u8, file: FileId, room: u32) {
    body.put_u16_le(41);
    body.put_u8(kind);
    body.put_u8(class);
    body.put_u32_le(room);
    body.put_bytes(0, 16); // no input, no additional information, no flags
    body.put_slice(&file.0);
    body.put_u8(0);
}

/// QUERY_INFO of a file.
pub(crate) fn query_file(body: &mut Vec<u8>, class: u8, file: FileId, room: u32) {
    query(body, INFO_FILE, class, file, room);
}

/// QUERY_INFO of the file system.
pub(crate) fn query_fs(body: &mut Vec<u8>, class: u8, file: FileId, room: u32) {
    query(body, INFO_FILESYSTEM, class, file, room);
}

/// SET_INFO of a file.
pub(crate) fn set_file(body: &mut Vec<u8>, class: u8, file: FileId, data: &[u8]) {
    body.put_u16_le(33);
    body.put_u8(INFO_FILE);
    body.put_u8(class);
    body.put_u32_le(data.len() as u32);
    body.put_u16_le((HEADER + 32) as u16);
    body.put_u16_le(0);
    body.put_u32_le(0);
    body.put_slice(&file.0);
    body.put_slice(data);
}

/// FileBasicInformation to set: times (0: leave), attributes (0: leave).
pub(crate) fn basic(created: i64, accessed: i64, modified: i64, attributes: u32) -> Vec<u8> {
    let mut data = Vec::with_capacity(40);
    for time in [created, accessed, modified, 0] {
        data.put_i64_le(time);
    }
    data.put_u32_le(attributes);
    data.put_u32_le(0);
    data
}

/// FileRenameInformation and FileLinkInformation (and, with flags in place of the boolean, their `Ex` kind).
pub(crate) fn rename(to: &[u16], flags: u32) -> Vec<u8> {
    let mut data = Vec::with_capacity(20 + to.len() * 2);
    data.put_u32_le(flags); // ReplaceIfExists is the low byte, or the flags of the Ex class
    data.put_u32_le(0);
    data.put_u64_le(0); // root directory
    data.put_u32_le((to.len() * 2) as u32);
    put_utf16(&mut data, to);
    data.resize(data.len().max(24), 0);
    data
}

/// 100 ns intervals between 1601 and 1970.
const EPOCH: i64 = 116_444_736_000_000_000;

/// A FILETIME as a time.
pub(crate) fn time(filetime: i64) -> Time {
    Time((i128::from(filetime) - i128::from(EPOCH)) * 100)
}

/// A time as a FILETIME that can be set: never 0, -1 or -2, which mean "leave it".
pub(crate) fn filetime(time: Time) -> i64 {
    let value = time.0.div_euclid(100) + i128::from(EPOCH);
    i64::try_from(value).unwrap_or(i64::MAX).max(1)
}

/// The kind of file that attributes and a reparse tag make. An unknown tag is what its directory bit says.
pub(crate) fn kind(attributes: u32, tag: u32) -> FileKind {
    if attributes & attribute::REPARSE_POINT != 0 {
        match tag {
            TAG_SYMLINK | TAG_LX_SYMLINK => return FileKind::Symlink,
            TAG_SOCKET => return FileKind::Socket,
            TAG_FIFO => return FileKind::Fifo,
            TAG_CHAR => return FileKind::CharDevice,
            TAG_BLOCK => return FileKind::BlockDevice,
            _ => {}
        }
    }
    if attributes & attribute::DIRECTORY != 0 { FileKind::Dir } else { FileKind::File }
}

/// The parts that every source of attributes has.
pub(crate) struct Facts {
    /// Creation, access, write, change.
    pub(crate) times: [i64; 4],
    pub(crate) allocated: u64,
    pub(crate) size: u64,
    pub(crate) attributes: u32,
    pub(crate) tag: u32,
    pub(crate) id: Option<u64>,
    pub(crate) links: Option<u32>,
}

impl From<Facts> for Attr {
    fn from(facts: Facts) -> Attr {
        let [created, accessed, modified, changed] = facts.times;
        Attr {
            id: facts.id.filter(|id| *id != 0),
            kind: kind(facts.attributes, facts.tag),
            size: facts.size,
            allocated: Some(facts.allocated),
            mode: None,
            read_only: facts.attributes & attribute::READ_ONLY != 0,
            uid: None,
            gid: None,
            links: facts.links,
            accessed: time(accessed),
            modified: time(modified),
            changed: time(changed),
            created: Some(time(created)),
        }
    }
}

impl From<&Created> for Attr {
    fn from(created: &Created) -> Attr {
        Facts {
            times: created.times,
            allocated: created.allocated,
            size: created.size,
            attributes: created.attributes,
            tag: 0,
            id: created.id,
            links: None,
        }
        .into()
    }
}

/// FileAllInformation (MS-FSCC 2.4.2), whose name at the end may be cut off: attributes, and the raw bits.
pub(crate) fn all(data: &[u8]) -> Result<(Attr, u32), Malformed> {
    let attributes = data.u32(32)?;
    let facts = Facts {
        times: [data.i64(0)?, data.i64(8)?, data.i64(16)?, data.i64(24)?],
        attributes,
        allocated: data.u64(40)?,
        size: data.u64(48)?,
        links: Some(data.u32(56)?),
        id: Some(data.u64(64)?),
        // EaSize is where a reparse point's tag would be in directory listings; here it says nothing.
        tag: 0,
    };
    Ok((facts.into(), attributes))
}

/// FileFsFullSizeInformation (MS-FSCC 2.5.4).
pub(crate) fn full_size(data: &[u8]) -> Result<StatFs, Malformed> {
    let (blocks, available, free) = (data.u64(0)?, data.u64(8)?, data.u64(16)?);
    let block_size = data.u32(24)?.checked_mul(data.u32(28)?).filter(|size| *size > 0).ok_or(Malformed)?;
    Ok(StatFs { block_size, blocks, free, available, files: 0, files_free: 0, name_max: 255 })
}
