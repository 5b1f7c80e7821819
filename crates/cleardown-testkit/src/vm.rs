//! A machine of its own with Debian's stock kernel, emulated (QEMU, also where nothing helps it): for what this machine's kernel
//! lacks. Its files are the host's, and what it writes is gone with it; so any program of the host runs there.
//!
//! `cargo xtask setup` unpacks the kernel below the target folder.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "only tests use it: it panics where a test would"
)]

mod archive;

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use archive::Archive;

const QEMU: &str = "/usr/bin/qemu-system-x86_64";
const BUSYBOX: &str = "/usr/bin/busybox";
/// What the guest needs before it sees the host's files.
const FIRST: &[&str] = &["virtio_pci", "9pnet_virtio", "9p", "overlay"];
/// The whole life of a guest, in seconds: a loaded machine without KVM is slow.
const PATIENCE: u32 = 800;

/// The guest's first process: the host's files below, memory above. A module that the kernel asks for is loaded from where the
/// kernel was unpacked. The answer goes out through a port of a device that ends the machine (isa-debug-exit).
const INIT: &str = r#"
b=/bin/busybox
$b mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose,ro host /host
$b mount -t tmpfs tmpfs /memory
$b mkdir /memory/upper /memory/work
$b mount -t overlay -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work root /root
$b mount -t proc proc /root/proc
$b mount -t sysfs sys /root/sys
$b mount -t devtmpfs dev /root/dev
$b mount -t tmpfs tmpfs /root/run
$b mkdir -p /root/dev/pts /root/dev/shm /root/run/lock
$b mount -t devpts devpts /root/dev/pts
$b mount -t tmpfs tmpfs /root/dev/shm
printf '#!/bin/sh\nexec /sbin/modprobe -d UNPACKED "$@"\n' > /root/run/modprobe
$b chmod 755 /root/run/modprobe
echo /run/modprobe > /root/proc/sys/kernel/modprobe
$b cp /command /last /bin/busybox /root/run/
exec $b switch_root /root /run/busybox sh /run/last
"#;

/// Its second half, after which the host's files are its root.
const LAST: &str = r#"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
/bin/sh /run/command > /dev/ttyS1 2>&1
[ $? = 0 ] && answer='\000' || answer='\001'
/run/busybox printf "$answer" | /run/busybox dd of=/dev/port bs=1 seek=244 2> /dev/null
"#;

/// An unpacked kernel.
#[derive(Debug)]
pub struct Kernel {
    /// The folder with `boot` and `lib/modules`.
    unpacked: PathBuf,
    image: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// The one that `cargo xtask setup` unpacks below a target folder. None, with a word on standard error, where the machine lacks
    /// something.
    pub fn find(target: &Path) -> Option<Kernel> {
        let unpacked = target.join("linux");
        let only = |folder: &str, start: &str| {
            let entries = fs::read_dir(unpacked.join(folder)).ok()?.flatten();
            entries
                .map(|e| e.path())
                .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(start)))
        };
        let there = [QEMU, BUSYBOX, "/sbin/modprobe"].iter().all(|path| Path::new(path).exists());
        let found = only("boot", "vmlinuz-").zip(only("lib/modules", ""));
        let Some((image, modules)) = found.filter(|_| there) else {
            eprintln!("SKIPPED: needs QEMU, busybox, kmod and a kernel (cargo xtask setup)");
            return None;
        };
        Some(Kernel { unpacked, image, modules })
    }

    /// Runs a command of sh(1) as root of a fresh machine, and gives what it printed. Panics where it fails.
    pub fn run(&self, command: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let [first, console, output] = ["first", "console", "output"].map(|name| folder.path().join(name));
        fs::write(&first, self.first_files(command)).unwrap();
        let serial = |path: &Path| format!("file:{}", path.display());
        let status = Command::new("/usr/bin/timeout")
            .args(["--kill-after=5", &PATIENCE.to_string(), QEMU])
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1024", "-smp", "2"])
            .args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"])
            .arg("-kernel")
            .arg(&self.image)
            .arg("-initrd")
            .arg(&first)
            .args(["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"])
            .args(["-serial", &serial(&console), "-serial", &serial(&output)])
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"])
            .args(["-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"])
            .stdin(File::open("/dev/null").unwrap())
            .status()
            .unwrap();
        let [console, output] = [console, output].map(|path| fs::read(path).unwrap_or_default());
        let [console, output] =
            [console, output].map(|bytes| String::from_utf8_lossy(&bytes).replace('\r', ""));
        // What the guest writes into the port comes out doubled, and one more.
        assert_eq!(status.code(), Some(1), "the machine failed\n{output}\nits console:\n{console}");
        output
    }

    /// The files that the guest begins with.
    fn first_files(&self, command: &str) -> Vec<u8> {
        let mut archive = Archive::new();
        for folder in ["bin", "modules", "host", "memory", "root"] {
            archive.folder(folder);
        }
        archive.file("bin/busybox", &fs::read(BUSYBOX).unwrap());
        let mut init = "#!/bin/busybox sh\n".to_owned();
        for module in self.in_order(FIRST) {
            let name = module.rsplit('/').next().unwrap().to_owned();
            archive.file(&format!("modules/{name}"), &fs::read(self.modules.join(&module)).unwrap());
            writeln!(init, "/bin/busybox insmod /modules/{name}").unwrap();
        }
        init += &INIT.replace("UNPACKED", &self.unpacked.to_string_lossy());
        archive.file("init", init.as_bytes());
        archive.file("last", LAST.as_bytes());
        archive.file("command", command.as_bytes());
        archive.end()
    }

    /// These modules and what they need, each after what it needs (modules.dep(5)).
    fn in_order(&self, wanted: &[&str]) -> Vec<String> {
        let needs = fs::read_to_string(self.modules.join("modules.dep")).unwrap();
        let lines: Vec<(&str, &str)> = needs.lines().filter_map(|line| line.split_once(':')).collect();
        let mut order: Vec<String> = Vec::new();
        for module in wanted {
            let ends = |path: &str| path.rsplit('/').next() == Some(&format!("{module}.ko"));
            let (path, needs) =
                lines.iter().find(|(path, _)| ends(path)).unwrap_or_else(|| panic!("no {module}"));
            for path in needs.split_whitespace().rev().chain([*path]) {
                if !order.iter().any(|known| known == path) {
                    order.push(path.to_owned());
                }
            }
        }
        order
    }
}
