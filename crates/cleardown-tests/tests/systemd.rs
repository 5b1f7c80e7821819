//! Under a real systemd: the units of `dist`, in a machine of namespaces whose disk is this one's with a layer above it.

#![allow(clippy::unwrap_used, reason = "this is a test")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use cleardown_tests::{Answer, Running, eventually, installation, sha256sum};
use tempfile::TempDir;

#[test]
fn the_socket_starts_the_daemon_and_the_store_outlives_it() {
    cleardown_tests::needs_root!();
    let machine = Booted::new();
    machine.serve();
    machine.run("systemctl start cleardownd.socket").ok();
    assert_eq!(machine.run("systemctl is-active cleardownd").out.trim(), "inactive");
    machine.run("cleardown map z: //127.0.0.1/share").ok();
    assert_eq!(machine.run("systemctl is-active cleardownd").out.trim(), "active");

    let writer = machine.begin(
        "cd /mnt/cleardown/z; for i in $(seq 60); do head -c 20000 /dev/urandom; sleep 0.05; done | tee big | sha256sum",
    );
    let big = machine.share().join("big");
    eventually("the writer has begun", || fs::metadata(&big).is_ok_and(|big| big.len() > 0));
    let before = machine.run("systemctl show -P MainPID cleardownd").out;
    machine.run("kill -9 $(systemctl show -P MainPID cleardownd) $(pgrep -f '^cleardownd worker')").ok();
    let sum = writer.answer().ok().out;
    assert_ne!(machine.run("systemctl show -P MainPID cleardownd").out, before);
    machine.run("cleardown end z:").ok().says("every write acknowledged");
    assert_eq!(sha256sum(&big), sum);
    machine.run("cleardown list").ok().says("nothing is connected");
    machine.run("systemctl is-failed cleardownd").exits(1);
}

#[test]
fn what_is_pending_is_on_the_server_before_power_goes_and_the_drive_is_back_after_it() {
    cleardown_tests::needs_root!();
    let mut machine = Booted::new();
    machine.serve();
    machine.run("systemctl start cleardownd cleardown-shutdown").ok();
    machine.run("cleardown map z: //127.0.0.1/share --remember").ok();
    let writer = machine.begin(
        "trap '' TERM HUP; exec 3> /mnt/cleardown/z/last; echo first >&3
         until [ -e /run/go ]; do sleep 0.1; done; dd if=/dev/zero bs=1M count=3 >&3",
    );
    let last = machine.share().join("last");
    eventually("it has begun", || fs::metadata(&last).is_ok_and(|last| last.len() > 0));
    // The server does not answer now, and does when the machine is already going down.
    machine.run("pkill -STOP smbd; touch /run/go").ok();
    eventually("much is pending", || machine.run("cleardown list").out.contains("3.1 MB"));
    machine.run("systemctl poweroff").ok();
    eventually("it is being ended", || {
        machine.run("systemctl show -P SubState cleardown-shutdown").out.trim() == "stop"
    });
    machine.run("pkill -CONT smbd").ok();
    eventually("the machine is off", || machine.is_off());
    drop(writer);
    assert_eq!(fs::metadata(&last).unwrap().len(), 6 + (3 << 20));

    machine.boot();
    machine.serve();
    machine.run("systemctl start cleardownd").ok();
    eventually("it is connected again", || machine.run("cleardown list").out.contains("connected  z:"));
    machine.run("ls /mnt/cleardown/z").ok().says("last");
    machine.run("cleardown end z:").ok();
}

