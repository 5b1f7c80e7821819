//! The side that asks who is there.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cleardown_core::Code;
use data_encoding::HEXUPPER;
use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::exchange::Exchange;
use super::{Method, Outcome, chap_md5, code, mschap, password, printable, value_and_name};
use crate::ppp::Moment;
use crate::ppp::packet::Control;

/// Who may come in, and with which password. Clones share what is changed.
#[derive(Clone, Default)]
pub struct Users(Arc<Mutex<HashMap<String, Secret>>>);

#[derive(Clone)]
struct Secret {
    password: Zeroizing<String>,
    expired: bool,
}

impl Users {
    /// Users and their passwords.
    pub fn new<'a>(users: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let secret = |password: &str| Secret { password: Zeroizing::new(password.into()), expired: false };
        let users = users.into_iter().map(|(user, password)| (user.to_owned(), secret(password)));
        Users(Arc::new(Mutex::new(users.collect())))
    }

    /// From now on all have to change their passwords at the next call (MS-CHAPv2; other methods cannot say so).
    pub fn expire(&self) {
        self.0.lock().values_mut().for_each(|secret| secret.expired = true);
    }

    fn secret(&self, user: &str) -> Option<Secret> {
        let users = self.0.lock();
        users.get(user).or_else(|| users.get(without_domain(user)?)).cloned()
    }

    fn change(&self, user: &str, password: Zeroizing<String>) {
        let mut users = self.0.lock();
        let known = if users.contains_key(user) { Some(user) } else { without_domain(user) };
        if let Some(secret) = known.and_then(|user| users.get_mut(user)) {
            *secret = Secret { password, expired: false };
        }
    }
}

/// MS-CHAP's clients may put a domain before the name.
fn without_domain(user: &str) -> Option<&str> {
    Some(user.rsplit_once('\\')?.1)
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.lock().keys()).finish()
    }
}

/// Asks the peer for its identity by one method.
#[derive(Debug)]
pub struct Server {
    method: Method,
    users: Users,
    challenge: [u8; 16],
    /// Whose password has to be changed before anything else.
    expired: Option<String>,
    exchange: Exchange,
}

/// The identifier of our one challenge; a link is authenticated once.
const CHALLENGE_ID: u8 = 1;
/// That of the change that answers our failure (RFC 2759, section 7).
const CHANGE_ID: u8 = CHALLENGE_ID + 1;

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
        let mut server = Server {
            method,
            users,
            challenge,
            expired: None,
            exchange: Exchange::asking(restart, tries, now),
        };
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
        if !self.exchange.timeout(now) || self.method == Method::Pap {
            return;
        }
        if self.expired.is_some() {
            self.exchange.out = Some(self.ask_for_another());
        } else {
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
            (Method::MsChapV2, code::CHANGE_PASSWORD) if packet.id == CHANGE_ID => {
                return self.change_password(packet.data);
            }
            _ => return,
        };
        let has_expired = |user: &String| self.users.secret(user).is_some_and(|secret| secret.expired);
        if self.method == Method::MsChapV2
            && self.exchange.is_pending()
            && let Some(user) = checked.clone().filter(has_expired)
        {
            self.expired = Some(user);
            self.exchange.out = Some(self.ask_for_another());
            return;
        }
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

    /// The password was right, and has expired (RFC 2759, section 6); the challenge stays the same.
    fn ask_for_another(&self) -> Vec<u8> {
        let challenge = HEXUPPER.encode(&self.challenge);
        let text = format!("E=648 R=0 C={challenge} V=3 M=the password has expired");
        Control { code: code::FAILURE, id: CHALLENGE_ID, data: text.as_bytes() }.to_bytes()
    }

    fn change_password(&mut self, data: &[u8]) {
        let (Some(user), true) = (self.expired.clone(), self.exchange.is_pending()) else { return };
        let old = self.users.secret(&user).map(|secret| secret.password).unwrap_or_default();
        let changed = password::changed(&user, &old, &self.challenge, data);
        // To take the old one again is no change.
        let changed = changed.filter(|(new, ..)| !new.is_empty() && *new != old);
        self.exchange.out = Some(match changed {
            Some((new, peer, response)) => {
                let hash = mschap::nt_hash(&new);
                let proof = mschap::authenticator_response(&hash, &response, &peer, &self.challenge, &user);
                self.users.change(&user, new);
                self.exchange.decide(Outcome::Accepted(user));
                self.verdict(CHANGE_ID, &proof)
            }
            None => {
                let (code, message) = (Code(709), "the password was not changed".to_owned());
                self.exchange.decide(Outcome::Refused { code, message });
                let text = format!("E=709 R=0 C={} V=3 M=not changed", HEXUPPER.encode(&self.challenge));
                Control { code: code::FAILURE, id: CHANGE_ID, data: text.as_bytes() }.to_bytes()
            }
        });
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
        bool::from(known.password.as_bytes().ct_eq(secret)).then(|| printable(user.as_bytes()))
    }

    fn check_response(&self, data: &[u8]) -> Option<String> {
        let (value, user) = value_and_name(data)?;
        let user = std::str::from_utf8(user).ok()?;
        let secret = self.users.secret(user)?.password;
        let good = match self.method {
            Method::MsChapV2 => {
                let (peer, response) = peer_and_response(value)?;
                let hash = mschap::nt_hash(&secret);
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
            let hash = mschap::nt_hash(&self.users.secret(user)?.password);
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
