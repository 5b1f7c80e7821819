//! Name servers through resolvconf(8): Debian's program, or openresolv's of the same name.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Dns, Method, Places};
use crate::process;

/// What a pipe takes without a reader.
const LONGEST: usize = 4096;

/// resolvconf(8), when it is installed and in charge of resolv.conf(5).
pub(super) fn find(places: &Places, file: &Path) -> Option<Method> {
    let program = places.programs.iter().find(|program| program.exists())?.clone();
    // systemd has a program of this name too, which only hands on to systemd-resolved.
    if std::fs::canonicalize(&program).ok()?.ends_with("resolvectl") {
        return None;
    }
    let debian = places.resolvconf_state.join("interface");
    if !debian.is_dir() {
        return Some(Method::Resolvconf { program, records: None });
    }
    // Debian's leaves a file alone that does not come from it.
    file.starts_with(&places.resolvconf_state)
        .then_some(Method::Resolvconf { program, records: Some(debian) })
}

pub(super) fn add(program: &Path, dns: &Dns, patience: Duration) -> io::Result<()> {
    let text = dns.lines();
    if text.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many name servers or search domains"));
    }
    let (input, mut writer) = io::pipe()?;
    writer.write_all(text.as_bytes())?;
    drop(writer);
    let mut command = Command::new(program);
    command.arg("-a").arg(record(dns)).stdin(input);
    run(command, patience).map(drop)
}

pub(super) fn remove(
    program: &Path,
    records: Option<&Path>,
    dns: &Dns,
    patience: Duration,
) -> io::Result<()> {
    if is_reverted(program, records, dns, patience)? {
        return Ok(());
    }
    let mut command = Command::new(program);
    command.arg("-d").arg(record(dns)).stdin(Stdio::null());
    run(command, patience).map(drop)
}

pub(super) fn is_reverted(
    program: &Path,
    records: Option<&Path>,
    dns: &Dns,
    patience: Duration,
) -> io::Result<bool> {
    let record = record(dns);
    if let Some(records) = records {
        return Ok(!records.join(record).try_exists()?);
    }
    let mut command = Command::new(program);
    command.args(["-l", &record]).stdin(Stdio::null());
    let listed = process::run(command, patience)?.stdout;
    Ok(!listed
        .split(|b| *b == b'\n')
        .any(|line| line.starts_with(b"nameserver") || line.starts_with(b"search")))
}

/// The name of a link's record. Both programs order by name, and list what begins with `vpn` before the records of
/// other interfaces (`/etc/resolvconf/interface-order`; `dynamic_order` in resolvconf.conf(5)).
fn record(dns: &Dns) -> String {
    format!("vpn.{}.cleardown{}", dns.interface.name, dns.interface.index)
}

fn run(command: Command, patience: Duration) -> io::Result<Vec<u8>> {
    let output = process::run(command, patience)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!("resolvconf: {}", words.trim().lines().last().unwrap_or("failed"))))
}
