//! The mount table: `/proc/PID/mountinfo` (proc(5)).

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The file system type of Cleardown's mounts.
pub const FSTYPE: &str = "fuse.cleardown";

/// A device number: what tells one mounted file system from another, in every mount namespace. For FUSE the
/// minor number is also the connection's name in `/sys/fs/fuse/connections`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dev {
    /// The major number; 0 for file systems without a device.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl fmt::Display for Dev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// One line of the mount table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The mount's id: unique in the whole system while the mount exists, also among namespaces; given again
    /// when it is gone.
    pub id: u64,
    /// The id that is never given again (Linux 6.8); known of mounts that we made, not of a table's lines.
    #[serde(default)]
    pub unique: Option<u64>,
    /// The id of the mount that it is mounted on.
    pub parent: u64,
    /// The file system's device number.
    pub dev: Dev,
    /// Which folder of the file system is the mount's root; `/` unless it is a bind mount.
    pub root: PathBuf,
    /// The mount point, as the process that read the table sees it.
    pub at: PathBuf,
    /// Options of this mount (`ro`, `nosuid`, ...).
    pub options: String,
    /// The peer group to which mounts and unmounts propagate (`shared:N`).
    pub shared: Option<u64>,
    /// The peer group from which they come (`master:N`).
    pub master: Option<u64>,
    /// The type, with its subtype.
    pub fstype: String,
    /// The source; Cleardown writes the remote name there.
    pub source: String,
    /// Options of the file system.
    pub super_options: String,
}

impl Mount {
    /// Whether it is one of Cleardown's.
    pub fn is_ours(&self) -> bool {
        self.fstype == FSTYPE
    }

    /// Whether it is one of ours, and for this remote name.
    pub fn is_of(&self, remote: &str) -> bool {
        self.is_ours() && (self.source == remote || self.source == cut(remote))
    }

    /// The line of this very mount in our own mount table, wherever it is mounted now; none when it is gone,
    /// also when the kernel has given its numbers to another one since. (Before Linux 6.8 another mount of the
    /// same source cannot be told from it.)
    pub fn find_in<'t>(&self, table: &'t [Mount]) -> Option<&'t Mount> {
        let alike = |line: &&Mount| {
            (line.id, line.dev, &line.fstype, &line.source) == (self.id, self.dev, &self.fstype, &self.source)
        };
        let found = table.iter().find(alike)?;
        let gone = self.unique.and_then(crate::unique::is_mounted) == Some(false);
        (!gone).then_some(found)
    }
}

/// Reads our own mount table.
///
/// # Errors
/// What reading `/proc` answers.
pub fn read() -> io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read("/proc/self/mountinfo")?))
}

/// Reads the mount table as another process sees it.
///
/// # Errors
/// `PermissionDenied` for processes that we may not look at.
pub fn read_of(pid: u32) -> io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read(format!("/proc/{pid}/mountinfo"))?))
}

/// Cleardown's mounts in our namespace, bind mounts of them included.
///
/// # Errors
/// What reading `/proc` answers.
pub fn ours() -> io::Result<Vec<Mount>> {
    Ok(read()?.into_iter().filter(Mount::is_ours).collect())
}

/// A remote name as a direct mount shows it: the kernel takes up to 255 bytes as a parameter.
pub(crate) fn cut(remote: &str) -> &str {
    &remote[..remote.floor_char_boundary(255)]
}

/// The mount on top at this mount point, for mounts may be stacked.
pub fn topmost<'a>(mounts: &'a [Mount], at: &Path) -> Option<&'a Mount> {
    let here = || mounts.iter().filter(|mount| mount.at == at);
    here().find(|mount| !here().any(|other| other.parent == mount.id)).or_else(|| here().next_back())
}

/// Parses a mount table. Lines that are none are left out.
pub fn parse(table: &[u8]) -> Vec<Mount> {
    table.split(|b| *b == b'\n').filter_map(parse_line).collect()
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|b| *b == b' ');
    let mut text = || fields.next().map(|field| String::from_utf8_lossy(field).into_owned());
    let id = text()?.parse().ok()?;
    let parent = text()?.parse().ok()?;
    let (major, minor) =
        text()?.split_once(':').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)))?;
    let root = unescape(fields.next()?);
    let at = unescape(fields.next()?);
    let options = String::from_utf8_lossy(fields.next()?).into_owned();
    let (mut shared, mut master) = (None, None);
    // Any number of optional fields, up to a lone dash.
    for field in fields.by_ref().take_while(|field| *field != b"-") {
        let field = String::from_utf8_lossy(field);
        match field.split_once(':') {
            Some(("shared", group)) => shared = group.parse().ok(),
            Some(("master", group)) => master = group.parse().ok(),
            _ => {}
        }
    }
    let mut text = || fields.next().map(|field| String::from_utf8_lossy(&unescape_bytes(field)).into_owned());
    let (fstype, source) = (text()?, text()?);
    let super_options = text().unwrap_or_default();
    let dev = Dev { major, minor };
    Some(Mount {
        id,
        unique: None,
        parent,
        dev,
        root,
        at,
        options,
        shared,
        master,
        fstype,
        source,
        super_options,
    })
}

