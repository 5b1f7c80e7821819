//! Network namespaces for tests: without names, so that they are gone with the last process or value that uses them.
//!
//! Needs root and iproute2. A socket belongs to the namespace of the thread that made it, so a test may open sockets
//! with [`Namespace::run`] and use them anywhere.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "only tests use it: it panics where a test would"
)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, unmount,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// A network namespace with its loopback up, and a mount namespace with an `/etc/resolv.conf` of its own.
#[derive(Debug)]
pub struct Namespace {
    net: OwnedFd,
    mounts: OwnedFd,
    /// What the namespace has as `/etc/resolv.conf`: a bind mount of this file.
    resolv_conf: tempfile::NamedTempFile,
}

impl Namespace {
    /// Whether this process may make namespaces; if not, says that a test is skipped.
    pub fn available() -> bool {
        let flags = UnshareFlags::NEWNET | UnshareFlags::NEWNS;
        // SAFETY: only this thread gets its own root, working directory and namespaces.
        let may = std::thread::spawn(move || unsafe { unshare_unsafe(flags).is_ok() }).join().unwrap();
        if !may {
            eprintln!("SKIPPED: network namespaces need root");
        }
        may
    }

    /// A new one, alone in the world.
    pub fn new() -> Self {
        let resolv_conf = tempfile::NamedTempFile::new().unwrap();
        fs::write(resolv_conf.path(), "# this machine\nnameserver 192.0.2.53\n").unwrap();
        let file = resolv_conf.path().to_owned();
        let made = std::thread::spawn(move || {
            enter_new(&file);
            ["net", "mnt"].map(|kind| File::open(format!("/proc/thread-self/ns/{kind}")).unwrap().into())
        });
        let [net, mounts] = made.join().unwrap();
        let namespace = Namespace { net, mounts, resolv_conf };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Runs on a thread of its own in the namespace. A panic there is a panic here.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                // SAFETY: only this thread gets its own root and working directory.
                unsafe { unshare_unsafe(UnshareFlags::FS).unwrap() };
                move_into_link_name_space(self.mounts.as_fd(), Some(LinkNameSpaceType::Mount)).unwrap();
                move_into_link_name_space(self.net.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A command that will run in the namespace.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let [net, mounts] = [&self.net, &self.mounts].map(|fd| fd.try_clone().unwrap());
        let mut command = Command::new(program);
        let enter = move || {
            move_into_link_name_space(mounts.as_fd(), Some(LinkNameSpaceType::Mount))?;
            move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(())
        };
        // SAFETY: two system calls; nothing is allocated between fork and exec.
        unsafe { command.pre_exec(enter) };
        command
    }

    /// Runs ip(8) in the namespace and returns what it prints. Panics when it fails.
    pub fn ip(&self, arguments: &[&str]) -> String {
        let output = self.command("ip").args(arguments).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip {}: {words}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    }

    /// A path that names the network namespace while this value lives, as ip(8) takes it after `netns`.
    pub fn path(&self) -> PathBuf {
        Path::new("/proc")
            .join(std::process::id().to_string())
            .join("fd")
            .join(self.net.as_raw_fd().to_string())
    }

    /// The file that is `/etc/resolv.conf` in the namespace.
    pub fn resolv_conf(&self) -> &Path {
        self.resolv_conf.path()
    }

    /// All that a link could change.
    pub fn snapshot(&self) -> Snapshot {
        let both = |what: &[&str]| {
            let families = ["-4", "-6"].map(|family| self.ip(&[&[family], what].concat()));
            sorted(&families.concat())
        };
        Snapshot {
            links: sorted(&self.ip(&["-o", "link", "show"])),
            addresses: both(&["-o", "address", "show"]),
            routes: both(&["route", "show", "table", "all"]),
            rules: both(&["rule", "show"]),
            resolv_conf: self.run(resolver),
        }
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Namespace::new()
    }
}

/// All that a link could change in a namespace, as text: two are equal, or `assert_eq!` shows the difference.
#[derive(Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Interfaces, with MTU and state.
    pub links: Vec<String>,
    /// Addresses.
    pub addresses: Vec<String>,
    /// Routes of all tables.
    pub routes: Vec<String>,
    /// Rules.
    pub rules: Vec<String>,
    /// `/etc/resolv.conf`: its mode, its owner and every byte.
    pub resolv_conf: String,
}

