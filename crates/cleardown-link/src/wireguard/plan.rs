//! What an entry and its secret say of a tunnel.

use cleardown_core::link::{Device, Entry, WireGuardPeer};
use cleardown_core::{Error, ErrorKind, Result};
use cleardown_kernel::net::wireguard as kernel;
use data_encoding::BASE64;
use gotatun::device::Peer;
use gotatun::x25519::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// The MTU that fits into everything that is usual outside: 1500 less IPv6, UDP and WireGuard itself.
const MTU: u16 = 1420;

/// A tunnel that is to be.
pub struct Plan {
    pub(super) private_key: StaticSecret,
    pub(super) listen_port: u16,
    pub(super) peers: Vec<WirePeer>,
    pub(super) mtu: u16,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan").field("peers", &self.peers).finish_non_exhaustive()
    }
}

/// A peer, whose address is not looked up yet.
pub struct WirePeer {
    peer: Peer,
    pub(super) endpoint: Option<String>,
}

impl std::fmt::Debug for WirePeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WirePeer").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Plan {
    /// What an entry for WireGuard asks for. The secret holds the private key in the first line; each further line has a
    /// peer's public key, a space, and the key shared with it beforehand.
    ///
    /// # Errors
    /// [`ErrorKind::BadParameter`] for keys that are none, or an entry of another kind.
    pub fn of(entry: &Entry, secret: Option<Zeroizing<String>>) -> Result<Plan> {
        let Device::WireGuard { listen_port, peers, .. } = &entry.device else {
            return Err(bad("the entry is none for WireGuard"));
        };
        let secret = secret.ok_or_else(|| bad("a WireGuard tunnel needs its private key"))?;
        let mut lines = secret.lines();
        let private_key = key(lines.next().unwrap_or_default())
            .ok_or_else(|| bad("the first line of the secret is no private key"))?;
        let shared: Vec<_> = lines.filter_map(|line| line.trim().split_once(' ')).collect();
        let peers = peers.iter().map(|peer| WirePeer::of(peer, &shared)).collect::<Result<_>>()?;
        Ok(Plan {
            private_key: StaticSecret::from(*private_key),
            listen_port: listen_port.unwrap_or(0),
            peers,
            mtu: entry.network.mtu.unwrap_or(MTU),
        })
    }
}

impl Plan {
    /// The longest packet that goes through, in octets.
    pub fn mtu(&self) -> u16 {
        self.mtu
    }

    /// The same for the kernel's device, with the peers' addresses.
    pub(super) fn for_kernel(&self, peers: &[Peer]) -> kernel::Tunnel {
        kernel::Tunnel {
            private_key: Zeroizing::new(self.private_key.to_bytes()),
            listen_port: self.listen_port,
            peers: peers.iter().map(for_kernel).collect(),
        }
    }
}

fn for_kernel(peer: &Peer) -> kernel::Peer {
    kernel::Peer {
        public_key: peer.public_key.to_bytes(),
        shared_key: peer.preshared_key.map(Zeroizing::new),
        endpoint: peer.endpoint,
        keepalive: peer.keepalive.unwrap_or_default(),
        allowed: peer.allowed_ips.iter().filter_map(|net| net.to_string().parse().ok()).collect(),
    }
}

impl WirePeer {
    fn of(entry: &WireGuardPeer, shared: &[(&str, &str)]) -> Result<WirePeer> {
        let named = &entry.public_key;
        let public = key(named).ok_or_else(|| bad(format!("{named:?} is no public key")))?;
        // Text is what the two crates agree on about networks.
        let allowed = entry.allowed_ips.iter().filter_map(|net| net.to_string().parse().ok());
        let mut peer = Peer::new(PublicKey::from(*public)).with_allowed_ips(allowed.collect::<Vec<_>>());
        peer.keepalive = entry.keepalive_seconds.filter(|seconds| *seconds > 0);
        if let Some((_, text)) = shared.iter().find(|(of, _)| of == named) {
            let psk = key(text).ok_or_else(|| bad(format!("the key shared with {named} is none")))?;
            peer = peer.with_preshared_key(*psk);
        }
        Ok(WirePeer { peer, endpoint: entry.endpoint.clone() })
    }

    pub(super) fn with_endpoint(&self, endpoint: Option<std::net::SocketAddr>) -> Peer {
        let mut peer = self.peer.clone();
        peer.endpoint = endpoint;
        peer
    }
}

/// A key in base64.
fn key(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let octets = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).ok()?);
    Some(Zeroizing::new(octets.as_slice().try_into().ok()?))
}

fn bad(why: impl Into<String>) -> Error {
    ErrorKind::BadParameter(why.into()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";

    fn entry() -> Entry {
        toml::from_str(&format!(
            "name = 'vpn'\n[device]\ntype = 'wireguard'\n[[device.peers]]\npublic_key = '{KEY}'\n\
             endpoint = 'vpn.example:51820'\nallowed_ips = ['10.0.0.0/8', 'fd00::/8']\n"
        ))
        .unwrap()
    }

    #[test]
    fn keys_come_from_the_secret_and_are_never_shown() {
        let secret = Zeroizing::new(format!("{KEY}\n{KEY} {KEY}\n"));
        let plan = Plan::of(&entry(), Some(secret)).unwrap();
        let peer = plan.peers[0].with_endpoint(None);
        assert_eq!((peer.allowed_ips.len(), plan.mtu), (2, 1420));
        assert_eq!(peer.preshared_key.map(|key| BASE64.encode(&key)).as_deref(), Some(KEY));
        let shown = format!("{plan:?}");
        assert!(
            shown.contains("vpn.example") && !shown.contains("YAnz") && !shown.contains("96, 9"),
            "{shown}"
        );
    }

    #[test]
    fn the_kernel_is_told_the_same() {
        let secret = Zeroizing::new(format!("{KEY}\n{KEY} {KEY}\n"));
        let plan = Plan::of(&entry(), Some(secret)).unwrap();
        let endpoint = "192.0.2.7:51820".parse().unwrap();
        let tunnel = plan.for_kernel(&[plan.peers[0].with_endpoint(Some(endpoint))]);
        let peer = &tunnel.peers[0];
        assert_eq!(BASE64.encode(&*tunnel.private_key), KEY);
        assert_eq!((BASE64.encode(&peer.public_key).as_str(), peer.endpoint), (KEY, Some(endpoint)));
        assert_eq!(peer.shared_key.as_deref().map(|key| BASE64.encode(key)).as_deref(), Some(KEY));
        let allowed: Vec<_> = peer.allowed.iter().map(ToString::to_string).collect();
        assert_eq!((allowed, peer.keepalive), (vec!["10.0.0.0/8".into(), "fd00::/8".into()], 0));
        let shown = format!("{tunnel:?}");
        assert!(shown.contains("192.0.2.7") && !shown.contains("96, 9"), "{shown}");
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        for secret in [None, Some(""), Some("short="), Some("YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk= x")]
        {
            let secret = secret.map(|text| Zeroizing::new(text.to_owned()));
            let error = Plan::of(&entry(), secret).unwrap_err();
            assert!(matches!(error.kind, ErrorKind::BadParameter(_)));
        }
    }
}