#[test]
fn before_the_machine_sleeps_all_is_written_and_nobody_waits_for_a_silent_server() {
    cleardown_tests::needs_root!();
    let machine = Booted::new();
    machine.serve();
    machine.with_share(SLEEP);
    machine.run("systemctl start cleardownd").ok();
    machine.run("cleardown map z: //127.0.0.1/share").ok();
    eventually("the login manager waits for it", || machine.run("systemd-inhibit").out.contains("Cleardown"));
    let last = machine.share().join("last");
    let writer = machine.begin(
        "exec 3> /mnt/cleardown/z/last; echo first >&3
         until [ -e /run/go ]; do sleep 0.1; done; dd if=/dev/zero bs=1M count=3 >&3; touch /run/gone; sleep 600",
    );
    eventually("it has begun", || fs::metadata(&last).is_ok_and(|last| last.len() > 0));
    machine
        .run("systemd-run --unit=program sh -c 'while :; do mktemp -p /mnt/cleardown/z; sleep 0.1; done'")
        .ok();

    let size = 6 + (3 << 20);
    // The server is slow, and answers when the machine is already going to sleep.
    machine.run("pkill -STOP smbd; touch /run/go").ok();
    eventually("much is pending", || machine.run("cleardown list").out.contains("3.1 MB"));
    machine.run("systemctl suspend").ok();
    eventually("it is going to sleep", || machine.is_going_to_sleep());
    machine.run("pkill -CONT smbd").ok();
    assert_eq!(machine.slept(), (size, true), "all was written, and every program could be frozen");

    // It does not answer at all; nor does the other end of a link.
    machine.dial();
    machine.run("pkill -STOP smbd; systemctl kill --signal=STOP peer; systemctl suspend").ok();
    assert_eq!(machine.slept(), (size, true), "nobody waits for a silent server");
    eventually("the link's end is noticed", || !machine.run("cleardown list").out.contains("office"));
    machine.run("pkill -CONT smbd").ok();
    machine.run("touch /mnt/cleardown/z/after").ok();
    drop(writer);
}

/// What this machine does instead of sleeping: notes what the server has, and sees whether the kernel could freeze the
/// programs of the unit `program`.
const SLEEP: &str = r#"
mkdir -p /run/systemd/system/systemd-suspend.service.d /run/systemd/logind.conf.d
cat > /run/systemd/system/systemd-suspend.service.d/test.conf <<END
[Service]
ExecStart=
ExecStart=/bin/bash /run/sleep
END
cat > /run/systemd/logind.conf.d/test.conf <<END
[Login]
InhibitDelayMaxSec=16
END
cat > /run/sleep <<END
stat -c %s $1/last > /run/written
group=/sys/fs/cgroup/system.slice/program.service
echo 1 > \$group/cgroup.freeze
for try in \$(seq 100); do grep -q 'frozen 1' \$group/cgroup.events && touch /run/frozen && break; sleep 0.1; done
echo 0 > \$group/cgroup.freeze
touch /run/awake
END
systemctl daemon-reload; systemctl start dbus systemd-logind
"#;

/// A link to somebody in another process.
const DIAL: &str = r#"
set -e
echo tiger > /run/password
systemd-run --quiet --unit=peer sh -c \
    "$(command -v cleardownd) ppp-peer --listen /run/line --user eve --password-fd 0 < /run/password"
for i in $(seq 300); do [ -S /run/line ] && break; sleep 0.1; done
cleardown phonebook add office --device unix:/run/line --user eve
cleardown dial office --password-file /run/password
"#;

/// Makes the machine: a layer over this one's disk, devices, a network and control groups of its own. `$1`: its folder.
/// `$2`: the installation. systemd takes itself for the init of a container then, and leaves the kernel alone.
const BOOT: &str = r#"
set -e
root=$1/root; mkdir -p "$root" "$1/groups"
mount -t tmpfs layer "$root"; mkdir "$root/new" "$root/work" "$root/all"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/new,workdir=$root/work" "$root/all"
mount -t cgroup2 groups "$1/groups"
mkdir -p "$1/groups/${1##*/}"; echo $$ > "$1/groups/${1##*/}/cgroup.procs"; umount "$1/groups"
exec unshare --cgroup --pid --fork --kill-child bash -c '
    set -e
    read -r pid _ < /proc/self/stat; echo "$pid" > "$1/pid"
    cd "$1/root/all"
    ln -sf "$2"/lib/systemd/system/* etc/systemd/system/
    mount -t proc proc proc; mount -t sysfs sysfs sys; mount -t cgroup2 groups sys/fs/cgroup
    mount -t tmpfs -o mode=755 dev dev; mkdir dev/net dev/pts dev/shm
    cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fuse dev; cp -a /dev/net/tun dev/net; ln -s /proc/self/fd dev/fd
    mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts; ln -s pts/ptmx dev/ptmx
    # This machine must not be put to sleep by that one, which may believe that it can.
    if [ -d sys/power ]; then mount -t tmpfs tmpfs sys/power; echo freeze mem > sys/power/state; fi
    mount -t tmpfs tmpfs dev/shm; mount -t tmpfs -o mode=755 run run
    # What the test shares with it, wherever that is.
    mkdir -p ".$1" ".$2" etc/cleardown; mount --bind "$1" ".$1"; mount --bind "$2" ".$2"
    mount --bind "$1/etc" etc/cleardown
    mkdir -p run/old; pivot_root . run/old; umount -l run/old; ip link set lo up
    exec env -i container=test "PATH=$2/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        /lib/systemd/systemd --unit=basic.target --log-target=null
' bash "$1" "$2"
"#;

/// Takes the machine's control groups away.
const CLEAN: &str = r#"
mount -t cgroup2 groups "$1/groups"
for try in $(seq 50); do
    find "$1/groups/${1##*/}" -depth -type d -exec rmdir {} + && exit
    sleep 0.1
