//! Unmodified D-Bus tools talk to the private socket, with no bus running.
#![allow(clippy::unwrap_used, reason = "a test may fail at once")]

use std::process::{Child, Command, Output, Stdio};

struct Daemon {
    child: Child,
    dir: tempfile::TempDir,
}

impl Daemon {
    fn start() -> Daemon {
        Daemon::start_by(Command::new(env!("CARGO_BIN_EXE_cleardownd")))
    }

    fn start_by(mut command: Command) -> Daemon {
        let dir = tempfile::tempdir().unwrap();
        let mut child = command
            .args(["--stay", "--runtime-dir"])
            .arg(dir.path().join("run"))
            .env("CLEARDOWN_RUNTIME_DIR", dir.path().join("run"))
            .env("CLEARDOWN_CONFIG_DIR", dir.path().join("config"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It closes its output when it listens.
        let mut said = String::new();
        std::io::Read::read_to_string(child.stdout.as_mut().unwrap(), &mut said).unwrap();
        assert_eq!(said, "");
        Daemon { child, dir }
    }

    fn address(&self) -> String {
        format!("unix:path={}", self.dir.path().join("run/bus").display())
    }

    /// Runs a tool; `ADDRESS` in its arguments is the socket.
    fn tool(&self, line: &str) -> Output {
        let line = line.replace("ADDRESS", &self.address());
        let output = Command::new("timeout").arg("20").args(line.split(' ')).output().unwrap();
        assert_ne!(output.status.code(), Some(127), "install what `{line}` needs");
        output
    }

    fn says(&self, line: &str) -> String {
        let output = self.tool(line);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{line}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const OURS: &str = "org.cleardown.Cleardown1 /org/cleardown/Cleardown1";

#[test]
fn busctl_lists_walks_introspects_and_calls() {
    let daemon = Daemon::start();
    assert!(daemon.says("busctl --address=ADDRESS list").contains("cleardownd"));
    assert!(daemon.says("busctl --address=ADDRESS tree").contains("/org/cleardown/Cleardown1/connection"));
    let members = daemon.says(&format!("busctl --address=ADDRESS introspect {OURS}"));
    assert!(members.contains(".Map") && members.contains(".ConnectionAdded"), "{members}");
    let list =
        daemon.says(&format!("busctl --address=ADDRESS call {OURS} org.cleardown.Manager1 List a{{sv}} 0"));
    assert_eq!(list, "aa{sv} 0\n");
    let managed =
        format!("busctl --address=ADDRESS call {OURS} org.freedesktop.DBus.ObjectManager GetManagedObjects");
    assert_eq!(daemon.says(&managed), "a{oa{sa{sv}}} 0\n");
    let status =
        daemon.tool(&format!("busctl --address=ADDRESS call {OURS} org.cleardown.Manager1 Status s z:"));
    assert!(String::from_utf8_lossy(&status.stderr).contains("z: is not connected"));
}

#[test]
fn gdbus_introspects_and_calls() {
    let daemon = Daemon::start();
    let to = "--address ADDRESS --dest org.cleardown.Cleardown1 --object-path /org/cleardown/Cleardown1";
    assert!(daemon.says(&format!("gdbus introspect {to}")).contains("org.cleardown.Manager1"));
    let version = daemon.says(&format!("gdbus call {to} --method org.cleardown.Manager1.Version"));
    assert_eq!(version, format!("('{}',)\n", env!("CARGO_PKG_VERSION")));
    let error = daemon.tool(&format!("gdbus call {to} --method org.cleardown.Manager1.Status z:"));
    assert!(String::from_utf8_lossy(&error.stderr).contains("org.cleardown.Error.NotConnected"));
}

#[test]
fn dbus_send_calls_with_and_without_a_bus_in_mind() {
    let daemon = Daemon::start();
    let call = "/org/cleardown/Cleardown1 org.cleardown.Manager1.Version";
    for way in ["--peer=ADDRESS", "--bus=ADDRESS --dest=org.cleardown.Cleardown1"] {
        let said = daemon.says(&format!("dbus-send {way} --print-reply {call}"));
        assert!(said.contains(env!("CARGO_PKG_VERSION")), "{said}");
    }
}

#[test]
fn the_daemon_takes_descriptors_for_many_clients() {
    let mut command = Command::new("prlimit");
    command.args(["--nofile=1024:4096", env!("CARGO_BIN_EXE_cleardownd")]);
    let daemon = Daemon::start_by(command);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("4096"), "{line}");
}

#[test]
fn a_second_daemon_leaves_the_place_to_the_first() {
    let daemon = Daemon::start();
    let second = Command::new(env!("CARGO_BIN_EXE_cleardownd"))
        .arg("--runtime-dir")
        .arg(daemon.dir.path().join("run"))
        .output()
        .unwrap();
    assert!(second.status.success());
    assert!(daemon.says("busctl --address=ADDRESS list").contains("org.cleardown.Cleardown1"));
}
