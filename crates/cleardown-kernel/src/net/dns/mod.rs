//! How names are resolved, and that a link's name servers take part in it.
//!
//! Three ways, in this order: systemd-resolved (per link, so that names of other networks stay with theirs) where it
//! answers for `/etc/resolv.conf`; resolvconf(8) where that is in charge; else the file itself.

mod file;
mod lines;
mod resolvconf;
mod resolved;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cleardown_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::Interface;

/// The name servers and search domains of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dns {
    /// The link's interface.
    pub interface: Interface,
    /// How names are resolved here.
    pub method: Method,
    /// The name servers, the best first.
    pub servers: Vec<IpAddr>,
    /// Domains in which short names are looked up.
    pub search: Vec<String>,
    /// All traffic goes through the link, so all names are asked there. With systemd-resolved a link without this
    /// is only asked for names of its search domains; the other ways cannot tell names apart and ask it first.
    pub takes_all: bool,
}

/// How names are resolved on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Method {
    /// systemd-resolved, over D-Bus.
    Resolved {
        /// The bus's address; none: the system bus.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bus: Option<String>,
    },
    /// resolvconf(8), of Debian or openresolv.
    Resolvconf {
        /// The program.
        program: PathBuf,
        /// Where Debian's keeps its records; none: it is openresolv.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        records: Option<PathBuf>,
    },
    /// The file that resolv.conf(5) describes.
    File {
        /// Where programs look for it.
        path: PathBuf,
        /// The file itself, behind symbolic links.
        file: PathBuf,
    },
}

/// Where to look for the means of name resolution; tests have their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The address of the bus with systemd-resolved; none: the system bus.
    pub bus: Option<String>,
    /// resolv.conf(5).
    pub resolv_conf: PathBuf,
    /// Where resolvconf(8) may be installed.
    pub programs: Vec<PathBuf>,
    /// Where Debian's resolvconf(8) keeps its state.
    pub resolvconf_state: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        let programs = ["/usr/sbin/resolvconf", "/sbin/resolvconf", "/usr/bin/resolvconf"];
        Places {
            bus: None,
            resolv_conf: "/etc/resolv.conf".into(),
            programs: programs.map(PathBuf::from).into(),
            resolvconf_state: "/run/resolvconf".into(),
        }
    }
}

impl Method {
    /// How names are resolved on this machine. Blocks at most for `patience`.
    pub fn of_this_machine(patience: Duration) -> Self {
        Method::find(&Places::default(), patience)
    }

    /// How names are resolved, by the signs at these places. Blocks at most for `patience`.
    pub fn find(places: &Places, patience: Duration) -> Self {
        let file = file::behind_links(&places.resolv_conf);
        if leads_to_resolved(&file) && resolved::is_running(places.bus.as_deref(), patience) {
            return Method::Resolved { bus: places.bus.clone() };
        }
        resolvconf::find(places, &file)
            .unwrap_or_else(|| Method::File { path: places.resolv_conf.clone(), file })
    }
}

/// Takes the lines of links out of resolv.conf(5) whose name and index this says no to.
pub(super) fn sweep(resolv_conf: &Path, keep: impl Fn(&str, u32) -> bool) -> Result<()> {
    file::retain(resolv_conf, keep).map_err(|error| Error::os("taking back old name servers", &error))
}

/// Whether programs that read resolv.conf(5) ask systemd-resolved. Where they do not, it reads the file itself and
/// follows it (systemd-resolved.service(8), `/etc/resolv.conf`).
fn leads_to_resolved(file: &Path) -> bool {
    let text = file::read(file).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver")).map(str::trim);
    let stub = servers.clone().any(|server| matches!(server, "127.0.0.53" | "127.0.0.54"));
    stub || file.starts_with("/run/systemd/resolve")
}

impl Dns {
    /// Sets them.
    pub(super) fn apply(&self, patience: Duration) -> Result<()> {
        self.check()?;
        let outcome = match &self.method {
            Method::Resolved { bus } => resolved::set(bus.as_deref(), self, patience),
            Method::Resolvconf { program, .. } => resolvconf::add(program, self, patience),
            Method::File { file, .. } => file::add(file, self),
        };
        outcome.map_err(|error| Error::os(self.doing("setting"), &error))
    }

    /// Takes them back; does nothing when they are not set.
    pub(super) fn revert(&self, patience: Duration) -> Result<()> {
        let outcome = match &self.method {
            Method::Resolved { bus } => resolved::revert(bus.as_deref(), self, patience),
            Method::Resolvconf { program, records } => {
                resolvconf::remove(program, records.as_deref(), self, patience)
            }
            Method::File { path, file } => file::remove(path, file, self),
        };
        outcome.map_err(|error| Error::os(self.doing("taking back"), &error))
    }

    /// Whether nothing of them is left.
    pub(super) fn is_reverted(&self, patience: Duration) -> Result<bool> {
        let outcome = match &self.method {
            Method::Resolved { bus } => resolved::is_reverted(bus.as_deref(), self, patience),
            Method::Resolvconf { program, records } => {
                resolvconf::is_reverted(program, records.as_deref(), self, patience)
            }
            Method::File { path, file } => file::is_reverted(path, file, self),
        };
        outcome.map_err(|error| Error::os(self.doing("looking for"), &error))
    }

    /// Domains become lines of files that others read.
    fn check(&self) -> Result<()> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = |domain: &String| (1..=253).contains(&domain.len()) && domain.chars().all(plain);
        match self.search.iter().find(|domain| !good(domain)) {
            Some(bad) => Err(ErrorKind::BadParameter(format!("{bad:?} is no domain name")).into()),
            None => Ok(()),
        }
    }

    /// The lines of resolv.conf(5) that say it.
    fn lines(&self) -> String {
        let mut text: String = self.servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        if !self.search.is_empty() {
            text += &format!("search {}\n", self.search.join(" "));
        }
        text
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} the name servers of {}", self.interface.name)
    }
}
