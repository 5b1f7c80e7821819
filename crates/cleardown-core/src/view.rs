//! What is shown: connections, holders, proofs and reports. These types are the JSON of the command line
//! (version 1, `schema/v1.json`) and, as dictionaries, the values on D-Bus.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::link::{Engine, RasState};

/// The version of the JSON that the command line prints.
pub const JSON_VERSION: u32 = 1;

/// Drive or link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A share of a file server on a local name.
    Drive,
    /// A session on a file server without a local name (WNet's deviceless connection).
    Deviceless,
    /// A remote-access connection.
    Link,
}

/// Where in its life a connection is; see `life`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being made.
    Opening,
    /// In use.
    Connected,
    /// In use, the server not answering; reconnecting.
    Reconnecting,
    /// No new opens; writing what is pending.
    Draining,
    /// Closing, logging off, unmounting.
    Ending,
    /// Ended, the device not yet back (links).
    Resetting,
    /// Over.
    Ended,
    /// Could not be made, or broke for good.
    Failed,
    /// Remembered and not connected.
    Remembered,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Status::Opening => "opening",
            Status::Connected => "connected",
            Status::Reconnecting => "reconnecting",
            Status::Draining => "draining",
            Status::Ending => "ending",
            Status::Resetting => "resetting",
            Status::Ended => "ended",
            Status::Failed => "failed",
            Status::Remembered => "remembered",
        })
    }
}

/// How a process holds a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderKind {
    /// An open file or folder.
    File,
    /// A memory mapping.
    Mapping,
    /// A lock on an open file.
    Lock,
    /// The working directory.
    WorkingDirectory,
    /// The root directory.
    Root,
    /// The running program.
    Executable,
    /// Another mount inside or on top.
    Mount,
    /// A use that was counted and whose owner cannot be seen.
    Unseen,
}

impl HolderKind {
    /// True for what WNet calls open files (2401); the others mean device in use (2404).
    pub fn is_open_file(self) -> bool {
        matches!(self, HolderKind::File | HolderKind::Mapping | HolderKind::Lock | HolderKind::Unseen)
    }
}

impl fmt::Display for HolderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            HolderKind::File => "open file",
            HolderKind::Mapping => "mapping",
            HolderKind::Lock => "lock",
            HolderKind::WorkingDirectory => "working directory",
            HolderKind::Root => "root directory",
            HolderKind::Executable => "executable",
            HolderKind::Mount => "mount",
            HolderKind::Unseen => "unseen",
        })
    }
}

/// One use of a connection by one process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// Process id; 0 when it cannot be seen.
    pub pid: u32,
    /// The process's user, by name where there is one.
    pub user: String,
    /// The program's short name (`comm`).
    pub program: String,
    /// The path that it holds, as that process sees it.
    pub path: String,
    /// How.
    pub kind: HolderKind,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pid == 0 {
            // A use by the kernel itself has a name; one that was only counted has none.
            let who = if self.program.is_empty() { "a process that cannot be seen" } else { &self.program };
            return write!(f, "{who} ({} {})", self.kind, self.path);
        }
        write!(f, "{}[{}] of {} ({} {})", self.program, self.pid, self.user, self.kind, self.path)
    }
}

/// All holders that could be found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holders {
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// What could not be seen, in words; empty when the view is complete.
    #[serde(default)]
    pub unseen: Vec<String>,
}

/// A connection, as `list` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The local name; for a deviceless connection the remote name.
    pub name: String,
    /// Drive, deviceless or link.
    pub kind: Kind,
    /// Where in its life it is.
    pub status: Status,
    /// Why it is in that state, when there is something to say.
    #[serde(default)]
    pub reason: Option<String>,
    /// The mount point; of a link the interface; none for a deviceless connection or one that is only remembered.
    #[serde(rename = "where", default)]
    pub at: Option<String>,
    /// The remote name.
    pub remote: String,
    /// `smb` or `sftp`.
    pub provider: String,
    /// The user on the server.
    #[serde(default)]
    pub user: Option<String>,
    /// The local user whose connection it is.
    pub owner: String,
    /// Comes back at the next login.
    pub remembered: bool,
    /// Mounted read-only.
    #[serde(default)]
    pub read_only: bool,
    /// Bytes that applications have written and the server has not acknowledged.
    pub pending_bytes: u64,
    /// The dialect, for example `SMB 3.1.1` or `SFTP 3`.
    #[serde(default)]
    pub dialect: Option<String>,
    /// The cipher that protects it, or none.
    #[serde(default)]
    pub encryption: Option<String>,
    /// The signing algorithm, or none.
    #[serde(default)]
    pub signing: Option<String>,
    /// References of a deviceless session or a link.
    #[serde(default)]
    pub references: u32,
    /// Seconds since it was connected.
    #[serde(default)]
    pub up_seconds: u64,
    /// The worker's process id.
    #[serde(default)]
    pub worker_pid: Option<u32>,
    /// The addresses that a drive's connections to its server go to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// What of the holders could not be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// What only links have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

