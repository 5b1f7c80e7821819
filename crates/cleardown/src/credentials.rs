//! Passwords: from a descriptor, a file, or the terminal. Never from an argument or the environment, where every
//! process of the machine could read them.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cleardown_client::Secret;
use cleardown_core::request::MapRequest;
use cleardown_core::{Error, ErrorKind, Result, Scheme};
use zeroize::{Zeroize, Zeroizing};

use crate::ui::Ui;

/// No password is anywhere near this long.
const LONGEST: usize = 4096;

/// Where the password comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Source {
    /// Read the password from this open file descriptor, up to a line's end.
    #[arg(long, value_name = "N", conflicts_with = "password_file")]
    password_fd: Option<i32>,

    /// Read the password from the first line of this file; a byte-order mark in front (UTF-8) is no part of it.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Source {
    /// The password that the caller has given, if any.
    pub(crate) fn read(&self, ui: &mut Ui) -> Result<Option<Secret>> {
        match (self.password_fd, &self.password_file) {
            (Some(fd), _) => from_descriptor(fd).map(Some),
            (None, Some(path)) => from_file(path, ui).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// The password that an open descriptor holds, up to a line's end.
pub(crate) fn from_descriptor(fd: i32) -> Result<Secret> {
    let closed = || ErrorKind::BadParameter(format!("the descriptor {fd} for a password is not open"));
    if fd < 0 {
        return Err(closed().into());
    }
    // SAFETY: the number is not negative, and it is borrowed for one call only, which fails if it is not open.
    let given = unsafe { BorrowedFd::borrow_raw(fd) };
    // A duplicate, because closing the number is not for us: it may be standard input.
    let mut file = File::from(given.try_clone_to_owned().map_err(|_| closed())?);
    first_line(&mut file, "reading the password from its descriptor")
}

fn from_file(path: &Path, ui: &mut Ui) -> Result<Secret> {
    let during = format!("reading the password file {}", path.display());
    let mut file = File::open(path).map_err(|e| Error::os(&during, &e))?;
    let open_to_others = file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o077 != 0);
    if open_to_others {
        ui.hint(format!("others may read {}: chmod 600 makes it yours alone", path.display()));
    }
    first_line(&mut file, &during).map(without_mark)
}

/// Editors of Windows begin a file with a byte-order mark, which nobody sees. What a program writes to a descriptor is
/// taken as it is.
fn without_mark(secret: Secret) -> Secret {
    match secret.expose().strip_prefix('\u{feff}') {
        Some(password) => Secret::new(password.to_owned()),
        None => secret,
    }
}

/// The text up to the first line's end, or all of it. It is read byte by byte from the buffer's fixed place, so
/// that no copies stay behind.
fn first_line(from: &mut impl Read, during: &str) -> Result<Secret> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST + 2));
    let mut byte = [0];
    while line.len() <= LONGEST + 1 {
        match from.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::os(during, &e)),
        }
    }
    byte.zeroize();
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.len() > LONGEST {
        return Err(ErrorKind::BadParameter(format!("a password has at most {LONGEST} bytes")).into());
    }
    let text = String::from_utf8(std::mem::take(&mut *line)).map_err(|e| {
        drop(Zeroizing::new(e.into_bytes()));
        Error::from(ErrorKind::BadParameter("the password is not UTF-8 text".into()))
    })?;
    Ok(Secret::new(text))
}

/// True when it is better to ask before trying: a wrong guess counts at a Windows server, and may lock the account.
pub(crate) fn ask_first(request: &MapRequest) -> bool {
    request.remote.scheme == Scheme::Smb
        && request.kerberos.is_none()
        && (request.user.is_some() || request.remote.user.is_some())
}

/// Asks for a password on the terminal, without echo.
pub(crate) async fn prompt(question: String) -> Result<Secret> {
    let typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(question)).await;
    match typed {
        Ok(Ok(text)) => Ok(Secret::new(text)),
        _ => Err(ErrorKind::Cancelled.into()),
    }
}

/// The question for the password of whoever the request names.
pub(crate) fn question(request: &MapRequest) -> String {
    let server = request.remote.authority();
    match request.user.as_ref().or(request.remote.user.as_ref()) {
        Some(user) => format!("Password of {user} on {server}: "),
        None => format!("Password on {server}: "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<String> {
        first_line(&mut io::Cursor::new(bytes), "testing").ok().map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_password_is_one_line_with_whatever_is_in_it() {
        assert_eq!(read(b"p,a\"s's w\\o=r$d%\t \n").as_deref(), Some("p,a\"s's w\\o=r$d%\t "));
        assert_eq!(read("é€🔑".as_bytes()).as_deref(), Some("é€🔑"));
        assert_eq!(read(b"dos\r\nsecond").as_deref(), Some("dos"));
        assert_eq!(read(b"").as_deref(), Some(""));
        assert_eq!(read(b"\xff"), None);
        assert_eq!(read(&[b'x'; LONGEST]).map(|p| p.len()), Some(LONGEST));
        assert_eq!(read(&[b'x'; LONGEST + 1]), None);
    }

    #[test]
    fn the_mark_at_the_start_of_a_file_is_no_part_of_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut ui) =
            (folder.path().join("password"), Ui::test(Box::new(io::sink()), Box::new(io::sink())));
        for (content, password) in [("\u{feff}tiger\r\n", "tiger"), ("tiger\u{feff}", "tiger\u{feff}")] {
            std::fs::write(&path, content).unwrap();
            assert_eq!(from_file(&path, &mut ui).unwrap().expose(), password);
        }
        assert_eq!(
            read("\u{feff}tiger".as_bytes()).as_deref(),
            Some("\u{feff}tiger"),
            "a program writes no mark"
        );
    }

    #[test]
    fn a_closed_descriptor_is_a_usage_error() {
        assert_eq!(from_descriptor(987).unwrap_err().exit() as u8, 2);
        assert_eq!(from_descriptor(-1).unwrap_err().exit() as u8, 2);
    }
}
