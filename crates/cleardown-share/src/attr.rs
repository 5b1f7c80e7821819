//! What a server says of a file.

/// Nanoseconds since 1970 (UTC); may be negative. SMB carries 100 ns, SFTP 3 whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i128);

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// Attributes of a file. What the protocol does not carry is `None`, and the drive fills it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attr {
    /// The server's id of the file (SMB: the 64-bit file id; SFTP: none), stable over renames.
    pub id: Option<u64>,
    /// The kind.
    pub kind: FileKind,
    /// The size in bytes.
    pub size: u64,
    /// Bytes occupied on the server.
    pub allocated: Option<u64>,
    /// Permission bits (07777) if the protocol carries them.
    pub mode: Option<u32>,
    /// Whether the server marks it read-only (SMB's attribute).
    pub read_only: bool,
    /// Owner on the server.
    pub uid: Option<u32>,
    /// Group on the server.
    pub gid: Option<u32>,
    /// Hard links.
    pub links: Option<u32>,
    /// Last access.
    pub accessed: Time,
    /// Last change of the content.
    pub modified: Time,
    /// Last change of anything.
    pub changed: Time,
    /// Creation.
    pub created: Option<Time>,
}

/// Attributes to change; `None` leaves one as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    /// Cut or extend to this size.
    pub size: Option<u64>,
    /// Permission bits (07777).
    pub mode: Option<u32>,
    /// Owner on the server.
    pub uid: Option<u32>,
    /// Group on the server.
    pub gid: Option<u32>,
    /// Last access.
    pub accessed: Option<Time>,
    /// Last change of the content.
    pub modified: Option<Time>,
    /// Creation.
    pub created: Option<Time>,
}

/// One entry of a folder, with its attributes (the protocols send both together).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name, never `.` or `..`.
    pub name: Vec<u8>,
    /// The attributes (of a link itself, not its target).
    pub attr: Attr,
}

/// The room on the server, as it counts it for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatFs {
    /// Bytes per block.
    pub block_size: u32,
    /// All blocks.
    pub blocks: u64,
    /// Free blocks.
    pub free: u64,
    /// Free blocks for this user.
    pub available: u64,
    /// All files, if known.
    pub files: u64,
    /// Free files, if known.
    pub files_free: u64,
    /// Longest name, in bytes as Linux counts them.
    pub name_max: u32,
}
