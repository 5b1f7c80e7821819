//! Two links against each other under a simulated clock, over a line that loses, doubles, reorders and damages.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::Moment;
use super::auth::Method;
use super::auth::client::Identity;
use super::auth::server::Users;
use super::ipcp::Offer;
use super::session::{Config, Event, Phase, Reason, Received, Session};
use crate::hdlc::{Deframer, frame};

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 1);
const DNS: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 53);

fn dialler(password: &str) -> Config {
    let identity = Identity { user: "eve".into(), secret: Zeroizing::new(password.into()), new_secret: None };
    Config { identity: Some(identity), seed: [1; 32], ..Config::default() }
}

fn answerer(methods: &[Method]) -> Config {
    let offer = Offer { address: Some(CLIENT), dns: [Some(DNS), None] };
    let peers = (!methods.is_empty()).then(|| (Users::new([("eve", "secret")]), methods.to_vec()));
    Config { peers, ipv4: Some((SERVER, offer)), asks_dns: false, seed: [2; 32], ..Config::default() }
}

/// What the line does with a frame.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Carry,
    Lose,
    Double,
    Swap,
    Damage,
}

struct Side {
    session: Session,
    deframer: Deframer,
    line: VecDeque<Vec<u8>>,
    events: Vec<Event>,
}

impl Side {
    fn new(config: Config) -> Self {
        Side {
            session: Session::new(config),
            deframer: Deframer::new(4096),
            line: VecDeque::new(),
            events: Vec::new(),
        }
    }

    fn collect(&mut self) {
        while let Some(out) = self.session.poll_transmit() {
            let mut octets = Vec::new();
            frame(&[&out.bytes], out.accm, &mut octets);
            self.line.push_back(octets);
        }
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
    }

    fn take(&mut self, octets: &[u8], now: Moment) {
        let mut frames = Vec::new();
        self.deframer.feed(octets, |frame| frames.push(frame.to_vec()));
        for frame in frames {
            self.session.input(&frame, now);
        }
        self.collect();
    }

    fn ended(&self) -> Option<(&Reason, bool)> {
        self.events.iter().find_map(|event| match event {
            Event::Ended { reason, acknowledged } => Some((reason, *acknowledged)),
            _ => None,
        })
    }

    fn ipv4(&self) -> Option<(Ipv4Addr, Ipv4Addr, &[Ipv4Addr])> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Ipv4Up { local, remote, dns } => Some((*local, *remote, &dns[..])),
            _ => None,
        })
    }
}

struct Pair {
    sides: [Side; 2],
    now: Moment,
    fates: VecDeque<Fate>,
}

impl Pair {
    fn new(client: Config, server: Config) -> Self {
        let mut pair =
            Pair { sides: [Side::new(client), Side::new(server)], now: Moment::ZERO, fates: VecDeque::new() };
        for side in &mut pair.sides {
            side.session.open(Moment::ZERO);
            side.collect();
        }
        pair
    }

    /// Carries all that is on the line; true when there was something.
    fn carry(&mut self) -> bool {
        let mut moved = false;
        for from in 0..2 {
            while let Some(mut octets) = self.sides[from].line.pop_front() {
                moved = true;
                let to = 1 - from;
                match self.fates.pop_front().unwrap_or(Fate::Carry) {
                    Fate::Carry => {}
                    Fate::Lose => continue,
                    Fate::Double => self.sides[to].take(&octets, self.now),
                    Fate::Swap => {
                        if let Some(next) = self.sides[from].line.pop_front() {
                            self.sides[to].take(&next, self.now);
                        }
                    }
                    Fate::Damage => {
                        let at = octets.len() / 2;
                        octets[at] ^= 0x10;
                    }
                }
                self.sides[to].take(&octets, self.now);
            }
        }
        moved
    }

    /// Runs until nothing moves within `limit`.
    fn run(&mut self, limit: Duration) {
        let end = self.now + limit;
        let mut turns = 0;
        loop {
            while self.carry() {
                turns += 1;
                assert!(turns < 10_000, "the two never come to rest");
            }
            let next = self.sides.iter().filter_map(|side| side.session.deadline()).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = next;
            for side in &mut self.sides {
                side.session.timeout(next);
                side.collect();
            }
        }
        self.now = end;
    }
}

#[test]
fn every_method_lets_the_right_password_in() {
    for methods in [&[][..], &[Method::Pap], &[Method::ChapMd5], &[Method::MsChapV2]] {
        let mut pair = Pair::new(dialler("secret"), answerer(methods));
        pair.run(Duration::from_secs(2));
        let [client, server] = &pair.sides;
        assert_eq!(client.session.phase(), Phase::Network, "{methods:?}: {:?}", client.events);
        assert_eq!(client.ipv4(), Some((CLIENT, SERVER, &[DNS][..])));
        assert_eq!(server.ipv4(), Some((SERVER, CLIENT, &[][..])));
        assert!(client.events.iter().any(|event| matches!(event, Event::Ipv6Up { .. })));
        let named = Event::Authenticated("eve".into());
        assert_eq!(server.events.contains(&named), !methods.is_empty());
    }
}

