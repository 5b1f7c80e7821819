use std::net::IpAddr;

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::net::wire::Messages;

fn tunnel(allowed: Vec<IpNet>) -> Tunnel {
    let peer = Peer {
        public_key: [2; 32],
        shared_key: Some(Zeroizing::new([3; 32])),
        endpoint: Some("192.0.2.7:51820".parse().unwrap()),
        keepalive: 25,
        allowed,
    };
    Tunnel { private_key: Zeroizing::new([1; 32]), listen_port: 4711, peers: vec![peer] }
}

fn sent(request: Request) -> Vec<u8> {
    request.finish(1).to_vec()
}

fn device(bytes: &[u8]) -> Attributes<'_> {
    let message = Messages::of(bytes).next().unwrap();
    assert_eq!((message.kind, message.payload[0]), (33, SET_DEVICE));
    let attributes = message.attributes(HEADER);
    assert_eq!(attributes.u32(DEVICE_INDEX), Some(7));
    attributes
}

fn only_peer<'a>(device: &Attributes<'a>) -> Attributes<'a> {
    let mut peers = Attributes::of(device.get(DEVICE_PEERS).unwrap());
    let peer = Attributes::of(peers.next().unwrap().1);
    assert!(peers.next().is_none());
    peer
}

#[test]
fn a_tunnel_is_told_in_full() {
    let mixed = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    let messages: Vec<_> = set_up(33, 7, &tunnel(mixed)).into_iter().map(sent).collect();
    assert_eq!(messages.len(), 2);

    let first = device(&messages[0]);
    assert_eq!(first.get(DEVICE_PRIVATE_KEY), Some(&[1; 32][..]));
    assert_eq!(
        (first.u16(DEVICE_LISTEN_PORT), first.u32(DEVICE_FLAGS)),
        (Some(4711), Some(DEVICE_REPLACE_PEERS))
    );

    let second = device(&messages[1]);
    let peer = only_peer(&second);
    assert_eq!(peer.get(PEER_PUBLIC_KEY), Some(&[2; 32][..]));
    assert_eq!(peer.get(PEER_SHARED_KEY), Some(&[3; 32][..]));
    assert_eq!((peer.u16(PEER_KEEPALIVE), peer.u32(PEER_FLAGS)), (Some(25), Some(PEER_REPLACE_ALLOWED)));
    let endpoint = peer.get(PEER_ENDPOINT).unwrap();
    assert_eq!((endpoint.len(), &endpoint[2..8]), (16, &[0xca, 0x6c, 192, 0, 2, 7][..]));
    let allowed: Vec<_> = Attributes::of(peer.get(PEER_ALLOWED).unwrap())
        .map(|(_, network)| Attributes::of(network))
        .map(|network| {
            (network.u16(ALLOWED_FAMILY), network.ip(ALLOWED_ADDRESS), network.get(ALLOWED_PREFIX))
        })
        .collect();
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(allowed[0], (Some(2), ip("10.0.0.0"), Some(&[8][..])));
    assert_eq!(allowed[1], (Some(10), ip("fd00::"), Some(&[8][..])));
}

/// The kernel refuses attributes that hold attributes and do not say so.
#[test]
fn nested_attributes_are_marked() {
    let bytes = sent(keep_alive(33, 7, &tunnel(Vec::new()).peers[0]));
    let at = |place: usize| u16::from_ne_bytes([bytes[place], bytes[place + 1]]);
    // Behind both headers and the index: the list of peers, and in it the peer.
    assert_eq!((at(16 + 4 + 8 + 2), at(16 + 4 + 8 + 4 + 2)), (DEVICE_PEERS | NESTED, NESTED));
}

#[test]
fn an_endpoint_of_ipv6_has_its_scope() {
    let bytes = sockaddr("[fe80::1%3]:51820".parse().unwrap());
    assert_eq!((bytes.len(), &bytes[24..]), (28, &3_u32.to_ne_bytes()[..]));
    assert_eq!((bytes[0], bytes[2..4] == [0xca, 0x6c], bytes[8]), (10, true, 0xfe));
}

