//! What a phone-book entry says. Its text form is TOML; it never holds a secret.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::EntryName;

/// A phone-book entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name.
    pub name: EntryName,
    /// Who we are to the peer (`DOMAIN\user`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How the peer is reached.
    pub device: Device,
    /// How PPP is spoken; WireGuard has no use for it.
    #[serde(default)]
    pub ppp: Ppp,
    /// What goes through the link.
    #[serde(default)]
    pub network: Network,
    /// When to dial again and when to hang up.
    #[serde(default)]
    pub dialling: Dialling,
}

/// How the peer is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Device {
    /// A Hayes modem on a serial port.
    Modem {
        /// The device file, or its name below `/dev`.
        port: String,
        /// The number to dial.
        number: String,
        /// Commands before dialling, each with its `AT`; empty: the usual ones.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        init: Vec<String>,
        /// How to dial.
        #[serde(default)]
        tone: Tone,
        /// Bits per second on the port.
        #[serde(default = "default_speed")]
        speed: u32,
        /// Hardware flow control (RTS/CTS).
        #[serde(default = "yes")]
        flow_control: bool,
        /// The port has the lines DTR and DCD; none: find out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        has_lines: Option<bool>,
        /// How long the call may take until CONNECT, in seconds.
        #[serde(default = "default_connect")]
        connect_seconds: u32,
    },
    /// A serial cable without a modem.
    Serial {
        /// The device file, or its name below `/dev`.
        port: String,
        /// Bits per second.
        #[serde(default = "default_speed")]
        speed: u32,
        /// Hardware flow control (RTS/CTS).
        #[serde(default = "yes")]
        flow_control: bool,
    },
    /// A program whose standard input and output are the line; no shell looks at it.
    Command {
        /// The program and its arguments.
        argv: Vec<String>,
    },
    /// A TCP connection.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// A Unix stream socket.
    Unix {
        /// Its path.
        path: PathBuf,
    },
    /// A WireGuard tunnel. Its secret holds the private key in the first line; each further line has a peer's public key, a
    /// space, and the key shared with it beforehand.
    WireGuard {
        /// The UDP port to listen on; none: any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        listen_port: Option<u16>,
        /// Who is to carry it; none: the kernel where it can, else the program.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        engine: Option<Engine>,
        /// The peers.
        peers: Vec<WireGuardPeer>,
    },
}

/// A peer of a WireGuard tunnel (wg-quick(8), `[Peer]`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireGuardPeer {
    /// Its public key, in base64.
    pub public_key: String,
    /// Where it is reached (`host:port`); none: it comes to us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What is sent to it, and taken from it. These become the routes of the link.
    #[serde(default)]
    pub allowed_ips: Vec<IpNet>,
    /// A sign of life this often, in seconds; none: only when there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_seconds: Option<u16>,
}

/// Who carries a WireGuard tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The kernel, on an interface of its own kind.
    Kernel,
    /// A process of ours, over a TUN interface.
    Embedded,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Engine::Kernel => "kernel",
            Engine::Embedded => "embedded",
        })
    }
}

/// How a modem dials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// `ATDT`.
    #[default]
    Tone,
    /// `ATDP`.
    Pulse,
    /// `ATD` and the number as it is (GSM: `*99#`).
    Plain,
}

/// A way to prove to the peer who we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuthMethod {
    /// MS-CHAPv2 (RFC 2759).
    MsChapV2,
    /// CHAP with MD5 (RFC 1994).
    Chap,
    /// PAP (RFC 1334): the password in clear.
    Pap,
}

/// How PPP is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ppp {
    /// How we may prove who we are.
    pub auth: Vec<AuthMethod>,
    /// IPv4.
    pub ipv4: bool,
    /// IPv6.
    pub ipv6: bool,
    /// The longest packet that we take (RFC 1661, section 6.1), in octets.
    pub mru: u16,
    /// Our own IPv4 address; none: the peer gives one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_address: Option<Ipv4Addr>,
    /// The address that the peer gets when it asks us for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<Ipv4Addr>,
    /// Ask the peer for a sign of life this often, in seconds; 0: never.
    pub echo_seconds: u32,
    /// Give the peer up after this many unanswered.
    pub echo_failures: u8,
}

/// What goes through a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Addresses of the interface, beside those that the protocol agrees on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpNet>,
    /// Everything that has no better route.
    pub default_route: bool,
    /// These networks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<IpNet>,
    /// The metric of the routes; none: the kernel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Use the name servers that the peer tells.
    pub peer_dns: bool,
    /// These name servers too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Domains in which short names are looked up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// The interface's MTU; none: what the protocol agrees on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// When to dial again and when to hang up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialling {
    /// How often to dial again when a dial has failed for a reason that may pass (busy, no answer, no carrier).
    pub redial_attempts: u32,
    /// The pause before each, in seconds.
    pub redial_pause_seconds: u32,
    /// Hang up when nothing was sent or received for this long, in seconds; 0: never.
    pub idle_disconnect_seconds: u32,
}

impl Default for Ppp {
    fn default() -> Self {
        Ppp {
            auth: vec![AuthMethod::MsChapV2, AuthMethod::Chap, AuthMethod::Pap],
            ipv4: true,
            ipv6: true,
            mru: 1500,
            local_address: None,
            peer_address: None,
            echo_seconds: 30,
            echo_failures: 4,
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Network {
            addresses: Vec::new(),
            default_route: false,
            routes: Vec::new(),
            metric: None,
            peer_dns: true,
            dns: Vec::new(),
            search: Vec::new(),
            mtu: None,
        }
    }
}

impl Default for Dialling {
    fn default() -> Self {
        Dialling { redial_attempts: 0, redial_pause_seconds: 60, idle_disconnect_seconds: 0 }
    }
}

impl Device {
    /// The kind of device, in one word: `modem`, `serial`, `command`, `tcp`, `unix`, `wireguard`.
    pub fn kind(&self) -> &'static str {
        match self {
            Device::Modem { .. } => "modem",
            Device::Serial { .. } => "serial",
            Device::Command { .. } => "command",
            Device::Tcp { .. } => "tcp",
            Device::Unix { .. } => "unix",
            Device::WireGuard { .. } => "wireguard",
        }
    }

    /// What is taken for the time of the link: a port's name, a program, an address.
    pub fn shown(&self) -> String {
        match self {
            Device::Modem { port, .. } | Device::Serial { port, .. } => port.clone(),
            Device::Command { argv } => argv.join(" "),
            Device::Tcp { address } => address.clone(),
            Device::Unix { path } => path.display().to_string(),
            Device::WireGuard { peers, .. } => {
                peers.iter().find_map(|peer| peer.endpoint.clone()).unwrap_or_else(|| "wireguard".to_owned())
            }
        }
    }
}

fn yes() -> bool {
    true
}

fn default_speed() -> u32 {
    115_200
}

fn default_connect() -> u32 {
    60
}
