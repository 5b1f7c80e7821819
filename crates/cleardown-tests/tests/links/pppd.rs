//! A link to pppd, in a kernel of its own (user-mode-linux): somebody else's idea of PPP.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use cleardown_testkit::Namespace;
use cleardown_tests::{Machine, Who, needs_root};
use rustix::process::{Pid, Signal, kill_process};

use crate::exchange::ping;

/// The guest's first process: the host's files, read-only, are its root.
const INIT: &str = r#"#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs tmpfs /run; mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /run/ppp-etc /dev/pts /run/lock; mount --bind /run/ppp-etc /etc/ppp
for module in drivers/net/slip/slhc lib/crc-ccitt drivers/net/ppp/ppp_generic drivers/net/ppp/ppp_async; do
  busybox insmod MODULES/kernel/$module.ko
done
[ -e /dev/ppp ] || mknod /dev/ppp c 108 0
printf '* * tiger *\n' > /etc/ppp/pap-secrets; cp /etc/ppp/pap-secrets /etc/ppp/chap-secrets; : > /etc/ppp/options
ip link set lo up
exec pppd /dev/ttyS0 115200 nodetach local nocrtscts passive lcp-max-configure 60 name server ms-dns 10.64.0.53 \
  10.64.0.1:10.64.0.2 auth require-mschap-v2
"#;

/// Its line is standard input and output, so it is the device of an entry; the program's own words go elsewhere.
const START: &str = "exec 63<&0 </dev/null >/dev/null 2>&1; TMPDIR=/dev/shm exec /usr/bin/linux.uml mem=96M \
    rootfstype=hostfs rootflags=/ ro con=null ssl=null ssl0=fd:63 console=tty0 quiet loglevel=3 panic=-1 init=";

/// Ends the guest's processes, should any be left.
struct Guest(PathBuf);

impl Drop for Guest {
    fn drop(&mut self) {
        let word = format!("init={}", self.0.display());
        let pids = fs::read_dir("/proc").unwrap().flatten();
        for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if line.windows(word.len()).any(|part| part == word.as_bytes()) {
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
        }
    }
}

#[test]
fn pppd_is_dialled_pinged_and_says_farewell() {
    needs_root!();
    let modules = fs::read_dir("/usr/lib/uml/modules").ok().and_then(|mut all| all.next()?.ok());
    let programs = ["/usr/bin/linux.uml", "/usr/sbin/pppd", "/usr/bin/busybox", "/bin/bash"];
    let (Some(modules), true) = (modules, programs.iter().all(|program| Path::new(program).exists())) else {
        return eprintln!("SKIPPED: needs user-mode-linux, ppp and busybox");
    };
    let namespace = Namespace::new();
    let before = namespace.snapshot();
    let machine = Machine::new(Who::Root).in_namespace(namespace);
    let init = machine.file("init", INIT.replace("MODULES", modules.path().to_str().unwrap()));
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
    let guest = Guest(init.clone());
    let password = machine.file("password", "tiger\n");
    machine.folder("config/phonebook");
    let start = format!("{START}{}", init.display());
    machine.file(
        "config/phonebook/pppd.toml",
        format!(
            "name = \"pppd\"\nuser = \"eve\"\n[device]\ntype = \"command\"\nargv = [\"/bin/bash\", \"-c\", {start:?}]\n"
        ),
    );
    machine.run(&["dial", "pppd", "--json", "--password-file", password.to_str().unwrap()]).ok();
    let listed = machine.connection("pppd").unwrap();
    assert_eq!(listed["link"]["addresses"][0], "10.64.0.2/32", "{listed}");
    assert_eq!(listed["link"]["dns"][0], "10.64.0.53", "{listed}");
    assert!(machine.namespace().run(|| ping([10, 64, 0, 1].into())).unwrap(), "pppd's kernel answers pings");
    let answer = machine.run(&["end", "pppd", "--json", "--timeout", "20"]).ok();
    assert_eq!(answer.json()["ended"][0]["proof"]["peer_acknowledged"], true, "{answer}");
    assert_eq!(before, machine.namespace().snapshot());
    drop(guest);
}
