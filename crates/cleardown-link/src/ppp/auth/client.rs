//! The side that proves who it is.

use std::time::Duration;

use cleardown_core::Code;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::exchange::Exchange;
use super::{Method, Outcome, chap_md5, code, mschap, password, printable, value_and_name};
use crate::ppp::Moment;
use crate::ppp::packet::Control;

/// Who we are. The secret is wiped when it is dropped, and never shown.
#[derive(Clone)]
pub struct Identity {
    /// The user's name.
    pub user: String,
    /// The password.
    pub secret: Zeroizing<String>,
    /// The one to take its place should it have expired (MS-CHAPv2).
    pub new_secret: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Proves an identity by one method.
#[derive(Debug)]
pub struct Client {
    method: Method,
    identity: Identity,
    /// For what must not be foreseen: MS-CHAPv2's peer challenges.
    random: StdRng,
    /// What the server must answer to prove itself (MS-CHAPv2).
    expected: Option<String>,
    /// The change of an expired password, once the server has asked for it, and the failure's number that it answers.
    change: Option<(u8, Vec<u8>)>,
    exchange: Exchange,
}

impl Client {
    /// Starts to prove `identity`; `seed` is random. Waits `restart` for each of `tries` answers.
    pub fn new(
        method: Method,
        identity: Identity,
        seed: [u8; 32],
        restart: Duration,
        tries: u8,
        now: Moment,
    ) -> Self {
        // With CHAP the server speaks first.
        let exchange = match method {
            Method::Pap => Exchange::asking(restart, tries, now),
            Method::ChapMd5 | Method::MsChapV2 => Exchange::waiting(restart, tries, now),
        };
        let random = StdRng::from_seed(seed);
        let mut client = Client { method, identity, random, expected: None, change: None, exchange };
        client.timeout(now);
        client
    }

    /// Where it stands.
    pub fn outcome(&self) -> &Outcome {
        &self.exchange.outcome
    }

    /// When [`Self::timeout`] is due.
    pub fn deadline(&self) -> Option<Moment> {
        self.exchange.deadline()
    }

    /// The next packet (its protocol is the method's).
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.exchange.out.take()
    }

    /// The timer.
    pub fn timeout(&mut self, now: Moment) {
        if self.exchange.timeout(now) {
            self.exchange.out = Some(self.pap_request());
        }
    }

    /// A packet of the method's protocol.
    pub fn input(&mut self, packet: Control<'_>) {
        match (self.method, packet.code) {
            (Method::Pap, code::PAP_ACK) => self.accepted(),
            (Method::Pap, code::PAP_NAK) => {
                self.refused(Code::AUTHENTICATION_FAILURE, packet.data.get(1..).unwrap_or_default());
            }
            (Method::Pap, _) => {}
            (_, code::CHALLENGE) => self.respond(packet),
            (Method::ChapMd5, code::SUCCESS) => self.accepted(),
            (Method::MsChapV2, code::SUCCESS) => self.check_server(packet.data),
            (Method::MsChapV2, code::FAILURE) => self.failed(packet),
            (_, code::FAILURE) => self.refused(Code::AUTHENTICATION_FAILURE, packet.data),
            _ => {}
        }
    }

    fn pap_request(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for field in [self.identity.user.as_bytes(), self.identity.secret.as_bytes()] {
            let field = &field[..field.len().min(255)];
            data.push(field.len() as u8);
            data.extend_from_slice(field);
        }
        let data = Zeroizing::new(data);
        Control { code: code::PAP_REQUEST, id: 1, data: &data }.to_bytes()
    }

    /// Answers a challenge: also one that comes later, since a server may ask again at any time.
    fn respond(&mut self, packet: Control<'_>) {
        let Some((challenge, _name)) = value_and_name(packet.data) else { return };
        let Identity { user, secret, .. } = &self.identity;
        let mut value = match self.method {
            Method::MsChapV2 => {
                let Ok(theirs) = <[u8; 16]>::try_from(challenge) else { return };
                let ours: [u8; 16] = self.random.random();
                let hash = mschap::nt_hash(secret);
                let response = mschap::nt_response(&theirs, &ours, user, &hash);
                self.expected = Some(mschap::authenticator_response(&hash, &response, &ours, &theirs, user));
                let mut value = ours.to_vec();
                value.extend_from_slice(&[0; 8]);
                value.extend_from_slice(&response);
                value.push(0);
                value
            }
            _ if challenge.is_empty() => return,
            _ => chap_md5(packet.id, secret.as_bytes(), challenge).to_vec(),
        };
        let mut data = vec![value.len() as u8];
        data.append(&mut value);
        data.extend_from_slice(user.as_bytes());
        self.exchange.out = Some(Control { code: code::RESPONSE, id: packet.id, data: &data }.to_bytes());
    }

    /// A server that does not know the password must not be trusted (RFC 2759, section 5).
    fn check_server(&mut self, message: &[u8]) {
        let Some(expected) = &self.expected else { return };
        if message.get(..expected.len()).is_some_and(|said| said.ct_eq(expected.as_bytes()).into()) {
            self.accepted();
        } else {
            self.refused(
                Code::AUTHENTICATION_FAILURE,
                b"the server could not prove that it knows the password",
            );
        }
    }

    /// Not accepted; an expired password is changed, when there is a new one.
    fn failed(&mut self, packet: Control<'_>) {
        let message = printable(packet.data);
        let failure = mschap::Failure::parse(&message);
        if failure.code == Code::PASSWD_EXPIRED && self.exchange.is_pending() {
            if self.change.is_none() {
                self.change = self.change_password(packet.id, &failure);
            }
            // Also when it is asked for again: then it was lost.
            if let Some((answered, change)) = &self.change
                && *answered == packet.id
            {
                self.exchange.out = Some(change.clone());
                return;
            }
        }
        self.refused(failure.code, failure.words.as_bytes());
    }

    fn change_password(&mut self, answered: u8, failure: &mschap::Failure<'_>) -> Option<(u8, Vec<u8>)> {
        let theirs = failure.challenge.filter(|_| failure.version >= 3)?;
        let Identity { user, secret, new_secret } = &self.identity;
        let new = new_secret.as_ref()?;
        let ours: [u8; 16] = self.random.random();
        let random = std::array::from_fn(|_| self.random.random());
        let password::Change { data, response } =
            password::change(user, (secret, new), &theirs, &ours, random)?;
        let proof = mschap::authenticator_response(&mschap::nt_hash(new), &response, &ours, &theirs, user);
        self.expected = Some(proof);
        let id = answered.wrapping_add(1);
        Some((answered, Control { code: code::CHANGE_PASSWORD, id, data: &data }.to_bytes()))
    }

    /// Whether the server wanted another password, and was told one.
    pub fn is_changing_password(&self) -> bool {
        self.change.is_some()
    }

    fn accepted(&mut self) {
        if !self.exchange.is_pending() {
            return;
        }
        if let (true, Some(new)) = (self.change.is_some(), self.identity.new_secret.take()) {
            // A server may ask again at any time.
            self.identity.secret = new;
        }
        self.exchange.decide(Outcome::Accepted(self.identity.user.clone()));
    }

    fn refused(&mut self, code: Code, message: &[u8]) {
        self.exchange.decide(Outcome::Refused { code, message: printable(message) });
    }
}