done
"#;

/// smbd, started by systemd but not stopped by it: a server elsewhere would not be either.
const SERVE: &str = r#"
set -e
mkdir -p /run/smbd
cat > /run/smbd/smb.conf <<END
[global]
    server role = standalone server
    map to guest = bad user
    guest account = root
    disable spoolss = yes
    log file = /run/smbd/log
    private dir = /run/smbd
    pid directory = /run/smbd
    lock directory = /run/smbd
    state directory = /run/smbd
    cache directory = /run/smbd
    ncalrpc dir = /run/smbd
[share]
    path = $1
    guest ok = yes
    read only = no
    force user = root
END
systemd-run --quiet --unit=server --property=DefaultDependencies=no \
    smbd --foreground --no-process-group --configfile=/run/smbd/smb.conf
for i in $(seq 300); do (exec 3<>/dev/tcp/127.0.0.1/445) 2>/dev/null && exit; sleep 0.1; done; exit 1
"#;

/// A machine that systemd has started, with the programs under test installed.
struct Booted {
    folder: TempDir,
    running: Option<Running>,
}

impl Booted {
    fn new() -> Booted {
        let folder = tempfile::Builder::new().prefix("cdt-").tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        fs::create_dir(folder.path().join("share")).unwrap();
        let mut machine = Booted { folder, running: None };
        machine.boot();
        machine
    }

    fn boot(&mut self) {
        drop(self.running.take());
        let _ = fs::remove_file(self.folder.path().join("pid"));
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "--uts",
            "--ipc",
            "--net",
            "--kill-child",
            "--fork",
        ]);
        command.args(["bash", "-c", BOOT, "bash"]).arg(self.folder.path()).arg(installation());
        self.running = Some(Running::start(command));
        eventually("it has started", || {
            assert!(!self.is_off(), "{}", self.running.take().unwrap().answer());
            self.init().is_some() && self.run("systemctl show basic.target").code == 0
        });
        self.run("systemctl start basic.target").ok();
    }

    /// The process id of its init, seen from here.
    fn init(&self) -> Option<u32> {
        fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()
    }

    fn is_off(&mut self) -> bool {
        !self.running.as_mut().unwrap().runs()
    }

    fn share(&self) -> PathBuf {
        self.folder.path().join("share")
    }

    /// Starts a file server.
    fn serve(&self) {
        self.with_share(SERVE);
    }

    /// Runs a script whose first argument is the server's folder.
    fn with_share(&self, script: &str) {
        self.run(&format!("set -- '{}'\n{script}", self.share().display())).ok();
    }

    fn is_going_to_sleep(&self) -> bool {
        let manager = "org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager";
        self.run(&format!("busctl get-property {manager} PreparingForSleep")).out.contains("true")
    }

    /// Waits for the end of its sleep: what the server had of the file `last`, and whether the program could be frozen.
    fn slept(&self) -> (u64, bool) {
        let written = "cat /run/written && [ -e /run/awake ] && rm /run/written /run/awake";
        let mut size = 0;
        eventually("it has slept", || {
            let written = self.run(written);
            size = written.out.trim().parse().unwrap_or(0);
            written.code == 0
        });
        (size, self.run("rm /run/frozen").code == 0)
    }

    /// Makes a link to a peer of its own.
    fn dial(&self) {
        self.run(DIAL).ok();
    }

    /// Runs a script in it.
    fn run(&self, script: &str) -> Answer {
        self.begin(script).answer()
    }

    fn begin(&self, script: &str) -> Running {
        let mut command = Command::new("nsenter");
        command.args([
            "--all",
            "--wdns=/",
            "--target",
            &self.init().unwrap().to_string(),
            "bash",
            "-c",
            script,
        ]);
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", installation().join("bin").display());
        command.env_clear().env("PATH", path).env("HOME", "/root");
        Running::start(command)
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        drop(self.running.take());
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "bash", "-c", CLEAN, "bash"])
            .arg(self.folder.path());
        let _ = Running::start(command).answer();
    }
}
