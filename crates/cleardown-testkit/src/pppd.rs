//! pppd in a kernel of its own (user-mode-linux): somebody else's idea of PPP.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::Group;

/// The program that is the guest's kernel.
pub const KERNEL: &str = "/usr/bin/linux.uml";

/// Its arguments, but for `init=`: the guest's serial port `ttyS0` is descriptor 63.
pub const ARGUMENTS: &[&str] = &[
    "mem=96M",
    "rootfstype=hostfs",
    "rootflags=/",
    "ro",
    "con=null",
    "ssl=null",
    "ssl0=fd:63",
    "console=tty0",
    "quiet",
    "loglevel=3",
    "panic=-1",
];

/// pppd on the guest's serial port; options of one's own go behind it.
pub const PPPD: &str = "pppd /dev/ttyS0 115200 nodetach local nocrtscts passive lcp-max-configure 60 name server \
    ms-dns 10.64.0.53 10.64.0.1:10.64.0.2";

/// The guest's first process: the host's files, read-only, are its root.
const INIT: &str = r"#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /run/ppp-etc /dev/pts /run/lock; mount --bind /run/ppp-etc /etc/ppp
for module in drivers/net/slip/slhc lib/crc-ccitt drivers/net/ppp/ppp_generic drivers/net/ppp/ppp_async; do
  busybox insmod MODULES/kernel/$module.ko
done
[ -e /dev/ppp ] || mknod /dev/ppp c 108 0
printf '* * SECRET *\n' > /etc/ppp/pap-secrets; cp /etc/ppp/pap-secrets /etc/ppp/chap-secrets; : > /etc/ppp/options
ip link set lo up
";

/// Writes the guest's first program into `folder`: it lets everybody in who knows `secret`, and then does what `run`
/// says in shell. None, with a word on standard error, where the machine lacks something.
#[allow(clippy::print_stderr, reason = "a test says when it is skipped")]
pub fn init(folder: &Path, secret: &str, run: &str) -> Option<PathBuf> {
    let modules = fs::read_dir("/usr/lib/uml/modules").ok().and_then(|mut all| all.next()?.ok());
    let programs = [KERNEL, "/usr/sbin/pppd", "/usr/bin/busybox", "/bin/bash"];
    let (Some(modules), true) = (modules, programs.iter().all(|program| Path::new(program).exists())) else {
        eprintln!("SKIPPED: needs user-mode-linux, ppp and busybox");
        return None;
    };
    let init = folder.join("init");
    let script = INIT.replace("MODULES", &modules.path().to_string_lossy()).replace("SECRET", secret);
    fs::write(&init, script + run + "\n").expect("the guest's first program can be written");
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).expect("it is ours");
    Some(init)
}

/// Starts a guest whose serial port is `line`.
///
/// # Errors
/// What starting a process answers.
pub fn start(init: &Path, line: OwnedFd) -> io::Result<Group> {
    let mut command = Command::new(KERNEL);
    command.args(ARGUMENTS).arg(format!("init={}", init.display())).env("TMPDIR", "/dev/shm");
    command.envs(init.parent().map(|folder| ("HOME", folder)));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let number = line.as_raw_fd();
    // SAFETY: dup2 is async-signal-safe, and nothing else happens between fork and exec.
    unsafe {
        command.pre_exec(move || match libc::dup2(number, 63) {
            63 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        });
    }
    Group::spawn(&mut command)
}
