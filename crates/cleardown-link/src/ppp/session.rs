//! A link's life by RFC 1661, section 3: dead, establish, authenticate, network, terminate; one struct that takes
//! frames, the time and its owner's wishes, and gives frames, events and the next deadline.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use cleardown_core::Code;

use super::Moment;
use super::auth::client::{Client, Identity};
use super::auth::server::{Server, Users};
use super::auth::{Method, Outcome};
use super::automaton::{Event as Change, State};
use super::ipcp::{Ipcp, Offer};
use super::ipv6cp::Ipv6cp;
use super::lcp::{Agreed, Lcp};
use super::negotiation::{Negotiation, Policy, Signal, Timing};
use super::packet::{Control, code, protocol, split};
use crate::hdlc::Accm;

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

/// The phases of RFC 1661, section 3.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// The lower layer is down.
    #[default]
    Dead,
    /// LCP negotiates.
    Establish,
    /// One or both sides prove who they are.
    Authenticate,
    /// Network protocols negotiate and run.
    Network,
    /// The link is being ended.
    Terminate,
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Reason {
    /// We wanted it.
    Asked,
    /// The peer sent Terminate-Request.
    PeerEnded,
    /// The lower layer went down.
    LineLost,
    /// The peer did not answer LCP.
    NoAnswer,
    /// The peer does not agree with what is needed.
    NoAgreement,
    /// The line brings back what we send.
    LoopedBack,
    /// The peer stopped answering.
    PeerDead,
    /// The peer refused us: the RAS error and the peer's words.
    Refused { code: Code, message: String },
    /// The peer did not finish the authentication.
    AuthenticationTimedOut,
    /// The peer could not or would not prove who it is.
    PeerRefused,
    /// No network protocol could be agreed on.
    NoNetwork,
}

impl Reason {
    /// The number in `raserror.h`; `running` tells that IP had been agreed on before.
    pub fn ras(&self, running: bool) -> Code {
        match self {
            Reason::Asked => Code::USER_DISCONNECTION,
            Reason::PeerEnded if running => Code::REMOTE_DISCONNECTION,
            Reason::PeerEnded => Code::PPP_LCP_TERMINATED,
            Reason::LineLost | Reason::PeerDead => Code::LINK_FAILURE,
            Reason::NoAnswer => Code::PPP_NO_RESPONSE,
            Reason::AuthenticationTimedOut => Code::PPP_TIMEOUT,
            Reason::NoAgreement => Code::PPP_NOT_CONVERGING,
            Reason::LoopedBack => Code::PPP_LOOPBACK_DETECTED,
            Reason::Refused { code, .. } => *code,
            Reason::PeerRefused => Code::UNABLE_TO_AUTHENTICATE_SERVER,
            Reason::NoNetwork => Code::PPP_NO_PROTOCOLS_CONFIGURED,
        }
    }

    /// The peer's own words about it; empty when it said none.
    pub fn words(&self) -> &str {
        match self {
            Reason::Refused { message, .. } => message,
            _ => "",
        }
    }
}

/// What the owner of a link learns.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant's sentence names its fields")]
pub enum Event {
    /// A new phase.
    Phase(Phase),
    /// LCP agreed: how the peer wants to be sent to, and what it may send.
    LineAgreed { send: Agreed, receive: Agreed },
    /// The peer has accepted us, or we it (by this name).
    Authenticated(String),
    /// IPv4 runs between these addresses, with these name servers.
    Ipv4Up { local: Ipv4Addr, remote: Ipv4Addr, dns: Vec<Ipv4Addr> },
    /// IPv4 no longer runs.
    Ipv4Down,
    /// IPv6 runs between these interface identifiers.
    Ipv6Up { local: u64, remote: u64 },
    /// IPv6 no longer runs.
    Ipv6Down,
    /// Each network protocol runs now or has been given up, and one runs at least.
    NetworkSettled,
    /// It is over. `acknowledged`: the peer has said so too (its Terminate-Ack, or its own request).
    Ended { reason: Reason, acknowledged: bool },
}

