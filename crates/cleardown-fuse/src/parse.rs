//! Bytes from the device, decoded. Nothing here trusts a length.

use std::ops::Range;

use bytes::Bytes;
use zerocopy::{FromBytes, Immutable, KnownLayout};

use crate::abi::{self, opcode};
use crate::init::Offer;
use crate::op::{Lock, LockType, Op, SetTime, SetattrIn};
use crate::types::Time;

/// A request, decoded.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) header: abi::InHeader,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// For the file system.
    Op(Op),
    /// A write, without its payload, which lies in this part of the request.
    Write(Op, Range<usize>),
    /// FUSE_INIT.
    Init(Offer),
    /// FUSE_DESTROY: the mount goes.
    Destroy,
    /// An operation that nobody here knows.
    Unknown,
    /// Shorter than it must be, or with numbers that contradict each other.
    Malformed,
}

/// Decodes a request; none if not even its header is whole.
pub(crate) fn parse(request: &[u8]) -> Option<Incoming> {
    let (header, rest) = abi::InHeader::read_from_prefix(request).ok()?;
    if header.len as usize != request.len() {
        return Some(Incoming { header, body: Body::Malformed });
    }
    // Extensions (security contexts, groups) are at the end; they are never asked for, and not looked at.
    let extensions = usize::from(header.total_extlen) * 8;
    let body = match rest.len().checked_sub(extensions) {
        Some(length) => {
            let mut input = Input(&rest[..length]);
            body(&header, &mut input).unwrap_or(Body::Malformed)
        }
        None => Body::Malformed,
    };
    Some(Incoming { header, body })
}

/// What is left of a request.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn get<T: FromBytes + KnownLayout + Immutable>(&mut self) -> Option<T> {
        let (value, rest) = T::read_from_prefix(self.0).ok()?;
        self.0 = rest;
        Some(value)
    }
    /// A text up to its NUL.
    fn text(&mut self) -> Option<Bytes> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let (text, rest) = (&self.0[..end], &self.0[end + 1..]);
        self.0 = rest;
        Some(Bytes::copy_from_slice(text))
    }
    /// A name: neither empty nor with a slash.
    fn name(&mut self) -> Option<Bytes> {
        self.text().filter(|name| !name.is_empty() && !name.contains(&b'/'))
    }
}

fn body(header: &abi::InHeader, input: &mut Input<'_>) -> Option<Body> {
    use opcode as o;
    let code = header.opcode;
    let op = match code {
        o::INIT => return init(input),
        o::DESTROY => return Some(Body::Destroy),
        o::WRITE => return write(input),
        o::LOOKUP => Op::Lookup { name: input.name()? },
        o::FORGET => Op::Forget(vec![(header.nodeid, input.get::<abi::ForgetIn>()?.nlookup)]),
        o::BATCH_FORGET => forgets(input)?,
        o::GETATTR => {
            let get: abi::GetattrIn = input.get()?;
            Op::Getattr { fh: (get.flags & abi::GETATTR_FH != 0).then_some(get.fh) }
        }
        o::SETATTR => Op::Setattr(setattr(&input.get()?)),
        o::STATX => {
            let get: abi::StatxIn = input.get()?;
            let fh = (get.getattr_flags & abi::GETATTR_FH != 0).then_some(get.fh);
            Op::Statx { fh, flags: get.sx_flags, mask: get.sx_mask }
        }
        o::READLINK => Op::Readlink,
        o::STATFS => Op::Statfs,
        o::SYNCFS => Op::Syncfs,
        o::ACCESS => Op::Access { mask: input.get::<abi::AccessIn>()?.mask },
        o::INTERRUPT => {
            Op::Interrupt { unique: input.get::<abi::InterruptIn>()?.unique & !abi::UNIQUE_RESEND }
        }
        o::SYMLINK..=o::RENAME | o::RENAME2 | o::LINK | o::CREATE | o::TMPFILE => names(code, input)?,
        o::SETXATTR | o::GETXATTR | o::LISTXATTR | o::REMOVEXATTR => xattrs(code, input)?,
        o::GETLK | o::SETLK | o::SETLKW => lock(code, input)?,
        _ => match files(code, input)? {
            Some(op) => op,
            None => return Some(Body::Unknown),
        },
    };
    Some(Body::Op(op))
}

fn init(input: &mut Input<'_>) -> Option<Body> {
    let init: abi::InitIn = input.get()?;
    // Kernels before 5.17 end here.
    let flags2 = input.get::<[u8; 4]>().map_or(0, u32::from_ne_bytes);
    let flags = u64::from(init.flags) | u64::from(flags2) << 32;
    let (major, minor) = (init.major, init.minor);
    Some(Body::Init(Offer { major, minor, flags }))
}

