//! The phase in which network protocols negotiate and run.

use super::{Event, Phase, Reason, Session};
use crate::ppp::Moment;
use crate::ppp::automaton::{Event as Change, State};
use crate::ppp::ipcp::Ipcp;
use crate::ppp::ipv6cp::Ipv6cp;
use crate::ppp::negotiation::{Negotiation, Policy, Signal};
use crate::ppp::packet::protocol;

impl Session {
    pub(super) fn start_network(&mut self, now: Moment) {
        self.enter(Phase::Network);
        for change in [Change::Open, Change::Up] {
            self.ipcp.iter_mut().for_each(|ipcp| ipcp.event(change, now));
            self.ipv6cp.iter_mut().for_each(|ipv6cp| ipv6cp.event(change, now));
        }
    }

    pub(super) fn settle_network(&mut self, now: Moment) -> bool {
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
}

pub(super) fn opened<P: Policy>(protocol: &Option<Negotiation<P>>) -> bool {
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
