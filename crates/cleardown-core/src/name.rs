//! Names: the local name of a connection, and the remote name of a share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};

/// The local name of a drive: `z:` or any short word. Compared without regard to case, shown as given.
///
/// One to 64 characters out of letters, digits, `-`, `_`, `.`, with an optional `:` at the end; it does not
/// start with `.` or `-`, so that it is always safe as a folder's name and as an argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalName(String);

impl LocalName {
    /// The name as the user wrote it, with the colon if there was one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its colon: what the mount folder and the profile's file are called. Lower case.
    pub fn stem(&self) -> String {
        self.0.trim_end_matches(':').to_lowercase()
    }

    /// The drive letters from `z:` down to `a:`, in the order in which `*` tries them.
    pub fn letters() -> impl Iterator<Item = LocalName> {
        (b'a'..=b'z').rev().map(|c| LocalName(format!("{}:", c as char)))
    }
}

impl PartialEq for LocalName {
    fn eq(&self, other: &Self) -> bool {
        self.stem() == other.stem()
    }
}
impl Eq for LocalName {}
impl std::hash::Hash for LocalName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.stem().hash(state);
    }
}
impl fmt::Display for LocalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<LocalName> for String {
    fn from(name: LocalName) -> String {
        name.0
    }
}
impl TryFrom<String> for LocalName {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}
impl FromStr for LocalName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let stem = text.strip_suffix(':').unwrap_or(text);
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = (1..=64).contains(&stem.chars().count())
            && stem.chars().all(plain)
            && !stem.starts_with(['.', '-']);
        if good {
            Ok(LocalName(text.to_owned()))
        } else {
            Err(ErrorKind::BadLocalName(text.to_owned()).into())
        }
    }
}

/// The protocol by which a share is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// SMB 2.1 to 3.1.1.
    Smb,
    /// The SSH file transfer protocol, version 3.
    Sftp,
}

impl Scheme {
    /// The well-known TCP port.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Smb => 445,
            Scheme::Sftp => 22,
        }
    }
    /// The word that starts a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Smb => "smb",
            Scheme::Sftp => "sftp",
        }
    }
}

/// Where a share is: protocol, server, port, share and folder below it; and the user if the name gave one.
///
/// Parsed from `//server/share/dir`, `\\server\share\dir`, `smb://user@server:port/share/dir` and
/// `sftp://user@host:port/path`; shown as `//server/share/dir` (SMB) or as a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Remote {
    /// The protocol.
    pub scheme: Scheme,
    /// The user in the name; `DOMAIN;user` and `DOMAIN\user` are kept as `DOMAIN\user`. Never a password.
    pub user: Option<String>,
    /// Host name or address, without brackets.
    pub host: String,
    /// The port when it is not the protocol's own.
    pub port: Option<u16>,
    /// SMB: the share. SFTP: empty.
    pub share: String,
    /// The folder below the share, components joined by `/`, with no `/` at either end. For SFTP a path is
    /// absolute (`/srv/x`) when the URL's path is, and `~/x` is relative to the user's home.
    pub path: String,
}

impl Remote {
    /// The port to connect to.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Host and port, as one writes them (`[::1]:445`).
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }

    /// The same place without the user: what two connections to one share have in common. Host and (for SMB)
    /// share are compared without regard to case.
    pub fn same_place(&self, other: &Remote) -> bool {
        self.scheme == other.scheme
            && self.host.eq_ignore_ascii_case(&other.host)
            && self.port_or_default() == other.port_or_default()
            && self.share.to_lowercase() == other.share.to_lowercase()
            && match self.scheme {
                Scheme::Smb => self.path.to_lowercase() == other.path.to_lowercase(),
                Scheme::Sftp => self.path == other.path,
            }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.scheme {
            Scheme::Smb if self.port.is_none() && self.user.is_none() => {
                write!(f, "//{}/{}", self.authority(), self.share)?;
                if self.path.is_empty() { Ok(()) } else { write!(f, "/{}", self.path) }
            }
            scheme => {
                write!(f, "{}://", scheme.as_str())?;
                if let Some(user) = &self.user {
                    write!(f, "{}@", escape(&user.replace('\\', ";")))?;
                }
                write!(f, "{}", self.authority())?;
                for part in [&self.share, &self.path] {
                    if !part.is_empty() {
                        write!(
                            f,
                            "/{}",
                            part.trim_start_matches('/').split('/').map(escape).collect::<Vec<_>>().join("/")
                        )?;
                    }
                }
                Ok(())
            }
        }
    }
}
impl From<Remote> for String {
    fn from(remote: Remote) -> String {
        remote.to_string()
    }
}
impl TryFrom<String> for Remote {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for Remote {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        parse_remote(text).ok_or_else(|| ErrorKind::BadRemoteName(without_password(text)).into())
    }
}

