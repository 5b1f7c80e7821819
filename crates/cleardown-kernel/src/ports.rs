//! The machine's serial ports and modems, as sysfs tells (`/sys/class/tty`). No device is opened.

use std::fs;
use std::path::Path;

/// What is at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortKind {
    /// A modem: it says so by its driver.
    Modem,
    /// A serial port, on which there may be a modem.
    Serial,
}

/// A serial port or modem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name below `/dev`.
    pub tty: String,
    /// What it is.
    pub kind: PortKind,
    /// What it calls itself, or its driver.
    pub title: String,
}

/// Drivers of what answers to AT commands: USB communication devices, mobile broadband, Bluetooth.
const MODEM_DRIVERS: [&str; 7] = ["cdc_acm", "option", "option1", "qcserial", "sierra", "hso", "rfcomm"];

/// Virtual consoles that look like serial ports.
const NO_PORTS: [&str; 4] = ["hvc", "ttyGS", "ttyprintk", "ttynull"];

/// The type of a serial port that the driver only keeps room for (`PORT_UNKNOWN`, linux/serial.h).
const UNKNOWN: &str = "0";

/// All of them, modems first; the order is the same each time.
pub fn ports() -> Vec<Port> {
    ports_in(Path::new("/sys/class/tty"))
}

fn ports_in(class: &Path) -> Vec<Port> {
    let entries = fs::read_dir(class).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<Port> = names.filter_map(|tty| port(class, tty)).collect();
    found.sort_by_key(|port| {
        (port.kind == PortKind::Serial, letters(&port.tty).to_owned(), digits(&port.tty))
    });
    found
}

fn port(class: &Path, tty: String) -> Option<Port> {
    let folder = class.join(&tty);
    // What has no device behind it is made by software: consoles, pseudo-terminals.
    let device = fs::canonicalize(folder.join("device")).ok()?;
    let driver = driver(&device)?;
    let empty = line(&folder.join("type")).is_some_and(|kind| kind == UNKNOWN);
    if empty || NO_PORTS.iter().any(|prefix| tty.starts_with(prefix)) {
        return None;
    }
    let modem = MODEM_DRIVERS.contains(&driver.as_str()) || tty.starts_with("ttyACM");
    let kind = if modem { PortKind::Modem } else { PortKind::Serial };
    Some(Port { tty, kind, title: product(&device).unwrap_or(driver) })
}

/// The driver's name. Newer kernels put two devices of their own between a serial port and the hardware.
fn driver(device: &Path) -> Option<String> {
    let own = |folder: &Path| fs::read_link(folder.join("driver")).ok();
    let names = device
        .ancestors()
        .take(4)
        .filter_map(own)
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let mut names = names.peekable();
    let first = names.peek()?.clone();
    Some(names.find(|name| name != "port" && name != "ctrl").unwrap_or(first))
}

/// What the USB device says that it is: the port is one to three levels below it.
fn product(device: &Path) -> Option<String> {
    device.ancestors().take(4).find_map(|folder| line(&folder.join("product")))
}

/// A file of one line; control characters (a device may say anything) and what is too long are left out.
fn line(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let text: String = text.trim().chars().filter(|c| !c.is_control()).take(80).collect();
    Some(text).filter(|text| !text.is_empty())
}

fn letters(tty: &str) -> &str {
    tty.trim_end_matches(|c: char| c.is_ascii_digit())
}

fn digits(tty: &str) -> u32 {
    tty[letters(tty).len()..].parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A port in a made-up sysfs.
    fn add(sys: &Path, tty: &str, driver: &str, kind: Option<&str>, product: Option<&str>) {
        let usb = sys.join("devices").join(format!("of-{tty}"));
        let device = usb.join("interface");
        fs::create_dir_all(&device).unwrap();
        fs::create_dir_all(sys.join("drivers").join(driver)).unwrap();
        symlink(sys.join("drivers").join(driver), device.join("driver")).unwrap();
        if let Some(product) = product {
            fs::write(usb.join("product"), format!("{product}\n")).unwrap();
        }
        let folder = sys.join("class").join(tty);
        fs::create_dir_all(&folder).unwrap();
        symlink(&device, folder.join("device")).unwrap();
        if let Some(kind) = kind {
            fs::write(folder.join("type"), format!("{kind}\n")).unwrap();
        }
    }

    #[test]
    fn real_ports_are_listed_modems_first() {
        let sys = tempfile::tempdir().unwrap();
        add(sys.path(), "ttyS10", "serial", Some("4"), None);
        add(sys.path(), "ttyS2", "serial", Some("4"), None);
        add(sys.path(), "ttyS3", "serial8250", Some("0"), None);
        add(sys.path(), "ttyUSB0", "ftdi_sio", None, Some("USB-Serial\x1b[2J Adapter"));
        add(sys.path(), "ttyUSB1", "option1", None, Some("Mobile stick"));
        add(sys.path(), "ttyACM0", "cdc_acm", None, Some("56K Modem"));
        add(sys.path(), "hvc0", "virtio_console", None, None);
        fs::create_dir(sys.path().join("class/tty1")).unwrap();
        let shown: Vec<String> = ports_in(&sys.path().join("class"))
            .iter()
            .map(|p| format!("{} {:?} {}", p.tty, p.kind, p.title))
            .collect();
        assert_eq!(
            shown,
            [
                "ttyACM0 Modem 56K Modem",
                "ttyUSB1 Modem Mobile stick",
                "ttyS2 Serial serial",
                "ttyS10 Serial serial",
                "ttyUSB0 Serial USB-Serial[2J Adapter"
            ]
        );
    }

    #[test]
    fn a_port_of_a_newer_kernel_has_the_driver_of_its_hardware() {
        let sys = tempfile::tempdir().unwrap();
        let device = sys.path().join("hardware/ctrl0/port0");
        fs::create_dir_all(&device).unwrap();
        for (folder, driver) in
            [("hardware/ctrl0/port0", "port"), ("hardware/ctrl0", "ctrl"), ("hardware", "serial")]
        {
            symlink(Path::new("/sys/drivers").join(driver), sys.path().join(folder).join("driver")).unwrap();
        }
        assert_eq!(driver(&device).as_deref(), Some("serial"));
        assert_eq!(driver(sys.path()), None);
    }

    #[test]
    fn no_sysfs_is_no_port() {
        assert_eq!(ports_in(Path::new("/nonexistent")), []);
    }
}
