//! A Kerberos realm of one's own: MIT's KDC (`krb5kdc`, `kadmin.local`, `kdb5_util`, `kinit`) on loopback.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Group, Port, wait_for_port};
use crate::samba::User;

/// A running KDC with its database. The last of its clones takes everything along when it is dropped.
#[derive(Clone, Debug)]
pub struct Realm(Arc<Running>);

#[derive(Debug)]
struct Running {
    /// It is dropped before the folder.
    _group: Group,
    _port: Port,
    dir: TempDir,
}

impl Realm {
    /// Its name.
    pub const NAME: &'static str = "CLEARDOWN.TEST";

    /// Starts a KDC that knows these users with their passwords, and the service `cifs/localhost`.
    pub fn start(users: &[User]) -> io::Result<Realm> {
        let dir = tempfile::Builder::new().prefix("ctk-krb-").tempdir()?;
        // Ordinary users read krb5.conf; what is secret has modes of its own.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let at = dir.path();
        let port = Port::free()?;
        write_config(at, port.number())?;
        tool(at, "kdb5_util", &["create", "-s", "-P", "the database's own secret"], "")?;
        for user in users {
            let typed = format!("{0}\n{0}\n", user.password);
            tool(at, "kadmin.local", &["-q", &format!("addprinc +requires_preauth {}", user.name)], &typed)?;
        }
        tool(at, "kadmin.local", &["-q", "addprinc -randkey cifs/localhost"], "")?;
        let keytab = format!("ktadd -k {} cifs/localhost", at.join("keytab").display());
        tool(at, "kadmin.local", &["-q", &keytab], "")?;
        let log = fs::File::create(at.join("log"))?;
        let mut kdc = command(at, "krb5kdc");
        kdc.args(["-n", "-r", Self::NAME]).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut group = Group::spawn(&mut kdc)?;
        wait_for_port(port.number(), &mut group, Duration::from_secs(60)).map_err(|error| {
            io::Error::other(format!(
                "krb5kdc: {error}: {}",
                fs::read_to_string(at.join("log")).unwrap_or_default()
            ))
        })?;
        Ok(Realm(Arc::new(Running { _group: group, _port: port, dir })))
    }

    /// What clients read in place of `/etc/krb5.conf` (`KRB5_CONFIG`).
    pub fn conf(&self) -> PathBuf {
        self.0.dir.path().join("krb5.conf")
    }

    /// The keys of `cifs/localhost`, for the server.
    pub fn keytab(&self) -> PathBuf {
        self.0.dir.path().join("keytab")
    }

    /// Tickets as kinit(1) gets them, which live for so many seconds: the cache is the file `name` in this folder.
    pub fn kinit(&self, user: &User, seconds: u32, cache: &Path) -> io::Result<()> {
        let life = format!("{seconds}s");
        let cache = format!("FILE:{}", cache.display());
        let typed = format!("{}\n", user.password);
        tool(self.0.dir.path(), "kinit", &["-l", &life, "-c", &cache, &user.name], &typed)
    }
}

fn write_config(dir: &Path, port: u16) -> io::Result<()> {
    let (at, name) = (dir.display(), Realm::NAME);
    fs::write(
        dir.join("krb5.conf"),
        format!(
            "[libdefaults]\ndefault_realm = {name}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
             [realms]\n{name} = {{\n kdc = 127.0.0.1:{port}\n}}\n"
        ),
    )?;
    // smbd takes no MS-PAC from others than its domain's controllers.
    fs::write(
        dir.join("kdc.conf"),
        format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n[realms]\n{name} = {{\n\
             database_name = {at}/principal\nkey_stash_file = {at}/stash\nacl_file = {at}/acl\ndisable_pac = true\n}}\n"
        ),
    )
}

fn command(dir: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("KRB5_CONFIG", dir.join("krb5.conf")).env("KRB5_KDC_PROFILE", dir.join("kdc.conf"));
    command
}

/// Runs a tool; what is secret is typed.
fn tool(dir: &Path, program: &str, arguments: &[&str], typed: &str) -> io::Result<()> {
    let mut command = command(dir, program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| io::Error::other(format!("{program}: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(typed.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    // kadmin.local says only in words that a query failed.
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() && !said.contains("while ") {
        true => Ok(()),
        false => Err(io::Error::other(format!("{program}: {said}"))),
    }
}
