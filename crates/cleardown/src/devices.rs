//! What a link can be dialled over, as people name it: `modem0`, `ttyUSB0`, `serial:ttyS1`, `tcp:host:port`,
//! `unix:/path`, `command:ssh host pppd notty`.

use cleardown_core::link::{Device, Tone};
use cleardown_core::{ErrorKind, Result};
use cleardown_kernel::ports::{Port, PortKind};

/// The kinds that need no hardware, and how they are written.
pub(crate) const BUILT_IN: [(&str, &str); 4] = [
    ("serial:PORT", "a serial cable without a modem"),
    ("tcp:HOST:PORT", "a TCP connection"),
    ("unix:/PATH", "a Unix stream socket"),
    ("command:PROGRAM ARGUMENT ...", "a program's standard input and output"),
];

/// The name of a port in our own counting.
pub(crate) fn name(index: usize) -> String {
    format!("modem{index}")
}

/// The kind of a port, in words.
pub(crate) fn kind(port: &Port) -> &'static str {
    match port.kind {
        PortKind::Modem => "modem",
        PortKind::Serial => "serial port",
    }
}

/// The device that `text` names. With a number a port has a modem; `ports` are those of this machine.
///
/// # Errors
/// [`ErrorKind::BadParameter`]: it names nothing, or a number is given to what cannot dial one.
pub(crate) fn parse(text: &str, number: Option<&str>, ports: &[Port]) -> Result<Device> {
    let device = match text.split_once(':') {
        Some(("serial", port)) => serial(resolve(port, ports)?),
        Some(("tcp", address)) => Device::Tcp { address: address.to_owned() },
        Some(("unix", path)) => Device::Unix { path: path.into() },
        Some(("command", line)) => {
            Device::Command { argv: line.split_whitespace().map(str::to_owned).collect() }
        }
        _ => {
            let port = resolve(text, ports)?;
            match number {
                Some(number) => return Ok(modem(port, number)),
                None => serial(port),
            }
        }
    };
    match number {
        None => Ok(device),
        Some(_) => Err(bad(&format!("{text}: a number is dialled by a modem only"))),
    }
}

fn serial(port: String) -> Device {
    Device::Serial { port, speed: 115_200, flow_control: true }
}

/// A modem with the usual settings. Numbers of mobile networks are dialled as they are.
fn modem(port: String, number: &str) -> Device {
    Device::Modem {
        port,
        number: number.to_owned(),
        init: Vec::new(),
        tone: if number.starts_with('*') { Tone::Plain } else { Tone::Tone },
        speed: 115_200,
        flow_control: true,
        has_lines: None,
        connect_seconds: 60,
    }
}

/// `modemN` by our own counting; anything else is a path or a name below `/dev`.
fn resolve(text: &str, ports: &[Port]) -> Result<String> {
    let Some(index) = text.strip_prefix("modem").and_then(|index| index.parse::<usize>().ok()) else {
        return if text.is_empty() { Err(bad("a device has a name")) } else { Ok(text.to_owned()) };
    };
    let found = ports.get(index).map(|port| port.tty.clone());
    found.ok_or_else(|| match ports.len() {
        0 => bad(&format!("there is no {text}: this machine has no serial port and no modem")),
        1 => bad(&format!("there is no {text}: this machine has modem0 only")),
        n => bad(&format!("there is no {text}: this machine has modem0 to modem{}", n - 1)),
    })
}

fn bad(why: &str) -> cleardown_core::Error {
    ErrorKind::BadParameter(why.to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports() -> Vec<Port> {
        let port = |tty: &str, kind| Port { tty: tty.into(), kind, title: "x".into() };
        vec![port("ttyACM0", PortKind::Modem), port("ttyS0", PortKind::Serial)]
    }

    #[test]
    fn a_device_is_named_in_many_ways() {
        let parsed = |text: &str, number| parse(text, number, &ports());
        assert_eq!(parsed("modem0", Some("555")).unwrap(), modem("ttyACM0".into(), "555"));
        assert_eq!(parsed("modem1", None).unwrap(), serial("ttyS0".into()));
        assert_eq!(parsed("/dev/ttyUSB3", Some("555")).unwrap(), modem("/dev/ttyUSB3".into(), "555"));
        assert_eq!(parsed("serial:modem1", None).unwrap(), serial("ttyS0".into()));
        assert_eq!(parsed("tcp:[::1]:7", None).unwrap(), Device::Tcp { address: "[::1]:7".into() });
        assert_eq!(parsed("unix:/run/x", None).unwrap(), Device::Unix { path: "/run/x".into() });
        let argv = ["ssh", "host", "pppd", "notty"].map(str::to_owned).to_vec();
        assert_eq!(parsed("command:ssh host  pppd notty", None).unwrap(), Device::Command { argv });
        let Device::Modem { tone, .. } = parsed("modem0", Some("*99#")).unwrap() else { panic!("a modem") };
        assert_eq!(tone, Tone::Plain);
    }

    #[test]
    fn what_names_nothing_is_a_usage_error() {
        for (text, number) in [("modem7", Some("1")), ("tcp:h:1", Some("1")), ("", None), ("serial:", None)] {
            assert_eq!(parse(text, number, &ports()).unwrap_err().exit() as u8, 2, "{text}");
        }
        assert!(parse("modem0", None, &[]).unwrap_err().to_string().contains("no serial port"));
    }
}