fn unescape(field: &[u8]) -> PathBuf {
    OsString::from_vec(unescape_bytes(field)).into()
}

/// Space, tab, newline, backslash and `#` come as a backslash and three octal digits.
fn unescape_bytes(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        if let (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) = (first, tail) {
            bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Notices every change of our mount table, without a timer.
#[derive(Debug)]
pub struct Watch {
    table: AsyncFd<OwnedFd>,
}

impl Watch {
    /// Begins to watch. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// What opening `/proc/self/mountinfo` answers.
    pub fn new() -> io::Result<Self> {
        let table =
            rustix::fs::open("/proc/self/mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // SAFETY: an `OwnedFd` owns its descriptor and cannot be exchanged or closed while `AsyncFd` owns it.
        Ok(Watch { table: unsafe { AsyncFd::register_with_interest(table, Interest::PRIORITY)? } })
    }

    /// Waits until the table has changed since the last call (or since [`Watch::new`]); read it again then.
    /// Cancel safe.
    ///
    /// # Errors
    /// What epoll(7) answers.
    pub async fn changed(&self) -> io::Result<()> {
        let mut guard = self.table.ready(Interest::PRIORITY).await?;
        guard.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_of_the_table() {
        let line =
            br"36 35 98:1 /mnt1 /mnt\0402 rw,noatime shared:3 master:1 - ext3 /dev/root rw,errors=continue";
        let mount = &parse(line)[0];
        assert_eq!((mount.id, mount.parent, mount.dev), (36, 35, Dev { major: 98, minor: 1 }));
        assert_eq!((mount.at.to_str(), mount.shared, mount.master), (Some("/mnt 2"), Some(3), Some(1)));
        assert_eq!((mount.fstype.as_str(), mount.source.as_str()), ("ext3", "/dev/root"));
        assert!(!mount.is_ours());
    }

    #[test]
    fn no_optional_fields_and_nonsense() {
        let table =
            b"1 1 0:1 / / rw - tmpfs none rw\nnonsense\n\n2 1 0:2 / /x rw - fuse.cleardown //fs1/x rw";
        let mounts = parse(table);
        assert_eq!(mounts.len(), 2);
        assert!(mounts[1].is_ours());
    }

    #[test]
    fn a_mount_whose_remote_name_was_cut_is_known_by_what_is_left() {
        let remote = format!("//fs1/x/{}é", "a".repeat(246));
        let line = |source: &str| format!("2 1 0:2 / /x rw - fuse.cleardown {source} rw");
        assert_eq!(cut(&remote).len(), 254);
        for source in [remote.as_str(), cut(&remote)] {
            let mounts = parse(line(source).as_bytes());
            assert!(mounts[0].is_of(&remote));
            assert!(!mounts[0].is_of("//fs1/x"));
        }
    }

    #[test]
    fn the_topmost_of_a_stack() {
        let table = b"1 0 0:1 / / rw - a a rw\n7 1 0:2 / /x rw - a a rw\n5 7 0:3 / /x rw - a a rw";
        assert_eq!(topmost(&parse(table), Path::new("/x")).unwrap().id, 5);
        assert!(topmost(&parse(table), Path::new("/y")).is_none());
    }

    fn escape(path: &[u8]) -> Vec<u8> {
        let special = |b: &u8| b" \t\n\\#".contains(b);
        path.iter()
            .flat_map(|b| if special(b) { format!("\\{b:03o}").into_bytes() } else { vec![*b] })
            .collect()
    }

    proptest! {
        #[test]
        fn every_path_survives(path in proptest::collection::vec(1u8.., 1..40)) {
            let mut line = b"5 1 0:9 / ".to_vec();
            line.extend(escape(&path));
            line.extend(b" rw - fuse.cleardown ");
            line.extend(escape(&path));
            line.extend(b" rw");
            let mount = &parse(&line)[0];
            prop_assert_eq!(mount.at.clone().into_os_string().into_vec(), path.clone());
            prop_assert_eq!(&mount.source, &String::from_utf8_lossy(&path));
        }

        #[test]
        fn nothing_makes_it_panic(table: Vec<u8>) {
            parse(&table);
        }
    }

    #[tokio::test]
    async fn a_watch_sees_a_mount_come_and_go() {
        let dir = crate::testing::Tmpfs::folder();
        let watch = Watch::new().unwrap();
        let tmpfs = crate::testing::Tmpfs::mount(dir);
        watch.changed().await.unwrap();
        drop(tmpfs);
        watch.changed().await.unwrap();
    }
}