fn write(input: &mut Input<'_>) -> Option<Body> {
    let write: abi::WriteIn = input.get()?;
    if write.size as usize != input.0.len() {
        return None;
    }
    let op = Op::Write {
        fh: write.fh,
        offset: write.offset,
        data: Bytes::new(),
        flags: write.flags as i32,
        lock_owner: (write.write_flags & abi::WRITE_LOCKOWNER != 0).then_some(write.lock_owner),
        cache: write.write_flags & abi::WRITE_CACHE != 0,
        kill_suid: write.write_flags & abi::WRITE_KILL_SUIDGID != 0,
    };
    Some(Body::Write(op, abi::WRITE_PAYLOAD..abi::WRITE_PAYLOAD + input.0.len()))
}

fn forgets(input: &mut Input<'_>) -> Option<Op> {
    let batch: abi::BatchForgetIn = input.get()?;
    if input.0.len() != (batch.count as usize).checked_mul(size_of::<abi::ForgetOne>())? {
        return None;
    }
    let mut all = Vec::with_capacity(batch.count as usize);
    while let Some(one) = input.get::<abi::ForgetOne>() {
        all.push((one.nodeid, one.nlookup));
    }
    Some(Op::Forget(all))
}

fn setattr(set: &abi::SetattrIn) -> SetattrIn {
    let on = |bit: u32| set.valid & bit != 0;
    let time = |bit, now, seconds: u64, nanos| match (on(now), on(bit)) {
        (true, _) => Some(SetTime::Now),
        (false, true) => Some(SetTime::At(Time { seconds: seconds as i64, nanos })),
        (false, false) => None,
    };
    SetattrIn {
        fh: on(abi::FATTR_FH).then_some(set.fh),
        mode: on(abi::FATTR_MODE).then_some(set.mode),
        uid: on(abi::FATTR_UID).then_some(set.uid),
        gid: on(abi::FATTR_GID).then_some(set.gid),
        size: on(abi::FATTR_SIZE).then_some(set.size),
        atime: time(abi::FATTR_ATIME, abi::FATTR_ATIME_NOW, set.atime, set.atimensec),
        mtime: time(abi::FATTR_MTIME, abi::FATTR_MTIME_NOW, set.mtime, set.mtimensec),
        ctime: on(abi::FATTR_CTIME).then_some(Time { seconds: set.ctime as i64, nanos: set.ctimensec }),
        lock_owner: on(abi::FATTR_LOCKOWNER).then_some(set.lock_owner),
        kill_suidgid: on(abi::FATTR_KILL_SUIDGID),
    }
}

/// Operations on names in a folder.
fn names(code: u32, input: &mut Input<'_>) -> Option<Op> {
    use opcode as o;
    Some(match code {
        o::SYMLINK => Op::Symlink { name: input.name()?, target: input.text()? },
        o::MKNOD => {
            let abi::MknodIn { mode, rdev, umask, .. } = input.get()?;
            Op::Mknod { name: input.name()?, mode, rdev, umask }
        }
        o::MKDIR => {
            let abi::MkdirIn { mode, umask } = input.get()?;
            Op::Mkdir { name: input.name()?, mode, umask }
        }
        o::UNLINK => Op::Unlink { name: input.name()? },
        o::RMDIR => Op::Rmdir { name: input.name()? },
        o::RENAME => {
            let abi::RenameIn { newdir } = input.get()?;
            Op::Rename { name: input.name()?, new_parent: newdir, new_name: input.name()?, flags: 0 }
        }
        o::RENAME2 => {
            let abi::Rename2In { newdir, flags, .. } = input.get()?;
            Op::Rename { name: input.name()?, new_parent: newdir, new_name: input.name()?, flags }
        }
        o::LINK => {
            let abi::LinkIn { oldnodeid } = input.get()?;
            Op::Link { old_nodeid: oldnodeid, name: input.name()? }
        }
        o::CREATE => {
            let abi::CreateIn { flags, mode, umask, open_flags } = input.get()?;
            let kill_suidgid = open_flags & abi::OPEN_KILL_SUIDGID != 0;
            Op::Create { name: input.name()?, flags: flags as i32, mode, umask, kill_suidgid }
        }
        o::TMPFILE => {
            let abi::CreateIn { flags, mode, umask, .. } = input.get()?;
            Op::Tmpfile { flags: flags as i32, mode, umask }
        }
        _ => return None,
    })
}

