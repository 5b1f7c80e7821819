//! What makes no sense in an entry, beyond what its form already rules out.

use super::{Device, Engine, Entry, WireGuardPeer};

impl Entry {
    /// What would keep this entry from being dialled, in words; empty when it makes sense.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = device(&self.device);
        let mut say = |wrong: bool, what: &str| {
            if wrong {
                problems.push(what.to_owned());
            }
        };
        let ppp = !matches!(self.device, Device::WireGuard { .. });
        say(self.user.as_deref().is_some_and(has_control), "user: it has a control character");
        say(ppp && !self.ppp.ipv4 && !self.ppp.ipv6, "ppp: neither ipv4 nor ipv6 is allowed");
        // RFC 1661 lets a peer ask for less, but IPv4 needs 68 octets in one packet (RFC 791).
        say(ppp && self.ppp.mru < 68, "ppp.mru: less than 68 octets carry no IP packet");
        say(
            self.ppp.echo_seconds > 0 && self.ppp.echo_failures == 0,
            "ppp.echo_failures: 0 gives the peer up at once",
        );
        say(
            self.network.mtu.is_some_and(|mtu| mtu < 68),
            "network.mtu: less than 68 octets carry no IP packet",
        );
        say(self.network.search.iter().any(|domain| !is_domain(domain)), "network.search: that is no domain");
        let in_kernel = matches!(self.device, Device::WireGuard { engine: Some(Engine::Kernel), .. });
        say(
            in_kernel && self.dialling.idle_disconnect_seconds > 0,
            "dialling.idle_disconnect_seconds: the kernel counts signs of life too; take device.engine = \"embedded\"",
        );
        say(self.dialling.redial_attempts > 999, "dialling.redial_attempts: more than 999");
        problems
    }
}

fn device(device: &Device) -> Vec<String> {
    let mut problems = Vec::new();
    let mut say = |wrong: bool, what: &str| {
        if wrong {
            problems.push(what.to_owned());
        }
    };
    match device {
        Device::Modem { port, number, init, speed, .. } => {
            say(!is_port(port), "device.port: that is no name of a port");
            say(number.is_empty(), "device.number: there is no number to dial");
            say(!is_number(number), "device.number: it has characters that cannot be dialled");
            say(*speed == 0, "device.speed: 0 bits per second");
            say(
                init.iter().any(|line| has_control(line) || line.len() > 200),
                "device.init: a command has a control character or more than 200 bytes",
            );
        }
        Device::Serial { port, speed, .. } => {
            say(!is_port(port), "device.port: that is no name of a port");
            say(*speed == 0, "device.speed: 0 bits per second");
        }
        Device::Command { argv } => {
            say(argv.first().is_none_or(String::is_empty), "device.argv: there is no program");
            say(argv.iter().any(|arg| arg.contains('\0')), "device.argv: an argument has a zero byte");
        }
        Device::Tcp { address } => say(!is_endpoint(address), "device.address: write host:port"),
        Device::Unix { path } => say(!path.is_absolute(), "device.path: it does not begin with /"),
        Device::WireGuard { peers, .. } => {
            say(peers.is_empty(), "device.peers: there is no peer");
            for (index, peer) in peers.iter().enumerate() {
                peer_problems(peer).into_iter().for_each(|what| {
                    say(true, &format!("device.peers: peer {}: {what}", index + 1));
                });
            }
            let mut keys: Vec<&str> = peers.iter().map(|peer| peer.public_key.as_str()).collect();
            keys.sort_unstable();
            say(keys.windows(2).any(|pair| pair[0] == pair[1]), "device.peers: two have the same key");
        }
    }
    problems
}

fn peer_problems(peer: &WireGuardPeer) -> Vec<&'static str> {
    let mut problems = Vec::new();
    if !is_wireguard_key(&peer.public_key) {
        problems.push("public_key is not 32 bytes in base64");
    }
    if peer.endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
        problems.push("endpoint: write host:port");
    }
    if peer.allowed_ips.is_empty() {
        problems.push("allowed_ips is empty: nothing would go through");
    }
    problems
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// A device file, or its name below `/dev`.
fn is_port(text: &str) -> bool {
    !text.is_empty() && !has_control(text) && !text.split('/').any(|part| part == "..")
}

