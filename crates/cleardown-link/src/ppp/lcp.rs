//! The Link Control Protocol's options (RFC 1661, section 6; RFC 1662, section 7).

use super::auth::Method;
use super::negotiation::{Policy, Verdict};
use super::packet::{ConfigOption, code, protocol};
use crate::hdlc::Accm;

const MRU: u8 = 1;
const ACCM: u8 = 2;
const AUTH: u8 = 3;
const MAGIC: u8 = 5;
const PFC: u8 = 7;
const ACFC: u8 = 8;

/// The MRU that every peer takes without asking (RFC 1661, 6.1).
pub const DEFAULT_MRU: u16 = 1500;
/// Below this, IPv4 with headers makes no sense any more, and a peer that asks for less is refused.
const SMALLEST_MRU: u16 = 128;

/// What one side may do when it sends, as the other side has asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The longest information field that the other side takes.
    pub mru: u16,
    /// What must be escaped.
    pub accm: Accm,
    /// The protocol field may be one octet.
    pub pfc: bool,
    /// Address and control may be left out.
    pub acfc: bool,
}

impl Default for Agreed {
    fn default() -> Self {
        Agreed { mru: DEFAULT_MRU, accm: Accm::DEFAULT, pfc: false, acfc: false }
    }
}

/// What LCP wants, and what was agreed.
#[derive(Clone, Debug)]
pub struct Lcp {
    wish: Agreed,
    methods: Vec<Method>,
    allowed: Vec<Method>,
    magic_seed: u32,
    loops: u8,
    /// What we ask for; shrinks as the peer objects.
    ours: Ours,
    /// What the peer has asked for, and so what we may send.
    pub peer: Agreed,
    /// The peer's magic number; 0 when it has none.
    pub peer_magic: u32,
    /// How the peer wants us to authenticate ourselves.
    pub peer_wants: Option<Method>,
}

#[derive(Clone, Debug)]
struct Ours {
    mru: Option<u16>,
    accm: Option<Accm>,
    pfc: bool,
    acfc: bool,
    magic: Option<u32>,
    auth: usize,
    auth_refused: bool,
}

impl Lcp {
    /// `wish` is what we ask for. `methods` are those with which the peer shall authenticate itself, best first
    /// (empty: it need not); `allowed` those with which we would. `seed` makes the magic numbers.
    pub fn new(wish: Agreed, methods: Vec<Method>, allowed: Vec<Method>, seed: u32) -> Self {
        let mut lcp = Lcp {
            wish,
            methods,
            allowed,
            magic_seed: seed,
            loops: 0,
            ours: Ours {
                mru: None,
                accm: None,
                pfc: false,
                acfc: false,
                magic: None,
                auth: 0,
                auth_refused: false,
            },
            peer: Agreed::default(),
            peer_magic: 0,
            peer_wants: None,
        };
        lcp.reset();
        lcp
    }

    /// Our magic number; 0 when the peer does not want one.
    pub fn magic(&self) -> u32 {
        self.ours.magic.unwrap_or(0)
    }

    /// How the peer is to authenticate itself, as agreed.
    pub fn we_want(&self) -> Option<Method> {
        self.methods.get(self.ours.auth).copied()
    }

    /// The peer will not authenticate itself in any way that we take.
    pub fn authentication_refused(&self) -> bool {
        self.ours.auth_refused
    }

    /// Our own voice came back often enough to be sure that the line is looped.
    pub fn looped_back(&self) -> bool {
        self.loops >= 4
    }

    /// What the peer may do when it sends.
    pub fn ours(&self) -> Agreed {
        Agreed {
            mru: self.ours.mru.unwrap_or(DEFAULT_MRU),
            accm: self.ours.accm.unwrap_or(Accm::DEFAULT),
            pfc: self.ours.pfc,
            acfc: self.ours.acfc,
        }
    }

    /// A new magic number (a linear congruential step is enough: it must differ, not be secret).
    fn next_magic(&mut self) -> u32 {
        self.magic_seed = self.magic_seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.magic_seed.max(1)
    }

    fn judge_magic(&mut self, magic: u32) -> Verdict {
        if magic == 0 {
            return Verdict::Nak(self.next_magic().to_be_bytes().to_vec());
        }
        if self.ours.magic == Some(magic) {
            self.loops = self.loops.saturating_add(1);
            return Verdict::Nak(self.next_magic().to_be_bytes().to_vec());
        }
        self.loops = 0;
        self.peer_magic = magic;
        Verdict::Ack
    }

