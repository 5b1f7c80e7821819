//! The IP Control Protocol (RFC 1332) with the addresses of name servers (RFC 1877).

use std::net::Ipv4Addr;

use super::negotiation::{Policy, Verdict};
use super::packet::{ConfigOption, protocol};

const ADDRESS: u8 = 3;
const DNS: [u8; 2] = [129, 131];

/// What IPCP wants, and what was agreed.
#[derive(Clone, Debug)]
pub struct Ipcp {
    wish: Ipv4Addr,
    offer: Offer,
    asks_dns: bool,
    /// Our address: what we ask for until the link is up, then what was agreed. Unspecified: the peer refused.
    pub local: Ipv4Addr,
    /// The peer's address; unspecified when it did not say.
    pub remote: Ipv4Addr,
    /// Name servers that the peer gave us; unspecified when it gave none.
    pub dns: [Ipv4Addr; 2],
    wants_address: bool,
    wants_dns: [bool; 2],
}

/// What we give to a peer that asks (the server's side).
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer {
    /// The peer's address; none: any that it brings.
    pub address: Option<Ipv4Addr>,
    /// Name servers.
    pub dns: [Option<Ipv4Addr>; 2],
}

impl Ipcp {
    /// `wish` is our own address, unspecified when the peer is to give us one.
    pub fn new(wish: Ipv4Addr, offer: Offer, asks_dns: bool) -> Self {
        let none = Ipv4Addr::UNSPECIFIED;
        let mut ipcp = Ipcp {
            wish,
            offer,
            asks_dns,
            local: none,
            remote: none,
            dns: [none; 2],
            wants_address: true,
            wants_dns: [false; 2],
        };
        ipcp.reset();
        ipcp
    }
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(value).ok().map(Ipv4Addr::from)
}

impl Policy for Ipcp {
    const PROTOCOL: u16 = protocol::IPCP;

    fn reset(&mut self) {
        self.local = self.wish;
        self.dns = [Ipv4Addr::UNSPECIFIED; 2];
        self.wants_address = true;
        self.wants_dns = [self.asks_dns; 2];
    }

    fn peer_begins(&mut self) {
        self.remote = Ipv4Addr::UNSPECIFIED;
    }

    fn request(&self, list: &mut Vec<u8>) {
        if self.wants_address {
            ConfigOption { kind: ADDRESS, value: &self.local.octets() }.append(list);
        }
        for i in (0..2).filter(|i| self.wants_dns[*i]) {
            ConfigOption { kind: DNS[i], value: &self.dns[i].octets() }.append(list);
        }
    }

    fn judge(&mut self, option: ConfigOption<'_>) -> Verdict {
        let Some(asked) = address(option.value) else { return Verdict::Reject };
        let given = match option.kind {
            ADDRESS => self.offer.address,
            kind => match DNS.iter().position(|dns| *dns == kind).and_then(|i| self.offer.dns[i]) {
                Some(server) => Some(server),
                None => return Verdict::Reject,
            },
        };
        match given {
            Some(given) if given != asked => Verdict::Nak(given.octets().to_vec()),
            None if asked.is_unspecified() => Verdict::Reject,
            _ => {
                if option.kind == ADDRESS {
                    self.remote = asked;
                }
                Verdict::Ack
            }
        }
    }

    fn missing(&mut self, seen: &[u8], naks: &mut Vec<u8>) {
        // A peer that does not mention its address gets the one that we have for it.
        if let Some(given) = self.offer.address.filter(|_| !seen.contains(&ADDRESS)) {
            ConfigOption { kind: ADDRESS, value: &given.octets() }.append(naks);
        }
    }

    fn nak(&mut self, option: ConfigOption<'_>) {
        let Some(given) = address(option.value) else { return };
        match option.kind {
            ADDRESS => (self.local, self.wants_address) = (given, true),
            kind => {
                if let Some(i) = DNS.iter().position(|dns| *dns == kind) {
                    self.dns[i] = given;
                }
            }
        }
    }

    fn reject(&mut self, option: ConfigOption<'_>) {
        if option.kind == ADDRESS {
            (self.local, self.wants_address) = (self.wish, false);
        } else if let Some(i) = DNS.iter().position(|dns| *dns == option.kind) {
            (self.dns[i], self.wants_dns[i]) = (Ipv4Addr::UNSPECIFIED, false);
        }
    }
}
