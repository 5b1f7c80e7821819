//! The phase in which one side or both prove who they are.

use rand::RngExt;

use super::{Event, Phase, Reason, Session};
use crate::ppp::Moment;
use crate::ppp::auth::Outcome;
use crate::ppp::auth::client::Client;
use crate::ppp::auth::server::Server;
use crate::ppp::negotiation::Timing;
use crate::ppp::packet::{Control, protocol};

impl Session {
    pub(super) fn auth_packet(&mut self, number: u16, packet: Control<'_>) {
        // CHAP goes both ways under one number: challenges and results are for the client, responses and changes of
        // passwords for the server.
        let for_server = match number {
            protocol::PAP => packet.code == 1,
            _ => matches!(packet.code, 2 | 7),
        };
        match (for_server, &mut self.client, &mut self.server) {
            (false, Some((method, client)), _) if method.protocol() == number => client.input(packet),
            (true, _, Some((method, server))) if method.protocol() == number => server.input(packet),
            _ => {}
        }
    }

    pub(super) fn start_authentication(&mut self, now: Moment) {
        let Timing { restart, max_configure: tries, .. } = self.config.timing;
        self.changing_password = false;
        self.client =
            self.lcp.policy.peer_wants.zip(self.config.identity.clone()).map(|(method, identity)| {
                (method, Client::new(method, identity, self.random.random(), restart, tries, now))
            });
        self.server =
            self.lcp.policy.we_want().zip(self.config.peers.as_ref()).map(|(method, (users, _))| {
                (method, Server::new(method, users.clone(), self.random.random(), restart, tries, now))
            });
        self.enter(Phase::Authenticate);
        if self.client.is_none() && self.server.is_none() {
            self.start_network(now);
        }
    }

    pub(super) fn settle_auth(&mut self, now: Moment) -> bool {
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
        let changing = self.client.as_ref().is_some_and(|(_, client)| client.is_changing_password());
        if changing && !std::mem::replace(&mut self.changing_password, true) {
            self.events.push_back(Event::ChangingPassword);
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
}
