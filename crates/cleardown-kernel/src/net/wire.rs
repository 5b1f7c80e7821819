//! The wire form of netlink(7): messages of a header, a fixed part and attributes, all in the machine's byte order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

const HEADER: usize = 16;

pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;

pub(super) const REQUEST: u16 = 0x1;
pub(super) const ACK: u16 = 0x4;
pub(super) const DUMP: u16 = 0x300;
pub(super) const CREATE: u16 = 0x400;
pub(super) const EXCL: u16 = 0x200;
/// The dump is torn: something changed while it was made.
pub(super) const DUMP_INTERRUPTED: u16 = 0x10;

pub(super) const NEWLINK: u16 = 16;
pub(super) const DELLINK: u16 = 17;
pub(super) const GETLINK: u16 = 18;
pub(super) const NEWADDR: u16 = 20;
pub(super) const DELADDR: u16 = 21;
pub(super) const GETADDR: u16 = 22;
pub(super) const NEWROUTE: u16 = 24;
pub(super) const DELROUTE: u16 = 25;
pub(super) const GETROUTE: u16 = 26;
pub(super) const NEWSTATS: u16 = 92;
pub(super) const GETSTATS: u16 = 94;

pub(super) const AF_UNSPEC: u8 = 0;
pub(super) const AF_INET: u8 = 2;
pub(super) const AF_INET6: u8 = 10;

/// A request under construction. It may hold a key: it is wiped when it is dropped, and not shown.
#[derive(Clone)]
pub(super) struct Request {
    bytes: Zeroizing<Vec<u8>>,
}

impl Request {
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        Request::with_room(kind, flags, fixed, 0)
    }

    /// A request that grows to this many octets without being moved, which would leave a copy of what it holds.
    pub(super) fn with_room(kind: u16, flags: u16, fixed: &[u8], room: usize) -> Self {
        let mut bytes = Zeroizing::new(Vec::with_capacity(room.max(HEADER + fixed.len())));
        bytes.resize(HEADER, 0);
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend_from_slice(fixed);
        let mut request = Request { bytes };
        request.pad();
        request
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let length = u16::try_from(4 + value.len()).expect("requests are short");
        self.bytes.extend_from_slice(&length.to_ne_bytes());
        self.bytes.extend_from_slice(&kind.to_ne_bytes());
        self.bytes.extend_from_slice(value);
        self.pad();
        self
    }

    pub(super) fn with_u32(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    pub(super) fn with_ip(self, kind: u16, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => self.with(kind, &v4.octets()),
            IpAddr::V6(v6) => self.with(kind, &v6.octets()),
        }
    }

    /// Adds an attribute that holds attributes.
    pub(super) fn nested(mut self, kind: u16, inside: impl FnOnce(Self) -> Self) -> Self {
        let start = self.bytes.len();
        self = inside(self.with(kind, &[]));
        let length = u16::try_from(self.bytes.len() - start).expect("requests are short");
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
        self
    }

    pub(super) fn is_dump(&self) -> bool {
        u16::from_ne_bytes([self.bytes[6], self.bytes[7]]) & DUMP == DUMP
    }

    pub(super) fn with_u16(self, kind: u16, value: u16) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    pub(super) fn finish(mut self, sequence: u32) -> Zeroizing<Vec<u8>> {
        let length = u32::try_from(self.bytes.len()).expect("requests are short");
        self.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        self.bytes[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.bytes
    }

    fn pad(&mut self) {
        let length = self.bytes.len().next_multiple_of(4);
        self.bytes.resize(length, 0);
    }
}

/// A message that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    pub(super) kind: u16,
    pub(super) flags: u16,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The attributes behind a fixed part of this length; none when there is not even that.
    pub(super) fn attributes(&self, fixed: usize) -> Attributes<'a> {
        Attributes { rest: self.payload.get(fixed.next_multiple_of(4)..).unwrap_or_default() }
    }

    /// The number at this place of the fixed part; 0 when it is cut off.
    pub(super) fn u32_at(&self, at: usize) -> u32 {
        self.payload.get(at..).and_then(u32_of).unwrap_or_default()
    }

    pub(super) fn u16_at(&self, at: usize) -> u16 {
        let bytes = self.payload.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u16::from_ne_bytes).unwrap_or_default()
    }

    pub(super) fn u8_at(&self, at: usize) -> u8 {
        self.payload.get(at).copied().unwrap_or_default()
    }
}

