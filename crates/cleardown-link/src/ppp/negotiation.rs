//! One control protocol at work: the automaton with its counters, identifiers and restart timer.

use std::collections::VecDeque;
use std::time::Duration;

use super::Moment;
use super::automaton::{Action, Event, State, transition};
use super::packet::{ConfigOption, Control, code, options};

/// What a control protocol wants, and what it takes from the peer.
pub trait Policy {
    /// The protocol number.
    const PROTOCOL: u16;
    /// The last code that the protocol knows; all above are answered with Code-Reject.
    const LAST_CODE: u8 = code::CODE_REJECT;

    /// A new negotiation begins: we ask for all that we wish again.
    fn reset(&mut self);
    /// A new request of the peer: what it does not mention is at its default.
    fn peer_begins(&mut self);
    /// Appends the options of our next Configure-Request.
    fn request(&self, list: &mut Vec<u8>);
    /// Judges one option of the peer's request, and remembers it when it is good.
    fn judge(&mut self, option: ConfigOption<'_>) -> Verdict;
    /// After all options were judged good: what the peer should have asked for and did not (appended as Nak).
    fn missing(&mut self, _seen: &[u8], _naks: &mut Vec<u8>) {}
    /// The peer wants this instead.
    fn nak(&mut self, option: ConfigOption<'_>);
    /// The peer does not know this option.
    fn reject(&mut self, option: ConfigOption<'_>);
}

/// The answer to one option of the peer's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As asked.
    Ack,
    /// Known, and rather with this value.
    Nak(Vec<u8>),
    /// Unknown, or not to be had.
    Reject,
}

/// What the layers around learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Agreed: the layer is up.
    Up,
    /// No longer agreed.
    Down,
    /// It needs the layer below.
    Started,
    /// It is done with the layer below.
    Finished,
}

/// The counters and the timer of RFC 1661, section 4.6.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long an answer may take.
    pub restart: Duration,
    /// Configure-Requests without an answer.
    pub max_configure: u8,
    /// Terminate-Requests without an answer.
    pub max_terminate: u8,
    /// Configure-Naks before a Reject ends the argument.
    pub max_failure: u8,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { restart: Duration::from_secs(3), max_configure: 10, max_terminate: 2, max_failure: 5 }
    }
}

/// Naks and Rejects of one negotiation before it is given up.
const MAX_OBJECTIONS: u8 = 20;

/// A control protocol: policy, automaton, and what is to be sent.
#[derive(Debug)]
pub struct Negotiation<P> {
    /// What it wants and what was agreed.
    pub policy: P,
    timing: Timing,
    state: State,
    tries_left: u8,
    deadline: Option<Moment>,
    next_id: u8,
    request: (u8, Vec<u8>),
    terminate_id: u8,
    failures: u8,
    objections: u8,
    acknowledged: bool,
    out: VecDeque<Vec<u8>>,
    signals: VecDeque<Signal>,
}

