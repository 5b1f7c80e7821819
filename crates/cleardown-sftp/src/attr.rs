//! Attributes: the protocol's and the share's.

use cleardown_share::{Attr, DirEntry, FileKind, SetAttr, Time};

use crate::wire::{Attrs, Fields, Malformed};

const SECOND: i128 = 1_000_000_000;

/// The kind of file that the mode tells; a regular one when it tells nothing.
pub(crate) fn kind(attrs: &Attrs) -> FileKind {
    match attrs.mode.unwrap_or(0) & libc::S_IFMT {
        libc::S_IFDIR => FileKind::Dir,
        libc::S_IFLNK => FileKind::Symlink,
        libc::S_IFIFO => FileKind::Fifo,
        libc::S_IFSOCK => FileKind::Socket,
        libc::S_IFCHR => FileKind::CharDevice,
        libc::S_IFBLK => FileKind::BlockDevice,
        _ => FileKind::File,
    }
}

/// What a drive is told. The protocol has no change time, so the modification time stands for it.
pub(crate) fn from_wire(attrs: &Attrs) -> Attr {
    let time = |seconds: u32| Time(i128::from(seconds) * SECOND);
    let (accessed, modified) = attrs.times.unwrap_or_default();
    let mode = attrs.mode.map(|mode| mode & 0o7777);
    Attr {
        id: None,
        kind: kind(attrs),
        size: attrs.size.unwrap_or(0),
        allocated: None,
        mode,
        read_only: mode.is_some_and(|mode| mode & 0o222 == 0),
        uid: attrs.ids.map(|(uid, _)| uid),
        gid: attrs.ids.map(|(_, gid)| gid),
        links: None,
        accessed: time(accessed),
        modified: time(modified),
        changed: time(modified),
        created: None,
    }
}

/// True when the protocol can only set a pair of which one half is to stay.
pub(crate) fn needs_current(set: &SetAttr) -> bool {
    set.accessed.is_some() != set.modified.is_some() || set.uid.is_some() != set.gid.is_some()
}

/// What is sent to change attributes; `current` fills in the halves that stay.
pub(crate) fn to_wire(set: &SetAttr, current: Option<&Attr>) -> Attrs {
    let seconds = |time: Time| u32::try_from(time.0.div_euclid(SECOND).max(0)).unwrap_or(u32::MAX);
    let times = (set.accessed.is_some() || set.modified.is_some()).then(|| {
        let accessed = set.accessed.or(current.map(|attr| attr.accessed)).unwrap_or_default();
        let modified = set.modified.or(current.map(|attr| attr.modified)).unwrap_or_default();
        (seconds(accessed), seconds(modified))
    });
    let ids =
        set.uid.or(current.and_then(|attr| attr.uid)).zip(set.gid.or(current.and_then(|attr| attr.gid)));
    Attrs {
        size: set.size,
        ids: ids.filter(|_| set.uid.is_some() || set.gid.is_some()),
        mode: set.mode.map(|mode| mode & 0o7777),
        times,
    }
}

/// The entries of one READDIR answer, without `.` and `..`; names that cannot be a file's are left out.
pub(crate) fn entries(mut fields: Fields) -> Result<Vec<(DirEntry, bool)>, Malformed> {
    let count = fields.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let (name, _long, attrs) = (fields.string()?, fields.string()?, fields.attrs()?);
        let whole = attrs.mode.is_some() && attrs.size.is_some() && attrs.times.is_some();
        if cleardown_share::SharePath::root().join(&name).is_some() {
            entries.push((DirEntry { name: name.to_vec(), attr: from_wire(&attrs) }, whole));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_a_pair_keeps_the_other_half() {
        let current = from_wire(&Attrs { times: Some((10, 20)), ..Attrs::default() });
        let set = SetAttr { modified: Some(Time(30 * SECOND + 5)), ..SetAttr::default() };
        assert!(needs_current(&set));
        assert_eq!(to_wire(&set, Some(&current)), Attrs { times: Some((10, 30)), ..Attrs::default() });
    }

    #[test]
    fn times_before_1970_are_cut() {
        let set = SetAttr { modified: Some(Time(-1)), accessed: Some(Time(i128::MAX)), ..SetAttr::default() };
        assert_eq!(to_wire(&set, None).times, Some((u32::MAX, 0)));
    }

    proptest! {
        #[test]
        fn hostile_listings_do_no_harm(bytes in any::<Vec<u8>>()) {
            let _ = entries(Fields(bytes.into()));
        }
    }
}