    fn judge_auth(&mut self, value: &[u8]) -> Verdict {
        match Method::parse(value).filter(|method| self.allowed.contains(method)) {
            Some(method) => {
                self.peer_wants = Some(method);
                Verdict::Ack
            }
            None => self.allowed.first().map_or(Verdict::Reject, |best| Verdict::Nak(best.option())),
        }
    }
}

impl Policy for Lcp {
    const PROTOCOL: u16 = protocol::LCP;
    const LAST_CODE: u8 = code::TIME_REMAINING;

    fn reset(&mut self) {
        let wish = self.wish;
        self.loops = 0;
        self.ours = Ours {
            mru: (wish.mru != DEFAULT_MRU).then_some(wish.mru),
            accm: (wish.accm != Accm::DEFAULT).then_some(wish.accm),
            pfc: wish.pfc,
            acfc: wish.acfc,
            magic: Some(self.next_magic()),
            auth: 0,
            auth_refused: false,
        };
    }

    fn peer_begins(&mut self) {
        self.peer = Agreed::default();
        self.peer_magic = 0;
        self.peer_wants = None;
    }

    fn request(&self, list: &mut Vec<u8>) {
        let mut add = |kind, value: &[u8]| ConfigOption { kind, value }.append(list);
        if let Some(mru) = self.ours.mru {
            add(MRU, &mru.to_be_bytes());
        }
        if let Some(accm) = self.ours.accm {
            add(ACCM, &accm.0.to_be_bytes());
        }
        if let Some(method) = self.we_want() {
            add(AUTH, &method.option());
        }
        if let Some(magic) = self.ours.magic {
            add(MAGIC, &magic.to_be_bytes());
        }
        if self.ours.pfc {
            add(PFC, &[]);
        }
        if self.ours.acfc {
            add(ACFC, &[]);
        }
    }

    fn judge(&mut self, option: ConfigOption<'_>) -> Verdict {
        match (option.kind, option.value) {
            (MRU, [high, low]) => match u16::from_be_bytes([*high, *low]) {
                small if small < SMALLEST_MRU => Verdict::Nak(SMALLEST_MRU.to_be_bytes().to_vec()),
                mru => {
                    self.peer.mru = mru;
                    Verdict::Ack
                }
            },
            (ACCM, [a, b, c, d]) => {
                self.peer.accm = Accm(u32::from_be_bytes([*a, *b, *c, *d]));
                Verdict::Ack
            }
            (AUTH, value) => self.judge_auth(value),
            (MAGIC, [a, b, c, d]) => self.judge_magic(u32::from_be_bytes([*a, *b, *c, *d])),
            (PFC, []) => {
                self.peer.pfc = true;
                Verdict::Ack
            }
            (ACFC, []) => {
                self.peer.acfc = true;
                Verdict::Ack
            }
            _ => Verdict::Reject,
        }
    }

    fn nak(&mut self, option: ConfigOption<'_>) {
        match (option.kind, option.value) {
            (MRU, [high, low]) => {
                let wanted = u16::from_be_bytes([*high, *low]);
                self.ours.mru = Some(wanted.clamp(SMALLEST_MRU, self.wish.mru.max(DEFAULT_MRU)));
            }
            (ACCM, [a, b, c, d]) => {
                let more = u32::from_be_bytes([*a, *b, *c, *d]);
                self.ours.accm = self.ours.accm.map(|accm| Accm(accm.0 | more));
            }
            (AUTH, value) => {
                let wanted = Method::parse(value);
                match self.methods.iter().position(|m| Some(*m) == wanted) {
                    Some(at) if at != self.ours.auth => self.ours.auth = at,
                    _ if self.ours.auth + 1 < self.methods.len() => self.ours.auth += 1,
                    _ => self.ours.auth_refused = true,
                }
            }
            (MAGIC, _) => {
                // The peer sees its own number: perhaps a loop, perhaps the same dice.
                self.loops = self.loops.saturating_add(1);
                self.ours.magic = Some(self.next_magic());
            }
            _ => {}
        }
    }

    fn reject(&mut self, option: ConfigOption<'_>) {
        match option.kind {
            MRU => self.ours.mru = None,
            ACCM => self.ours.accm = None,
            AUTH => self.ours.auth_refused = true,
            MAGIC => self.ours.magic = None,
            PFC => self.ours.pfc = false,
            ACFC => self.ours.acfc = false,
            _ => {}
        }
    }
}
