//! The devices that can be dialled with: RasEnumDevices.

use std::path::Path;

use super::list;
use super::types::RasDevInfo;
use crate::Failure;
use crate::memory::{Plain, Ptr};
use crate::text::{Unit, field};

/// RasEnumDevices: serial ports and modems of this machine, and the ways that need no device.
///
/// # Errors
/// 87, 603, 632.
pub fn enumerate<C: Unit>(
    buffer: Ptr<RasDevInfo<C>>,
    bytes: Ptr<u32>,
    count: Ptr<u32>,
) -> Result<(), Failure> {
    list::fill(&devices(), buffer, bytes, count, |(kind, name)| {
        let mut info = RasDevInfo::zeroed();
        info.device_type = field(kind);
        info.device_name = field(name);
        info
    })
}

/// Type and name of each device.
pub(super) fn devices() -> Vec<(&'static str, String)> {
    let mut devices: Vec<(&'static str, String)> = ports();
    devices.extend(
        ["WireGuard", "PPP over TCP", "PPP over a Unix socket", "PPP over a command"]
            .map(|name| ("vpn", name.to_owned())),
    );
    devices
}

/// Serial ports that have hardware behind them. What was made for modems (ACM, or what `/dev/modem` leads to) is a modem.
pub(super) fn ports() -> Vec<(&'static str, String)> {
    let modem = std::fs::canonicalize("/dev/modem").ok();
    let mut ports: Vec<(&'static str, String)> = Vec::new();
    for entry in std::fs::read_dir("/sys/class/tty").into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let file = Path::new("/dev").join(&name);
        if !is_serial(&entry.path(), &name) || !file.exists() {
            continue;
        }
        let is_modem =
            name.starts_with("ttyACM") || name.starts_with("ttyUSB") || modem.as_ref() == Some(&file);
        ports.push((if is_modem { "modem" } else { "serial" }, file.display().to_string()));
    }
    ports.sort();
    ports
}

/// A console or a pseudo-terminal has no device; a UART that was only reserved has the type 0.
fn is_serial(folder: &Path, name: &str) -> bool {
    let kind = std::fs::read_to_string(folder.join("type")).unwrap_or_default();
    folder.join("device").exists() && name.starts_with("tty") && kind.trim() != "0"
}