impl Connection {
    /// A connection of which nothing more is known: what is not said stays empty.
    pub fn new(name: String, kind: Kind, status: Status) -> Self {
        Connection {
            name,
            kind,
            status,
            reason: None,
            at: None,
            remote: String::new(),
            provider: String::new(),
            user: None,
            owner: String::new(),
            remembered: false,
            read_only: false,
            pending_bytes: 0,
            dialect: None,
            encryption: None,
            signing: None,
            references: 0,
            up_seconds: 0,
            worker_pid: None,
            servers: Vec::new(),
            holders: Vec::new(),
            unseen: Vec::new(),
            link: None,
        }
    }
}

/// What only links have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The handle that programs know it by (HRASCONN); the same in every process, and never used again.
    pub handle: u64,
    /// Somebody else made it: it is shown, and cannot be ended here.
    #[serde(default)]
    pub foreign: bool,
    /// The device: a port, a program, an address.
    pub device: String,
    /// The kind of device, in one word (`modem`, `serial`, `command`, `tcp`, `unix`, `wireguard`, `ppp`, `tun`).
    pub device_type: String,
    /// The phone book that its entry comes from, a path.
    #[serde(default)]
    pub phonebook: Option<String>,
    /// How far the dial has come.
    pub state: RasState,
    /// Why it ended or failed, as a number of `raserror.h`.
    #[serde(default)]
    pub error: Option<Code>,
    /// The network interface, once there is one.
    #[serde(default)]
    pub interface: Option<String>,
    /// Our addresses, with prefix lengths.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// The peer's addresses.
    #[serde(default)]
    pub peer_addresses: Vec<String>,
    /// The name servers that the peer told or the entry names.
    #[serde(default)]
    pub dns: Vec<String>,
    /// The networks that are routed into it.
    #[serde(default)]
    pub routes: Vec<String>,
    /// Octets that came out of the interface since it is up.
    pub bytes_in: u64,
    /// Octets that went into the interface.
    pub bytes_out: u64,
    /// Packets that came out of the interface.
    #[serde(default)]
    pub packets_in: u64,
    /// Packets that went into it.
    #[serde(default)]
    pub packets_out: u64,
    /// Seconds since the last handshake (WireGuard).
    #[serde(default)]
    pub handshake_seconds: Option<u64>,
    /// Who carries it (WireGuard).
    #[serde(default)]
    pub engine: Option<Engine>,
    /// The drives whose servers are reached over it.
    #[serde(default)]
    pub drives: Vec<String>,
}

/// What `list --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// [`JSON_VERSION`].
    pub version: u32,
    /// All connections.
    pub connections: Vec<Connection>,
}

/// The proof that a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Proof {
    /// A drive, or a deviceless connection.
    Drive(DriveProof),
    /// A link.
    Link(LinkProof),
}

impl Proof {
    /// The proof of a drive's end, when it was a drive.
    pub fn drive(&self) -> Option<&DriveProof> {
        match self {
            Proof::Drive(proof) => Some(proof),
            Proof::Link(_) => None,
        }
    }

    /// The proof of a link's end, when it was a link.
    pub fn link(&self) -> Option<&LinkProof> {
        match self {
            Proof::Drive(_) => None,
            Proof::Link(proof) => Some(proof),
        }
    }
}

/// The proof that a link has ended and its line is free: each fact was observed, not assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LinkProof {
    /// The peer has said that it ended, too. A peer that is gone, or a dial that never reached one, acknowledges nothing.
    pub peer_acknowledged: bool,
    /// The device answers again (a modem: carrier low, and `OK` to `AT`); none where there is none that could be asked.
    pub device_answers: Option<bool>,
    /// The network interface does not exist any more.
    pub interface_gone: bool,
    /// Routes and addresses that were set for it do not exist any more.
    pub routes_reverted: bool,
    /// Name servers are what they were without it.
    pub dns_reverted: bool,
    /// No worker process is left: it has been reaped, or there was none.
    pub worker_reaped: bool,
    /// There was none: the kernel carried the link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_worker: bool,
}

