//! A modem whose calls the exchange's peer answers, and a wire that can keep back what the peer says.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use cleardown_testkit::hayes::{Hayes, Modem};
use cleardown_tests::Running;

use crate::exchange::Exchange;

/// A modem, and an entry `office` that dials with it.
pub(crate) struct Telephone {
    pub(crate) exchange: Exchange,
    pub(crate) modem: Hayes,
}

impl Telephone {
    pub(crate) fn new() -> Telephone {
        Telephone::with("")
    }

    /// With more tables in the entry.
    pub(crate) fn with(more: &str) -> Telephone {
        let modem = Hayes::start(Modem::default()).unwrap();
        let exchange = Exchange::new(&[]);
        let entry = format!(
            "name = \"office\"\nuser = \"eve\"\n[device]\ntype = \"modem\"\nport = \"{}\"\nnumber = \"555-1234\"\n{more}",
            modem.port().display()
        );
        exchange.machine.file("config/phonebook/office.toml", entry);
        Telephone { exchange, modem }
    }

    /// Begins to dial.
    pub(crate) fn start(&self) -> Running {
        let args = self.exchange.dial_args();
        self.exchange.machine.start(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Puts the next call through to the peer, but for what the peer says in these protocols of PPP.
    pub(crate) fn put_through(&self, held: &'static [u16]) {
        let call = self.modem.call(Duration::from_secs(30)).expect("a call");
        put_through(call, &self.exchange.line(), held);
    }

    /// Dials, and puts the call through.
    pub(crate) fn dial(&self) {
        let dialling = self.start();
        self.put_through(&[]);
        dialling.answer().ok();
    }
}

/// Joins a call with the peer's line, both ways, until one of them ends.
fn put_through(call: UnixStream, line: &Path, held: &'static [u16]) {
    let line = UnixStream::connect(line).unwrap();
    let ways = [(call.try_clone().unwrap(), line.try_clone().unwrap(), &[][..]), (line, call, held)];
    for (mut from, mut to, held) in ways {
        std::thread::spawn(move || {
            let (mut octets, mut sieve) = ([0; 4096], Sieve { held, frame: Vec::new() });
            while let Ok(length @ 1..) = from.read(&mut octets) {
                if to.write_all(&sieve.pass(&octets[..length])).is_err() {
                    break;
                }
            }
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}

/// Keeps back the frames (RFC 1662) of some protocols.
struct Sieve {
    held: &'static [u16],
    frame: Vec<u8>,
}

impl Sieve {
    fn pass(&mut self, octets: &[u8]) -> Vec<u8> {
        if self.held.is_empty() {
            return octets.to_vec();
        }
        let mut passed = Vec::new();
        for octet in octets {
            if *octet != FLAG {
                self.frame.push(*octet);
                continue;
            }
            let frame = std::mem::take(&mut self.frame);
            if !frame.is_empty() && !self.held.contains(&protocol(&frame)) {
                passed.extend([&[FLAG], &frame[..], &[FLAG]].concat());
            }
        }
        passed
    }
}

const FLAG: u8 = 0x7e;
const ESCAPE: u8 = 0x7d;

/// The protocol of a frame with its escapes; 0 for rubbish.
fn protocol(frame: &[u8]) -> u16 {
    let mut octets = frame.iter();
    let mut plain = std::iter::from_fn(|| match octets.next()? {
        &ESCAPE => octets.next().map(|octet| octet ^ 0x20),
        octet => Some(*octet),
    })
    .peekable();
    // Address and control may be left out, and the first octet of a protocol's number too.
    if plain.next_if_eq(&0xff).is_some() {
        plain.next();
    }
    match (plain.next(), plain.next()) {
        (Some(low), _) if low & 1 == 1 => u16::from(low),
        (Some(high), Some(low)) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}
