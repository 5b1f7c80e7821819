//! NetworkManager in a namespace of its own, with as many active connections as we have links.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cleardown_testkit::Namespace;
use rustix::mount::{MountFlags, mount, mount_remount};

const BUS: &str = "/run/dbus/system_bus_socket";

/// No right is asked for: the bus is nobody else's.
const BUS_CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"#;

const CONFIG: &str = "[main]\nplugins=keyfile\ndns=none\nrc-manager=unmanaged\nauth-polkit=false\n\
    no-auto-default=*\n[connectivity]\nenabled=false\n[logging]\nlevel=ERR\n";

/// How long all connections may take to come up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running NetworkManager and its bus; killed when dropped.
pub(super) struct Manager {
    namespace: Namespace,
    processes: Vec<Child>,
}

impl Manager {
    /// Starts it with `count` TUN connections, and waits until all are active.
    pub(super) fn start(count: usize) -> io::Result<Manager> {
        let namespace = Namespace::new();
        namespace.run(|| prepare(count))?;
        let mut manager = Manager { namespace, processes: Vec::new() };
        manager.spawn("dbus-daemon", &["--nofork", "--config-file=/run/bus.conf"])?;
        let until = Instant::now() + PATIENCE;
        manager.wait(until, |manager| manager.namespace.run(|| fs::exists(BUS).unwrap_or(false)))?;
        manager.spawn("NetworkManager", &["--no-daemon"])?;
        manager.wait(until, |manager| manager.active().is_ok_and(|active| active >= count))?;
        Ok(manager)
    }

    fn spawn(&mut self, program: &str, args: &[&str]) -> io::Result<()> {
        let mut command = self.command(program);
        let process = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{program}: {error}"));
        self.processes.push(process.map_err(named)?);
        Ok(())
    }

    /// A program beside it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = self.namespace.command(program);
        command.env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={BUS}")).stdin(Stdio::null());
        command
    }

    fn wait(&mut self, until: Instant, is_true: impl Fn(&Manager) -> bool) -> io::Result<()> {
        while !is_true(self) {
            if Instant::now() > until {
                return Err(io::Error::other("NetworkManager does not bring its connections up"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    fn active(&self) -> io::Result<usize> {
        let args = ["-t", "-f", "type,state", "connection", "show", "--active"];
        let output = self.command("nmcli").args(args).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().filter(|line| *line == "tun:activated").count())
    }

    /// How long nmcli(1) takes with these arguments.
    pub(super) fn nmcli(&self, args: &[&str]) -> io::Result<Duration> {
        let start = Instant::now();
        let output = self.command("nmcli").args(args).output()?;
        let took = start.elapsed();
        match output.status.success() {
            true => Ok(took),
            false => Err(io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    }

    /// How long an interface is still there, once somebody has said that it is gone.
    pub(super) fn gap(&self, interface: &str) -> Duration {
        self.namespace.run(|| gap(interface))
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        for process in self.processes.iter_mut().rev() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// How long an interface of this namespace is still there.
pub(super) fn gap(interface: &str) -> Duration {
    let start = Instant::now();
    let name = std::path::Path::new("/sys/class/net").join(interface);
    while name.exists() && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(1));
    }
    match start.elapsed() {
        // The look itself takes a moment.
        took if took < Duration::from_millis(1) => Duration::ZERO,
        took => took,
    }
}

/// Folders and files that only this namespace sees.
fn prepare(count: usize) -> io::Result<()> {
    for folder in ["/run", "/var/lib/NetworkManager", "/etc/NetworkManager"] {
        fs::create_dir_all(folder)?;
        mount("tmpfs", folder, "tmpfs", MountFlags::empty(), None)?;
    }
    // With a writable one it waits for udev, which nobody runs here.
    mount_remount("/sys", MountFlags::RDONLY | MountFlags::BIND, "")?;
    let connections = std::path::Path::new("/etc/NetworkManager/system-connections");
    fs::create_dir_all("/run/dbus")?;
    fs::create_dir_all(connections)?;
    fs::write("/run/bus.conf", BUS_CONFIG)?;
    fs::write("/etc/NetworkManager/NetworkManager.conf", CONFIG)?;
    for number in 0..count {
        let file = connections.join(format!("link{number}.nmconnection"));
        let text = format!(
            "[connection]\nid=link{number}\ntype=tun\ninterface-name=nm{number}\n[tun]\nmode=1\n\
             [ipv4]\nmethod=manual\naddress1=10.81.{number}.2/32\n[ipv6]\nmethod=disabled\n"
        );
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
