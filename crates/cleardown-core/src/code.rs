//! The numbers that programs see: Windows error codes and the exit codes of the command line.

use serde::{Deserialize, Serialize};

/// A Windows error code (`winerror.h` for drives, `raserror.h` for links).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(pub u32);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $value:literal;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Code = Code($value);)*

            /// The documented name without its `ERROR_` prefix, when the code is one that Cleardown gives.
            pub fn name(self) -> Option<&'static str> {
                match self.0 { $($value => Some(stringify!($name)),)* _ => None }
            }
        }
    };
}

codes! {
    /// Everything went well.
    SUCCESS = 0;
    /// The caller may not do that.
    ACCESS_DENIED = 5;
    /// A handle that was never given out.
    INVALID_HANDLE = 6;
    /// The server's name leads nowhere.
    BAD_NETPATH = 53;
    /// The server went away or answered nonsense.
    UNEXP_NET_ERR = 59;
    /// The server ended the session or the share.
    NETNAME_DELETED = 64;
    /// What is there is not of the kind that was asked for: a pipe's share has no folders.
    BAD_DEV_TYPE = 66;
    /// The server has no such share or folder.
    BAD_NET_NAME = 67;
    /// The local name is connected already.
    ALREADY_ASSIGNED = 85;
    /// The password does not fit the user (a share-level server).
    INVALID_PASSWORD = 86;
    /// A parameter makes no sense.
    INVALID_PARAMETER = 87;
    /// A deadline passed.
    SEM_TIMEOUT = 121;
    /// Something is in use.
    BUSY = 170;
    /// The local name is not one.
    BAD_DEVICE = 1200;
    /// Remembered, and not connected at the moment.
    CONNECTION_UNAVAIL = 1201;
    /// The name is remembered for a different remote.
    DEVICE_ALREADY_REMEMBERED = 1202;
    /// No provider takes this remote name.
    NO_NET_OR_BAD_PATH = 1203;
    /// No provider has this name.
    BAD_PROVIDER = 1204;
    /// The profile cannot be opened.
    CANNOT_OPEN_PROFILE = 1205;
    /// The profile is damaged.
    BAD_PROFILE = 1206;
    /// The provider has the details (WNetGetLastError).
    EXTENDED_ERROR = 1208;
    /// The network is not there, or the daemon cannot be reached.
    NO_NETWORK = 1222;
    /// The user or caller gave up.
    CANCELLED = 1223;
    /// There is no ticket to log on with.
    NO_SUCH_LOGON_SESSION = 1312;
    /// Unknown user or wrong password.
    LOGON_FAILURE = 1326;
    /// The server refused the connection.
    CONNECTION_REFUSED = 1225;
    /// There is no route to the server.
    NETWORK_UNREACHABLE = 1231;
    /// The server does not answer.
    HOST_UNREACHABLE = 1232;
    /// The user name is not one.
    BAD_USERNAME = 2202;
    /// There is no such connection, and none is remembered.
    NOT_CONNECTED = 2250;
    /// Files are open on the connection.
    OPEN_FILES = 2401;
    /// A process stands in the drive (working directory, root, executable).
    DEVICE_IN_USE = 2404;
    /// The operation is not supported.
    NOT_SUPPORTED = 50;
    /// An input or output failed.
    IO_DEVICE = 1117;
    /// The folder is not empty.
    DIR_NOT_EMPTY = 145;
    /// A service that is needed cannot be started.
    SERVICE_NOT_AVAILABLE = 1062;
}

/// Exit codes of the command line: documented in the manual, and constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Anything without a code of its own.
    Other = 1,
    /// The command line was not understood.
    Usage = 2,
    /// The deadline passed; what is unproven was listed.
    Deadline = 3,
    /// No such connection.
    NotConnected = 4,
    /// In use; the holders were named.
    Busy = 5,
    /// Ended, and something was lost; each file was named.
    Loss = 6,
    /// The server did not accept the user.
    Authentication = 7,
    /// The daemon cannot be reached or started.
    Daemon = 8,
    /// The caller may not do that.
    NotPermitted = 9,
    /// The local name is taken.
    NameInUse = 10,
}
