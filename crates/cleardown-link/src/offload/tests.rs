mod through;

use proptest::prelude::*;

use self::through::{join, packets, split_all, through};
use super::*;

/// A TCP segment as a sender makes it.
#[derive(Clone, Debug)]
struct Segment {
    ipv6: bool,
    port: u8,
    id: u16,
    sequence: u32,
    flags: u8,
    options: Vec<u8>,
    data: Vec<u8>,
}

impl Segment {
    fn datagram(&self) -> Vec<u8> {
        let length = TCP_HEADER + self.options.len() + self.data.len();
        let mut datagram = if self.ipv6 {
            let mut ip = [&[0x60, 0, 0, 0, 0, 0, TCP, 64][..], &[0xfd; 16], &[0xfe; 16]].concat();
            ip[4..6].copy_from_slice(&(length as u16).to_be_bytes());
            ip
        } else {
            let mut ip = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, TCP, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
            ip[2..4].copy_from_slice(&((20 + length) as u16).to_be_bytes());
            ip[4..6].copy_from_slice(&self.id.to_be_bytes());
            let checksum = internet(&[&ip]);
            ip[10..12].copy_from_slice(&checksum);
            ip
        };
        let mut tcp = vec![0, self.port, 0, 80];
        tcp.extend_from_slice(&self.sequence.to_be_bytes());
        tcp.extend_from_slice(&[
            0,
            0,
            0,
            7,
            ((TCP_HEADER + self.options.len()) << 2) as u8,
            self.flags,
            1,
            0,
        ]);
        tcp.extend_from_slice(&[0; 4]);
        tcp.extend_from_slice(&self.options);
        tcp.extend_from_slice(&self.data);
        let addresses = if self.ipv6 { &datagram[8..40] } else { &datagram[12..20] };
        let checksum = internet(&[addresses, &[0, TCP], &(length as u16).to_be_bytes(), &tcp]);
        tcp[TCP_CHECKSUM..][..2].copy_from_slice(&checksum);
        datagram.extend_from_slice(&tcp);
        datagram
    }
}

/// RFC 1071, word by word. (All ones is zero.)
fn internet(parts: &[&[u8]]) -> [u8; 2] {
    let mut octets = parts.concat();
    octets.resize(octets.len().next_multiple_of(2), 0);
    let mut sum = octets.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    if sum == 0xffff { [0xff; 2] } else { (!sum as u16).to_be_bytes() }
}

/// A stream in segments of this size.
fn stream(ipv6: bool, size: usize, length: usize) -> Vec<Segment> {
    let data: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
    let segment = |(number, data): (usize, &[u8])| Segment {
        ipv6,
        port: 1,
        id: 65_530_u16.wrapping_add(number as u16),
        sequence: (u32::MAX - 100).wrapping_add((number * size) as u32),
        flags: if (number + 1) * size >= length { ACK | PSH } else { ACK },
        options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
        data: data.to_vec(),
    };
    data.chunks(size).enumerate().map(segment).collect()
}

#[test]
fn a_stream_is_joined_into_as_few_packets_as_can_be_and_taken_apart_again() {
    for ipv6 in [false, true] {
        let datagrams: Vec<_> = stream(ipv6, 1448, 100_000).iter().map(Segment::datagram).collect();
        let joined = join(&datagrams);
        assert_eq!(joined.len(), 2, "64 KiB each");
        let ip = if ipv6 { 40 } else { 20 };
        let header = Header::take(&mut joined[0].clone()).unwrap().0;
        let kind = if ipv6 { GSO_TCPV6 } else { GSO_TCPV4 };
        assert_eq!(header, Header { flags: 1, kind, length: ip + 32, size: 1448, sum_from: ip, sum_at: 16 });
        assert_eq!(split_all(joined), datagrams);
    }
}

#[test]
fn only_what_belongs_together_is_joined() {
    let two = stream(false, 100, 200);
    let changed = |change: fn(&mut Segment)| {
        let mut segments = two.clone();
        change(&mut segments[1]);
        segments.iter().map(Segment::datagram).collect::<Vec<_>>()
    };
    assert_eq!(join(&changed(|_| {})).len(), 1);
    for apart in [
        changed(|second| second.port = 2),
        changed(|second| second.sequence = 0),
        changed(|second| second.options[7] = 9),
        changed(|second| second.flags |= FIN),
        changed(|second| second.flags |= 0x80),
        changed(|second| second.data.extend_from_slice(b"more")),
        changed(|second| second.data.clear()),
        changed(|second| second.ipv6 = true),
    ] {
        assert_eq!(join(&apart).len(), 2);
        assert_eq!(split_all(join(&apart)), apart);
    }
    let mut damaged = changed(|_| {});
    *damaged[1].last_mut().unwrap() ^= 1;
    assert_eq!(join(&damaged).len(), 2, "nobody vouches for what is damaged");
}

#[test]
fn a_checksum_that_the_kernel_left_out_is_made() {
    let mut udp = vec![0x45, 0, 0, 31, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    udp.extend_from_slice(&[0, 53, 0, 53, 0, 11, 0, 0, b'a', b'b', b'c']);
    let right = internet(&[&udp[12..20], &[0, 17, 0, 11], &udp[20..]]);
    // The kernel puts the pseudo-header's sum there.
    let partial = internet(&[&udp[12..20], &[0, 17, 0, 11]]).map(|octet| !octet);
    udp[26..28].copy_from_slice(&partial);
    let header = Header { flags: NEEDS_CHECKSUM, sum_from: 20, sum_at: 6, ..Header::default() };
    let sent = split_all(vec![[&header.octets()[..], &udp].concat()]);
    assert_eq!(sent[0][26..28], right);
}

proptest! {
    #[test]
    fn nothing_is_lost_or_changed_on_the_way_through(
        streams in prop::collection::vec((any::<bool>(), 1usize..2000, 1usize..9000), 0..4),
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..100), 0..8),
        order in any::<[u8; 16]>(),
    ) {
        let segments = streams.into_iter().flat_map(|(ipv6, size, length)| stream(ipv6, size, length));
        let mut datagrams: Vec<_> = segments.map(|segment| segment.datagram()).collect();
        for (noise, at) in noise.into_iter().zip(order) {
            datagrams.insert(usize::from(at) % (datagrams.len() + 1), noise);
        }
        prop_assert_eq!(split_all(join(&datagrams)), datagrams);
    }

    #[test]
    fn any_packets_are_survived(packets in prop::collection::vec(any_packet(), 0..4)) {
        through(packets);
    }
}

/// A packet whose header makes sense more often than chance would have it.
fn any_packet() -> impl Strategy<Value = Vec<u8>> {
    let version = prop_oneof![Just(0x45_u8), Just(0x60), any::<u8>()];
    let header = (0_u8..2, 0_u8..6, 0_u16..80, 0_u16..30, prop_oneof![Just(20_u16), Just(40), 0_u16..80]);
    let octets = prop::collection::vec(prop_oneof![Just(0x50_u8), any::<u8>()], 0..300);
    (header, version, octets).prop_map(|((flags, kind, length, size, sum_from), version, mut octets)| {
        let header = Header { flags, kind, length, size, sum_from, sum_at: TCP_CHECKSUM as u16 };
        octets.iter_mut().take(1).for_each(|first| *first = version);
        [&header.octets()[..], &octets].concat()
    })
}

/// What fuzzing has found worth keeping, again in every run: packets, each with its length before it.
#[test]
fn the_corpus_is_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/offload");
    let inputs: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    for path in inputs {
        through(packets(&std::fs::read(path).unwrap()));
    }
}
