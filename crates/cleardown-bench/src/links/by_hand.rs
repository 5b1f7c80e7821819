//! D-Bus by hand: prepared bytes out, as many as the answer has in. What remains is the round trip, and the daemon's work.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

const PATH: &str = "/org/cleardown/Cleardown1";

/// A connection to the daemon's private socket.
pub(super) struct ByHand {
    stream: BufReader<UnixStream>,
    serial: u32,
}

impl ByHand {
    /// Says who we are (the D-Bus specification, "Authentication Protocol").
    pub(super) fn connect(socket: &Path) -> io::Result<ByHand> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut hand = ByHand { stream: BufReader::with_capacity(1 << 20, stream), serial: 0 };
        let uid = rustix::process::geteuid().as_raw().to_string();
        let hex: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        hand.stream.get_mut().write_all(format!("\0AUTH EXTERNAL {hex}\r\n").as_bytes())?;
        let mut said = String::new();
        hand.stream.read_line(&mut said)?;
        if !said.starts_with("OK ") {
            return Err(io::Error::other(said));
        }
        hand.stream.get_mut().write_all(b"BEGIN\r\n")?;
        Ok(hand)
    }

    /// Calls a method, and reads the whole answer: how long that took, and how many octets came.
    pub(super) fn call(&mut self, call: &Call) -> io::Result<(Duration, usize)> {
        self.serial += 1;
        let message = call.message(self.serial);
        let start = Instant::now();
        self.stream.get_mut().write_all(&message)?;
        let mut head = [0; 16];
        self.stream.read_exact(&mut head)?;
        let number =
            |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let mut rest = vec![0; number(12).next_multiple_of(8) + number(4)];
        self.stream.read_exact(&mut rest)?;
        let took = start.elapsed();
        match head[1] {
            2 => Ok((took, rest.len())),
            _ => Err(io::Error::other(format!("an error: {}", String::from_utf8_lossy(&rest)))),
        }
    }
}

/// A method, and its arguments as they are on the wire.
pub(super) struct Call {
    interface: &'static str,
    member: &'static str,
    signature: &'static str,
    body: Vec<u8>,
}

impl Call {
    /// The smallest question there is.
    pub(super) fn ping() -> Call {
        Call { interface: "org.freedesktop.DBus.Peer", member: "Ping", signature: "", body: Vec::new() }
    }

    /// `List` of what has this local name; of everything without one.
    pub(super) fn list(name: Option<&str>) -> Call {
        // A dictionary: its length, and what aligns its first entry.
        let mut body = vec![0; 8];
        if let Some(name) = name {
            text(&mut body, "name");
            body.extend_from_slice(b"\x01s\0");
            text(&mut body, name);
            body[0] = (body.len() - 8) as u8;
        }
        Call { interface: "org.cleardown.Manager1", member: "List", signature: "a{sv}", body }
    }

    /// A call message (the D-Bus specification, "Message Protocol").
    fn message(&self, serial: u32) -> Vec<u8> {
        let mut fields = Vec::new();
        for (code, kind, value) in
            [(1, b'o', PATH), (2, b's', self.interface), (3, b's', self.member), (8, b'g', self.signature)]
        {
            if value.is_empty() {
                continue;
            }
            fields.resize(fields.len().next_multiple_of(8), 0);
            fields.extend_from_slice(&[code, 1, kind, 0]);
            match kind {
                b'g' => fields.push(value.len() as u8),
                _ => fields.extend_from_slice(&(value.len() as u32).to_le_bytes()),
            }
            fields.extend_from_slice(value.as_bytes());
            fields.push(0);
        }
        let mut message = vec![b'l', 1, 0, 1];
        message.extend_from_slice(&(self.body.len() as u32).to_le_bytes());
        message.extend_from_slice(&serial.to_le_bytes());
        message.extend_from_slice(&(fields.len() as u32).to_le_bytes());
        message.extend_from_slice(&fields);
        message.resize(message.len().next_multiple_of(8), 0);
        message.extend_from_slice(&self.body);
        message
    }
}

fn text(to: &mut Vec<u8>, text: &str) {
    to.resize(to.len().next_multiple_of(4), 0);
    to.extend_from_slice(&(text.len() as u32).to_le_bytes());
    to.extend_from_slice(text.as_bytes());
    to.push(0);
}