/// What an action needs to know of the packet that caused it.
#[derive(Clone, Copy)]
enum Cause<'a> {
    None,
    Packet(Control<'a>),
    Answer { code: u8, id: u8, list: &'a [u8] },
}

impl<P: Policy> Negotiation<P> {
    /// A protocol that waits for its lower layer.
    pub fn new(policy: P, timing: Timing) -> Self {
        Negotiation {
            policy,
            timing,
            state: State::Initial,
            tries_left: 0,
            deadline: None,
            next_id: 1,
            request: (0, Vec::new()),
            terminate_id: 0,
            failures: 0,
            objections: 0,
            acknowledged: false,
            out: VecDeque::new(),
            signals: VecDeque::new(),
        }
    }

    /// Where the automaton is.
    pub fn state(&self) -> State {
        self.state
    }

    /// The peer has acknowledged our Terminate-Request.
    pub fn terminate_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// When [`Self::timeout`] is due.
    pub fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// The next packet for the peer.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    /// The next signal for the layers around.
    pub fn poll_signal(&mut self) -> Option<Signal> {
        self.signals.pop_front()
    }

    /// A caller's event: up, down, open, close, or a Protocol-Reject that concerns this protocol.
    pub fn event(&mut self, event: Event, now: Moment) {
        self.run(event, Cause::None, now);
    }

    /// The restart timer; nothing happens before its deadline.
    pub fn timeout(&mut self, now: Moment) {
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let event = if self.tries_left > 0 { Event::TimeoutRetry } else { Event::TimeoutGiveUp };
            self.run(event, Cause::None, now);
        }
    }

    /// A packet of this protocol.
    pub fn input(&mut self, packet: Control<'_>, now: Moment) {
        match packet.code {
            code::CONFIGURE_REQUEST => self.peer_request(packet, now),
            code::CONFIGURE_ACK if packet.id == self.request.0 && packet.data == self.request.1 => {
                self.run(Event::Ack, Cause::Packet(packet), now);
            }
            code::CONFIGURE_ACK => {}
            code::CONFIGURE_NAK | code::CONFIGURE_REJECT => self.peer_objects(packet, now),
            code::TERMINATE_REQUEST => self.run(Event::TerminateRequest, Cause::Packet(packet), now),
            code::TERMINATE_ACK => self.terminate_ack(packet, now),
            code::CODE_REJECT => {
                // Without the seven basic codes there is no negotiation; the others can be lived without.
                let basic = packet.data.first().is_some_and(|c| (1..=code::CODE_REJECT).contains(c));
                let event = if basic { Event::RejectBad } else { Event::RejectGood };
                self.run(event, Cause::Packet(packet), now);
            }
            other if other > P::LAST_CODE || other == 0 => {
                self.run(Event::UnknownCode, Cause::Packet(packet), now);
            }
            code::ECHO_REQUEST => self.run(Event::Echo, Cause::Packet(packet), now),
            _ => {}
        }
    }

    /// Sends a packet outside the negotiation (LCP's echoes and rejects).
    pub fn send(&mut self, code: u8, data: &[u8]) -> u8 {
        let id = self.take_id();
        self.out.push_back(Control { code, id, data }.to_bytes());
        id
    }

    fn peer_request(&mut self, packet: Control<'_>, now: Moment) {
        let Some(list) = options(packet.data) else { return };
        self.policy.peer_begins();
        let (mut naks, mut rejects, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        for option in list {
            seen.push(option.kind);
            match self.policy.judge(option) {
                Verdict::Ack => {}
                Verdict::Nak(value) if self.failures < self.timing.max_failure => {
                    ConfigOption { kind: option.kind, value: &value }.append(&mut naks);
                }
                Verdict::Nak(_) | Verdict::Reject => option.append(&mut rejects),
            }
        }
        if rejects.is_empty() && naks.is_empty() && self.failures < self.timing.max_failure {
            self.policy.missing(&seen, &mut naks);
        }
        let (event, code, list) = match (rejects.is_empty(), naks.is_empty()) {
            (false, _) => (Event::RequestBad, code::CONFIGURE_REJECT, &rejects[..]),
            (_, false) => (Event::RequestBad, code::CONFIGURE_NAK, &naks[..]),
            _ => (Event::RequestGood, code::CONFIGURE_ACK, packet.data),
        };
        self.failures = if event == Event::RequestGood { 0 } else { self.failures.saturating_add(1) };
        self.run(event, Cause::Answer { code, id: packet.id, list }, now);
    }

    fn peer_objects(&mut self, packet: Control<'_>, now: Moment) {
        let Some(list) = options(packet.data) else { return };
        if packet.id != self.request.0 {
            return;
        }
        for option in list {
            match packet.code {
                code::CONFIGURE_NAK => self.policy.nak(option),
                _ => self.policy.reject(option),
            }
        }
        // Two sides that object to each other for ever never agree: the RFC leaves the limit to us.
        self.objections = self.objections.saturating_add(1);
        let event = if self.objections > MAX_OBJECTIONS { Event::RejectBad } else { Event::Nak };
        self.run(event, Cause::Packet(packet), now);
    }

    fn terminate_ack(&mut self, packet: Control<'_>, now: Moment) {
        self.acknowledged |= matches!(self.state, State::Closing | State::Stopping);
        self.run(Event::TerminateAck, Cause::Packet(packet), now);
    }

    fn run(&mut self, event: Event, cause: Cause<'_>, now: Moment) {
        let Some((next, actions)) = transition(self.state, event) else { return };
        let before = std::mem::replace(&mut self.state, next);
        let anew = actions.contains(&Action::SendRequest)
            && matches!(before, State::Starting | State::Closed | State::Stopped | State::Opened);
        if anew {
            (self.failures, self.objections, self.acknowledged) = (0, 0, false);
            self.policy.reset();
        }
        for action in actions {
            self.act(*action, cause, now);
        }
        // The timer runs in the states that wait for an answer, and in no other (RFC 1661, 4.6).
        match next {
            State::Closing | State::Stopping | State::ReqSent | State::AckRcvd | State::AckSent => {
                self.deadline.get_or_insert(now + self.timing.restart);
            }
            _ => self.deadline = None,
        }
    }

    fn act(&mut self, action: Action, cause: Cause<'_>, now: Moment) {
        match action {
            Action::ThisLayerUp => self.signals.push_back(Signal::Up),
            Action::ThisLayerDown => self.signals.push_back(Signal::Down),
            Action::ThisLayerStarted => self.signals.push_back(Signal::Started),
            Action::ThisLayerFinished => self.signals.push_back(Signal::Finished),
            Action::InitConfigureCount => self.tries_left = self.timing.max_configure,
            Action::InitTerminateCount => self.tries_left = self.timing.max_terminate,
            Action::ZeroCount => {
                self.tries_left = 0;
                self.deadline = Some(now + self.timing.restart);
            }
            Action::SendRequest => {
                let mut list = Vec::new();
                self.policy.request(&mut list);
                let id = self.send(code::CONFIGURE_REQUEST, &list);
                self.request = (id, list);
                self.count_try(now);
            }
            Action::SendTerminateRequest => {
                self.terminate_id = self.send(code::TERMINATE_REQUEST, b"");
                self.count_try(now);
            }
            Action::SendAck | Action::SendNak => {
                if let Cause::Answer { code, id, list } = cause {
                    self.out.push_back(Control { code, id, data: list }.to_bytes());
                }
            }
            Action::SendTerminateAck => {
                let id = match cause {
                    Cause::Packet(packet) => packet.id,
                    Cause::Answer { id, .. } => id,
                    Cause::None => self.terminate_id,
                };
                self.out.push_back(Control { code: code::TERMINATE_ACK, id, data: b"" }.to_bytes());
            }
            Action::SendCodeReject => {
                if let Cause::Packet(packet) = cause {
                    let bytes = packet.to_bytes();
                    self.send(code::CODE_REJECT, &bytes[..bytes.len().min(256)]);
                }
            }
            // LCP answers echoes itself, since the reply carries its magic number.
            Action::SendEchoReply => {}
        }
    }

    fn count_try(&mut self, now: Moment) {
        self.tries_left = self.tries_left.saturating_sub(1);
        self.deadline = Some(now + self.timing.restart);
    }

    fn take_id(&mut self) -> u8 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1).max(1);
        id
    }
}
