//! Paths on a share.

use std::fmt;

/// A path on a share: zero or more components below the share's root (or the mapped folder).
///
/// A component is never empty, `.` or `..`, and holds neither `/` nor NUL. It is bytes, because Linux names
/// are; a protocol that wants text maps what it cannot say (SMB: see `cleardown-smb::names`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SharePath(Vec<u8>);

impl SharePath {
    /// The root.
    pub const fn root() -> Self {
        SharePath(Vec::new())
    }

    /// The path of `name` in this folder; none if `name` is not a component.
    pub fn join(&self, name: &[u8]) -> Option<Self> {
        if name.is_empty() || name == b"." || name == b".." || name.iter().any(|b| matches!(b, b'/' | 0)) {
            return None;
        }
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Some(SharePath(bytes))
    }

    /// Parses `a/b/c`; empty components are dropped, `..` is refused.
    pub fn parse(text: &[u8]) -> Option<Self> {
        text.split(|b| *b == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .try_fold(SharePath::root(), |path, part| path.join(part))
    }

    /// Components joined by `/`, without a leading one.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The components from the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|part| !part.is_empty())
    }

    /// True for the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last component; none for the root.
    pub fn name(&self) -> Option<&[u8]> {
        self.components().next_back()
    }

    /// The folder that holds it; none for the root.
    pub fn parent(&self) -> Option<SharePath> {
        if self.is_root() {
            return None;
        }
        let cut = self.0.iter().rposition(|b| *b == b'/').unwrap_or(0);
        Some(SharePath(self.0[..cut].to_vec()))
    }

    /// True when this is `other` or lies below it.
    pub fn starts_with(&self, other: &SharePath) -> bool {
        other.is_root()
            || (self.0.starts_with(&other.0) && matches!(self.0.get(other.0.len()), None | Some(b'/')))
    }
}

impl fmt::Display for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}
impl fmt::Debug for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharePath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_checked() {
        let root = SharePath::root();
        for bad in [&b""[..], b".", b"..", b"a/b", b"a\0"] {
            assert!(root.join(bad).is_none());
        }
        let path = SharePath::parse(b"/a//b/./c").unwrap();
        assert_eq!(path.as_bytes(), b"a/b/c");
        assert_eq!(path.name(), Some(&b"c"[..]));
        assert_eq!(path.parent().unwrap().as_bytes(), b"a/b");
        assert!(path.starts_with(&SharePath::parse(b"a").unwrap()));
        assert!(!SharePath::parse(b"ab").unwrap().starts_with(&SharePath::parse(b"a").unwrap()));
        assert!(SharePath::parse(b"a/../b").is_none());
    }
}
