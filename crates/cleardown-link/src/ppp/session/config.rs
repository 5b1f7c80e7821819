//! What a link is to be.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::hdlc::Accm;
use crate::ppp::auth::Method;
use crate::ppp::auth::client::Identity;
use crate::ppp::auth::server::Users;
use crate::ppp::ipcp::Offer;
use crate::ppp::lcp::Agreed;
use crate::ppp::negotiation::Timing;

/// What a link is to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// What we ask of the line.
    pub line: Agreed,
    /// Who we are, when the peer asks, and by which methods we say so (best first).
    pub identity: Option<Identity>,
    /// The methods by which we would authenticate ourselves.
    pub allowed: Vec<Method>,
    /// Who the peer may be, and by which methods it is to say so (best first); none: anyone.
    pub peers: Option<(Users, Vec<Method>)>,
    /// IPv4: our own address (unspecified: the peer gives one), and what we give; none: no IPv4.
    pub ipv4: Option<(Ipv4Addr, Offer)>,
    /// Ask for name servers.
    pub asks_dns: bool,
    /// IPv6 too.
    pub ipv6: bool,
    /// Timers and counters.
    pub timing: Timing,
    /// Ask the peer for a sign of life this often, and give it up after this many without an answer.
    pub echo: Option<(Duration, u8)>,
    /// Random octets: magic numbers, challenges and identifiers come from them.
    pub seed: [u8; 32],
}

impl Default for Config {
    fn default() -> Self {
        Config {
            line: Agreed { accm: Accm(0), pfc: true, acfc: true, ..Agreed::default() },
            identity: None,
            allowed: vec![Method::MsChapV2, Method::ChapMd5, Method::Pap],
            peers: None,
            ipv4: Some((Ipv4Addr::UNSPECIFIED, Offer::default())),
            asks_dns: true,
            ipv6: true,
            timing: Timing::default(),
            echo: Some((Duration::from_secs(30), 4)),
            seed: [0; 32],
        }
    }
}
