//! The files of wg-quick(8).

use std::net::IpAddr;
use std::str::FromStr;

use cleardown_core::link::{self, Device, Dialling, Entry, EntryName, Network, Ppp, WireGuardPeer};
use ipnet::IpNet;
use zeroize::Zeroizing;

use super::text::{self, Line};
use super::{Bad, Imported, Remarks};

/// More than WireGuard's own tools are used with.
const MOST_PEERS: usize = 4096;

/// A file being read.
#[derive(Default)]
struct Tunnel<'a> {
    private_key: Option<&'a str>,
    listen_port: Option<u16>,
    network: Network,
    peers: Vec<(usize, Peer<'a>)>,
    left: Vec<String>,
}

#[derive(Default)]
struct Peer<'a> {
    public_key: Option<&'a str>,
    shared_key: Option<&'a str>,
    endpoint: Option<String>,
    allowed_ips: Vec<IpNet>,
    keepalive_seconds: Option<u16>,
}

/// The entry `name` out of a file of wg-quick. Its secret has the private key in the first line; each further line has a
/// peer's public key, a space, and the key shared with it.
///
/// # Errors
/// [`Bad`] with the line; it never repeats a key.
pub fn wg_quick(name: EntryName, bytes: &[u8]) -> Result<Imported, Bad> {
    let text = text::decode(bytes)?;
    let mut tunnel = Tunnel::default();
    let mut inside = None;
    for (at, line) in text::lines(&text) {
        match line {
            Line::Section(section) => {
                inside = Some(section);
                tunnel.enter(at, section)?;
            }
            Line::Pair(key, value) => {
                // A comment may follow; no value has a # in it.
                let value = value.split('#').next().unwrap_or_default().trim();
                match inside {
                    Some(section) if section.eq_ignore_ascii_case("Interface") => {
                        tunnel.interface(at, key, value)?
                    }
                    Some(_) => tunnel.peer(at, key, value)?,
                    None => return Err(Bad::new(at, "[Interface] should come first")),
                }
            }
            Line::Other => return Err(Bad::new(at, "this is neither [section] nor key = value")),
        }
    }
    tunnel.finish(name)
}

impl<'a> Tunnel<'a> {
    fn enter(&mut self, at: usize, section: &str) -> Result<(), Bad> {
        if section.eq_ignore_ascii_case("Interface") {
            return Ok(());
        }
        if !section.eq_ignore_ascii_case("Peer") {
            return Err(Bad::new(at, "a section is [Interface] or [Peer]"));
        }
        if self.peers.len() == MOST_PEERS {
            return Err(Bad::new(at, format!("there are more than {MOST_PEERS} peers")));
        }
        self.peers.push((at, Peer::default()));
        Ok(())
    }

    fn interface(&mut self, at: usize, key: &str, value: &'a str) -> Result<(), Bad> {
        match key.to_ascii_lowercase().as_str() {
            "privatekey" => self.private_key = Some(checked_key(at, value)?),
            "listenport" => self.listen_port = Some(number(at, value)?),
            "address" => self.network.addresses.extend(networks(at, value)?),
            "mtu" => self.network.mtu = Some(number(at, value)?),
            "dns" => {
                for word in words(value) {
                    match word.parse::<IpAddr>() {
                        Ok(server) => self.network.dns.push(server),
                        Err(_) => self.network.search.push(word.to_owned()),
                    }
                }
            }
            "table" if value.eq_ignore_ascii_case("auto") => {}
            "saveconfig" if value.eq_ignore_ascii_case("false") => {}
            "table" => self.left.push(format!("Table = {value}: routes go into the main table")),
            "fwmark" => self.left.push("FwMark".to_owned()),
            "saveconfig" => self.left.push("SaveConfig".to_owned()),
            "preup" | "postup" | "predown" | "postdown" => {
                self.left.push(format!("{key} (line {at}): commands are not run"))
            }
            _ => return Err(Bad::new(at, format!("[Interface] has no {}", shown(key)))),
        }
        Ok(())
    }

    fn peer(&mut self, at: usize, key: &str, value: &'a str) -> Result<(), Bad> {
        let Some((_, peer)) = self.peers.last_mut() else {
            return Err(Bad::new(at, "[Peer] should come first"));
        };
        match key.to_ascii_lowercase().as_str() {
            "publickey" => peer.public_key = Some(checked_key(at, value)?),
            "presharedkey" => peer.shared_key = Some(checked_key(at, value)?),
            "allowedips" => peer.allowed_ips.extend(networks(at, value)?),
            "endpoint" if link::is_endpoint(value) => peer.endpoint = Some(value.to_owned()),
            "endpoint" => return Err(Bad::new(at, "an endpoint is host:port")),
            "persistentkeepalive" if value.eq_ignore_ascii_case("off") => peer.keepalive_seconds = None,
            "persistentkeepalive" => peer.keepalive_seconds = Some(number(at, value)?).filter(|s| *s > 0),
            _ => return Err(Bad::new(at, format!("[Peer] has no {}", shown(key)))),
        }
        Ok(())
    }

    fn finish(mut self, name: EntryName) -> Result<Imported, Bad> {
        let private = self.private_key.ok_or_else(|| Bad::new(0, "[Interface] has no PrivateKey"))?;
        let mut secret = Zeroizing::new(String::with_capacity(46 + 90 * self.peers.len()));
        secret.push_str(private);
        let mut peers = Vec::with_capacity(self.peers.len());
        for (at, peer) in self.peers {
            let public = peer.public_key.ok_or_else(|| Bad::new(at, "this peer has no PublicKey"))?;
            if let Some(shared) = peer.shared_key {
                [&"\n", &public, &" ", &shared].into_iter().for_each(|part| secret.push_str(part));
            }
            peers.push(WireGuardPeer {
                public_key: public.to_owned(),
                endpoint: peer.endpoint,
                allowed_ips: peer.allowed_ips,
                keepalive_seconds: peer.keepalive_seconds,
            });
        }
        if peers.is_empty() {
            return Err(Bad::new(0, "there is no [Peer]"));
        }
        // What the peers are allowed is routed without a word more, and no other family. WireGuard tells no name servers.
        self.network.peer_dns = false;
        let entry = Entry {
            name,
            user: None,
            device: Device::WireGuard {
                listen_port: self.listen_port.filter(|port| *port > 0),
                engine: None,
                peers,
            },
            ppp: Ppp::default(),
            network: self.network,
            dialling: Dialling::default(),
        };
        Ok(Imported {
            entry,
            secret: Some(secret),
            remarks: Remarks { left: self.left, assumed: Vec::new() },
        })
    }
}

fn checked_key(at: usize, value: &str) -> Result<&str, Bad> {
    if link::is_wireguard_key(value) { Ok(value) } else { Err(Bad::new(at, "a key is 32 bytes in base64")) }
}

fn number<T: FromStr>(at: usize, value: &str) -> Result<T, Bad> {
    value.parse().map_err(|_| Bad::new(at, "that is no number that fits"))
}

fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Addresses with or without a prefix length.
fn networks(at: usize, value: &str) -> Result<Vec<IpNet>, Bad> {
    let one = |word: &str| word.parse().or_else(|_| word.parse::<IpAddr>().map(IpNet::from));
    words(value).map(|word| one(word).map_err(|_| Bad::new(at, "an address is like 10.0.0.2/24"))).collect()
}

/// A key as it was written, if it may be one; what is longer may be a secret in the wrong place.
fn shown(key: &str) -> String {
    match key.len() <= 20 && key.bytes().all(|c| c.is_ascii_alphabetic()) {
        true => key.to_owned(),
        false => "such key".to_owned(),
    }
}
