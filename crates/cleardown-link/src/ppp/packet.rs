//! Protocol numbers, control packets and their options (RFC 1661, sections 5 and 6).

/// PPP protocol numbers (the field before the information; IANA's registry).
pub mod protocol {
    /// IPv4 datagrams.
    pub const IPV4: u16 = 0x0021;
    /// IPv6 datagrams.
    pub const IPV6: u16 = 0x0057;
    /// Compressed datagrams, should a peer send some after all.
    pub const COMPRESSED: u16 = 0x00fd;
    /// IP Control Protocol.
    pub const IPCP: u16 = 0x8021;
    /// IPv6 Control Protocol.
    pub const IPV6CP: u16 = 0x8057;
    /// Compression Control Protocol.
    pub const CCP: u16 = 0x80fd;
    /// Link Control Protocol.
    pub const LCP: u16 = 0xc021;
    /// Password Authentication Protocol.
    pub const PAP: u16 = 0xc023;
    /// Challenge Handshake Authentication Protocol.
    pub const CHAP: u16 = 0xc223;
}

/// Codes that all control protocols share, and those of LCP.
pub mod code {
    /// Configure-Request.
    pub const CONFIGURE_REQUEST: u8 = 1;
    /// Configure-Ack.
    pub const CONFIGURE_ACK: u8 = 2;
    /// Configure-Nak.
    pub const CONFIGURE_NAK: u8 = 3;
    /// Configure-Reject.
    pub const CONFIGURE_REJECT: u8 = 4;
    /// Terminate-Request.
    pub const TERMINATE_REQUEST: u8 = 5;
    /// Terminate-Ack.
    pub const TERMINATE_ACK: u8 = 6;
    /// Code-Reject.
    pub const CODE_REJECT: u8 = 7;
    /// Protocol-Reject (LCP).
    pub const PROTOCOL_REJECT: u8 = 8;
    /// Echo-Request (LCP).
    pub const ECHO_REQUEST: u8 = 9;
    /// Echo-Reply (LCP).
    pub const ECHO_REPLY: u8 = 10;
    /// Discard-Request (LCP).
    pub const DISCARD_REQUEST: u8 = 11;
    /// Identification (LCP, RFC 1570).
    pub const IDENTIFICATION: u8 = 12;
    /// Time-Remaining (LCP, RFC 1570).
    pub const TIME_REMAINING: u8 = 13;
}

/// Takes a frame apart into protocol number and information. Address and control may be left out, and the
/// protocol number may be one octet (RFC 1661, 6.5 and 6.6): a receiver always takes both forms.
pub fn split(frame: &[u8]) -> Option<(u16, &[u8])> {
    let rest = frame.strip_prefix(&[0xff, 0x03]).unwrap_or(frame);
    match rest {
        [odd, info @ ..] if odd & 1 == 1 => Some((u16::from(*odd), info)),
        [high, low, info @ ..] if low & 1 == 1 => Some((u16::from_be_bytes([*high, *low]), info)),
        _ => None,
    }
}

/// A control packet: code, identifier and data (RFC 1661, section 5). Octets beyond its length are padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// What it is.
    pub code: u8,
    /// What joins a reply to its request.
    pub id: u8,
    /// The rest.
    pub data: &'a [u8],
}

impl<'a> Control<'a> {
    /// Reads one; none when the length does not fit (such packets are discarded silently).
    pub fn parse(info: &'a [u8]) -> Option<Self> {
        let [code, id, high, low, rest @ ..] = info else { return None };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let data = rest.get(..length.checked_sub(4)?)?;
        Some(Control { code: *code, id: *id, data })
    }

    /// Its octets. Data beyond what a length field can say is cut; callers keep packets below the MRU.
    pub fn to_bytes(self) -> Vec<u8> {
        let data = &self.data[..self.data.len().min(usize::from(u16::MAX) - 4)];
        let length = (data.len() as u16 + 4).to_be_bytes();
        let mut bytes = Vec::with_capacity(data.len() + 4);
        bytes.extend_from_slice(&[self.code, self.id, length[0], length[1]]);
        bytes.extend_from_slice(data);
        bytes
    }
}

/// One configuration option: type and value (RFC 1661, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigOption<'a> {
    /// The type.
    pub kind: u8,
    /// The value, without type and length.
    pub value: &'a [u8],
}

impl ConfigOption<'_> {
    /// Appends it to `list`. Values are at most 253 octets; ours are far shorter, a peer's came in an option.
    pub fn append(&self, list: &mut Vec<u8>) {
        let value = &self.value[..self.value.len().min(253)];
        list.extend_from_slice(&[self.kind, value.len() as u8 + 2]);
        list.extend_from_slice(value);
    }
}

/// Reads a list of options; none when it is not one (the packet is then discarded silently).
pub fn options(mut list: &[u8]) -> Option<Vec<ConfigOption<'_>>> {
    let mut options = Vec::new();
    while let [kind, length, rest @ ..] = list {
        let value = rest.get(..usize::from(*length).checked_sub(2)?)?;
        options.push(ConfigOption { kind: *kind, value });
        list = &rest[value.len()..];
    }
    list.is_empty().then_some(options)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_come_with_and_without_their_compressible_fields() {
        for frame in [&b"\xff\x03\x00\x21x"[..], b"\x00\x21x", b"\x21x", b"\xff\x03\x21x"] {
            assert_eq!(split(frame), Some((protocol::IPV4, &b"x"[..])));
        }
        assert_eq!(split(b"\x00\x20x"), None);
        assert_eq!(split(b""), None);
    }

    #[test]
    fn padding_is_not_data() {
        let packet = Control::parse(b"\x01\x07\x00\x06ab pad").unwrap();
        assert_eq!(packet, Control { code: 1, id: 7, data: b"ab" });
        assert_eq!(Control::parse(b"\x01\x07\x00\x03"), None);
        assert_eq!(Control::parse(b"\x01\x07\x00\x09ab"), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = split(&bytes);
            let _ = Control::parse(&bytes);
            if let Some(options) = options(&bytes) {
                let mut again = Vec::new();
                options.iter().for_each(|option| option.append(&mut again));
                prop_assert_eq!(again, bytes);
            }
        }
    }
}