fn xattrs(code: u32, input: &mut Input<'_>) -> Option<Op> {
    Some(match code {
        opcode::SETXATTR => {
            let abi::SetxattrIn { size, flags } = input.get()?;
            let name = input.name()?;
            let value = (input.0.len() == size as usize).then(|| Bytes::copy_from_slice(input.0))?;
            Op::Setxattr { name, value, flags }
        }
        opcode::GETXATTR => {
            let abi::GetxattrIn { size, .. } = input.get()?;
            Op::Getxattr { name: input.name()?, size }
        }
        opcode::LISTXATTR => Op::Listxattr { size: input.get::<abi::GetxattrIn>()?.size },
        opcode::REMOVEXATTR => Op::Removexattr { name: input.name()? },
        _ => return None,
    })
}

fn lock(code: u32, input: &mut Input<'_>) -> Option<Op> {
    let abi::LkIn { fh, owner, start, end, kind, pid, lk_flags, .. } = input.get()?;
    let kind = match kind as i32 {
        libc::F_RDLCK => LockType::Read,
        libc::F_WRLCK => LockType::Write,
        libc::F_UNLCK => LockType::Unlock,
        _ => return None,
    };
    let lock = Lock { start, end, kind, pid };
    let flock = lk_flags & abi::LK_FLOCK != 0;
    Some(match code {
        opcode::GETLK => Op::Getlk { fh, owner, lock },
        _ => Op::Setlk { fh, owner, lock, flock, wait: code == opcode::SETLKW },
    })
}

/// Operations on open files and folders; `Some(None)` for what is not known.
fn files(code: u32, input: &mut Input<'_>) -> Option<Option<Op>> {
    use opcode as o;
    Some(Some(match code {
        o::OPEN => {
            let abi::OpenIn { flags, open_flags } = input.get()?;
            Op::Open { flags: flags as i32, kill_suidgid: open_flags & abi::OPEN_KILL_SUIDGID != 0 }
        }
        o::OPENDIR => Op::Opendir { flags: input.get::<abi::OpenIn>()?.flags as i32 },
        o::READ => {
            let abi::ReadIn { fh, offset, size, read_flags, lock_owner, flags, .. } = input.get()?;
            let lock_owner = (read_flags & abi::READ_LOCKOWNER != 0).then_some(lock_owner);
            Op::Read { fh, offset, size, flags: flags as i32, lock_owner }
        }
        o::READDIR | o::READDIRPLUS => {
            let abi::ReadIn { fh, offset, size, .. } = input.get()?;
            Op::Readdir { fh, offset, size, plus: code == o::READDIRPLUS }
        }
        o::RELEASE => {
            let abi::ReleaseIn { fh, flags, release_flags, lock_owner } = input.get()?;
            let flock_unlock = release_flags & abi::RELEASE_FLOCK_UNLOCK != 0;
            let flush = release_flags & abi::RELEASE_FLUSH != 0;
            // The owner is only filled in for one of the two.
            let lock_owner = (flush || flock_unlock).then_some(lock_owner);
            Op::Release { fh, flags: flags as i32, lock_owner, flush, flock_unlock }
        }
        o::RELEASEDIR => {
            let abi::ReleaseIn { fh, flags, .. } = input.get()?;
            Op::Releasedir { fh, flags: flags as i32 }
        }
        o::FSYNC | o::FSYNCDIR => {
            let abi::FsyncIn { fh, fsync_flags, .. } = input.get()?;
            let datasync = fsync_flags & abi::FSYNC_FDATASYNC != 0;
            if code == o::FSYNC { Op::Fsync { fh, datasync } } else { Op::Fsyncdir { fh, datasync } }
        }
        o::FLUSH => {
            let abi::FlushIn { fh, lock_owner, .. } = input.get()?;
            Op::Flush { fh, lock_owner }
        }
        o::FALLOCATE => {
            let abi::FallocateIn { fh, offset, length, mode, .. } = input.get()?;
            Op::Fallocate { fh, offset, len: length, mode: mode as i32 }
        }
        o::LSEEK => {
            let abi::LseekIn { fh, offset, whence, .. } = input.get()?;
            Op::Lseek { fh, offset, whence: whence as i32 }
        }
        o::COPY_FILE_RANGE | o::COPY_FILE_RANGE_64 => {
            let abi::CopyFileRangeIn { fh_in, off_in, nodeid_out, fh_out, off_out, len, flags } =
                input.get()?;
            Op::CopyFileRange { fh_in, off_in, nodeid_out, fh_out, off_out, len, flags }
        }
        _ => return Some(None),
    }))
}