#[test]
fn thousands_of_networks_are_told_in_parts() {
    let many: Vec<IpNet> =
        (0..3000_u32).map(|n| IpNet::new(IpAddr::V6(u128::from(n).into()), 128).unwrap()).collect();
    let messages: Vec<_> = set_up(33, 7, &tunnel(many)).into_iter().map(sent).collect();
    let mut count = 0;
    for (n, message) in messages.iter().enumerate().skip(1) {
        assert!(message.len() <= ROOM, "a key would be left behind: {}", message.len());
        let device = device(message);
        let peer = only_peer(&device);
        // What came before stays.
        let flags = if n == 1 { PEER_REPLACE_ALLOWED } else { PEER_UPDATE_ONLY };
        assert_eq!(peer.u32(PEER_FLAGS), Some(flags));
        count += Attributes::of(peer.get(PEER_ALLOWED).unwrap()).count();
    }
    assert_eq!(count, 3000);
}

/// What the kernel answers about peers: keys, the time of the last handshake, and what went through.
fn answer(peers: &[(u8, Option<(i64, i64)>, u64)]) -> Vec<u8> {
    let whole = |request: Request, (key, handshake, octets): &(u8, Option<(i64, i64)>, u64)| {
        request.nested(NESTED, |r| {
            let r = r.with(PEER_PUBLIC_KEY, &[*key; 32]);
            let Some((seconds, nanos)) = handshake else { return r };
            let time = [seconds.to_ne_bytes(), nanos.to_ne_bytes()].concat();
            let r = r.with(PEER_LAST_HANDSHAKE, &time);
            r.with(PEER_BYTES_IN, &octets.to_ne_bytes()).with(PEER_BYTES_OUT, &(octets + 1).to_ne_bytes())
        })
    };
    let request = Request::new(33, 0, &header(GET_DEVICE, VERSION));
    sent(request.nested(DEVICE_PEERS | NESTED, |r| peers.iter().fold(r, whole)))
}

#[test]
fn peers_are_read_and_their_parts_joined() {
    let (first, second) = (
        answer(&[(1, Some((0, 0)), 5), (2, Some((1_700_000_000, 250_000_000)), 9)]),
        // The rest of the second one's allowed networks.
        answer(&[(2, None, 0), (3, Some((-1, 0)), 0)]),
    );
    let all = peers(Messages::of(&first).chain(Messages::of(&second)));
    let shaken = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    let seen: Vec<_> = all.iter().map(|p| (p.public_key[0], p.handshake, p.bytes_in, p.bytes_out)).collect();
    assert_eq!(seen, [(1, None, 5, 6), (2, Some(shaken), 9, 10), (3, None, 0, 1)]);
}

proptest! {
    /// Whatever is answered, reading it ends, and yields no more peers than there is room for.
    #[test]
    fn nonsense_is_read_without_harm(
        noise in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..20),
        peers in proptest::collection::vec(
            (any::<u8>(), proptest::option::of((any::<i64>(), any::<i64>())), 0..u64::MAX), 0..4),
        cut in any::<usize>(),
    ) {
        let mut bytes = answer(&peers);
        for (place, value) in noise {
            let length = bytes.len();
            bytes[place % length] = value;
        }
        bytes.truncate(cut % (bytes.len() + 1));
        let seen = super::peers(Messages::of(&bytes));
        prop_assert!(seen.len() * 36 <= bytes.len());
    }

    /// What is said is what is meant, whatever the peers are like.
    #[test]
    fn every_network_is_told_once(networks in proptest::collection::vec((any::<[u8; 16]>(), 0..=128u8), 0..40)) {
        let networks: Vec<IpNet> =
            networks.into_iter().map(|(ip, length)| IpNet::new(IpAddr::from(ip), length).unwrap()).collect();
        let bytes: Vec<_> = set_up(33, 7, &tunnel(networks.clone())).into_iter().map(sent).collect();
        let device = device(&bytes[1]);
        let told: Vec<IpNet> = Attributes::of(only_peer(&device).get(PEER_ALLOWED).unwrap())
            .map(|(_, network)| Attributes::of(network))
            .map(|n| IpNet::new(n.ip(ALLOWED_ADDRESS).unwrap(), n.get(ALLOWED_PREFIX).unwrap()[0]).unwrap())
            .collect();
        prop_assert_eq!(told, networks);
    }
}
