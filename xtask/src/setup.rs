//! What the tests need and a bare Debian lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::run::{Outcome, failed, is_root, program, step, target};

/// A program (or a file), and the Debian package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("smbd", "samba"),
    ("wireguard-go", "wireguard-go"),
    ("wg", "wireguard-tools"),
    ("smbclient", "smbclient"),
    ("krb5kdc", "krb5-kdc"),
    ("kadmin.local", "krb5-admin-server"),
    ("kinit", "krb5-user"),
    ("sshd", "openssh-server"),
    ("ssh-keygen", "openssh-client"),
    ("fusermount3", "fuse3"),
    ("dbus-daemon", "dbus"),
    ("/lib/systemd/systemd", "systemd"),
    ("gdbus", "libglib2.0-bin"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("getfattr", "attr"),
    ("setpriv", "util-linux"),
    ("ps", "procps"),
    ("linux.uml", "user-mode-linux"),
    ("pppd", "ppp"),
    ("busybox", "busybox-static"),
    ("git", "git"),
    ("cc", "gcc"),
    ("c++", "g++"),
    ("/usr/include/x86_64-linux-gnu/gnu/stubs-32.h", "gcc-multilib"),
    ("pkg-config", "pkgconf"),
    ("nm", "binutils"),
    ("python3", "python3"),
    ("valgrind", "valgrind"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("depmod", "kmod"),
];

/// What the tests need of Debian's kernel: WireGuard, and what an emulated machine is made of.
const PARTS_OF_KERNEL: &[&str] = &[
    "./boot/vmlinuz-*",
    "./lib/modules/*/modules.*",
    "./lib/modules/*/kernel/arch/*",
    "./lib/modules/*/kernel/crypto/*",
    "./lib/modules/*/kernel/lib/*",
    "./lib/modules/*/kernel/net/*",
    "./lib/modules/*/kernel/drivers/net/wireguard/*",
    "./lib/modules/*/kernel/drivers/net/tun.ko",
    "./lib/modules/*/kernel/drivers/net/veth.ko",
    "./lib/modules/*/kernel/drivers/virtio/*",
    "./lib/modules/*/kernel/fs/9p/*",
    "./lib/modules/*/kernel/fs/fscache/*",
    "./lib/modules/*/kernel/fs/netfs/*",
    "./lib/modules/*/kernel/fs/overlayfs/*",
];

pub(crate) fn setup() -> Outcome {
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| !is_installed(program)).map(|(_, package)| *package).collect();
    if !missing.is_empty() {
        if !is_root() || !Path::new("/usr/bin/apt-get").exists() {
            return failed(format!("please install {} (or run this as root on Debian)", missing.join(", ")));
        }
        step(&format!("install {}", missing.join(", ")), || {
            apt(&["update", "-q"])?;
            let mut args = vec!["install", "-q", "-y", "--no-install-recommends"];
            args.extend(missing);
            apt(&args)
        })?;
    }
    allow_devices();
    if Path::new("/usr/bin/apt-get").exists() && !target("linux/ready").exists() {
        step("unpack a kernel for tests, without installing it", kernel)?;
    }
    Ok(())
}

/// Debian's stock kernel, below the target folder: for tests of what this machine's kernel may lack.
fn kernel() -> Outcome {
    let folder = target("linux");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let folder_text = folder.to_string_lossy();
    // The package of this name only names the present one.
    let package =
        "apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \\(linux-image-.*\\)/\\1/p' | head -n 1";
    let parts = PARTS_OF_KERNEL.iter().map(|part| format!(" '{part}'")).collect::<String>();
    let script = format!(
        "set -e; cd '{folder_text}'
        package=$({package})
        [ -n \"$package\" ] || {{ apt-get update -q; package=$({package}); }}
        apt-get download -q \"$package\" || {{ apt-get update -q; apt-get download -q \"$package\"; }}
        dpkg-deb --fsys-tarfile \"$package\"_*.deb | tar -x --wildcards{parts}
        rm \"$package\"_*.deb
        PATH=$PATH:/usr/sbin:/sbin depmod -b . \"${{package#linux-image-}}\"
        touch ready"
    );
    program(Path::new("/bin/sh"), &["-c", &script])
}

/// Debian gives everybody /dev/fuse and /dev/net/tun; a bare container may have them for root only, or not at all.
fn allow_devices() {
    for (path, minor) in [("/dev/fuse", "229"), ("/dev/net/tun", "200")] {
        let device = Path::new(path);
        if !device.exists() {
            let _ = fs::create_dir_all("/dev/net");
            let _ = Command::new("mknod").args([path, "c", "10", minor]).status();
        }
        let _ = fs::set_permissions(device, fs::Permissions::from_mode(0o666));
    }
}

fn apt(args: &[&str]) -> Outcome {
    // Servers are started by the tests, never by their installation.
    let policy = Path::new("/usr/sbin/policy-rc.d");
    let ours = !policy.exists();
    if ours {
        let _ = fs::write(policy, "#!/bin/sh\nexit 101\n");
        let _ = fs::set_permissions(policy, fs::Permissions::from_mode(0o755));
    }
    let status = Command::new("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
    if ours {
        let _ = fs::remove_file(policy);
    }
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => failed(format!("apt-get: {status}")),
        Err(error) => failed(format!("apt-get: {error}")),
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/sbin", "/usr/local/sbin"]);
    folders.into_iter().any(|folder| Path::new(folder).join(program).exists())
}