/// Decodes a request of this operation with this body, for fuzzing.
///
/// # Panics
/// When what is decoded lies outside of the request; that, and any other panic, is a fault.
#[cfg(any(test, fuzzing))]
#[allow(unreachable_pub, reason = "it is exported to fuzzing only")]
pub fn read(operation: u32, body: &[u8]) {
    let mut bytes = vec![0; 40];
    bytes[..4].copy_from_slice(&(40 + body.len() as u32).to_ne_bytes());
    bytes[4..8].copy_from_slice(&operation.to_ne_bytes());
    bytes.extend_from_slice(body);
    match parse(&bytes) {
        Some(Incoming { body: Body::Write(_, payload), .. }) => assert!(bytes.get(payload).is_some()),
        Some(_) => {}
        None => panic!("the header is whole"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    /// A request as the kernel would send it.
    fn request(code: u32, body: &[u8]) -> Vec<u8> {
        let header = abi::InHeader {
            len: (size_of::<abi::InHeader>() + body.len()) as u32,
            opcode: code,
            unique: 2,
            nodeid: 1,
            uid: 0,
            gid: 0,
            pid: 1,
            total_extlen: 0,
            padding: 0,
        };
        [header.as_bytes(), body].concat()
    }
    fn op(code: u32, body: &[u8]) -> Option<Op> {
        match parse(&request(code, body)).unwrap().body {
            Body::Op(op) | Body::Write(op, _) => Some(op),
            _ => None,
        }
    }

    #[test]
    fn names_end_at_their_nul_and_are_checked() {
        assert_eq!(op(opcode::LOOKUP, b"name\0"), Some(Op::Lookup { name: Bytes::from_static(b"name") }));
        for bad in [&b"name"[..], b"\0", b"a/b\0", b""] {
            assert_eq!(op(opcode::LOOKUP, bad), None);
        }
    }

    #[test]
    fn a_batch_of_forgets_has_as_many_as_it_says() {
        let pairs = [1u64, 10, 2, 20];
        let good = [2u32.to_ne_bytes().as_slice(), &[0; 4], pairs.as_bytes()].concat();
        assert_eq!(op(opcode::BATCH_FORGET, &good), Some(Op::Forget(vec![(1, 10), (2, 20)])));
        let lying = [u32::MAX.to_ne_bytes().as_slice(), &[0; 4], pairs.as_bytes()].concat();
        assert_eq!(op(opcode::BATCH_FORGET, &lying), None);
        assert_eq!(op(opcode::FORGET, &7u64.to_ne_bytes()), Some(Op::Forget(vec![(1, 7)])));
    }

    #[test]
    fn the_payload_of_a_write_is_where_the_pool_expects_it() {
        let write = abi::WriteIn {
            fh: 5,
            offset: 6,
            size: 3,
            write_flags: abi::WRITE_CACHE,
            lock_owner: 9,
            flags: 1,
            padding: 0,
        };
        let bytes = request(opcode::WRITE, &[write.as_bytes(), b"abc"].concat());
        let Body::Write(op, payload) = parse(&bytes).unwrap().body else { panic!("not a write") };
        assert_eq!(&bytes[payload.clone()], b"abc");
        assert_eq!(payload.start, crate::PAYLOAD_OFFSET);
        let (lock_owner, data) = (None, Bytes::new());
        assert_eq!(
            op,
            Op::Write { fh: 5, offset: 6, data, flags: 1, lock_owner, cache: true, kill_suid: false }
        );
    }

    #[test]
    fn now_wins_over_a_time_and_what_is_not_valid_is_none() {
        let mut set = abi::SetattrIn::read_from_bytes(&[0xff; 88]).unwrap();
        set.valid = abi::FATTR_ATIME | abi::FATTR_ATIME_NOW | abi::FATTR_MTIME;
        (set.mtime, set.mtimensec) = (-5i64 as u64, 9);
        let mtime = Some(SetTime::At(Time { seconds: -5, nanos: 9 }));
        let expected = SetattrIn { atime: Some(SetTime::Now), mtime, ..SetattrIn::default() };
        assert_eq!(setattr(&set), expected);
    }

    /// What fuzzing has found worth keeping, again in every run: the operation, and the body.
    #[test]
    fn the_corpus_is_read() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/fuse");
        let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty());
        for path in inputs {
            let input = std::fs::read(&path).unwrap();
            if let [operation, body @ ..] = &input[..] {
                read((*operation).into(), body);
            }
        }
    }

    proptest! {
        #[test]
        fn no_request_makes_it_panic(code in 0u32..60, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(code, &body);
        }

        #[test]
        fn nor_do_bytes_at_random(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn extensions_are_cut_off(length in 0u16..40, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut bytes = request(opcode::UNLINK, &body);
            bytes[36..38].copy_from_slice(&length.to_ne_bytes());
            let body = parse(&bytes).unwrap().body;
            if usize::from(length) * 8 > bytes.len() - 40 {
                prop_assert!(matches!(body, Body::Malformed));
            }
        }
    }
}