/// A frame for the line, without check sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// From the address field (when it is sent) to the end of the information.
    pub bytes: Vec<u8>,
    /// What an asynchronous line must escape.
    pub accm: Accm,
}

/// What a received frame was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// The protocol's own business, or nothing.
    Control,
    /// An IPv4 datagram for the interface.
    Ipv4(&'a [u8]),
    /// An IPv6 datagram for the interface.
    Ipv6(&'a [u8]),
}

/// Frames that may wait to be sent; a peer that asks faster than the line carries answers is not listened to.
const MAX_WAITING: usize = 64;

/// A PPP link, either side.
#[derive(Debug)]
pub struct Session {
    config: Config,
    phase: Phase,
    lcp: Negotiation<Lcp>,
    ipcp: Option<Negotiation<Ipcp>>,
    ipv6cp: Option<Negotiation<Ipv6cp>>,
    client: Option<(Method, Client)>,
    server: Option<(Method, Server)>,
    reason: Option<Reason>,
    echo_at: Option<Moment>,
    echoes_out: u8,
    out: VecDeque<Frame>,
    events: VecDeque<Event>,
}

impl Session {
    /// A link whose lower layer is down.
    pub fn new(config: Config) -> Self {
        let seed = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| config.seed[at + i]));
        let allowed = if config.identity.is_some() { config.allowed.clone() } else { Vec::new() };
        let methods = config.peers.as_ref().map(|(_, methods)| methods.clone()).unwrap_or_default();
        let lcp = Lcp::new(config.line, methods, allowed, seed(0) as u32);
        let timing = config.timing;
        Session {
            phase: Phase::Dead,
            lcp: Negotiation::new(lcp, timing),
            ipcp: config
                .ipv4
                .map(|(local, offer)| Negotiation::new(Ipcp::new(local, offer, config.asks_dns), timing)),
            ipv6cp: config.ipv6.then(|| Negotiation::new(Ipv6cp::new(seed(8)), timing)),
            client: None,
            server: None,
            reason: None,
            echo_at: None,
            echoes_out: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
            config,
        }
    }

    /// The phase.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The longest information field that the peer takes: the interface's MTU.
    pub fn mtu(&self) -> u16 {
        self.lcp.policy.peer.mru
    }

    /// The lower layer is ready (the modem says CONNECT): negotiation begins.
    pub fn open(&mut self, now: Moment) {
        self.lcp.event(Change::Open, now);
        self.lcp.event(Change::Up, now);
        self.enter(Phase::Establish);
        self.settle(now);
    }

    /// Ends the link politely; [`Event::Ended`] follows, at the latest when the restart timer has run out twice.
    /// A link that has ended stays as it is.
    pub fn close(&mut self, now: Moment) {
        self.end(Reason::Asked, now);
        self.settle(now);
    }

    /// The lower layer is gone.
    pub fn line_lost(&mut self, now: Moment) {
        self.reason.get_or_insert(Reason::LineLost);
        self.lcp.event(Change::Down, now);
        self.settle(now);
        self.finish();
    }

    /// The next frame for the line.
    pub fn poll_transmit(&mut self) -> Option<Frame> {
        self.out.pop_front()
    }

    /// The next event for the owner.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`Self::timeout`] is due.
    pub fn deadline(&self) -> Option<Moment> {
        let network = self.ipcp.iter().filter_map(Negotiation::deadline);
        let network = network.chain(self.ipv6cp.iter().filter_map(Negotiation::deadline));
        let auth = self.client.iter().filter_map(|(_, client)| client.deadline());
        let auth = auth.chain(self.server.iter().filter_map(|(_, server)| server.deadline()));
        self.lcp.deadline().into_iter().chain(self.echo_at).chain(network).chain(auth).min()
    }

    /// The timers.
    pub fn timeout(&mut self, now: Moment) {
        self.lcp.timeout(now);
        self.ipcp.iter_mut().for_each(|ipcp| ipcp.timeout(now));
        self.ipv6cp.iter_mut().for_each(|ipv6cp| ipv6cp.timeout(now));
        self.client.iter_mut().for_each(|(_, client)| client.timeout(now));
        self.server.iter_mut().for_each(|(_, server)| server.timeout(now));
        if self.echo_at.is_some_and(|at| now >= at) {
            self.echo(now);
        }
        self.settle(now);
    }

    /// The header of a datagram of `protocol` as the peer wants it, for the data path.
    pub fn header(&self, number: u16) -> Vec<u8> {
        let peer = if self.lcp.state() == State::Opened { self.lcp.policy.peer } else { Agreed::default() };
        let mut header = if peer.acfc && number != protocol::LCP { vec![] } else { vec![0xff, 0x03] };
        match number.to_be_bytes() {
            [0, low] if peer.pfc => header.push(low),
            both => header.extend_from_slice(&both),
        }
        header
    }

    /// Takes a frame without its check sequence.
    pub fn input<'a>(&mut self, frame: &'a [u8], now: Moment) -> Received<'a> {
        let Some((number, info)) = split(frame) else { return Received::Control };
        match number {
            protocol::IPV4 if opened(&self.ipcp) => return Received::Ipv4(info),
            protocol::IPV6 if opened(&self.ipv6cp) => return Received::Ipv6(info),
            _ if self.out.len() >= MAX_WAITING => return Received::Control,
            _ => {}
        }
        self.control(number, info, now);
        self.settle(now);
        Received::Control
    }

    fn control(&mut self, number: u16, info: &[u8], now: Moment) {
        let opened = self.lcp.state() == State::Opened;
        match (number, Control::parse(info)) {
            (protocol::LCP, Some(packet)) => self.lcp_packet(packet, now),
            // Everything else waits for LCP, and is discarded silently before (RFC 1661, 3.4).
            _ if !opened => {}
            (protocol::PAP | protocol::CHAP, Some(packet)) => self.auth_packet(number, packet),
            (protocol::IPCP, packet) if self.ipcp.is_some() => {
                if let (Some(ipcp), Some(packet), Phase::Network) = (&mut self.ipcp, packet, self.phase) {
                    ipcp.input(packet, now);
                }
            }
            (protocol::IPV6CP, packet) if self.ipv6cp.is_some() => {
                if let (Some(ipv6cp), Some(packet), Phase::Network) = (&mut self.ipv6cp, packet, self.phase) {
                    ipv6cp.input(packet, now);
                }
            }
            (protocol::LCP | protocol::PAP | protocol::CHAP, None) => {}
            // Their control protocols are not open yet; the protocols themselves are known.
            (protocol::IPV4, _) if self.ipcp.is_some() => {}
            (protocol::IPV6, _) if self.ipv6cp.is_some() => {}
            _ => self.reject_protocol(number, info),
        }
    }

    fn reject_protocol(&mut self, number: u16, info: &[u8]) {
        let room = usize::from(self.lcp.policy.peer.mru).saturating_sub(6);
        let mut data = number.to_be_bytes().to_vec();
        data.extend_from_slice(&info[..info.len().min(room)]);
        self.lcp.send(code::PROTOCOL_REJECT, &data);
    }

    fn lcp_packet(&mut self, packet: Control<'_>, now: Moment) {
        let opened = self.lcp.state() == State::Opened;
        match packet.code {
            code::ECHO_REQUEST if opened => {
                let mut data = self.lcp.policy.magic().to_be_bytes().to_vec();
                let room = usize::from(self.lcp.policy.peer.mru).saturating_sub(8);
                let rest = packet.data.get(4..).unwrap_or_default();
                data.extend_from_slice(&rest[..rest.len().min(room)]);
                let reply = Control { code: code::ECHO_REPLY, id: packet.id, data: &data }.to_bytes();
                self.transmit(protocol::LCP, &reply);
            }
            code::ECHO_REPLY if opened => {
                // Our own number in a reply is our own request, come back.
                let ours = self.lcp.policy.magic();
                let looped = ours != 0 && packet.data.get(..4) == Some(&ours.to_be_bytes()[..]);
                if looped { self.end(Reason::LoopedBack, now) } else { self.echoes_out = 0 }
            }
            code::PROTOCOL_REJECT if opened => self.protocol_rejected(packet.data, now),
            code::ECHO_REQUEST | code::ECHO_REPLY | code::PROTOCOL_REJECT => {}
            _ => {
                if packet.code == code::TERMINATE_REQUEST && self.lcp.state() == State::Opened {
                    // A peer that has no network protocol to run ends the link instead of saying so.
                    let none = self.phase == Phase::Network && !self.runs_anything();
                    self.reason.get_or_insert(if none { Reason::NoNetwork } else { Reason::PeerEnded });
                }
                self.lcp.input(packet, now);
                self.check_agreement(now);
            }
        }
    }

    fn runs_anything(&self) -> bool {
        opened(&self.ipcp) || opened(&self.ipv6cp)
    }

    fn check_agreement(&mut self, now: Moment) {
        if self.lcp.policy.looped_back() {
            self.end(Reason::LoopedBack, now);
        } else if self.lcp.policy.authentication_refused() {
            self.end(Reason::PeerRefused, now);
        }
    }

    fn protocol_rejected(&mut self, data: &[u8], now: Moment) {
        let Some(number) = data.get(..2).map(|n| u16::from_be_bytes([n[0], n[1]])) else { return };
        match number {
            protocol::IPCP | protocol::IPV4 => {
                self.ipcp.iter_mut().for_each(|ipcp| ipcp.event(Change::RejectBad, now));
            }
            protocol::IPV6CP | protocol::IPV6 => {
                self.ipv6cp.iter_mut().for_each(|ipv6cp| ipv6cp.event(Change::RejectBad, now));
            }
            protocol::LCP => self.lcp.event(Change::RejectBad, now),
            protocol::PAP | protocol::CHAP => self.end(Reason::PeerRefused, now),
            _ => {}
        }
    }

    fn auth_packet(&mut self, number: u16, packet: Control<'_>) {
        // CHAP goes both ways under one number: challenges and results are for the client, responses for the server.
        let for_server = match number {
            protocol::PAP => packet.code == 1,
            _ => packet.code == 2,
        };
        match (for_server, &mut self.client, &mut self.server) {
            (false, Some((method, client)), _) if method.protocol() == number => client.input(packet),
            (true, _, Some((method, server))) if method.protocol() == number => server.input(packet),
            _ => {}
        }
    }

    fn echo(&mut self, now: Moment) {
        let Some((interval, failures)) = self.config.echo else { return };
        if self.echoes_out >= failures {
            self.end(Reason::PeerDead, now);
            return;
        }
        self.echoes_out += 1;
        self.echo_at = Some(now + interval);
        let magic = self.lcp.policy.magic().to_be_bytes();
        self.lcp.send(code::ECHO_REQUEST, &magic);
    }

    /// Works off what the machines have to say, until nothing more follows.
    fn settle(&mut self, now: Moment) {
        loop {
            while let Some(packet) = self.lcp.poll_transmit() {
                self.transmit(protocol::LCP, &packet);
            }
            let lcp = self.lcp.poll_signal();
            if let Some(signal) = lcp {
                self.lcp_signal(signal, now);
            }
            if lcp.is_none() && !self.settle_auth(now) && !self.settle_network(now) {
                return;
            }
        }
    }

    fn lcp_signal(&mut self, signal: Signal, now: Moment) {
        match signal {
            Signal::Up => {
                let send = self.lcp.policy.peer;
                self.events.push_back(Event::LineAgreed { send, receive: self.lcp.policy.ours() });
                self.echoes_out = 0;
                self.echo_at = self.config.echo.map(|(interval, _)| now + interval);
                self.start_authentication(now);
            }
            Signal::Down => {
                self.echo_at = None;
                (self.client, self.server) = (None, None);
                self.ipcp.iter_mut().for_each(|ipcp| ipcp.event(Change::Down, now));
                self.ipv6cp.iter_mut().for_each(|ipv6cp| ipv6cp.event(Change::Down, now));
                let ending = matches!(self.lcp.state(), State::Closing | State::Stopping);
                self.enter(if ending { Phase::Terminate } else { Phase::Establish });
            }
            Signal::Started => {}
            Signal::Finished => {
                let unanswered = self.phase == Phase::Establish;
                self.reason.get_or_insert(if unanswered { Reason::NoAnswer } else { Reason::NoAgreement });
                self.finish();
            }
        }
    }

    fn start_authentication(&mut self, now: Moment) {
        let Timing { restart, max_configure: tries, .. } = self.config.timing;
        let random = |at: usize| std::array::from_fn(|i| self.config.seed[at + i] ^ i as u8);
        self.client =
            self.lcp.policy.peer_wants.zip(self.config.identity.clone()).map(|(method, identity)| {
                (method, Client::new(method, identity, random(0), restart, tries, now))
            });
        self.server =
            self.lcp.policy.we_want().zip(self.config.peers.as_ref()).map(|(method, (users, _))| {
                (method, Server::new(method, users.clone(), random(16), restart, tries, now))
            });
        self.enter(Phase::Authenticate);
        if self.client.is_none() && self.server.is_none() {
            self.start_network(now);
        }
    }

    fn settle_auth(&mut self, now: Moment) -> bool {
        let mut packets = Vec::new();
        if let Some((method, client)) = &mut self.client {
            packets.extend(client.poll_transmit().map(|packet| (method.protocol(), packet)));
        }
        if let Some((method, server)) = &mut self.server {
            packets.extend(server.poll_transmit().map(|packet| (method.protocol(), packet)));
        }
        let sent = !packets.is_empty();
        packets.iter().for_each(|(number, packet)| self.transmit(*number, packet));
        if self.phase != Phase::Authenticate {
            return sent;
        }
        let client = self.client.as_ref().map(|(_, client)| client.outcome().clone());
        let server = self.server.as_ref().map(|(_, server)| server.outcome().clone());
        match (client, server) {
            (Some(Outcome::Refused { code, message }), _) => self.end(Reason::Refused { code, message }, now),
            (_, Some(Outcome::Refused { .. })) => self.end(Reason::PeerRefused, now),
            (Some(Outcome::TimedOut), _) | (_, Some(Outcome::TimedOut)) => {
                self.end(Reason::AuthenticationTimedOut, now);
            }
            (Some(Outcome::Pending), _) | (_, Some(Outcome::Pending)) => return sent,
            (client, server) => {
                for outcome in [client, server].into_iter().flatten() {
                    if let Outcome::Accepted(user) = outcome {
                        self.events.push_back(Event::Authenticated(user));
                    }
                }
                self.start_network(now);
            }
        }
        true
    }

    fn start_network(&mut self, now: Moment) {
        self.enter(Phase::Network);
        for change in [Change::Open, Change::Up] {
            self.ipcp.iter_mut().for_each(|ipcp| ipcp.event(change, now));
            self.ipv6cp.iter_mut().for_each(|ipv6cp| ipv6cp.event(change, now));
        }
    }

    fn settle_network(&mut self, now: Moment) -> bool {
        let (packets, signals) = drain(&mut self.ipcp);
        let (packets6, signals6) = drain(&mut self.ipv6cp);
        let busy = [packets.len(), signals.len(), packets6.len(), signals6.len()] != [0; 4];
        packets.iter().for_each(|packet| self.transmit(protocol::IPCP, packet));
        packets6.iter().for_each(|packet| self.transmit(protocol::IPV6CP, packet));
        for signal in &signals {
            match (signal, &mut self.ipcp) {
                // A peer that neither gives us an address nor takes one leaves nothing to run IPv4 with.
                (Signal::Up, Some(ipcp)) if ipcp.policy.local.is_unspecified() => {
                    ipcp.event(Change::Close, now)
                }
                (Signal::Up, Some(ipcp)) => {
                    let Ipcp { local, remote, dns, .. } = ipcp.policy;
                    let dns = dns.into_iter().filter(|server| !server.is_unspecified()).collect();
                    self.events.push_back(Event::Ipv4Up { local, remote, dns });
                }
                (Signal::Down, Some(ipcp)) if !ipcp.policy.local.is_unspecified() => {
                    self.events.push_back(Event::Ipv4Down);
                }
                _ => {}
            }
        }
        for signal in &signals6 {
            match (signal, &self.ipv6cp) {
                (Signal::Up, Some(ipv6cp)) => {
                    let Ipv6cp { local, remote, .. } = ipv6cp.policy;
                    self.events.push_back(Event::Ipv6Up { local, remote });
                }
                (Signal::Down, _) => self.events.push_back(Event::Ipv6Down),
                _ => {}
            }
        }
        let finished = signals.iter().chain(&signals6).any(|signal| *signal == Signal::Finished);
        if finished && self.phase == Phase::Network && over(&self.ipcp) && over(&self.ipv6cp) {
            self.end(Reason::NoNetwork, now);
        }
        let news = finished || signals.iter().chain(&signals6).any(|signal| *signal == Signal::Up);
        let runs = (opened(&self.ipcp), opened(&self.ipv6cp));
        if news
            && matches!(
                (runs, over(&self.ipcp), over(&self.ipv6cp)),
                ((true, true), ..) | ((true, _), _, true) | ((_, true), true, _)
            )
        {
            self.events.push_back(Event::NetworkSettled);
        }
        busy
    }

    fn end(&mut self, reason: Reason, now: Moment) {
        if self.phase == Phase::Dead {
            return;
        }
        self.reason.get_or_insert(reason);
        self.enter(Phase::Terminate);
        self.lcp.event(Change::Close, now);
    }

    fn finish(&mut self) {
        if self.phase == Phase::Dead {
            return;
        }
        let reason = self.reason.take().unwrap_or(Reason::LineLost);
        let acknowledged = self.lcp.terminate_acknowledged() || reason == Reason::PeerEnded;
        self.echo_at = None;
        self.enter(Phase::Dead);
        self.events.push_back(Event::Ended { reason, acknowledged });
    }

    fn enter(&mut self, phase: Phase) {
        if self.phase != phase {
            self.phase = phase;
            self.events.push_back(Event::Phase(phase));
        }
    }

    fn transmit(&mut self, number: u16, packet: &[u8]) {
        let mut bytes = self.header(number);
        bytes.extend_from_slice(packet);
        // LCP must reach a peer that has forgotten what was agreed (RFC 1662, section 7.1).
        let default = number == protocol::LCP || self.lcp.state() != State::Opened;
        let accm = if default { Accm::DEFAULT } else { self.lcp.policy.peer.accm };
        self.out.push_back(Frame { bytes, accm });
    }
}

fn opened<P: Policy>(protocol: &Option<Negotiation<P>>) -> bool {
    protocol.as_ref().is_some_and(|negotiation| negotiation.state() == State::Opened)
}

/// It does not run and will not (again).
fn over<P: Policy>(protocol: &Option<Negotiation<P>>) -> bool {
    protocol.as_ref().is_none_or(|negotiation| matches!(negotiation.state(), State::Stopped | State::Closed))
}

fn drain<P: Policy>(protocol: &mut Option<Negotiation<P>>) -> (Vec<Vec<u8>>, Vec<Signal>) {
    let Some(negotiation) = protocol else { return Default::default() };
    let packets = std::iter::from_fn(|| negotiation.poll_transmit()).collect();
    (packets, std::iter::from_fn(|| negotiation.poll_signal()).collect())
}