/// A line for each thing, to find the difference.
impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Snapshot { links, addresses, routes, rules, resolv_conf } = self;
        for (what, lines) in
            [("links", links), ("addresses", addresses), ("routes", routes), ("rules", rules)]
        {
            write!(f, "\n{what}\n  {}", lines.join("\n  "))?;
        }
        write!(f, "\nresolv.conf\n{resolv_conf}")
    }
}

/// Two namespaces, `near` and `far`, with a cable between them (`net0` at both ends). `near` has its default routes through
/// `far`, which forwards.
#[derive(Debug)]
pub struct Cable {
    /// This machine.
    pub near: Arc<Namespace>,
    /// The other one: a server, or the way to all others.
    pub far: Arc<Namespace>,
}

impl Cable {
    /// The near end's address.
    pub const NEAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
    /// The far end's address.
    pub const FAR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
    /// The near end's IPv6 address.
    pub const NEAR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    /// The far end's IPv6 address.
    pub const FAR6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

    /// Lays it.
    pub fn new() -> Self {
        let (near, far) = (Arc::new(Namespace::new()), Arc::new(Namespace::new()));
        let there = far.path();
        let there = there.to_str().unwrap();
        near.ip(&["link", "add", "net0", "type", "veth", "peer", "name", "net0", "netns", there]);
        for (end, v4, v6) in [(&near, Cable::NEAR, Cable::NEAR6), (&far, Cable::FAR, Cable::FAR6)] {
            end.ip(&["address", "add", &format!("{v4}/24"), "dev", "net0"]);
            end.ip(&["address", "add", &format!("{v6}/64"), "dev", "net0", "nodad"]);
            end.ip(&["link", "set", "net0", "up"]);
        }
        near.ip(&["route", "add", "default", "via", &Cable::FAR.to_string()]);
        near.ip(&["-6", "route", "add", "default", "via", &Cable::FAR6.to_string()]);
        far.run(|| {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        });
        let cable = Cable { near, far };
        cable.settle();
        cable
    }

    /// Waits until both ends know that they are connected.
    fn settle(&self) {
        let up = |end: &Namespace| {
            let addresses = end.ip(&["-6", "-o", "address", "show", "dev", "net0"]);
            end.ip(&["-o", "link", "show", "net0"]).contains("state UP")
                && addresses.contains("scope link")
                && !addresses.contains("tentative")
        };
        let until = Instant::now() + Duration::from_secs(20);
        while !up(&self.near) || !up(&self.far) {
            assert!(Instant::now() < until, "the cable does not come up");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Default for Cable {
    fn default() -> Self {
        Cable::new()
    }
}

fn enter_new(resolv_conf: &Path) {
    // SAFETY: only this thread gets its own root, working directory and namespaces.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET | UnshareFlags::NEWNS).unwrap() };
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).unwrap();
    forget_fuse();
    // Interfaces of the namespace, not of the machine.
    let _ = mount("sysfs", "/sys", "sysfs", MountFlags::empty(), None);
    mount_bind(resolv_conf, RESOLV_CONF).unwrap();
    // Duplicate address detection would make addresses differ from one second to the next.
    for who in ["all", "default"] {
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{who}/accept_dad"), "0");
    }
}

/// A copy of a FUSE mount would keep the drive of another test alive after its end.
fn forget_fuse() {
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let fuse = mounts.lines().filter(|line| {
        line.split_once(" - ").is_some_and(|(_, what)| what.starts_with("fuse ") || what.starts_with("fuse."))
    });
    for at in fuse.filter_map(|line| line.split(' ').nth(4)) {
        let _ = unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

fn resolver() -> String {
    let (text, about) = (fs::read(RESOLV_CONF).unwrap(), fs::metadata(RESOLV_CONF).unwrap());
    let text = text.escape_ascii().to_string().replace("\\n", "\n");
    format!("{:o} {}:{}\n{text}", about.mode(), about.uid(), about.gid())
}
