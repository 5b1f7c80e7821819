//! The side that asks who is there.

use std::collections::HashMap;
use std::time::Duration;

use cleardown_core::Code;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::exchange::Exchange;
use super::{Method, Outcome, chap_md5, code, mschap, printable, value_and_name};
use crate::ppp::Moment;
use crate::ppp::packet::Control;

/// Who may come in, and with which password.
#[derive(Clone, Default)]
pub struct Users(HashMap<String, Zeroizing<String>>);

impl Users {
    /// Users and their passwords.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Users(users.into_iter().map(|(user, secret)| (user.into(), Zeroizing::new(secret.into()))).collect())
    }

    /// MS-CHAP's clients may put a domain before the name.
    fn secret(&self, user: &str) -> Option<&Zeroizing<String>> {
        self.0.get(user).or_else(|| self.0.get(user.rsplit_once('\\')?.1))
    }
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Asks the peer for its identity by one method.
#[derive(Debug)]
pub struct Server {
    method: Method,
    users: Users,
    challenge: [u8; 16],
    exchange: Exchange,
}

/// The identifier of our one challenge; a link is authenticated once.
const CHALLENGE_ID: u8 = 1;

impl Server {
    /// Starts to ask; `challenge` is random. Waits `restart` for each of `tries` answers.
    pub fn new(
        method: Method,
        users: Users,
        challenge: [u8; 16],
        restart: Duration,
        tries: u8,
        now: Moment,
    ) -> Self {
        let mut server = Server { method, users, challenge, exchange: Exchange::asking(restart, tries, now) };
        server.timeout(now);
        server
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
        // With PAP it is the client that asks.
        if self.exchange.timeout(now) && self.method != Method::Pap {
            let mut data = vec![self.challenge.len() as u8];
            data.extend_from_slice(&self.challenge);
            data.extend_from_slice(b"cleardown");
            self.exchange.out =
                Some(Control { code: code::CHALLENGE, id: CHALLENGE_ID, data: &data }.to_bytes());
        }
    }

    /// A packet of the method's protocol. A request that was answered is answered again the same way, since the
    /// answer may have been lost; the first decision stands.
    pub fn input(&mut self, packet: Control<'_>) {
        let checked = match (self.method, packet.code) {
            (Method::Pap, code::PAP_REQUEST) => self.check_pap(packet.data),
            (Method::ChapMd5 | Method::MsChapV2, code::RESPONSE) if packet.id == CHALLENGE_ID => {
                self.check_response(packet.data)
            }
            _ => return,
        };
        if self.exchange.is_pending() {
            self.exchange.decide(match checked {
                Some(user) => Outcome::Accepted(user),
                None => Outcome::Refused {
                    code: Code::AUTHENTICATION_FAILURE,
                    message: "unknown user or wrong password".into(),
                },
            });
        } else if checked.is_some() != matches!(self.exchange.outcome, Outcome::Accepted(_)) {
            return;
        }
        let proof = match self.method {
            Method::MsChapV2 => self.proof(packet.data),
            _ => String::new(),
        };
        self.exchange.out = Some(self.verdict(packet.id, &proof));
    }

    fn verdict(&self, id: u8, proof: &str) -> Vec<u8> {
        let good = matches!(self.exchange.outcome, Outcome::Accepted(_));
        let refused = match self.method {
            Method::MsChapV2 => "E=691 R=0 C=00000000000000000000000000000000 V=3 M=refused",
            _ => "refused",
        };
        let text = if good { format!("{proof} M=welcome").trim_start().to_owned() } else { refused.into() };
        let mut data = Vec::new();
        let code = match (self.method, good) {
            (Method::Pap, good) => {
                data.push(text.len() as u8);
                if good { code::PAP_ACK } else { code::PAP_NAK }
            }
            (_, true) => code::SUCCESS,
            (_, false) => code::FAILURE,
        };
        data.extend_from_slice(text.as_bytes());
        Control { code, id, data: &data }.to_bytes()
    }

    fn check_pap(&self, data: &[u8]) -> Option<String> {
        let (user, rest) = value_and_name(data)?;
        let (secret, _) = value_and_name(rest)?;
        let user = std::str::from_utf8(user).ok()?;
        let known = self.users.secret(user)?;
        bool::from(known.as_bytes().ct_eq(secret)).then(|| printable(user.as_bytes()))
    }

    fn check_response(&self, data: &[u8]) -> Option<String> {
        let (value, user) = value_and_name(data)?;
        let user = std::str::from_utf8(user).ok()?;
        let secret = self.users.secret(user)?;
        let good = match self.method {
            Method::MsChapV2 => {
                let (peer, response) = peer_and_response(value)?;
                let hash = mschap::nt_hash(secret);
                mschap::nt_response(&self.challenge, &peer, user, &hash).ct_eq(&response)
            }
            _ => chap_md5(CHALLENGE_ID, secret.as_bytes(), &self.challenge).as_slice().ct_eq(value),
        };
        bool::from(good).then(|| printable(user.as_bytes()))
    }

    /// What proves to an MS-CHAPv2 client that we know its password; empty when we do not.
    fn proof(&self, data: &[u8]) -> String {
        let proof = || {
            let (value, user) = value_and_name(data)?;
            let user = std::str::from_utf8(user).ok()?;
            let (peer, response) = peer_and_response(value)?;
            let hash = mschap::nt_hash(self.users.secret(user)?);
            Some(mschap::authenticator_response(&hash, &response, &peer, &self.challenge, user))
        };
        proof().unwrap_or_default()
    }
}

/// The fields of an MS-CHAPv2 response (RFC 2759, section 4): peer challenge, 8 zeros, response, flags.
fn peer_and_response(value: &[u8]) -> Option<([u8; 16], [u8; 24])> {
    if value.len() != 49 {
        return None;
    }
    Some((value[..16].try_into().ok()?, value[24..48].try_into().ok()?))
}
