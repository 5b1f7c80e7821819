//! From the protocol's few status codes, and the server's words, to errno.

use cleardown_share::ShareError;

use crate::wire::status;

/// What servers say (OpenSSH on failure only "Failure"; others, and ours, the text of strerror(3)).
const WORDS: &[(&str, i32)] = &[
    ("no space left", libc::ENOSPC),
    ("disk full", libc::ENOSPC),
    ("quota", libc::EDQUOT),
    ("not empty", libc::ENOTEMPTY),
    ("file exists", libc::EEXIST),
    ("already exists", libc::EEXIST),
    ("not a directory", libc::ENOTDIR),
    ("is a directory", libc::EISDIR),
    ("name too long", libc::ENAMETOOLONG),
    ("read-only file system", libc::EROFS),
    ("file too large", libc::EFBIG),
    ("cross-device", libc::EXDEV),
    ("too many links", libc::EMLINK),
    ("too many levels", libc::ELOOP),
    ("too many open files", libc::EMFILE),
    ("text file busy", libc::ETXTBSY),
    ("resource busy", libc::EBUSY),
    ("invalid argument", libc::EINVAL),
    ("bad file descriptor", libc::EBADF),
    ("operation not permitted", libc::EPERM),
    ("no such device or address", libc::ENXIO),
];

/// The error that a status means. An unexplained failure is `EIO`; see [`is_vague`].
pub(crate) fn error(code: u32, message: &[u8]) -> ShareError {
    let text = String::from_utf8_lossy(&message[..message.len().min(200)]).into_owned();
    let errno = match code {
        status::NO_SUCH_FILE => spoken(&text).unwrap_or(libc::ENOENT),
        status::PERMISSION_DENIED => {
            spoken(&text).filter(|errno| matches!(*errno, libc::EPERM | libc::EROFS)).unwrap_or(libc::EACCES)
        }
        status::OP_UNSUPPORTED => libc::EOPNOTSUPP,
        status::FAILURE => spoken(&text).unwrap_or(libc::EIO),
        _ => libc::EIO,
    };
    ShareError::server(errno, format!("{}: {text}", name(code)))
}

fn spoken(text: &str) -> Option<i32> {
    let text = text.to_ascii_lowercase();
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, errno)| *errno)
}

/// The server did not say why; a second look may tell.
pub(crate) fn is_vague(error: &ShareError) -> bool {
    error.errno == libc::EIO && !error.transport
}

/// The same answer, understood better.
pub(crate) fn rather(error: &ShareError, errno: i32) -> ShareError {
    ShareError { errno, ..error.clone() }
}

fn name(code: u32) -> String {
    match code {
        status::EOF => "SSH_FX_EOF".into(),
        status::NO_SUCH_FILE => "SSH_FX_NO_SUCH_FILE".into(),
        status::PERMISSION_DENIED => "SSH_FX_PERMISSION_DENIED".into(),
        status::FAILURE => "SSH_FX_FAILURE".into(),
        status::BAD_MESSAGE => "SSH_FX_BAD_MESSAGE".into(),
        status::OP_UNSUPPORTED => "SSH_FX_OP_UNSUPPORTED".into(),
        other => format!("SSH_FX_{other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_decide_where_the_code_is_vague() {
        assert_eq!(error(status::FAILURE, b"No space left on device").errno, libc::ENOSPC);
        assert_eq!(error(status::NO_SUCH_FILE, b"No such file").errno, libc::ENOENT);
        assert_eq!(error(status::PERMISSION_DENIED, b"Permission denied").errno, libc::EACCES);
        let vague = error(status::FAILURE, b"Failure");
        assert!(is_vague(&vague));
        assert_eq!(vague.to_string(), "SSH_FX_FAILURE: Failure");
        assert_eq!(error(status::FAILURE, &[0xff; 4000]).errno, libc::EIO);
    }
}
