//! A link's life by RFC 1661, section 3: dead, establish, authenticate, network, terminate; one struct that takes
//! frames, the time and its owner's wishes, and gives frames, events and the next deadline.

mod authentication;
mod config;
mod event;
mod network;

use std::collections::VecDeque;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Moment;
use super::auth::Method;
use super::auth::client::Client;
use super::auth::server::Server;
use super::automaton::{Event as Change, State};
use super::ipcp::Ipcp;
use super::ipv6cp::Ipv6cp;
use super::lcp::{Agreed, Lcp};
use super::negotiation::{Negotiation, Signal};
use super::packet::{Control, code, protocol, split};
use crate::hdlc::Accm;
use network::opened;

pub use config::Config;
pub use event::{Event, Frame, Phase, Reason, Received};

/// Frames that may wait to be sent; a peer that asks faster than the line carries answers is not listened to.
const MAX_WAITING: usize = 64;
/// The longest pause between echoes while nobody knows whether the peer is still there.
const HURRIED: Duration = Duration::from_secs(3);

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
    /// Its owner knows that the password is being changed.
    changing_password: bool,
    random: StdRng,
    reason: Option<Reason>,
    echo_at: Option<Moment>,
    echoes_out: u8,
    /// An answer is wanted sooner than usual.
    hurried: bool,
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
            changing_password: false,
            random: StdRng::from_seed(config.seed),
            reason: None,
            echo_at: None,
            echoes_out: 0,
            hurried: false,
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

    /// Takes a frame without its check sequence; one that comes after the end wakes nothing.
    pub fn input<'a>(&mut self, frame: &'a [u8], now: Moment) -> Received<'a> {
        let Some((number, info)) = split(frame) else { return Received::Control };
        match number {
            _ if self.phase == Phase::Dead => return Received::Control,
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
                (self.echoes_out, self.hurried) = (0, false);
                if looped {
                    self.end(Reason::LoopedBack, now);
                }
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

    /// Asks the peer for a sign of life now, and again soon until one comes: nobody knows what has become of the line
    /// meanwhile. Where echoes are not wanted, or the link is not there yet, nothing is asked.
    pub fn check(&mut self, now: Moment) {
        if self.echo_at.is_some() {
            (self.hurried, self.echoes_out) = (true, 0);
            self.echo(now);
            self.settle(now);
        }
    }

    fn echo(&mut self, now: Moment) {
        let Some((interval, failures)) = self.config.echo else { return };
        let interval = if self.hurried { interval.min(HURRIED) } else { interval };
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
