//! NTSTATUS: the server's words, and the errno that an application gets for each (MS-ERREF 2.3).

use cleardown_share::ShareError;
use libc::*;

use crate::wire::frame::Reply;

macro_rules! statuses {
    ($($name:ident = $value:literal => $errno:ident;)*) => {
        $(#[allow(dead_code, reason = "the table is whole")] pub(crate) const $name: u32 = $value;)*

        /// The documented name without its `STATUS_` prefix, and the errno.
        fn known(status: u32) -> Option<(&'static str, i32)> {
            match status { $($value => Some((stringify!($name), $errno)),)* _ => None }
        }
    };
}

/// For statuses that are no errors; an errno that they never give.
const NONE: i32 = 0;

statuses! {
    SUCCESS = 0x0000_0000 => NONE;
    PENDING = 0x0000_0103 => NONE;
    NOTIFY_CLEANUP = 0x0000_010B => NONE;
    NOTIFY_ENUM_DIR = 0x0000_010C => NONE;
    BUFFER_OVERFLOW = 0x8000_0005 => EOVERFLOW;
    NO_MORE_FILES = 0x8000_0006 => ENOENT;
    DEVICE_BUSY = 0x8000_0011 => EBUSY;
    NO_MORE_EAS = 0x8000_0012 => ENODATA;
    INVALID_EA_NAME = 0x8000_0013 => EINVAL;
    EA_LIST_INCONSISTENT = 0x8000_0014 => EINVAL;
    NO_MORE_ENTRIES = 0x8000_001A => ENOENT;
    STOPPED_ON_SYMLINK = 0x8000_002D => ELOOP;
    UNSUCCESSFUL = 0xC000_0001 => EIO;
    NOT_IMPLEMENTED = 0xC000_0002 => EOPNOTSUPP;
    INVALID_INFO_CLASS = 0xC000_0003 => EOPNOTSUPP;
    INFO_LENGTH_MISMATCH = 0xC000_0004 => EINVAL;
    INVALID_HANDLE = 0xC000_0008 => ESTALE;
    INVALID_PARAMETER = 0xC000_000D => EINVAL;
    NO_SUCH_DEVICE = 0xC000_000E => ENODEV;
    NO_SUCH_FILE = 0xC000_000F => ENOENT;
    INVALID_DEVICE_REQUEST = 0xC000_0010 => EOPNOTSUPP;
    END_OF_FILE = 0xC000_0011 => ENODATA;
    WRONG_VOLUME = 0xC000_0012 => EIO;
    NO_MEDIA_IN_DEVICE = 0xC000_0013 => ENODEV;
    MORE_PROCESSING_REQUIRED = 0xC000_0016 => EPROTO;
    NO_MEMORY = 0xC000_0017 => ENOMEM;
    ACCESS_DENIED = 0xC000_0022 => EACCES;
    BUFFER_TOO_SMALL = 0xC000_0023 => EIO;
    OBJECT_TYPE_MISMATCH = 0xC000_0024 => EBADF;
    OBJECT_NAME_INVALID = 0xC000_0033 => EINVAL;
    OBJECT_NAME_NOT_FOUND = 0xC000_0034 => ENOENT;
    OBJECT_NAME_COLLISION = 0xC000_0035 => EEXIST;
    OBJECT_PATH_INVALID = 0xC000_0039 => ENOTDIR;
    OBJECT_PATH_NOT_FOUND = 0xC000_003A => ENOENT;
    OBJECT_PATH_SYNTAX_BAD = 0xC000_003B => EINVAL;
    DATA_ERROR = 0xC000_003E => EIO;
    CRC_ERROR = 0xC000_003F => EIO;
    SHARING_VIOLATION = 0xC000_0043 => EBUSY;
    QUOTA_EXCEEDED = 0xC000_0044 => EDQUOT;
    EAS_NOT_SUPPORTED = 0xC000_004F => EOPNOTSUPP;
    EA_TOO_LARGE = 0xC000_0050 => E2BIG;
    NONEXISTENT_EA_ENTRY = 0xC000_0051 => ENODATA;
    NO_EAS_ON_FILE = 0xC000_0052 => ENODATA;
    EA_CORRUPT_ERROR = 0xC000_0053 => EIO;
    FILE_LOCK_CONFLICT = 0xC000_0054 => EAGAIN;
    LOCK_NOT_GRANTED = 0xC000_0055 => EAGAIN;
    DELETE_PENDING = 0xC000_0056 => EBUSY;
    INVALID_OWNER = 0xC000_005A => EPERM;
    INVALID_PRIMARY_GROUP = 0xC000_005B => EPERM;
    NO_LOGON_SERVERS = 0xC000_005E => EHOSTUNREACH;
    PRIVILEGE_NOT_HELD = 0xC000_0061 => EPERM;
    NONE_MAPPED = 0xC000_0073 => EINVAL;
    INVALID_ACL = 0xC000_0077 => EINVAL;
    INVALID_SECURITY_DESCR = 0xC000_0079 => EINVAL;
    LOGON_FAILURE = 0xC000_006D => EACCES;
    WRONG_PASSWORD = 0xC000_006A => EACCES;
    NO_SUCH_USER = 0xC000_0064 => EACCES;
    ACCOUNT_RESTRICTION = 0xC000_006E => EACCES;
    INVALID_LOGON_HOURS = 0xC000_006F => EACCES;
    INVALID_WORKSTATION = 0xC000_0070 => EACCES;
    PASSWORD_EXPIRED = 0xC000_0071 => EKEYEXPIRED;
    ACCOUNT_DISABLED = 0xC000_0072 => EKEYREVOKED;
    RANGE_NOT_LOCKED = 0xC000_007E => EINVAL;
    DISK_FULL = 0xC000_007F => ENOSPC;
    INSUFFICIENT_RESOURCES = 0xC000_009A => ENOMEM;
    DISK_CORRUPT_ERROR = 0xC000_0032 => EIO;
    DEVICE_DATA_ERROR = 0xC000_009C => EIO;
    DEVICE_NOT_CONNECTED = 0xC000_009D => ENODEV;
    DEVICE_NOT_READY = 0xC000_00A3 => EAGAIN;
    MEDIA_WRITE_PROTECTED = 0xC000_00A2 => EROFS;
    PIPE_NOT_AVAILABLE = 0xC000_00AC => EBUSY;
    IO_TIMEOUT = 0xC000_00B5 => ETIMEDOUT;
    FILE_IS_A_DIRECTORY = 0xC000_00BA => EISDIR;
    NOT_SUPPORTED = 0xC000_00BB => EOPNOTSUPP;
    BAD_NETWORK_PATH = 0xC000_00BE => ENOENT;
    NETWORK_BUSY = 0xC000_00BF => EBUSY;
    UNEXPECTED_NETWORK_ERROR = 0xC000_00C4 => EIO;
    NETWORK_NAME_DELETED = 0xC000_00C9 => ENODEV;
    NETWORK_ACCESS_DENIED = 0xC000_00CA => EACCES;
    BAD_DEVICE_TYPE = 0xC000_00CB => ENODEV;
    BAD_NETWORK_NAME = 0xC000_00CC => ENOENT;
    TOO_MANY_SESSIONS = 0xC000_00CE => EUSERS;
    SHARING_PAUSED = 0xC000_00CF => EBUSY;
    REQUEST_NOT_ACCEPTED = 0xC000_00D0 => EUSERS;
    NOT_SAME_DEVICE = 0xC000_00D4 => EXDEV;
    FILE_RENAMED = 0xC000_00D5 => ESTALE;
    NO_SECURITY_ON_OBJECT = 0xC000_00D7 => EOPNOTSUPP;
    OPLOCK_NOT_GRANTED = 0xC000_00E2 => EAGAIN;
    INVALID_OPLOCK_PROTOCOL = 0xC000_00E3 => EINVAL;
    INTERNAL_ERROR = 0xC000_00E5 => EIO;
    DIRECTORY_NOT_EMPTY = 0xC000_0101 => ENOTEMPTY;
    NOT_A_DIRECTORY = 0xC000_0103 => ENOTDIR;
    NAME_TOO_LONG = 0xC000_0106 => ENAMETOOLONG;
    FILES_OPEN = 0xC000_0107 => EBUSY;
    TOO_MANY_OPENED_FILES = 0xC000_011F => EMFILE;
    CANCELLED = 0xC000_0120 => EINTR;
    CANNOT_DELETE = 0xC000_0121 => EACCES;
    FILE_DELETED = 0xC000_0123 => ESTALE;
    FILE_CLOSED = 0xC000_0128 => ESTALE;
    INVALID_LEVEL = 0xC000_0148 => EOPNOTSUPP;
    LOGON_TYPE_NOT_GRANTED = 0xC000_015B => EACCES;
    INVALID_DEVICE_STATE = 0xC000_0184 => EINVAL;
    IO_DEVICE_ERROR = 0xC000_0185 => EIO;
    TRUST_FAILURE = 0xC000_0190 => EACCES;
    NETLOGON_NOT_STARTED = 0xC000_0192 => EACCES;
    INVALID_LOCK_RANGE = 0xC000_01A1 => EINVAL;
    ACCOUNT_EXPIRED = 0xC000_0193 => EKEYEXPIRED;
    NETWORK_SESSION_EXPIRED = 0xC000_035C => EKEYEXPIRED;
    USER_SESSION_DELETED = 0xC000_0203 => EIO;
    CONNECTION_DISCONNECTED = 0xC000_020C => EIO;
    CONNECTION_RESET = 0xC000_020D => EIO;
    PASSWORD_MUST_CHANGE = 0xC000_0224 => EKEYEXPIRED;
    NOT_FOUND = 0xC000_0225 => ENOENT;
    RETRY = 0xC000_022D => EAGAIN;
    NETWORK_UNREACHABLE = 0xC000_023C => ENETUNREACH;
    HOST_UNREACHABLE = 0xC000_023D => EHOSTUNREACH;
    REQUEST_ABORTED = 0xC000_0240 => EINTR;
    USER_MAPPED_FILE = 0xC000_0243 => ETXTBSY;
    ACCOUNT_LOCKED_OUT = 0xC000_0234 => EACCES;
    CONNECTION_REFUSED = 0xC000_0236 => ECONNREFUSED;
    PATH_NOT_COVERED = 0xC000_0257 => EREMOTE;
    FILE_IS_OFFLINE = 0xC000_0267 => EAGAIN;
    DFS_UNAVAILABLE = 0xC000_026D => EHOSTUNREACH;
    VOLUME_DISMOUNTED = 0xC000_026E => ENODEV;
    NOT_A_REPARSE_POINT = 0xC000_0275 => EINVAL;
    IO_REPARSE_TAG_INVALID = 0xC000_0276 => EINVAL;
    IO_REPARSE_TAG_NOT_HANDLED = 0xC000_0279 => EOPNOTSUPP;
    TOO_MANY_LINKS = 0xC000_0265 => EMLINK;
    INSUFF_SERVER_RESOURCES = 0xC000_0205 => ENOMEM;
    FILE_NOT_AVAILABLE = 0xC000_0467 => EAGAIN;
    SERVER_UNAVAILABLE = 0xC000_0466 => EIO;
    FILE_TOO_LARGE = 0xC000_0904 => EFBIG;
    VIRUS_INFECTED = 0xC000_0906 => EACCES;
    SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP = 0xC05D_0000 => EPROTO;
    SMB_BAD_CLUSTER_DIALECT = 0xC05D_0001 => EPROTO;
}

/// Success, or one of the warnings that carry a whole answer.
pub(crate) fn is_success(status: u32) -> bool {
    status >> 30 == 0
}

/// The server does not know our session, share or connection any more; a new session helps.
pub(crate) fn is_session_gone(status: u32) -> bool {
    matches!(
        status,
        USER_SESSION_DELETED | NETWORK_NAME_DELETED | NETWORK_SESSION_EXPIRED | CONNECTION_DISCONNECTED
    )
}

/// The name as MS-ERREF writes it, or the number.
pub(crate) fn name(status: u32) -> String {
    match known(status) {
        Some((name, _)) => format!("STATUS_{name}"),
        None => format!("status 0x{status:08X}"),
    }
}

/// The error for a status that is not success.
pub(crate) fn error(status: u32) -> ShareError {
    let errno = known(status).map_or(EIO, |(_, errno)| errno);
    let errno = if errno == NONE { EIO } else { errno };
    ShareError { errno, status: name(status), transport: is_session_gone(status) }
}

/// Whether an error of ours is this status of the server.
pub(crate) fn is(error: &ShareError, status: u32) -> bool {
    known(status).is_some_and(|(name, _)| error.status.strip_prefix("STATUS_") == Some(name))
}

impl Reply {
    /// The reply if its status is success.
    pub(crate) fn ok(&self) -> Result<&Reply, ShareError> {
        self.ok_or_status(SUCCESS)
    }

    /// The reply if its status is success or `also`.
    pub(crate) fn ok_or_status(&self, also: u32) -> Result<&Reply, ShareError> {
        let status = self.header.status;
        if is_success(status) || status == also { Ok(self) } else { Err(error(status)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_names_and_errnos() {
        assert_eq!(error(DISK_FULL), ShareError::server(ENOSPC, "STATUS_DISK_FULL"));
        assert_eq!(error(QUOTA_EXCEEDED).errno, EDQUOT);
        assert_eq!(error(0xC123_4567).errno, EIO);
        assert_eq!(error(0xC123_4567).status, "status 0xC1234567");
        assert!(error(USER_SESSION_DELETED).transport);
        assert!(is(&error(SHARING_VIOLATION), SHARING_VIOLATION));
        assert!(!is(&error(SHARING_VIOLATION), DELETE_PENDING));
        assert_eq!(error(PENDING).errno, EIO);
    }
}
