//! What can go wrong, said so that it helps: what happened, why, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::{Code, Exit};
use crate::link::RasState;
use crate::ras;
use crate::view::Holder;

/// A result with Cleardown's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: its kind, and the chain of causes from the nearest to the deepest.
///
/// It crosses the IPC as data, so that every face (command line, D-Bus, C) can show it in its own way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Error {
    /// What happened.
    pub kind: ErrorKind,
    /// Why, from the nearest cause to the deepest; each in a few words and without secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

/// What happened. Each kind has one WNet/RAS code, one exit code and, where something can be done, a hint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "of", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum ErrorKind {
    /// The text is no local name.
    BadLocalName(String),
    /// The text is no remote name.
    BadRemoteName(String),
    /// A parameter makes no sense; which one, and why.
    BadParameter(String),
    /// The local name is connected already, to this remote.
    NameInUse { name: String, remote: String },
    /// The local name is remembered for another remote.
    NameRemembered { name: String, remote: String },
    /// All letters are taken.
    NoFreeName,
    /// No such connection.
    NotConnected(String),
    /// Remembered, and not connected.
    OnlyRemembered(String),
    /// The mount point is not an empty folder, or cannot be one.
    MountPoint { path: String, why: String },
    /// The mount point holds files.
    MountPointNotEmpty(String),
    /// This machine has no FUSE, or the caller may not use it.
    NoFuse(String),
    /// The server's name leads nowhere.
    UnknownHost(String),
    /// There is no route to the server.
    NoRoute(String),
    /// Nobody listens there.
    Refused(String),
    /// The server did not answer in time, while doing what.
    Timeout { server: String, during: String },
    /// Wrong user or password.
    Authentication { user: String, server: String },
    /// Kerberos gave no way in, and why.
    Kerberos { server: String, why: String },
    /// The server lets this user in, and not to this share or file.
    AccessDenied(String),
    /// The server has no such share or folder.
    NoSuchShare(String),
    /// The share has no folders: it is one of pipes or of a printer.
    NoFolders(String),
    /// The server speaks none of our dialects, or demands what we lack.
    Protocol { server: String, why: String },
    /// The server's host key is not in known_hosts.
    HostKeyUnknown { host: String, algorithm: String, fingerprint: String },
    /// The server's host key is not the one in known_hosts: perhaps someone is in between.
    HostKeyChanged { host: String, fingerprint: String },
    /// The connection to the server broke.
    ServerGone(String),
    /// Holders keep it in use.
    Busy { name: String, holders: Vec<Holder> },
    /// Some acknowledged data could not be written to the server; the connection stays.
    FlushFailed { name: String, files: Vec<String> },
    /// The deadline passed; what is not proven.
    Deadline { name: String, unproven: Vec<String> },
    /// Someone is already ending it.
    Ending(String),
    /// The caller may not do that.
    NotPermitted(String),
    /// The caller gave up.
    Cancelled,
    /// The daemon cannot be reached or started.
    Daemon(String),
    /// The worker died while doing what.
    WorkerDied(String),
    /// The profile is damaged: where (file, line, column), and how.
    Profile { at: String, why: String },
    /// A file or folder of the profile cannot be read or written: what was being done.
    ProfileFile(String),
    /// This is not supported, and by what.
    NotSupported(String),
    /// The text is no name of a phone-book entry.
    BadEntryName(String),
    /// The phone book has no such entry.
    NoSuchEntry(String),
    /// The phone book has an entry of this name.
    EntryExists(String),
    /// A file of another program cannot be imported: where (file and line), and why.
    Import { at: String, why: String },
    /// An entry makes no sense: what is wrong with it.
    BadEntry { name: String, problems: Vec<String> },
    /// Dialling failed, or a link broke: the RAS number, and where in the dial.
    Link { entry: String, code: Code, during: RasState },
    /// Another program made this link; what it is (`tun`, `wireguard`, ...), and the process that carries it, where one is seen.
    Foreign { name: String, what: String, process: Option<(String, u32)> },
    /// The servers of these drives are reached over the link.
    Dependents { name: String, drives: Vec<String> },
    /// An error of the operating system, while doing what.
    Os { during: String, errno: i32 },
}

