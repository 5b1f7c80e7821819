//! wireguard-go, in a namespace of its own: somebody else's idea of WireGuard.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "only tests use it: it panics where a test would"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::netns::{Cable, Namespace};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether this machine has what is needed; if not, says that a test is skipped.
pub fn available() -> bool {
    let there =
        ["/usr/bin/wireguard-go", "/usr/bin/wg", "/dev/net/tun"].iter().all(|path| Path::new(path).exists());
    if !there {
        eprintln!("SKIPPED: needs wireguard-go, wireguard-tools and /dev/net/tun");
    }
    there && Namespace::available()
}

/// A pair of keys, made by wg(8).
#[derive(Debug)]
pub struct Keys {
    /// For the owner alone.
    pub private: String,
    /// For everybody.
    pub public: String,
}

#[allow(clippy::new_without_default, reason = "every pair is another")]
impl Keys {
    /// A new pair.
    pub fn new() -> Keys {
        let private = wg(&["genkey"], "");
        Keys { public: wg(&["pubkey"], &private), private }
    }
}

fn wg(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("wg");
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}

/// wireguard-go at the far end of a cable, killed when dropped.
#[derive(Debug)]
pub struct WireGuardGo {
    /// The cable; we are at its near end.
    pub cable: Cable,
    /// Its keys.
    pub keys: Keys,
    process: Child,
    name: String,
}

impl WireGuardGo {
    /// Starts it for a peer with this public key, which has the address 10.77.0.2 in the tunnel; it has 10.77.0.1, and listens on
    /// port 51820 of the far end.
    pub fn start(us: &str) -> WireGuardGo {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cable = Cable::new();
        let keys = Keys::new();
        let name = format!("wg{}x{}", std::process::id() % 1_000_000, NEXT.fetch_add(1, Ordering::Relaxed));
        let mut command = cable.far.command("wireguard-go");
        let process =
            command.args(["-f", &name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let foreign = WireGuardGo { cable, keys, process, name };
        let control = Path::new("/var/run/wireguard").join(format!("{}.sock", foreign.name));
        let late = std::time::Instant::now() + PATIENCE;
        while !control.exists() {
            assert!(std::time::Instant::now() < late, "wireguard-go does not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        set_up(&foreign.cable, &foreign.name, &foreign.keys, us);
        foreign
    }
}

/// A device of the kernel's own at the far end of a cable.
#[derive(Debug)]
pub struct InKernel {
    /// The cable; we are at its near end.
    pub cable: Cable,
    /// Its keys.
    pub keys: Keys,
}

impl InKernel {
    /// Makes it, as [`WireGuardGo::start`] does. Panics where the kernel has no WireGuard.
    pub fn start(us: &str) -> InKernel {
        let (cable, keys) = (Cable::new(), Keys::new());
        cable.far.ip(&["link", "add", "wg0", "type", "wireguard"]);
        set_up(&cable, "wg0", &keys, us);
        InKernel { cable, keys }
    }
}

/// Tells an interface at the far end who it is and who we are.
fn set_up(cable: &Cable, name: &str, keys: &Keys, us: &str) {
    let mut key = tempfile::NamedTempFile::new().unwrap();
    key.write_all(keys.private.as_bytes()).unwrap();
    let key = key.path().to_str().unwrap();
    let peer = ["peer", us, "allowed-ips", "10.77.0.2/32"];
    let all = [&["set", name, "listen-port", "51820", "private-key", key][..], &peer].concat();
    let late = std::time::Instant::now() + PATIENCE;
    // The control socket of a program is there a moment before somebody listens.
    while !cable.far.command("wg").args(&all).status().unwrap().success() {
        assert!(std::time::Instant::now() < late, "{name} cannot be set up");
        std::thread::sleep(Duration::from_millis(10));
    }
    cable.far.ip(&["address", "add", "10.77.0.1/24", "dev", name]);
    cable.far.ip(&["link", "set", name, "up"]);
}

impl Drop for WireGuardGo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(format!("/var/run/wireguard/{}.sock", self.name));
    }
}