/// What a modem dials (ITU-T V.250, section 6.3.1), with what people put between digits.
pub fn is_number(text: &str) -> bool {
    let dialled = |c: char| c.is_ascii_digit() || "*#+ABCDabcd,;!@WwTtPp-() ./".contains(c);
    text.chars().count() <= 128 && text.chars().all(dialled)
}

/// 32 bytes in base64, as WireGuard writes its keys.
pub fn is_wireguard_key(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b'+' || c == b'/';
    let bytes = text.as_bytes();
    // 32 bytes are 43 characters, of which the last has two bits that must be 0.
    bytes.len() == 44
        && bytes[..43].iter().all(|c| plain(*c))
        && bytes[43] == b'='
        && b"AEIMQUYcgkosw048".contains(&bytes[42])
}

/// `host:port`, with brackets round an IPv6 address.
pub fn is_endpoint(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            return address.parse::<std::net::Ipv6Addr>().is_ok() && port.parse::<u16>().is_ok_and(|p| p > 0);
        }
        None => host,
    };
    is_domain(host) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_domain(text: &str) -> bool {
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    text.len() <= 253 && text.trim_end_matches('.').split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Dialling, Network, Ppp};

    fn entry(device: Device) -> Entry {
        let (ppp, network, dialling) = (Ppp::default(), Network::default(), Dialling::default());
        Entry { name: "office".parse().unwrap(), user: None, device, ppp, network, dialling }
    }

    #[test]
    fn what_makes_sense_has_no_problems() {
        let key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
        let peer = WireGuardPeer {
            public_key: key.into(),
            endpoint: Some("[2001:db8::1]:51820".into()),
            allowed_ips: vec!["0.0.0.0/0".parse().unwrap()],
            keepalive_seconds: None,
        };
        for device in [
            Device::Tcp { address: "ras.example.com:4000".into() },
            Device::Unix { path: "/run/ppp".into() },
            Device::Command { argv: vec!["ssh".into(), "host".into(), "pppd notty".into()] },
            Device::WireGuard { listen_port: None, engine: None, peers: vec![peer] },
        ] {
            assert_eq!(entry(device).problems(), [""; 0]);
        }
    }

    #[test]
    fn each_problem_is_named() {
        let peer = |key: &str| WireGuardPeer {
            public_key: key.into(),
            endpoint: Some("::1".into()),
            allowed_ips: Vec::new(),
            keepalive_seconds: None,
        };
        let modem = Device::Modem {
            port: "../etc/passwd".into(),
            number: "555\r\nATZ".into(),
            init: vec!["AT\r".into()],
            tone: crate::link::Tone::Tone,
            speed: 0,
            flow_control: true,
            has_lines: None,
            connect_seconds: 60,
        };
        let mut silent = entry(Device::Tcp { address: "host".into() });
        silent.ppp = Ppp { ipv4: false, ipv6: false, mru: 10, echo_failures: 0, ..Ppp::default() };
        let all = [
            entry(modem),
            entry(Device::Command { argv: Vec::new() }),
            entry(Device::Unix { path: "relative".into() }),
            entry(Device::WireGuard {
                listen_port: None,
                engine: None,
                peers: vec![peer("short"), peer("short")],
            }),
            silent,
        ];
        let shown: Vec<String> = all.iter().flat_map(Entry::problems).collect();
        insta::assert_snapshot!(shown.join("\n"), @r#"
        device.port: that is no name of a port
        device.number: it has characters that cannot be dialled
        device.speed: 0 bits per second
        device.init: a command has a control character or more than 200 bytes
        device.argv: there is no program
        device.path: it does not begin with /
        device.peers: peer 1: public_key is not 32 bytes in base64
        device.peers: peer 1: endpoint: write host:port
        device.peers: peer 1: allowed_ips is empty: nothing would go through
        device.peers: peer 2: public_key is not 32 bytes in base64
        device.peers: peer 2: endpoint: write host:port
        device.peers: peer 2: allowed_ips is empty: nothing would go through
        device.peers: two have the same key
        device.address: write host:port
        ppp: neither ipv4 nor ipv6 is allowed
        ppp.mru: less than 68 octets carry no IP packet
        ppp.echo_failures: 0 gives the peer up at once
        "#);
    }
}