#[test]
fn every_method_keeps_the_wrong_password_out_with_691() {
    for method in [Method::Pap, Method::ChapMd5, Method::MsChapV2] {
        let mut pair = Pair::new(dialler("guess"), answerer(&[method]));
        pair.run(Duration::from_secs(20));
        let [client, server] = &pair.sides;
        let (reason, _) = client.ended().expect("a refused dial ends");
        assert_eq!(reason.ras(false).0, 691, "{method:?}: {reason:?}");
        assert_eq!(server.ended().map(|(reason, _)| reason.clone()), Some(Reason::PeerRefused));
        assert_eq!(client.ipv4(), None);
    }
}

/// An answerer whose one user has to change the password.
fn expired() -> Config {
    let config = answerer(&[Method::MsChapV2]);
    config.peers.as_ref().unwrap().0.expire();
    config
}

#[test]
fn an_expired_password_is_changed_and_the_old_one_is_worth_nothing_then() {
    let server = expired();
    let mut client = dialler("secret");
    client.identity.as_mut().unwrap().new_secret = Some(Zeroizing::new("Löwe 7".into()));
    let mut pair = Pair::new(client, server.clone());
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.sides[0].session.phase(), Phase::Network, "{:?}", pair.sides[0].events);
    assert!(pair.sides[0].events.contains(&Event::ChangingPassword));
    for (password, phase) in [("Löwe 7", Phase::Network), ("secret", Phase::Dead)] {
        let mut pair = Pair::new(dialler(password), server.clone());
        pair.run(Duration::from_secs(20));
        assert_eq!(pair.sides[0].session.phase(), phase, "{:?}", pair.sides[0].events);
    }
}

#[test]
fn an_expired_password_without_a_new_one_is_error_648_and_one_that_is_refused_709() {
    for (new, code) in [(None, 648), (Some("secret"), 709)] {
        let mut client = dialler("secret");
        client.identity.as_mut().unwrap().new_secret = new.map(|new| Zeroizing::new(new.to_owned()));
        let mut pair = Pair::new(client, expired());
        pair.run(Duration::from_secs(20));
        let (reason, _) = pair.sides[0].ended().expect("it ends");
        assert_eq!(reason.ras(false).0, code, "{reason:?}");
    }
}

#[test]
fn a_peer_that_dislikes_a_method_gets_another() {
    let client = Config { allowed: vec![Method::Pap], ..dialler("secret") };
    let mut pair = Pair::new(client, answerer(&[Method::MsChapV2, Method::ChapMd5, Method::Pap]));
    pair.run(Duration::from_secs(2));
    assert_eq!(pair.sides[0].session.phase(), Phase::Network);
}

#[test]
fn a_peer_without_a_name_is_not_let_in() {
    let mut pair = Pair::new(Config::default(), answerer(&[Method::MsChapV2]));
    pair.run(Duration::from_secs(30));
    assert_eq!(pair.sides[1].ended().map(|(reason, _)| reason.clone()), Some(Reason::PeerRefused));
    assert_eq!(pair.sides[0].ipv4(), None);
}

#[test]
fn an_end_is_acknowledged_without_waiting_for_a_timer() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[Method::ChapMd5]));
    pair.run(Duration::from_secs(2));
    let now = pair.now;
    pair.sides[0].session.close(now);
    pair.sides[0].collect();
    while pair.carry() {}
    assert_eq!(pair.sides[0].ended(), Some((&Reason::Asked, true)));
    assert!(pair.sides[0].events.contains(&Event::Ipv4Down));
    pair.run(Duration::from_secs(4));
    assert_eq!(pair.sides[1].ended(), Some((&Reason::PeerEnded, true)));
}

#[test]
fn a_deaf_peer_is_left_after_two_tries() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[]));
    pair.run(Duration::from_secs(2));
    let start = pair.now;
    let client = &mut pair.sides[0];
    client.session.close(start);
    let mut now = start;
    while let Some(next) = client.session.deadline() {
        now = next;
        client.session.timeout(now);
    }
    client.collect();
    assert_eq!(client.ended(), Some((&Reason::Asked, false)));
    assert_eq!(now - start, Duration::from_secs(6));
}

#[test]
fn a_peer_that_calls_after_the_end_wakes_nothing() {
    let mut late = Pair::new(dialler("secret"), answerer(&[]));
    late.fates = std::iter::repeat_n(Fate::Lose, 20).collect();
    late.run(Duration::from_secs(60));
    let [client, server] = &mut late.sides;
    assert_eq!(client.ended(), Some((&Reason::NoAnswer, false)));
    *server = Side::new(answerer(&[]));
    server.session.open(late.now);
    server.collect();
    late.run(Duration::from_secs(60));
    let [client, server] = &late.sides;
    assert_eq!((client.session.phase(), client.session.deadline()), (Phase::Dead, None));
    assert_eq!(server.ended(), Some((&Reason::NoAnswer, false)));
}