/// The messages of one datagram; ends at the first that is cut off.
pub(super) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(super) fn of(datagram: &'a [u8]) -> Self {
        Messages { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        let header = self.rest.get(..HEADER)?;
        let length = usize::try_from(u32_of(header)?).ok()?;
        let payload = self.rest.get(HEADER..length)?;
        let whole = Message { kind: 0, flags: 0, sequence: 0, payload: header };
        let message =
            Message { kind: whole.u16_at(4), flags: whole.u16_at(6), sequence: whole.u32_at(8), payload };
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    }
}

/// Attributes, each a number and its bytes; ends at the first that is cut off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Attributes { rest: bytes }
    }

    pub(super) fn get(mut self, kind: u16) -> Option<&'a [u8]> {
        self.find(|(k, _)| *k == kind).map(|(_, value)| value)
    }

    pub(super) fn u16(self, kind: u16) -> Option<u16> {
        Some(u16::from_ne_bytes(self.get(kind)?.get(..2)?.try_into().ok()?))
    }

    pub(super) fn u32(self, kind: u16) -> Option<u32> {
        u32_of(self.get(kind)?)
    }

    pub(super) fn u64(self, kind: u16) -> Option<u64> {
        Some(u64::from_ne_bytes(self.get(kind)?.get(..8)?.try_into().ok()?))
    }

    pub(super) fn ip(self, kind: u16) -> Option<IpAddr> {
        ip(self.get(kind)?)
    }

    /// Text up to a zero byte.
    pub(super) fn text(self, kind: u16) -> Option<String> {
        let bytes = self.get(kind)?;
        let text = bytes.split(|b| *b == 0).next()?;
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        const NESTED_AND_BYTE_ORDER: u16 = 0xc000;
        let header = self.rest.get(..4)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & !NESTED_AND_BYTE_ORDER;
        let value = self.rest.get(4..length)?;
        self.rest = self.rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    }
}

fn u32_of(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// An address, by its length.
pub(super) fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)));
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)))).ok()
}

/// The address family of an address.
pub(super) fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_built_is_read_again() {
        let bytes = Request::new(NEWLINK, ACK, &[1, 2, 3, 4, 5])
            .with(3, b"cd0\0")
            .nested(26, |r| r.nested(10, |r| r.with(8, &[1])))
            .with_u32(4, 1400)
            .with_ip(1, "192.0.2.1".parse().unwrap())
            .finish(7);
        let message = Messages::of(&bytes).next().unwrap();
        assert_eq!((message.kind, message.flags, message.sequence), (NEWLINK, ACK | REQUEST, 7));
        let attributes = message.attributes(5);
        assert_eq!(attributes.text(3).as_deref(), Some("cd0"));
        assert_eq!(attributes.u32(4), Some(1400));
        assert_eq!(attributes.ip(1), Some("192.0.2.1".parse().unwrap()));
        let inner = Attributes::of(Attributes::of(attributes.get(26).unwrap()).get(10).unwrap());
        assert_eq!(inner.get(8), Some(&[1][..]));
    }

    proptest! {
        /// Whatever comes, reading it ends, and takes no more than is there.
        #[test]
        fn nonsense_ends(bytes in proptest::collection::vec(any::<u8>(), 0..300), short in any::<bool>()) {
            let mut bytes = bytes;
            if short && bytes.len() > 4 {
                // Lengths that fit are the interesting ones.
                bytes[1..4].fill(0);
            }
            let mut seen = 0;
            for message in Messages::of(&bytes) {
                seen += HEADER + message.payload.len();
                for fixed in [0, 4, 8, 12, 16] {
                    let inside: usize = message.attributes(fixed).map(|(_, value)| 4 + value.len()).sum();
                    prop_assert!(inside <= message.payload.len());
                }
                let _ = (message.u32_at(6), message.u16_at(2), message.u8_at(0));
            }
            prop_assert!(seen <= bytes.len());
        }

        #[test]
        fn a_datagram_that_is_cut_gives_its_whole_messages(cut in 0usize..80) {
            let one = |sequence| Request::new(GETLINK, 0, &[0; 16]).with(3, b"x\0").finish(sequence);
            let (first, second) = (one(1), one(2));
            let all: Vec<u8> = first.iter().chain(&*second).copied().collect();
            let cut = cut.min(all.len());
            let count = Messages::of(&all[..cut]).count();
            prop_assert_eq!(count, usize::from(cut >= first.len()) + usize::from(cut >= all.len()));
        }
    }
}