/// `smb://eve:...@fs1/x`: what somebody wrote as a password is not to be shown or logged again.
fn without_password(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    match rest.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:...@{host}"),
        None => text.to_owned(),
    }
}

fn parse_remote(text: &str) -> Option<Remote> {
    if text.chars().any(char::is_control) || text.len() > 4096 {
        return None;
    }
    if let Some(rest) = strip_scheme(text, "smb") {
        return parse_url(Scheme::Smb, rest);
    }
    if let Some(rest) = strip_scheme(text, "sftp") {
        return parse_url(Scheme::Sftp, rest);
    }
    let unc = text.replace('\\', "/");
    let mut parts = unc.strip_prefix("//")?.splitn(2, '/');
    let (host, port) = parse_authority(parts.next()?)?;
    let (share, path) = split_share(parts.next()?)?;
    Some(Remote { scheme: Scheme::Smb, user: None, host, port, share, path })
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = text.split_once("://")?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

fn parse_url(scheme: Scheme, rest: &str) -> Option<Remote> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(unescape(user)?), host),
        None => (None, authority),
    };
    // A password in a URL would end up in histories and process lists: it is refused, never read.
    if user.as_deref().is_some_and(|u| u.is_empty() || u.contains(':')) {
        return None;
    }
    let user = user.map(|u| u.replacen(';', "\\", 1));
    let (host, port) = parse_authority(host)?;
    match scheme {
        Scheme::Smb => {
            let (share, path) = split_share(&unescape(path)?)?;
            Some(Remote { scheme, user, host, port, share, path })
        }
        Scheme::Sftp => {
            let path = unescape(path)?;
            let clean = clean_path(&path)?;
            let path = if clean == "~" || clean.starts_with("~/") { clean } else { format!("/{clean}") };
            let path = if rest.contains('/') { path } else { "~".to_owned() };
            Some(Remote { scheme, user, host, port, share: String::new(), path })
        }
    }
}

fn parse_authority(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or(rest.is_empty().then_some(""))?)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let named = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
    if host.is_empty() || host.starts_with('-') || !host.chars().all(named) {
        return None;
    }
    let port = match port {
        "" => None,
        digits => Some(digits.parse().ok().filter(|p| *p != 0)?),
    };
    Some((host.to_owned(), port))
}

fn split_share(text: &str) -> Option<(String, String)> {
    let clean = clean_path(text)?;
    let (share, path) = clean.split_once('/').unwrap_or((&clean, ""));
    (!share.is_empty()).then(|| (share.to_owned(), path.to_owned()))
}

/// Drops empty components and `.`, and refuses `..`: a remote name never climbs.
fn clean_path(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('/').filter(|p| !p.is_empty() && *p != ".").collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

fn escape(text: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-._~$;+,=!()".contains(b);
    text.bytes().map(|b| if plain(&b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok().filter(|s| !s.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_ignore_case_and_colon() {
        let a: LocalName = "Z:".parse().unwrap();
        let b: LocalName = "z".parse().unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "Z:");
        for bad in ["", ":", "a/b", "..", "-x", "a b", "x::"] {
            assert!(bad.parse::<LocalName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn unc_and_urls_name_the_same_place() {
        let unc: Remote = r"\\FS1\Projects\2026".parse().unwrap();
        let url: Remote = "smb://fs1/projects/2026".parse().unwrap();
        assert!(unc.same_place(&url));
        assert_eq!(unc.to_string(), "//FS1/Projects/2026");
    }

    #[test]
    fn urls_carry_user_and_port() {
        let remote: Remote = "smb://DOM;eve@[::1]:1445/my%20share".parse().unwrap();
        assert_eq!(remote.user.as_deref(), Some(r"DOM\eve"));
        assert_eq!(
            (remote.host.as_str(), remote.port, remote.share.as_str()),
            ("::1", Some(1445), "my share")
        );
        assert_eq!(remote.to_string(), "smb://DOM;eve@[::1]:1445/my%20share");
    }

    #[test]
    fn a_password_in_a_url_is_refused() {
        for (name, shown) in [
            ("smb://eve:secret@fs1/x", "smb://eve:...@fs1/x"),
            ("sftp://eve:s:e/c@re@t@fs1", "sftp://eve:...@fs1"),
        ] {
            let error = name.parse::<Remote>().unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadRemoteName(shown.into()));
        }
    }

    #[test]
    fn sftp_paths_are_absolute_or_under_home() {
        let path = |s: &str| s.parse::<Remote>().unwrap().path;
        assert_eq!(path("sftp://h/srv/x/"), "/srv/x");
        assert_eq!(path("sftp://h/~/x"), "~/x");
        assert_eq!(path("sftp://h"), "~");
        assert_eq!(path("sftp://h/"), "/");
        assert!("sftp://h/../etc".parse::<Remote>().is_err());
    }
}
