//! To the interface: segments of one stream that came together go in together, as a network card's driver gives them.

use std::io::IoSlice;

use super::checksum::{fold, pseudo, set_ipv4, sum};
use super::{
    ACK, GSO_TCPV4, GSO_TCPV6, HEADER, Header, IPV6_HEADER, LONGEST, NEEDS_CHECKSUM, PSH, TCP, TCP_CHECKSUM,
    TCP_FLAGS, TCP_HEADER, TCP_LENGTH, TCP_SEQUENCE,
};

/// Joins TCP segments that follow each other and differ in nothing else. Whatever else comes is passed on behind what came
/// before it. Nothing waits beyond the next [`Joiner::flush`].
#[derive(Debug, Default)]
pub struct Joiner {
    /// The packet with its header.
    packet: Vec<u8>,
    stream: Option<Stream>,
}

/// What is being joined.
#[derive(Clone, Copy, Debug)]
struct Stream {
    shape: Shape,
    /// The data of the first segment, and so of each but the last.
    size: usize,
    segments: usize,
    next: u32,
    /// Nothing may follow.
    whole: bool,
}

/// Where in a datagram what begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    /// The length of the IP header.
    ip: usize,
    /// And with that of TCP.
    head: usize,
}

impl Joiner {
    /// Takes a datagram; `write` gets what is to be written, in parts.
    pub fn push(&mut self, datagram: &[u8], mut write: impl FnMut(&[IoSlice<'_>])) {
        let Some(shape) = Shape::of(datagram) else {
            self.flush(&mut write);
            write(&[IoSlice::new(&Header::default().octets()), IoSlice::new(datagram)]);
            return;
        };
        if self.append(shape, datagram).is_none() {
            self.flush(&mut write);
            self.begin(shape, datagram);
        }
    }

    /// Passes on what has been joined.
    pub fn flush(&mut self, mut write: impl FnMut(&[IoSlice<'_>])) {
        let Some(stream) = self.stream.take() else { return };
        if stream.segments > 1 {
            self.seal(stream);
        }
        write(&[IoSlice::new(&self.packet)]);
    }

    fn begin(&mut self, shape: Shape, datagram: &[u8]) {
        self.packet.clear();
        self.packet.extend_from_slice(&Header::default().octets());
        self.packet.extend_from_slice(datagram);
        let size = datagram.len() - shape.head;
        let next = shape.sequence(datagram).wrapping_add(size as u32);
        let whole = datagram[shape.ip + TCP_FLAGS] & PSH != 0;
        self.stream = Some(Stream { shape, size, segments: 1, next, whole });
    }

    /// None: it belongs to something else.
    fn append(&mut self, shape: Shape, datagram: &[u8]) -> Option<()> {
        let stream = self.stream.as_mut()?;
        let data = &datagram[shape.head..];
        let fits = !stream.whole
            && stream.shape == shape
            && data.len() <= stream.size
            && stream.next == shape.sequence(datagram)
            && self.packet.len() + data.len() <= LONGEST
            && shape.same_stream(&self.packet[HEADER..], datagram);
        fits.then_some(())?;
        let pushed = datagram[shape.ip + TCP_FLAGS] & PSH;
        self.packet[HEADER + shape.ip + TCP_FLAGS] |= pushed;
        self.packet.extend_from_slice(data);
        stream.segments += 1;
        stream.next = stream.next.wrapping_add(data.len() as u32);
        stream.whole = pushed != 0 || data.len() < stream.size;
        Some(())
    }

    /// Makes one packet of them: lengths, and what the kernel wants to know to take it apart again.
    fn seal(&mut self, stream: Stream) {
        let Shape { ip, head } = stream.shape;
        let (header, packet) = self.packet.split_at_mut(HEADER);
        let length = packet.len();
        let is_ipv6 = packet[0] >> 4 == 6;
        if is_ipv6 {
            packet[4..6].copy_from_slice(&((length - IPV6_HEADER) as u16).to_be_bytes());
        } else {
            packet[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            set_ipv4(&mut packet[..ip]);
        }
        let partial = fold(pseudo(packet, length - ip));
        packet[ip + TCP_CHECKSUM..][..2].copy_from_slice(&partial.to_ne_bytes());
        let sealed = Header {
            flags: NEEDS_CHECKSUM,
            kind: if is_ipv6 { GSO_TCPV6 } else { GSO_TCPV4 },
            length: head as u16,
            size: stream.size as u16,
            sum_from: ip as u16,
            sum_at: TCP_CHECKSUM as u16,
        };
        header.copy_from_slice(&sealed.octets());
    }
}

impl Shape {
    /// Of a TCP segment with data and nothing special about it, whose checksums are right: who joins vouches for them.
    fn of(datagram: &[u8]) -> Option<Shape> {
        let ip = match datagram.first()? {
            // No options; no fragment, nor may it become one: so its id means nothing (RFC 6864).
            0x45 if datagram.len() > 40 && datagram[6..8] == [0x40, 0] && datagram[9] == TCP => 20,
            0x60..=0x6f if datagram.len() > 60 && datagram[6] == TCP => IPV6_HEADER,
            _ => return None,
        };
        let (said, summed) = match ip {
            IPV6_HEADER => (usize::from(u16::from_be_bytes([datagram[4], datagram[5]])) + IPV6_HEADER, true),
            _ => {
                let said = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
                (said, fold(sum(&datagram[..ip], 0)) == 0xffff)
            }
        };
        let tcp = usize::from(datagram[ip + TCP_LENGTH] >> 4) * 4;
        let shape = Shape { ip, head: ip + tcp };
        let plain = datagram[ip + TCP_FLAGS] & !PSH == ACK && datagram[ip + TCP_LENGTH] & 0xf == 0;
        let whole = said == datagram.len() && tcp >= TCP_HEADER && shape.head < datagram.len();
        let right = || fold(sum(&datagram[ip..], pseudo(datagram, datagram.len() - ip))) == 0xffff;
        (plain && whole && summed && right()).then_some(shape)
    }

    fn sequence(self, datagram: &[u8]) -> u32 {
        let at = self.ip + TCP_SEQUENCE;
        u32::from_be_bytes([datagram[at], datagram[at + 1], datagram[at + 2], datagram[at + 3]])
    }

    /// Whether the headers say the same, apart from lengths, place in the stream, checksums and PSH.
    fn same_stream(self, first: &[u8], second: &[u8]) -> bool {
        let same = |from: usize, to: usize| first[from..to] == second[from..to];
        let ip = match self.ip {
            IPV6_HEADER => same(0, 4) && same(6, IPV6_HEADER),
            _ => same(0, 2) && same(6, 10) && same(12, self.ip),
        };
        let at = |offset: usize| self.ip + offset;
        ip && same(at(0), at(TCP_SEQUENCE)) // ports
            && same(at(8), at(TCP_FLAGS)) // acknowledgement
            && same(at(14), at(TCP_CHECKSUM)) // window
            && same(at(18), self.head) // urgent pointer, options
    }
}
