//! The IPv6 Control Protocol (RFC 5072): each side has its own interface identifier.

use super::negotiation::{Policy, Verdict};
use super::packet::{ConfigOption, protocol};

const INTERFACE_ID: u8 = 1;

/// What IPV6CP wants, and what was agreed.
#[derive(Clone, Debug)]
pub struct Ipv6cp {
    seed: u64,
    /// Our interface identifier.
    pub local: u64,
    /// The peer's; 0 when it did not say.
    pub remote: u64,
    rejected: bool,
}

impl Ipv6cp {
    /// `seed` is random: the identifier comes from it.
    pub fn new(seed: u64) -> Self {
        let mut ipv6cp = Ipv6cp { seed, local: 0, remote: 0, rejected: false };
        ipv6cp.reset();
        ipv6cp
    }

    /// The link-local address of an identifier.
    pub fn link_local(identifier: u64) -> std::net::Ipv6Addr {
        std::net::Ipv6Addr::from((0xfe80_u128 << 112) | u128::from(identifier))
    }

    /// The universal/local bit says "not from a manufacturer" (RFC 5072, 4.1).
    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed & !(1 << 57)).max(1)
    }
}

impl Policy for Ipv6cp {
    const PROTOCOL: u16 = protocol::IPV6CP;

    fn reset(&mut self) {
        // A link that negotiates anew keeps its address (RFC 5072, 4.1).
        if self.local == 0 {
            self.local = self.next();
        }
        self.rejected = false;
    }

    fn peer_begins(&mut self) {
        self.remote = 0;
    }

    fn request(&self, list: &mut Vec<u8>) {
        if !self.rejected {
            ConfigOption { kind: INTERFACE_ID, value: &self.local.to_be_bytes() }.append(list);
        }
    }

    fn judge(&mut self, option: ConfigOption<'_>) -> Verdict {
        let value = <[u8; 8]>::try_from(option.value).ok().filter(|_| option.kind == INTERFACE_ID);
        match value.map(u64::from_be_bytes) {
            None => Verdict::Reject,
            Some(asked) if asked == 0 || asked == self.local => {
                Verdict::Nak(self.next().to_be_bytes().to_vec())
            }
            Some(asked) => {
                self.remote = asked;
                Verdict::Ack
            }
        }
    }

    fn nak(&mut self, option: ConfigOption<'_>) {
        if let Ok(value) = <[u8; 8]>::try_from(option.value) {
            self.local = match u64::from_be_bytes(value) {
                0 => self.next(),
                given => given,
            };
        }
    }

    fn reject(&mut self, _option: ConfigOption<'_>) {
        self.rejected = true;
    }
}