impl Error {
    /// Adds a cause below those that are there.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds a standard error and its sources as causes.
    #[must_use]
    pub fn because_of(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// In one line: what happened, and why.
    pub fn line(&self) -> String {
        match self.causes.first() {
            Some(why) => format!("{self}: {why}"),
            None => self.to_string(),
        }
    }

    /// The WNet or RAS number.
    pub fn code(&self) -> Code {
        self.kind.code()
    }

    /// The exit code of the command line.
    pub fn exit(&self) -> Exit {
        self.kind.exit()
    }

    /// What to do next, when there is something.
    pub fn hint(&self) -> Option<String> {
        self.kind.hint()
    }

    /// An operating-system error while doing `during`.
    pub fn os(during: impl Into<String>, error: &std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(5);
        Error::from(ErrorKind::Os { during: during.into(), errno }).because(error)
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Error { kind, causes: Vec::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}
impl std::error::Error for Error {}

impl ErrorKind {
    /// The WNet or RAS number.
    pub fn code(&self) -> Code {
        use ErrorKind::*;
        match self {
            BadLocalName(_) => Code::BAD_DEVICE,
            BadRemoteName(_) => Code::BAD_NET_NAME,
            BadParameter(_) => Code::INVALID_PARAMETER,
            NameInUse { .. } => Code::ALREADY_ASSIGNED,
            NameRemembered { .. } => Code::DEVICE_ALREADY_REMEMBERED,
            NoFreeName => Code(259),
            NotConnected(_) => Code::NOT_CONNECTED,
            OnlyRemembered(_) => Code::CONNECTION_UNAVAIL,
            MountPoint { .. } => Code::BAD_DEVICE,
            MountPointNotEmpty(_) => Code::DIR_NOT_EMPTY,
            NoFuse(_) => Code::SERVICE_NOT_AVAILABLE,
            UnknownHost(_) => Code::BAD_NETPATH,
            NoRoute(_) => Code::NETWORK_UNREACHABLE,
            Refused(_) => Code::CONNECTION_REFUSED,
            Timeout { .. } => Code::SEM_TIMEOUT,
            Authentication { .. } => Code::LOGON_FAILURE,
            Kerberos { .. } => Code::NO_SUCH_LOGON_SESSION,
            AccessDenied(_) | NotPermitted(_) => Code::ACCESS_DENIED,
            NoSuchShare(_) => Code::BAD_NET_NAME,
            NoFolders(_) => Code::BAD_DEV_TYPE,
            Protocol { .. } | HostKeyUnknown { .. } | HostKeyChanged { .. } => Code::EXTENDED_ERROR,
            ServerGone(_) => Code::UNEXP_NET_ERR,
            Busy { holders, .. } if holders.iter().any(|h| h.kind.is_open_file()) => Code::OPEN_FILES,
            Busy { .. } => Code::DEVICE_IN_USE,
            FlushFailed { .. } => Code::OPEN_FILES,
            Deadline { .. } => Code::SEM_TIMEOUT,
            Ending(_) => Code::BUSY,
            Cancelled => Code::CANCELLED,
            Daemon(_) => Code::NO_NETWORK,
            WorkerDied(_) => Code::UNEXP_NET_ERR,
            Profile { .. } => Code::BAD_PROFILE,
            ProfileFile(_) => Code::CANNOT_OPEN_PROFILE,
            NotSupported(_) | Foreign { .. } => Code::NOT_SUPPORTED,
            BadEntryName(_) => Code(123),
            NoSuchEntry(_) => Code::CANNOT_FIND_PHONEBOOK_ENTRY,
            EntryExists(_) => Code(183),
            Import { .. } | BadEntry { .. } => Code::CORRUPT_PHONEBOOK,
            Link { code, .. } => *code,
            Dependents { .. } => Code::DEVICE_IN_USE,
            Os { .. } => Code::IO_DEVICE,
        }
    }

    /// The exit code of the command line.
    pub fn exit(&self) -> Exit {
        use ErrorKind::*;
        match self {
            BadLocalName(_) | BadRemoteName(_) | BadParameter(_) | BadEntryName(_) => Exit::Usage,
            NameInUse { .. } | NameRemembered { .. } | NoFreeName | EntryExists(_) => Exit::NameInUse,
            NotConnected(_) | OnlyRemembered(_) | NoSuchEntry(_) => Exit::NotConnected,
            // The account is locked, expired, or not for dialling in; or the peer's word for a wrong password.
            Link { code: Code(646..=649 | 691 | 708), .. } => Exit::Authentication,
            Link { code: Code::REQUEST_TIMEOUT, .. } => Exit::Deadline,
            Link { code: Code::PORT_NOT_AVAILABLE | Code::PORT_ALREADY_OPEN | Code::LINE_BUSY, .. } => {
                Exit::Busy
            }
            Dependents { .. } => Exit::Busy,
            Timeout { .. } | Deadline { .. } => Exit::Deadline,
            Authentication { .. } | Kerberos { .. } => Exit::Authentication,
            AccessDenied(_) | NotPermitted(_) | Foreign { .. } => Exit::NotPermitted,
            Busy { .. } | Ending(_) => Exit::Busy,
            Daemon(_) => Exit::Daemon,
            _ => Exit::Other,
        }
    }

    /// What to do next, when there is something.
    pub fn hint(&self) -> Option<String> {
        use ErrorKind::*;
        Some(match self {
            BadLocalName(_) => "use a letter with a colon (z:), or a short word of letters, digits, '-', '_' and '.'".into(),
            BadRemoteName(_) => r"write //server/share, \\server\share, smb://user@server:port/share or sftp://user@host/path; passwords never go into a name".into(),
            NameInUse { name, .. } => format!("end it first (cleardown end {name}), add --replace, or choose another name; * takes the first free one"),
            NameRemembered { name, .. } => format!("forget it (cleardown forget {name}), add --replace, or choose another name"),
            NoFreeName => "give a name of your own, for example photos".into(),
            NotConnected(_) => "cleardown list shows what is connected, cleardown list --remembered what is remembered".into(),
            OnlyRemembered(name) => format!("cleardown restore {name} connects it, cleardown forget {name} removes it"),
            MountPoint { .. } => "choose another folder with --at DIR".into(),
            MountPointNotEmpty(_) => "choose an empty folder with --at DIR; its files would be hidden".into(),
            NoFuse(_) => "install fuse3 and see that /dev/fuse exists".into(),
            UnknownHost(_) => "check the spelling, or use the server's address".into(),
            NoRoute(_) => "check that the network or the VPN is up".into(),
            Refused(_) => "check that the file service runs there, and the port".into(),
            Timeout { .. } => "the server may be down or behind a firewall; --timeout gives it longer".into(),
            Authentication { .. } => "check user and password; for a domain user write DOMAIN\\user".into(),
            Kerberos { .. } => "kinit gets a ticket and klist shows what there is; a password is asked for with --user and --password-file".into(),
            AccessDenied(_) => "ask the server's administrator for access, or connect as another user (--user)".into(),
            NoSuchShare(_) => "check the share's spelling; shares may be hidden from users without access".into(),
            NoFolders(_) => "log on there without a local name: cleardown map - //server/share".into(),
            HostKeyUnknown { .. } => "compare the fingerprint with the server's administrator, then run ssh-keyscan or answer the question on a terminal".into(),
            HostKeyChanged { host, .. } => format!("if the server was reinstalled, remove the old key (ssh-keygen -R {host})"),
            ServerGone(_) => "the drive reconnects by itself once the server answers".into(),
            Busy { name, .. } => format!("close what is open, wait for it (cleardown end {name} --wait), or abort it and see what is lost (--force)"),
            FlushFailed { name, .. } => format!("make room or bring the server back and end again; cleardown end {name} --force gives those files up"),
            Deadline { name, .. } => format!("look again with cleardown status {name}, or end with --force"),
            Ending(name) => format!("cleardown status {name} shows how far it is"),
            NotPermitted(_) => "ask as the connection's owner or as root".into(),
            Daemon(_) => "see that cleardownd is installed beside cleardown and that the run-time folder can be written".into(),
            BadEntryName(_) => r#"a name has 1 to 256 characters, a letter or digit among them, none of | > < ? * \ / : ", and no dot at the start"#.into(),
            NoSuchEntry(_) => "cleardown phonebook list shows the entries, cleardown phonebook add makes one".into(),
            EntryExists(name) => format!("choose another name, or change it (cleardown phonebook edit {name:?})"),
            BadEntry { name, .. } => format!("correct it with cleardown phonebook edit {name:?}"),
            Link { code, .. } => ras::hint(*code)?.into(),
            Dependents { name, .. } => format!("end them first, or all together (cleardown end {name} --with-dependents)"),
            Foreign { name, process: None, .. } => format!("end it with what made it, for example wg-quick down {name} or nmcli device disconnect {name}"),
            Foreign { process: Some((program, pid)), .. } => format!("end it with the command that started {program}, or end the process (kill {pid}): the interface goes with it"),
            Profile { .. } => "correct the file or remove it; the others are not affected".into(),
            ProfileFile(_) => "see that it can be read and written, and that the disk is not full".into(),
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ErrorKind::*;
        match self {
            BadLocalName(text) => write!(f, "{text:?} is not a local name"),
            BadRemoteName(text) => write!(f, "{text:?} is not a remote name"),
            BadParameter(why) => f.write_str(why),
            NameInUse { name, remote } => write!(f, "{name} is already connected to {remote}"),
            NameRemembered { name, remote } => write!(f, "{name} is remembered for {remote}"),
            NoFreeName => f.write_str("all drive letters from z: to a: are taken"),
            NotConnected(name) => write!(f, "{name} is not connected"),
            OnlyRemembered(name) => write!(f, "{name} is remembered but not connected"),
            MountPoint { path, why } => write!(f, "{path} cannot be the mount point: {why}"),
            MountPointNotEmpty(path) => write!(f, "the mount point {path} is not empty"),
            NoFuse(why) => write!(f, "FUSE cannot be used here: {why}"),
            UnknownHost(host) => write!(f, "the server {host} is not known"),
            NoRoute(host) => write!(f, "there is no route to {host}"),
            Refused(host) => write!(f, "{host} refused the connection"),
            Timeout { server, during } => write!(f, "{server} did not answer in time while {during}"),
            Authentication { user, server } => {
                write!(f, "{server} did not accept the user {user} with this password")
            }
            Kerberos { server, why } => write!(f, "{server} cannot be logged on to with Kerberos: {why}"),
            AccessDenied(what) => write!(f, "access to {what} was denied"),
            NoSuchShare(what) => write!(f, "{what} does not exist on the server"),
            NoFolders(what) => write!(f, "{what} has no folders: it is for pipes or a printer"),
            Protocol { server, why } => write!(f, "no common ground with {server}: {why}"),
            HostKeyUnknown { host, algorithm, fingerprint } => {
                write!(f, "the host key of {host} is not known ({algorithm} {fingerprint})")
            }
            HostKeyChanged { host, fingerprint } => {
                write!(f, "the host key of {host} has CHANGED (now {fingerprint}); someone may be in between")
            }
            ServerGone(server) => write!(f, "the connection to {server} was lost"),
            Busy { name, holders } => match holders.len() {
                0 => write!(f, "{name} is in use, by whom cannot be seen from here"),
                1 => write!(f, "{name} is in use by {}", holders[0]),
                n => write!(f, "{name} is in use by {} and {} more", holders[0], n - 1),
            },
            FlushFailed { name, files } => {
                write!(f, "{name} stays connected: {} could not be written to the server", files.join(", "))
            }
            Deadline { name, unproven } => {
                write!(
                    f,
                    "the deadline passed before the end of {name} was proven; unproven: {}",
                    unproven.join(", ")
                )
            }
            Ending(name) => write!(f, "{name} is already being ended"),
            NotPermitted(what) => write!(f, "not permitted: {what}"),
            Cancelled => f.write_str("cancelled"),
            Daemon(why) => write!(f, "the daemon cannot be reached: {why}"),
            WorkerDied(during) => write!(f, "the worker died while {during}"),
            Profile { at, why } => write!(f, "the profile is damaged at {at}: {why}"),
            ProfileFile(during) => write!(f, "the profile cannot be used: {during} failed"),
            NotSupported(what) => write!(f, "{what} is not supported"),
            BadEntryName(name) => write!(f, "{name:?} is no name for a phone-book entry"),
            NoSuchEntry(name) => write!(f, "the phone book has no entry {name}"),
            EntryExists(name) => write!(f, "the phone book has an entry {name} already"),
            Import { at, why } => write!(f, "{at} cannot be imported: {why}"),
            BadEntry { name, problems } => {
                write!(f, "the entry {name} cannot be used: {}", problems.join("; "))
            }
            Link { entry, code, during } => match ras::text(*code) {
                Some(text) => write!(f, "{entry}: {text} (error {}, while {during})", code.0),
                None => write!(f, "{entry}: error {} while {during}", code.0),
            },
            Foreign { name, what, process } => {
                let by = match process {
                    Some((program, pid)) => format!("{program} (process {pid})"),
                    None => "another program".into(),
                };
                write!(f, "{name} is a link of kind {what} that {by} made; it is shown, and not ended here")
            }
            Dependents { name, drives } => {
                write!(
                    f,
                    "{name} carries the drives {}: their servers are reached over it",
                    drives.join(", ")
                )
            }
            Os { during, .. } => write!(f, "{during} failed"),
        }
    }
}
