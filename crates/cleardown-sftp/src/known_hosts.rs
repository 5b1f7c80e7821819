//! The servers' keys that we know: `known_hosts` as sshd(8) describes it (plain, wildcard, negated and hashed names,
//! `[host]:port`, `@revoked`; `@cert-authority` lines are left out, since no certificates are asked for).

use std::io::Write;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::hmac;
use russh::keys::{Algorithm, PublicKey};

/// What the files say of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Known,
    Unknown,
    /// Another key of this kind is known for the host, or this one is revoked.
    Changed,
}

/// The lines that concern one host.
#[derive(Clone, Debug, Default)]
pub(crate) struct KnownHosts {
    known: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
}

/// Host and port as `known_hosts` writes them.
fn address(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

impl KnownHosts {
    /// Reads the files; one that cannot be read counts as empty.
    pub(crate) fn read(files: &[PathBuf], host: &str, port: u16) -> Self {
        let mut all = KnownHosts::default();
        for file in files {
            if let Ok(text) = std::fs::read_to_string(file) {
                all.parse(&text, &address(host, port));
            }
        }
        all
    }

    /// What a file of this text says.
    pub(crate) fn of(text: &str, host: &str, port: u16) -> Self {
        let mut all = KnownHosts::default();
        all.parse(text, &address(host, port));
        all
    }

    /// Asserts that each key it has is known, or not to be trusted.
    pub(crate) fn check(&self) {
        for key in self.known.iter().chain(&self.revoked) {
            assert_ne!(self.judge(key), Verdict::Unknown);
        }
    }

    fn parse(&mut self, text: &str, address: &str) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_ascii_whitespace();
            let mut word = words.next();
            let marker = word.filter(|word| word.starts_with('@'));
            if marker.is_some() {
                word = words.next();
            }
            let (Some(hosts), Some(_), Some(key)) = (word, words.next(), words.next()) else { continue };
            if !concerns(hosts, address) {
                continue;
            }
            let Ok(key) = russh::keys::parse_public_key_base64(key) else { continue };
            match marker {
                None => self.known.push(key),
                Some("@revoked") => self.revoked.push(key),
                Some(_) => {}
            }
        }
    }

    pub(crate) fn judge(&self, key: &PublicKey) -> Verdict {
        let same = |known: &PublicKey| known.key_data() == key.key_data();
        if self.revoked.iter().any(same) {
            Verdict::Changed
        } else if self.known.iter().any(same) {
            Verdict::Known
        } else if self.known.iter().any(|known| known.algorithm() == key.algorithm()) {
            Verdict::Changed
        } else {
            Verdict::Unknown
        }
    }

    /// The kinds of keys that are known: the server is asked for these first.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        self.known.iter().map(PublicKey::algorithm).collect()
    }
}

fn concerns(hosts: &str, address: &str) -> bool {
    let mut found = false;
    for pattern in hosts.split(',') {
        if let Some(hashed) = pattern.strip_prefix("|1|") {
            found |= hash_fits(hashed, address);
        } else if let Some(pattern) = pattern.strip_prefix('!') {
            if wildcard(pattern.to_ascii_lowercase().as_bytes(), address.as_bytes()) {
                return false;
            }
        } else {
            found |= wildcard(pattern.to_ascii_lowercase().as_bytes(), address.as_bytes());
        }
    }
    found
}

fn hash_fits(hashed: &str, address: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else { return false };
    let (Ok(salt), Ok(hash)) = (BASE64.decode(salt.as_bytes()), BASE64.decode(hash.as_bytes())) else {
        return false;
    };
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    hmac::verify(&key, address.as_bytes(), &hash).is_ok()
}

/// `*` and `?`, without recursion: the last star is the only one that need be tried again.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                retry = Some((at + 1, seen));
                at += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match &mut retry {
                Some((star, from)) => {
                    *from += 1;
                    (at, seen) = (*star, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Appends a key that a person has accepted.
pub(crate) fn learn(file: &Path, host: &str, port: u16, key: &PublicKey) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = file.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let text = key.to_openssh().map_err(std::io::Error::other)?;
    let torn = std::fs::read(file).is_ok_and(|old| old.last().is_some_and(|byte| *byte != b'\n'));
    let mut file = std::fs::OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
    let gap = if torn { "\n" } else { "" };
    file.write_all(format!("{gap}{} {text}\n", address(host, port)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn judge(lines: &str, host: &str, port: u16) -> Verdict {
        let known = KnownHosts::of(lines, host, port);
        let key = KEY.split(' ').nth(1).unwrap();
        known.judge(&russh::keys::parse_public_key_base64(key).unwrap())
    }

    #[test]
    fn names_ports_and_wildcards() {
        assert_eq!(judge(&format!("fs1 {KEY}"), "FS1", 22), Verdict::Known);
        assert_eq!(judge(&format!("fs1 {KEY}"), "fs1", 2222), Verdict::Unknown);
        assert_eq!(judge(&format!("[fs1]:2222 {KEY}"), "fs1", 2222), Verdict::Known);
        assert_eq!(judge(&format!("*.example,!bad.example {KEY}"), "good.example", 22), Verdict::Known);
        assert_eq!(judge(&format!("*.example,!bad.example {KEY}"), "bad.example", 22), Verdict::Unknown);
        assert_eq!(judge(&format!("10.0.0.? {KEY}"), "10.0.0.7", 22), Verdict::Known);
        assert_eq!(judge(&format!("# {KEY}\n\n"), "fs1", 22), Verdict::Unknown);
    }

    #[test]
    fn another_or_revoked_key_counts_as_changed() {
        assert_eq!(judge(&format!("fs1 {OTHER}"), "fs1", 22), Verdict::Changed);
        assert_eq!(judge(&format!("fs1 {OTHER}\nfs1 {KEY}"), "fs1", 22), Verdict::Known);
        assert_eq!(judge(&format!("fs1 {KEY}\n@revoked * {KEY}"), "fs1", 22), Verdict::Changed);
        assert_eq!(judge(&format!("@cert-authority * {KEY}"), "fs1", 22), Verdict::Unknown);
    }

    #[test]
    fn hashed_names_are_found() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"salt");
        let hash = BASE64.encode(hmac::sign(&key, b"[fs1]:2222").as_ref());
        let line = format!("|1|{}|{hash} {KEY}", BASE64.encode(b"salt"));
        assert_eq!(judge(&line, "fs1", 2222), Verdict::Known);
        assert_eq!(judge(&line, "fs2", 2222), Verdict::Unknown);
    }

    #[test]
    fn a_learned_key_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ssh/known_hosts");
        let key = russh::keys::parse_public_key_base64(KEY.split(' ').nth(1).unwrap()).unwrap();
        learn(&file, "::1", 2222, &key).unwrap();
        assert_eq!(KnownHosts::read(&[file], "::1", 2222).judge(&key), Verdict::Known);
    }

    proptest! {
        #[test]
        fn hostile_lines_do_no_harm(text in any::<String>(), pattern in "[*?a|!,@ ]{0,30}") {
            let _ = judge(&text, "fs1", 22);
            let _ = judge(&format!("{pattern} {KEY}"), "aaaa", 22);
        }
    }
}