#[test]
fn a_peer_that_falls_silent_is_noticed() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[]));
    pair.run(Duration::from_secs(2));
    pair.fates = std::iter::repeat_n(Fate::Lose, 1000).collect();
    pair.run(Duration::from_secs(30 * 6));
    assert_eq!(pair.sides[0].ended(), Some((&Reason::PeerDead, false)));
}

#[test]
fn after_the_machine_has_slept_a_silent_peer_is_noticed_soon() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[]));
    pair.run(Duration::from_secs(2));
    let now = pair.now;
    pair.sides[0].session.check(now);
    pair.run(Duration::from_secs(60));
    assert_eq!(pair.sides[0].ended(), None, "this one answers");

    let now = pair.now;
    pair.sides[0].session.check(now);
    pair.fates = std::iter::repeat_n(Fate::Lose, 1000).collect();
    pair.run(Duration::from_secs(20));
    assert_eq!(pair.sides[0].ended(), Some((&Reason::PeerDead, false)));
}

#[test]
fn a_looped_line_is_recognised() {
    let mut side = Side::new(Config { seed: [7; 32], ..Config::default() });
    side.session.open(Moment::ZERO);
    side.collect();
    for _ in 0..100 {
        let Some(octets) = side.line.pop_front() else { break };
        side.take(&octets, Moment::ZERO);
    }
    side.session.line_lost(Moment::ZERO);
    side.collect();
    assert_eq!(side.ended().map(|(reason, _)| reason.clone()), Some(Reason::LoopedBack));
}

#[test]
fn unknown_protocols_are_rejected_and_lived_with() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[]));
    pair.run(Duration::from_secs(2));
    let now = pair.now;
    let ccp = b"\xff\x03\x80\xfd\x01\x01\x00\x04";
    assert_eq!(pair.sides[0].session.input(ccp, now), Received::Control);
    let reply = pair.sides[0].session.poll_transmit().expect("a Protocol-Reject");
    assert_eq!(&reply.bytes[..5], b"\xff\x03\xc0\x21\x08");
    assert_eq!(&reply.bytes[8..], &ccp[2..]);
    let ip = [&pair.sides[1].session.header(0x21)[..], b"E datagram"].concat();
    assert_eq!(pair.sides[0].session.input(&ip, now), Received::Ipv4(b"E datagram"));
}

#[test]
fn a_peer_may_negotiate_anew_in_mid_link() {
    let mut pair = Pair::new(dialler("secret"), answerer(&[Method::ChapMd5]));
    pair.run(Duration::from_secs(2));
    let now = pair.now;
    pair.sides[1] = Side::new(Config { seed: [9; 32], ..answerer(&[Method::ChapMd5]) });
    pair.sides[1].session.open(now);
    pair.sides[1].collect();
    pair.run(Duration::from_secs(10));
    let [client, server] = &pair.sides;
    assert!(client.events.contains(&Event::Ipv4Down));
    assert_eq!((client.session.phase(), server.session.phase()), (Phase::Network, Phase::Network));
    assert_eq!(client.ipv4(), Some((CLIENT, SERVER, &[DNS][..])));
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Carry), 1 => Just(Fate::Lose), 1 => Just(Fate::Double),
        1 => Just(Fate::Swap), 1 => Just(Fate::Damage),
    ]
}

proptest! {
    #[test]
    fn a_bad_line_delays_and_never_deceives(
        fates in prop::collection::vec(fate(), 0..60), method in 0usize..4, right in any::<bool>(),
    ) {
        let methods: &[Method] =
            [&[][..], &[Method::Pap], &[Method::ChapMd5], &[Method::MsChapV2]][method];
        let mut pair = Pair::new(dialler(if right { "secret" } else { "guess" }), answerer(methods));
        pair.fates = fates.into();
        pair.run(Duration::from_secs(300));
        // A line that is good again, for longer than a side takes to notice that the other is gone: then both agree.
        pair.fates.clear();
        pair.run(Duration::from_secs(300));
        let [client, server] = &pair.sides;
        let up = client.session.phase() == Phase::Network;
        prop_assert_eq!(up, server.session.phase() == Phase::Network);
        let welcome = right || methods.is_empty();
        for side in [client, server] {
            prop_assert!(up != side.ended().is_some(), "neither up nor ended: {:?}", side.events);
            prop_assert!(welcome || side.ipv4().is_none(), "let in with a wrong password");
        }
        if let Some((local, ..)) = client.ipv4() {
            prop_assert_eq!(local, CLIENT);
        }
    }

    #[test]
    fn any_frames_are_survived(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..80), opened in any::<bool>(),
    ) {
        let mut pair = Pair::new(dialler("secret"), answerer(&[Method::MsChapV2]));
        if opened {
            pair.run(Duration::from_secs(2));
        }
        let numbers = [b"\xc0\x21", b"\xc2\x23", b"\xc0\x23", b"\x80\x21", b"\x80\x57"];
        for (i, frame) in frames.iter().enumerate() {
            let frame = [&numbers[i % 5][..], frame].concat();
            let now = pair.now;
            pair.sides[i % 2].session.input(&frame, now);
            while pair.sides[i % 2].session.poll_transmit().is_some() {}
            while pair.sides[i % 2].session.poll_event().is_some() {}
        }
    }
}
