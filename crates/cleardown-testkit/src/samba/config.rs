//! What a test may ask of the server, and the smb.conf(5) that says it.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::kerberos::Realm;

/// A user of the server.
#[derive(Clone, Debug)]
pub struct User {
    /// The name that clients give.
    pub name: String,
    /// The account of this machine that stands behind it; it must exist.
    pub unix: String,
    /// The password.
    pub password: String,
}

impl User {
    /// `eve`, with a password that has awkward characters.
    pub fn eve() -> User {
        User { name: "eve".into(), unix: "games".into(), password: "s3cret, 'with' \"ä\" & $x".into() }
    }

    /// `adam`, a second user.
    pub fn adam() -> User {
        User { name: "adam".into(), unix: "news".into(), password: "another secret".into() }
    }
}

/// One share.
#[derive(Clone, Debug, Default)]
pub struct ShareDef {
    /// Its name.
    pub name: String,
    /// The folder behind it; none: a new one, open to all.
    pub folder: Option<PathBuf>,
    /// No writing.
    pub read_only: bool,
    /// Guests may come in.
    pub guest: bool,
    /// Encryption is demanded on this share.
    pub encrypt: bool,
    /// The folder is a tmpfs of this many bytes: a disk that can be full.
    pub tmpfs: Option<u64>,
    /// It holds DFS links (`msdfs:server\share` symbolic links).
    pub dfs: bool,
    /// Byte-range locks are checked on every read and write.
    pub strict_locking: bool,
    /// More lines of smb.conf.
    pub extra: String,
}

impl ShareDef {
    /// A writable share in a new folder.
    pub fn new(name: &str) -> ShareDef {
        ShareDef { name: name.into(), ..ShareDef::default() }
    }
}

/// What kind of server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; none: a free one.
    pub port: Option<u16>,
    /// The newest dialect, as smb.conf names it (`SMB2_10`, `SMB3_00`, `SMB3_02`, `SMB3_11`).
    pub max_protocol: String,
    /// Signing is mandatory.
    pub signing: bool,
    /// Encryption is mandatory on the whole server.
    pub encrypt: bool,
    /// Unknown users become guests.
    pub guest: bool,
    /// Users may come in with tickets of this realm, for `cifs/localhost`.
    pub realm: Option<Realm>,
    /// The users.
    pub users: Vec<User>,
    /// The shares.
    pub shares: Vec<ShareDef>,
    /// More lines of smb.conf's global section.
    pub extra: String,
}

impl Default for Options {
    /// SMB 3.1.1, users `eve` and `adam`, one writable share `files`.
    fn default() -> Self {
        Options {
            port: None,
            max_protocol: "SMB3_11".into(),
            signing: false,
            encrypt: false,
            guest: false,
            realm: None,
            users: vec![User::eve(), User::adam()],
            shares: vec![ShareDef::new("files")],
            extra: String::new(),
        }
    }
}

/// Writes smb.conf and the map of user names.
pub(super) fn write(
    dir: &Path,
    port: u16,
    options: &Options,
    folders: &[(String, PathBuf)],
) -> io::Result<()> {
    for name in ["private", "lock", "state", "cache", "pid", "rpc"] {
        fs::create_dir_all(dir.join(name))?;
    }
    // Those who come with a ticket are called `WORKGROUP\user`.
    let line = |user: &User| format!("!{} = {1} CLEARDOWN\\{1}\n", user.unix, user.name);
    let map: String = options.users.iter().map(line).collect();
    fs::write(dir.join("users"), map)?;
    let mut text = global(dir, port, options);
    for (share, (_, folder)) in options.shares.iter().zip(folders) {
        text.push_str(&section(share, folder));
    }
    fs::write(dir.join("smb.conf"), text)
}

fn global(dir: &Path, port: u16, options: &Options) -> String {
    let at = dir.display();
    let guest = if options.guest { "Bad User" } else { "Never" };
    let signing = if options.signing { "mandatory" } else { "default" };
    let encrypt = if options.encrypt { "required" } else { "default" };
    format!(
        "[global]
server role = standalone server
workgroup = CLEARDOWN
netbios name = TESTKIT
disable netbios = yes
interfaces = lo
bind interfaces only = yes
smb ports = {port}
private dir = {at}/private
lock directory = {at}/lock
state directory = {at}/state
cache directory = {at}/cache
pid directory = {at}/pid
ncalrpc dir = {at}/rpc
log file = {at}/log.smbd
log level = 1
passdb backend = tdbsam:{at}/private/passdb.tdb
username map = {at}/users
map to guest = {guest}
guest account = nobody
server min protocol = SMB2_10
server max protocol = {max}
server signing = {signing}
server smb encrypt = {encrypt}
load printers = no
printing = bsd
printcap name = /dev/null
disable spoolss = yes
host msdfs = yes
store dos attributes = yes
map archive = no
durable handles = yes
kernel oplocks = no
kernel share modes = no
posix locking = no
{kerberos}{extra}
",
        max = options.max_protocol,
        kerberos = options.realm.as_ref().map(kerberos).unwrap_or_default(),
        extra = options.extra,
    )
}

fn kerberos(realm: &Realm) -> String {
    let keytab = realm.keytab().display().to_string();
    format!(
        "realm = {}\nkerberos method = dedicated keytab\ndedicated keytab file = FILE:{keytab}\n",
        Realm::NAME
    )
}

fn section(share: &ShareDef, folder: &Path) -> String {
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    let mut text = format!(
        "[{}]
path = {}
read only = {}
guest ok = {}
strict locking = {}
force user = root
",
        share.name,
        folder.display(),
        yes(share.read_only),
        yes(share.guest),
        yes(share.strict_locking),
    );
    if share.encrypt {
        text.push_str("server smb encrypt = required\n");
    }
    if share.dfs {
        text.push_str("msdfs root = yes\n");
    }
    let _ = writeln!(text, "{}", share.extra);
    text
}