/// The proof that a drive has ended: each fact was observed, not assumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DriveProof {
    /// Bytes that were still to be written when the end began, and have been.
    pub flushed_bytes: u64,
    /// The server acknowledged every write and flush.
    pub acknowledged: bool,
    /// The kernel's mount table has no entry for it.
    pub mount_gone: bool,
    /// The server answered the log-off.
    pub session_closed: bool,
    /// The worker process has been reaped.
    pub worker_reaped: bool,
}

/// A file that lost something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Loss {
    /// The path on the share.
    pub path: String,
    /// Bytes that an application had written and the server never acknowledged.
    pub bytes: u64,
}

/// A connection that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ended {
    /// Its name.
    pub name: String,
    /// What was proven.
    pub proof: Proof,
    /// Files that lost something (only with force).
    pub lost: Vec<Loss>,
    /// What is not proven, in words.
    pub unproven: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Removed from the profile too.
    #[serde(default)]
    pub forgotten: bool,
}

/// A connection that was not ended, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its name.
    pub name: String,
    /// The WNet or RAS number.
    pub code: Code,
    /// Why, in words.
    pub reason: String,
    /// Who holds it.
    pub holders: Vec<Holder>,
    /// The whole error, for faces that show causes and hints.
    pub error: crate::Error,
}

/// A connection that goes on, because others have references to it: one was given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// Its name.
    pub name: String,
    /// How many references are left.
    pub references: u32,
}

/// What `end --json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndReport {
    /// [`JSON_VERSION`].
    pub version: u32,
    /// What has ended.
    pub ended: Vec<Ended>,
    /// What goes on with a reference less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub released: Vec<Released>,
    /// What has not.
    pub refused: Vec<Refused>,
}

impl Default for EndReport {
    fn default() -> Self {
        let (ended, released, refused) = (Vec::new(), Vec::new(), Vec::new());
        EndReport { version: JSON_VERSION, ended, released, refused }
    }
}

impl EndReport {
    /// Adds what another report says.
    pub fn extend(&mut self, other: EndReport) {
        self.ended.extend(other.ended);
        self.released.extend(other.released);
        self.refused.extend(other.refused);
    }
}

/// Progress of a long operation, for people to watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The connection's name.
    pub name: String,
    /// What is being done: `resolving`, `connecting`, `authenticating`, `mounting`, `flushing`, ...
    pub stage: String,
    /// Bytes left to write, while flushing.
    #[serde(default)]
    pub bytes_left: Option<u64>,
    /// Bytes per second, while flushing.
    #[serde(default)]
    pub rate: Option<u64>,
    /// Who is waited for, with `--wait`.
    #[serde(default)]
    pub holders: Vec<Holder>,
    /// How far a link has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ras: Option<RasProgress>,
}

impl Progress {
    /// A stage that has no figures.
    pub fn stage(name: impl Into<String>, stage: impl Into<String>) -> Self {
        Progress {
            name: name.into(),
            stage: stage.into(),
            bytes_left: None,
            rate: None,
            holders: Vec::new(),
            ras: None,
        }
    }
}

/// How far a dial, or the end of a link, has come (what `RasDialFunc1` is told).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RasProgress {
    /// The link's handle.
    pub handle: u64,
    /// The state that it has entered, or in which it failed.
    pub state: RasState,
    /// When, in milliseconds since the dial began.
    pub at_ms: u64,
    /// The error (`raserror.h`), when the dial has failed in this state.
    #[serde(default)]
    pub error: Option<Code>,
    /// Which attempt this is, from 1.
    #[serde(default)]
    pub attempt: u32,
}

/// What a share is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareKind {
    /// Files.
    Disk,
    /// A printer's queue.
    Printer,
    /// Named pipes.
    Ipc,
    /// Some other device.
    Device,
}

/// A share that a server offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ShareKind,
    /// What its administrator says of it.
    #[serde(default)]
    pub comment: String,
}

impl Offered {
    /// Shown only to those who ask for everything.
    pub fn is_hidden(&self) -> bool {
        self.name.ends_with('$')
    }
}
